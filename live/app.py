"""Putting a session together: what is slow is made side by side, and no failure leaves anything open."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fomm.animators import MODELS, Animator
from fomm.errors import ConfigError
from live.avatars import AvatarLoader, Gallery, PreparedAvatar, resolve_avatars
from live.background import Background
from live.composer import Fit
from live.frames import OutputFrame
from live.interrupts import Interrupts
from live.notices import Notices
from live.report import Report, check_report
from live.session import Session, SessionOptions
from live.sinks import Sink, SinkOptions, close_sinks, open_sinks
from live.sources import SourceOptions, VideoSource, open_source
from live.tracking import FaceTracker, MediaPipeTracker, NoTracker, TrackingStage


@dataclass(frozen=True)
class Settings:
    """What the command line says, checked for form.

    Attributes:
        avatars: pictures, folders, bundled names; none means the bundled ones.
        camera: index, name, video, folder or "demo"; None the first camera there is.
        sinks: "vcam", "window", "null" or files; none means what is useful here.
        size: `(width, height)` of the output.
        fit: how an avatar of another shape fills the output.
        rate: frames per second asked of the camera and announced by the virtual camera.
        frames: end after so many driving frames.
        report: where to write the report.
        neutral: index of the first frame that may become the neutral pose.
        paced: play recordings in real time.
        loop: play recordings again and again.
        model, mouth: which animator, and how it fills an opened mouth.
        overwrite: recordings may replace files.
        mirror: begin with the output mirrored.
    """

    avatars: Sequence[str] = ()
    camera: str | None = None
    sinks: Sequence[str] = ()
    size: tuple[int, int] = (1280, 720)
    fit: Fit = "blur"
    rate: float = 30.0
    frames: int | None = None
    report: Path | None = None
    neutral: int | None = None
    paced: bool = True
    loop: bool = False
    model: str = "landmark-warp"
    mouth: str = "driver"
    overwrite: bool = False
    mirror: bool = False


def run(
    settings: Settings, *, notices: Notices, interrupts: Interrupts, tell: Callable[[Report], None]
) -> None:
    """Run one session to its end. It is told of, the report is written and every sink closed however it ends.

    Raises:
        FommError: something that was asked for cannot be had; the message is one line for the user.
        Interrupted: Ctrl-C, or the system wants the program to end.
    """
    if settings.report is not None:
        check_report(settings.report)
    with contextlib.ExitStack() as cleanup:
        session = _open(settings, notices, interrupts, cleanup)
        try:
            session.run()
        finally:
            report = session.report()
            tell(report)
            if settings.report is not None:
                report.write(settings.report)


def _open(
    settings: Settings, notices: Notices, interrupts: Interrupts, cleanup: contextlib.ExitStack
) -> Session:
    check_model(settings.model, settings.mouth)
    paths = resolve_avatars(settings.avatars)
    tracker_coming = Background(MediaPipeTracker, name="tracker")
    source_options = SourceOptions(settings.rate, settings.paced, settings.loop, notices)
    source_coming = Background(lambda: open_source(settings.camera, source_options), name="source")
    cleanup.callback(_close_unused, tracker_coming, source_coming)

    loader = AvatarLoader(settings.size, settings.fit)
    picture = loader.load(paths[0])

    def prepare() -> tuple[Animator, PreparedAvatar]:
        animator = make_animator(settings.model, settings.mouth)
        return animator, loader.prepare(animator, paths[0], picture)

    avatar_coming = Background(prepare, name="avatar")

    sink_options = SinkOptions(settings.size, settings.rate, settings.overwrite)
    sinks, window = open_sinks(settings.sinks, sink_options, notices)
    cleanup.callback(close_sinks, sinks, notices)

    # From the first moment whoever watches sees the portrait, and never a blank or the driver.
    rest = loader.rest_frame(picture, mirror=settings.mirror)
    everything: tuple[Background[Any], ...] = (avatar_coming, source_coming, tracker_coming)
    for coming in everything:
        _show_until(coming, rest, sinks, settings.rate, interrupts)
    animator, avatar = avatar_coming.result()
    source = source_coming.result()
    tracker: FaceTracker = tracker_coming.result() if animator.needs_face else NoTracker()
    for notice in avatar.notices:
        notices(notice)

    stage = TrackingStage(source, tracker, notify=notices)
    cleanup.callback(stage.close)
    stage.start()
    return Session(
        stage=stage,
        dropped=lambda: source.dropped,
        animator=animator,
        gallery=Gallery(paths, avatar, partial(loader.prepare, animator), notices),
        sinks=sinks,
        window=window,
        options=SessionOptions(
            settings.size, settings.rate, source.live, settings.frames, settings.neutral, settings.mirror
        ),
        notices=notices,
        check=interrupts.check,
    )


def check_model(model: str, mouth: str) -> None:
    """Refuse a model or a mouth that there is none of.

    Raises:
        ConfigError: the message lists what there is.
    """
    if model not in MODELS:
        raise ConfigError(f'--model "{model}" is unknown; there is {", ".join(MODELS)}')
    if mouth not in ("driver", "painted"):
        raise ConfigError(f'--mouth "{mouth}" is unknown; choose driver or painted')


def make_animator(model: str, mouth: str) -> Animator:
    """The animator of that name. Takes seconds where weights are loaded.

    Raises:
        CheckpointError: its weights are not there.
    """
    return MODELS[model](mouth=mouth) if model == "landmark-warp" else MODELS[model]()


def _show_until(
    coming: Background[Any], rest: OutputFrame, sinks: Sequence[Sink], rate: float, interrupts: Interrupts
) -> None:
    """Keep the sinks supplied with the portrait until something is ready, and raise what it failed with."""
    while not coming.done:
        interrupts.check()
        started = time.monotonic()
        for sink in sinks:
            if sink.wants_repeats:
                sink.send(rest, 0.0)
        coming.wait(max(0.0, started + 1 / rate - time.monotonic()))
    coming.result()


def _close_unused(tracker: Background[MediaPipeTracker], source: Background[VideoSource]) -> None:
    """Let go what was opened; what is still being opened is left to the end of the process."""
    for coming in (source, tracker):
        if coming.done:
            with contextlib.suppress(Exception):
                coming.result().close()
