"""The loop: tracked frame → motion → animator → composer → sinks.

What goes to the sinks is only ever an animator's output, the neutral portrait or a card; where anything fails,
the last such frame is held. The driver's own picture goes to the preview pane alone, unless the user has asked
for it and confirmed it: `real_face` is the one door.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fomm.animators.base import Animator, DrivingFrame
from fomm.errors import FommError, SinkError
from fomm.presence import Presence
from live.arrangement import Arrangement
from live.calibration import Calibration, Score
from live.clock import process_age
from live.composer import Fit, fitted, parse_size, real_face
from live.crossfade import CrossFade
from live.devices import GpuWatch, Graphics, in_words
from live.frames import OutputFrame, TrackedFrame
from live.gallery import Gallery, PreparedAvatar
from live.gallery.commands import gallery_commands
from live.hints import Hints
from live.hotkeys import AVATARS, Command
from live.notices import Notices
from live.preview import Preview
from live.recording.recordings import Moment, Recordings
from live.report import Meter, Report
from live.requests import CommandSource
from live.session.dispatch import Dispatcher
from live.session.modes import Modes
from live.sinks import Sink
from live.trace import Trace
from live.tracking import TrackingStage
from live.window import Camera, Mark, Search, Status

if TYPE_CHECKING:
    from live.window.window import Window

#: Without a new frame for this long, the source counts as stalled and the driver's face as lost.
_STALLED_S = 0.7

#: While nothing moves on purpose, sinks are supplied this often, in seconds.
_RESTING_S = 0.25

_CHOOSE_AVATAR = {*AVATARS, Command.PREVIOUS_AVATAR, Command.NEXT_AVATAR}


@dataclass(frozen=True)
class SessionOptions:
    """How a session runs.

    Attributes:
        size: `(width, height)` of the output.
        rate: frames per second at which sinks are kept supplied while nothing new comes.
        live: whether frames come in real time; without, nothing is repeated to fill gaps.
        frames: end after so many driving frames; None goes on.
        fit: how an avatar of another shape fills it.
        mirror: begin with the output mirrored.
        card_text: the line on the privacy card.
        crossfade_s: seconds in which an avatar gives way to the next.
        mirror_preview: begin with the window's panes mirrored.
    """

    size: tuple[int, int]
    fit: Fit = "blur"
    rate: float = 30.0
    live: bool = True
    frames: int | None = None
    mirror: bool = False
    card_text: str = "camera off"
    crossfade_s: float = 0.0
    mirror_preview: bool = False


class Session:
    """One run of the live app, in the calling thread, which must be the main one where there is a window.

    Args:
        stage: where tracked frames come from.
        dropped: tells how many frames the source has dropped so far.
        animator, gallery: what is driven.
        sinks: where frames go; the session closes those that fail, and leaves the others to their opener.
        window: the one of the sinks that shows the driver and takes keys.
        calibration: holds the neutral pose; None takes the first frame with a face.
        sources: where commands come from, besides the window.
        gpu: knows whether a GPU idles.
        recordings: makes recordings and snapshots; None makes none.
        on_resize: called with the output's new `(width, height)` before avatars are prepared for it.
        check: called all the time; raises what should end the session.
        trace: where to note what is done when.
    """

    def __init__(
        self,
        *,
        stage: TrackingStage,
        dropped: Callable[[], int],
        animator: Animator,
        gallery: Gallery,
        sinks: Sequence[Sink],
        window: Window | None,
        options: SessionOptions,
        notices: Notices,
        check: Callable[[], None],
        calibration: Calibration | None = None,
        sources: Sequence[CommandSource] = (),
        trace: Trace | None = None,
        gpu: GpuWatch | None = None,
        recordings: Recordings | None = None,
        on_resize: Callable[[tuple[int, int]], None] = lambda _: None,
    ) -> None:
        self._stage = stage
        self._dropped = dropped
        self._animator = animator
        self._gallery = gallery
        self._sinks = list(sinks)
        self._options = options
        self._notices = notices
        self._check = check
        self._sources = sources
        self._trace = trace or Trace(on=False)
        self._preview = Preview(window, mirrored=options.mirror_preview)
        self._gpu = gpu
        self._recordings = recordings
        self._on_resize = on_resize

        self._calibration = calibration or Calibration()
        self._presence = Presence()
        self._hints = Hints()
        self._meter = Meter()
        self._arrangement = Arrangement(options.size, options.fit, mirrored=options.mirror)
        self._arranged = self._arrangement.version
        self._quit = False
        self._drive_failed = False
        self._driving: DrivingFrame | None = None
        self._tracked: TrackedFrame | None = None
        self._tracked_at = self._sent_at = time.monotonic()
        self._modes = Modes(stage.pause, card_text=options.card_text)
        self._fade = CrossFade(options.crossfade_s, options.rate)
        #: The avatar's own last frame, the same on its way from the avatar before, and what went out last, which may
        #: be a card.
        self._drawn = self._shown = self._sent = self._rest()
        self._shown_avatar: PreparedAvatar = gallery.current
        self.dispatcher = Dispatcher(notices)
        self.dispatcher.register(self._modes.commands)
        self.dispatcher.register_with_argument(self._modes.commands_with_argument)
        self.dispatcher.register(
            {
                Command.QUIT: self._on_quit,
                Command.MIRROR_OUTPUT: self._on_mirror,
            }
        )
        self.dispatcher.register_with_argument({Command.SIZE: self._on_size})
        self.dispatcher.register(self._arrangement.commands())
        self.dispatcher.register(self._calibration.commands())
        self.dispatcher.register(gallery_commands(gallery))
        self.dispatcher.register(self._preview.commands())
        if recordings is not None:
            self.dispatcher.register(recordings.commands(self._sinks, self._moment))

    def run(self) -> None:
        """Go on until the source ends, the user quits or enough frames were shown.

        Raises:
            FommError: the source broke for good, or no sink is left.
        """
        tick = min(1 / self._options.rate, 0.05)
        while not self._quit and not self._stage.ended and not self._enough():
            self._check()
            tracked = self._stage.take(timeout=tick)
            self._gallery.poll()
            self._calibration.poll()
            if tracked is not None:
                self._follow(tracked)
            elif self._options.live or self._modes.paused:
                self._fill()
            self._obey()

    def report(self) -> Report:
        """What has been measured so far."""
        return self._meter.report(
            model=self._animator.name,
            engine=self._animator.device,
            size=self._arrangement.size,
            dropped=self._dropped(),
        )

    def _obey(self) -> None:
        """Carry out the commands that have come."""
        sources = self._sources if self._preview.window is None else (self._preview.window, *self._sources)
        for source in sources:
            for request in source.requests():
                self.dispatcher.obey(request)
                if request.command in _CHOOSE_AVATAR:
                    self._modes.back_to_avatar()
        if happened := self._modes.poll():
            self._notices(happened)

    def _enough(self) -> bool:
        return self._options.frames is not None and self._meter.taken >= self._options.frames

    def _follow(self, tracked: TrackedFrame) -> None:
        """Show what a new driving frame asks for."""
        self._tracked, self._tracked_at = tracked, time.monotonic()
        self._meter.taken += 1
        self._meter.stage("track", tracked.tracking_s)
        now, driving = tracked.captured.timestamp, tracked.driving
        found = driving.landmarks is not None or not self._animator.needs_face
        self._meter.face_lost += not found
        before = self._presence.strength
        # Before there is a neutral pose, and in frames of another size than its, motion cannot be measured: as good
        # as lost.
        after = self._presence.update(now, face=found and self._calibration.fits(driving))
        if found and self._calibration.follow(
            tracked.captured.index,
            driving,
            now,
            avatar=getattr(self._gallery.current.state, "landmarks", None),
            at_rest=min(before, after) == 0.0,
        ):
            self._presence.begin()
        usable = found and self._calibration.fits(driving)
        if usable:
            self._driving = driving
        if self._show(now, face=usable, fresh=True):
            self._meter.hand_over(tracked.captured.captured_at, process_age())

    def _fill(self) -> None:
        """Keep the sinks supplied while no new driving frame comes."""
        now = time.monotonic()
        stalled = self._modes.paused or now - self._tracked_at > _STALLED_S
        strength = self._presence.strength
        easing = (stalled and 0.0 < strength < 1.0) or self._fade.active
        # Sources somewhat slower than the output need no filling: viewers see the last frame anyway.
        interval = (1.0 if easing else 2.0) / self._options.rate
        if self._gallery.current is not self._shown_avatar or self._rearranged:
            interval = 0.0
        elif self._modes.paused and strength == 0.0 and not easing:
            interval = _RESTING_S
        if now - self._sent_at < interval:
            return
        timestamp = self._timestamp(now)
        if stalled:
            self._meter.rest()
            self._presence.update(timestamp, face=False)
        self._show(timestamp, face=False, fresh=False)

    def _show(self, timestamp: float, *, face: bool, fresh: bool) -> bool:
        """Render and hand over. True where the frame was animated from a driving frame of its own.

        Args:
            face: whether the driver's pose is known now, rather than the last known one.
            fresh: whether a driving frame came, rather than a gap that is to be filled.
        """
        avatar = self._gallery.current
        last = fitted(self._sent, self._arrangement.size)
        cover = self._modes.cover(rest=self._rest(), last=last, real=self._real_face)
        if cover is not None:
            self._meter.rest()
            if (
                avatar is not self._shown_avatar or self._rearranged
            ):  # behind a card there is nothing to fade from
                self._shown_avatar, self._drawn = avatar, self._rest()
                self._shown, self._arranged = self._drawn, self._arrangement.version
            self._send(cover, timestamp, driven=False, fresh=fresh)
            return False
        strength = self._presence.strength
        if not face and strength < 1.0 and not self._presence.holding:
            self._meter.rest()
        if avatar is not self._shown_avatar:
            self._fade.begin(self._shown, timestamp)
        same = avatar is self._shown_avatar and not self._rearranged
        held = not face and (self._presence.holding or strength == 1.0) and same
        output: OutputFrame | None = None
        driven = False
        if self._driving is None or strength == 0.0 or not avatar.ready:
            output = self._rest()
        elif not held:
            output = self._drive(avatar, self._driving, strength)
            driven = face and output is not None
        if output is not None:
            self._drawn, self._arranged = output, self._arrangement.version
        elif self._rearranged:  # and the animator failed: what it drew last had another size or place
            self._drawn, self._arranged = self._rest(), self._arrangement.version
        self._shown = self._fade(self._drawn, timestamp)
        self._send(self._shown, timestamp, driven=driven, fresh=fresh)
        self._shown_avatar = avatar
        return driven

    def _drive(self, avatar: PreparedAvatar, driving: DrivingFrame, strength: float) -> OutputFrame | None:
        """The animated output frame, or None where the animator failed."""
        started = time.perf_counter()
        try:
            with self._trace.span("drive", self._frame_index):
                frame = self._animator.drive(avatar.state, self._calibration.motion(driving, strength))
        except Exception as error:  # whatever goes wrong, the last avatar frame stays and the driver unseen
            if not self._drive_failed:
                self._drive_failed = True
                self._notices(f"{self._animator.name} failed on a frame ({error}); the last one is held")
            return None
        rendered = time.perf_counter()
        with self._trace.span("compose", self._frame_index):
            layout = self._arrangement.of(avatar).layout
            output = layout.compose(frame, mirror=self._arrangement.mirrored)
        self._meter.stage("drive", rendered - started)
        self._meter.stage("compose", time.perf_counter() - rendered)
        return output

    @property
    def _rearranged(self) -> bool:
        """Whether what was drawn last has another place in the output by now."""
        return self._arranged != self._arrangement.version

    def _rest(self) -> OutputFrame:
        return self._arrangement.of(self._gallery.current).rest

    def _real_face(self) -> OutputFrame | None:
        """The driver's own picture as it would be sent; None where none has come lately."""
        if self._tracked is None or time.monotonic() - self._tracked_at > _STALLED_S:
            return None
        return real_face(
            self._tracked.captured.pixels, self._arrangement.size, mirror=self._arrangement.mirrored
        )

    def _send(self, output: OutputFrame, timestamp: float, *, driven: bool, fresh: bool) -> None:
        score = self._calibration.score
        told = [self._calibration.offer] if self._calibration.offer else []
        self._preview.show(
            camera=self._camera(score),
            search=None if score is None else Search(score.now / 100, score.best / 100),
            avatar=self._gallery.current.state,
            status=self._status,
            alarm=self._modes.alarm or "",
            marks=[Mark(mark, "attention") for mark in self._modes.marks],
            recording_s=None if self._recordings is None else self._recordings.recorded_s,
            thumbnails=self._gallery.thumbnails(),
            notices=(*told, *self._notices.recent),
        )
        still = not fresh and output is self._sent
        takers = [sink for sink in self._sinks if sink.wants_repeats or not still]
        started = time.perf_counter()
        for sink in takers:
            try:
                with self._trace.span(f"send to {sink.name}", self._frame_index):
                    sink.send(output, timestamp)
            except FommError as error:
                self._give_up(sink, error)
        self._meter.stage("send", time.perf_counter() - started)
        self._meter.repeated += bool(takers) and not driven
        self._sent, self._sent_at = output, time.monotonic()

    def _give_up(self, sink: Sink, error: FommError) -> None:
        """Go on without a sink that failed. A virtual camera or window that was the last one is the end."""
        self._sinks.remove(sink)
        if sink is self._preview.window:
            self._preview.window = None
        with contextlib.suppress(FommError):  # it has said already what is wrong with it
            sink.close()
        if sink.wants_repeats and not self._sinks:
            raise SinkError(str(error))
        self._notices(f"{error}; {sink.name} was closed, the session goes on")

    def _timestamp(self, now: float) -> float:
        """A moment in seconds on the driving source's clock."""
        before = 0.0 if self._tracked is None else self._tracked.captured.timestamp
        return before + (now - self._tracked_at)

    def _moment(self) -> Moment:
        """What others see now."""
        frame = fitted(self._sent, self._arrangement.size)
        return Moment(frame, self._timestamp(time.monotonic()), self._gallery.current.path)

    @property
    def _frame_index(self) -> int | None:
        """Of the driving frame that is shown now."""
        return None if self._tracked is None else self._tracked.captured.index

    def _camera(self, score: Score | None) -> Camera | None:
        """What the window shows of the driver."""
        if self._tracked is None or self._preview.window is None:
            return None
        hints = list(self._hints.of(self._tracked)) if self._animator.needs_face else []
        if score is not None and score.advice:
            hints.append(score.advice)
        return Camera(self._tracked.captured.pixels, self._tracked.landmarks, tuple(dict.fromkeys(hints)))

    def _status(self) -> Status:
        device = self._animator.device
        idle = None if self._gpu is None else self._gpu.idle
        return Status(
            model=self._animator.name,
            engine=device,
            device=in_words(device, Graphics()) if self._gpu is None else self._gpu.in_words(device),
            fps=self._meter.recent_fps,
            latency_ms=self._meter.recent_latency_ms,
            idle_gpu=idle,
        )

    def _on_quit(self) -> str:
        self._quit = True
        return "the session ends"

    def _on_mirror(self) -> str:
        self._arrangement.mirrored = not self._arrangement.mirrored
        return "the output is mirrored" if self._arrangement.mirrored else "the output is not mirrored"

    def _on_size(self, text: str) -> str:
        size = parse_size(text)
        if size != self._arrangement.size:
            self._arrangement.size = size
            self._fade.end()
            for sink in self._sinks:
                sink.resize(size)
            self._on_resize(size)
            self._gallery.prepare_anew()
        return f"the output is {size[0]}x{size[1]}"
