"""Putting a session together: what is slow is made side by side, and no failure leaves anything open."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fomm.animators import MODELS, Animator, create, is_neural
from fomm.errors import ConfigError, ImageError, NoFaceError
from fomm.video import check_output
from fomm.wording import counted
from live.background import Background
from live.calibration import Calibration, Memory, parse_neutral
from live.clock import SourceClock
from live.config import LiveConfig, ModelConfig, RecordingConfig
from live.devices import GpuWatch
from live.frames import OutputFrame
from live.gallery import AvatarLoader, Gallery, PreparedAvatar, gallery_folder, resolve_avatars
from live.hotkeys import Command
from live.interrupts import Interrupts
from live.json_files import check_json
from live.notices import Notices
from live.recording.microphone import Microphone
from live.recording.recordings import Recordings
from live.remote import RemoteControl
from live.report import Report
from live.requests import CommandSource
from live.session import Session, SessionOptions
from live.sinks import RECORDINGS, Sink, SinkOptions, close_sinks, kind_of, open_sinks
from live.sinks.recorder import LiveRecording
from live.smoothing import LandmarkSmoother
from live.sources import SourceOptions, VideoSource, open_source
from live.sources import kind_of as kind_of_source
from live.terminal import open_terminal_keys
from live.trace import Trace
from live.tracking import FaceTracker, LandmarkTracker, NoTracker, TrackingStage

Made = TypeVar("Made")


@dataclass(frozen=True)
class Settings:
    """What one session runs with, checked for form.

    Attributes:
        config: what can be set for good.
        frames: end after so many driving frames.
        report: where to write the report.
        trace: where to write what every thread did when.
        paced: play recordings in real time.
        loop: play recordings again and again.
        overwrite: recordings may replace files.
        record: begin recording at once: into this file, or True for a new one in the recordings' folder.
    """

    config: LiveConfig = field(default_factory=LiveConfig)
    frames: int | None = None
    report: Path | None = None
    trace: Path | None = None
    paced: bool = True
    loop: bool = False
    overwrite: bool = False
    record: Path | bool = False


def run(
    settings: Settings,
    *,
    notices: Notices,
    interrupts: Interrupts,
    tell: Callable[[Report], None],
    begun: Callable[[], None] = lambda: None,
) -> None:
    """Run one session to its end. It is told of, the report is written and every sink closed however it ends.

    Args:
        begun: called when everything is open and the first driving frame is awaited.

    Raises:
        FommError: something that was asked for cannot be had; the message is one line for the user.
        Interrupted: Ctrl-C, or the system wants the program to end.
    """
    for flag, path in (("--report", settings.report), ("--trace", settings.trace)):
        if path is not None:
            check_json(flag, path)
    trace = Trace(on=settings.trace is not None)
    with contextlib.ExitStack() as cleanup:
        session = _open(settings, notices, interrupts, cleanup, trace)
        try:
            begun()
            session.run()
        finally:
            report = session.report()
            tell(report)
            still = why_still(report)
            if still is not None:
                notices(still)
            if settings.report is not None:
                report.write(settings.report)
            if settings.trace is not None:
                trace.write(settings.trace)


def why_still(report: Report) -> str | None:
    """What to tell the user of a session in which nothing moved; None where something did, or nothing came."""
    looked_at = report.frames_in - report.dropped
    if report.frames_out or not looked_at:
        return None
    shown = counted(looked_at, "driving frame")
    if report.face_lost_frames == looked_at:
        return f"no face was seen in {shown}: the portrait stayed at rest"
    return f"no neutral pose in {shown}: the portrait stayed at rest; see --neutral"


def _spare_inputs(settings: Settings, avatars: Sequence[Path]) -> None:
    """Refuse to record over what is shown or drives it.

    Raises:
        SinkError, VideoError: a recording that is one of them, exists, or cannot be there; an unknown sink.
    """
    source = settings.config.camera.source
    driving = () if source is None else (source,)
    files = [Path(wanted) for wanted in settings.config.output.sinks if kind_of(wanted) == "file"]
    if isinstance(settings.record, Path):
        files.append(settings.record)
    for file in files:
        check_output(file, overwrite=settings.overwrite, extensions=RECORDINGS, inputs=(*avatars, *driving))


def _first_usable(paths: Sequence[Path], make: Callable[[Path], Made], notices: Notices) -> tuple[Made, int]:
    """What `make` makes of the first picture that it can use, and that picture's place; those before are told.

    Raises:
        ImageError, NoFaceError: none can be used; the reason is the last one's.
    """
    for place, path in enumerate(paths):
        try:
            return make(path), place
        except (ImageError, NoFaceError) as error:
            if place == len(paths) - 1:
                raise
            notices(f"avatar left out: {error}")
    raise ImageError("no picture to animate; name one with --avatar")


def _open(
    settings: Settings,
    notices: Notices,
    interrupts: Interrupts,
    cleanup: contextlib.ExitStack,
    trace: Trace,
) -> Session:
    config = settings.config
    output = config.output
    options = model_options(config.model)
    smoother = LandmarkSmoother(config.tracking.smooth)
    collection = resolve_avatars(config.gallery.avatars, gallery_folder(config.gallery.folder, notices))
    _spare_inputs(settings, list(collection.scan()))
    chosen = collection.asked_for()
    tracker_coming = Background(lambda: LandmarkTracker(config.tracking.tracker), name="tracker")
    source_options = SourceOptions(
        rate=config.camera.rate or output.rate,
        paced=settings.paced,
        loop=settings.loop,
        rotate=config.camera.rotate,
        notify=notices,
    )
    source_coming = Background(lambda: open_source(config.camera.source, source_options), name="source")
    cleanup.callback(_close_unused, tracker_coming, source_coming)

    loader = AvatarLoader(output.size, output.fit)
    picture, place = _first_usable(chosen, loader.load, notices)

    def prepare() -> tuple[Animator, PreparedAvatar]:
        if is_neural(config.model.name):
            options["fall_back"] = notices
        animator = create(config.model.name, **options)
        if output.paste_back:
            from fomm.animators.pasted import PastedBack

            animator = PastedBack(animator)
        loaded = {chosen[place]: picture}
        usable = chosen[place:]
        avatar, _ = _first_usable(
            usable, lambda path: loader.prepare(animator, path, loaded.get(path)), notices
        )
        return animator, avatar

    avatar_coming = Background(prepare, name="avatar")

    clock = SourceClock()
    sink_options = SinkOptions(
        output.size,
        output.rate,
        settings.overwrite,
        config.table(),
        live=_live_recording(config.recording, clock, notices) if settings.paced else None,
    )
    sinks, window = open_sinks(output.sinks, sink_options, notices)
    cleanup.callback(close_sinks, sinks, notices)
    recordings = Recordings(config.recording.folder, sink_options, notices)
    cleanup.callback(recordings.close)
    if settings.record is not False:
        file = settings.record if isinstance(settings.record, Path) else None
        sinks.append(recordings.begin(chosen[place], output.size, file))
    for sink in sinks:
        sink.trace = trace

    # From the first moment whoever watches sees the portrait, and never a blank or the driver.
    rest = loader.rest_frame(picture, mirror=output.mirror)
    everything: tuple[Background[Any], ...] = (avatar_coming, source_coming, tracker_coming)
    for coming in everything:
        _show_until(coming, rest, sinks, output.rate, interrupts)
    animator, avatar = avatar_coming.result()
    gpu = GpuWatch(animator.device, animator.name, neural=is_neural(config.model.name), notify=notices)
    source = source_coming.result()
    landmarker = tracker_coming.result()
    tracker: FaceTracker = landmarker if animator.needs_face else NoTracker()
    for notice in (*avatar.notices, *landmarker.notices):
        notices(notice)

    gallery = Gallery(
        collection,
        avatar,
        examine=partial(loader.examine, animator),
        prepare=partial(loader.prepare, animator),
        notify=notices,
    )
    cleanup.callback(gallery.close)
    stage = TrackingStage(source, tracker, notify=notices, smoother=smoother, clock=clock, trace=trace)
    cleanup.callback(stage.close)
    stage.start()
    return Session(
        stage=stage,
        dropped=lambda: source.dropped,
        animator=animator,
        gallery=gallery,
        sinks=sinks,
        window=window,
        options=SessionOptions(
            size=output.size,
            fit=output.fit,
            rate=output.rate,
            live=source.live,
            frames=settings.frames,
            mirror=output.mirror,
            card_text=output.card_text,
            crossfade_s=config.gallery.crossfade_s,
            mirror_preview=output.mirror_preview,
        ),
        calibration=_calibration(config, source, notices, cleanup),
        notices=notices,
        check=interrupts.check,
        trace=trace,
        gpu=gpu,
        recordings=recordings,
        on_resize=loader.resize,
        sources=_open_command_sources(settings, notices, interrupts, cleanup),
    )


def _live_recording(chosen: RecordingConfig, clock: SourceClock, notices: Notices) -> LiveRecording:
    """How recordings are made of what happens now."""
    device = chosen.microphone if isinstance(chosen.microphone, str) else None
    microphone = None if chosen.microphone is False else partial(Microphone, device)
    return LiveRecording(clock, microphone, chosen.audio_delay_ms / 1000, notices)


def _open_command_sources(
    settings: Settings, notices: Notices, interrupts: Interrupts, cleanup: contextlib.ExitStack
) -> list[CommandSource]:
    """The terminal's keys and the socket. A conversion as fast as it goes needs neither."""
    sources: list[CommandSource] = []
    if not settings.paced:
        return sources
    keys = open_terminal_keys(settings.config.table())
    if keys is not None:
        cleanup.callback(keys.close)
        interrupts.at_once = keys.restore
        notices("keys work in this terminal too: ? lists them, q quits")
        sources.append(keys)
    try:
        remote = RemoteControl()
    except ConfigError as error:
        notices(f"fomm-live send will not reach this session: {error}")
    else:
        cleanup.callback(remote.close)
        sources.append(remote)
    return sources


def _calibration(
    config: LiveConfig, source: VideoSource, notices: Notices, cleanup: contextlib.ExitStack
) -> Calibration:
    """How this session comes to its neutral pose. Recordings that need not be played live are animated alike every
    time: nothing is searched in them."""
    chosen, keys = config.calibration, config.table().keys_of(Command.RECALIBRATE)
    neutral = parse_neutral(chosen.neutral)
    memory = None
    # Neural models measure motion on pixels, and a picture of the user is not for keeping.
    if (
        chosen.remember
        and kind_of_source(config.camera.source) == "webcam"
        and not is_neural(config.model.name)
    ):
        memory = Memory(source.name, notices)
        cleanup.callback(memory.close)
    return Calibration(
        "first" if neutral == "auto" and not source.live else neutral,
        watch=source.live,
        auto_recalibrate=chosen.auto_recalibrate,
        memory=memory,
        notify=notices,
        how=f"press {keys[0]}" if keys else "give the command recalibrate",
    )


def model_options(model: ModelConfig) -> dict[str, Any]:
    """What `fomm.animators.create` takes besides the model's name.

    Raises:
        ConfigError: there is no such model, or an option is for another kind of model.
    """
    if model.name not in MODELS and not is_neural(model.name):
        raise ConfigError(
            f'--model "{model.name}" is unknown; there is {", ".join(MODELS)}, '
            "or your own config.yaml with --checkpoint"
        )
    chosen = {"checkpoint": model.checkpoint, "engine": model.engine, "device": model.device}
    given = {name: value for name, value in chosen.items() if value is not None}
    if is_neural(model.name):
        return given
    if given and model.name == "landmark-warp":
        raise ConfigError(
            f"--{next(iter(given))} is for models with weights, and {model.name} has none; leave it out"
        )
    return {"mouth": model.mouth, **given}


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


def _close_unused(tracker: Background[LandmarkTracker], source: Background[VideoSource]) -> None:
    """Let go what was opened; what is still being opened is left to the end of the process."""
    for coming in (source, tracker):
        if coming.done:
            with contextlib.suppress(Exception):
                coming.result().close()
