"""A recording's sound: put where it belongs on the picture's clock, and encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from live.recording.sound import Samples, SoundBlock, SoundSource, Timekeeper

if TYPE_CHECKING:
    from av.container import OutputContainer

_RATE = 48_000
_BITS_PER_SECOND = 96_000

#: Below the first, in seconds, sound stays where it is; up to the second it is stretched or squeezed, which
#: nobody hears, by so many samples a second; beyond it is missing or there twice, and is filled up or cut.
_STAYS_S, _STRETCHED_S, _SAMPLES_A_SECOND = 0.001, 0.02, 2000

#: So long, in seconds, the picture waits for sound that may still come; then there is silence in its place.
_PATIENCE_S = 2.0

#: Sound from so far, in seconds, in the picture's future has a wrong time.
_FUTURE_S = 5.0


@dataclass(frozen=True)
class LiveSound:
    """Sound that is heard while the picture is recorded, for `fomm.video.VideoWriter`.

    Attributes:
        source: where it comes from; its owner closes it.
        start: `time.monotonic()` when the picture begins.
        delay: seconds by which the sound is moved: over 0 is later.
        tell: takes why there is no sound, or no more, once.
    """

    source: SoundSource
    start: float
    delay: float
    tell: Callable[[str], None]

    fragmentable: ClassVar[bool] = True

    def open(self, container: OutputContainer, _suffix: str) -> LiveSoundTrack:
        """See `fomm.video.sound.AnySound`."""
        return LiveSoundTrack(self, container)


class LiveSoundTrack:
    """AAC, one channel. Whatever the source does, there is sound or silence for all of the picture.

    FFmpeg's resampler follows the source's clock by stretching and squeezing, and fills what is missing.
    """

    def __init__(self, sound: LiveSound, container: OutputContainer) -> None:
        import av

        self._sound = sound
        self._container = container
        self._track: Any = container.add_stream("aac", rate=_RATE)
        self._track.layout = "mono"
        self._track.bit_rate = _BITS_PER_SECOND
        # Opened early, since only then does the encoder tell how many samples it takes at a time.
        self._track.codec_context.open(strict=False)
        self._waiting = av.AudioFifo()
        self._timekeeper = Timekeeper()
        #: Blocks whose time cannot be told yet, with their places.
        self._held: list[tuple[float, SoundBlock]] = []
        self._resampler: _Resampler | None = None
        #: Seconds of the picture up to which there is sound, and samples that were encoded of it.
        self._reached = 0.0
        self._encoded = 0
        self._told = False

    def advance(self, until: float, *, last: bool = False) -> None:
        """Write what was heard up to now; see `fomm.video.sound.Track`."""
        source = self._sound.source
        self._held += [(self._timekeeper.note(block), block) for block in source.blocks()]
        if self._timekeeper.settled or last or source.failure:
            for position, block in self._held:
                self._take(block, self._timekeeper.heard_at(position), until)
            self._held.clear()
        if source.failure and not self._told:
            self._told = True
            self._sound.tell(source.failure)
        patience = 0.0 if source.failure or last else _PATIENCE_S + max(0.0, -self._sound.delay)
        if (silent := until - patience - self._reached) > _STRETCHED_S:
            self._put(np.zeros(round(silent * _RATE), np.int16), _RATE, self._reached)
        if last:
            if self._resampler is not None:
                self._queue(self._resampler.drain())
            self._encode(everything=True)
            self._mux(None)

    def close(self) -> None:
        """Nothing is left to do: `advance` has written all."""

    def _take(self, block: SoundBlock, heard_at: float, until: float) -> None:
        begins = heard_at - self._sound.start + self._sound.delay
        samples = block.samples
        if begins > until + _FUTURE_S:
            return
        twice = self._reached - begins
        if twice > (
            0 if self._reached == 0 else _STRETCHED_S
        ):  # silence has taken its place, or none is wanted yet
            cut = round(twice * block.rate)
            samples, begins = samples[cut:], begins + cut / block.rate
        if len(samples):
            self._put(samples, block.rate, begins)

    def _put(self, samples: Samples, rate: int, begins: float) -> None:
        if self._resampler is None or self._resampler.rate != rate:
            if self._resampler is not None:
                self._queue(self._resampler.drain())
            self._resampler = _Resampler(rate, self._encoded + self._waiting.samples)
        self._queue(self._resampler.push(samples, begins))
        self._reached = begins + len(samples) / rate
        self._encode()

    def _queue(self, frames: list[Any]) -> None:
        for frame in frames:
            frame.pts = None  # they follow each other
            self._waiting.write(frame)

    def _encode(self, *, everything: bool = False) -> None:
        size = self._track.codec_context.frame_size
        while (frame := self._waiting.read(size, partial=everything)) is not None:
            frame.pts, frame.time_base = self._encoded, Fraction(1, _RATE)
            self._encoded += frame.samples
            self._mux(frame)

    def _mux(self, frame: Any) -> None:
        for packet in self._track.encode(frame):
            # The encoder's run-in holds no sound. Fragments cannot say that it is not played, so it is left out.
            if packet.pts is None or packet.pts >= 0:
                self._container.mux(packet)


class _Resampler:
    """Samples at their times → samples one after the other at `_RATE`.

    Args:
        rate: of the samples.
        first: where those that come out begin, in samples.
    """

    def __init__(self, rate: int, first: int) -> None:
        import av

        self.rate = rate
        # The filters do not keep the graph alive that they belong to.
        self._graph = av.filter.Graph()
        self._into = self._graph.add(
            "abuffer", f"sample_rate={rate}:sample_fmt=s16:channel_layout=mono:time_base=1/{rate}"
        )
        follow = f"async={_SAMPLES_A_SECOND}:min_comp={_STAYS_S}:min_hard_comp={_STRETCHED_S}"
        resample = self._graph.add("aresample", f"{_RATE}:{follow}:first_pts={first}")
        convert = self._graph.add("aformat", "sample_fmts=fltp:channel_layouts=mono")
        self._out_of = self._graph.add("abuffersink")
        self._into.link_to(resample)
        resample.link_to(convert)
        convert.link_to(self._out_of)
        self._graph.configure()

    def push(self, samples: Samples, begins: float) -> list[Any]:
        """What comes out for samples that begin at this time, in seconds."""
        import av

        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples)[np.newaxis], format="s16", layout="mono"
        )
        frame.sample_rate = self.rate
        frame.pts, frame.time_base = round(begins * self.rate), Fraction(1, self.rate)
        self._into.push(frame)
        return self._pull()

    def drain(self) -> list[Any]:
        """What is still inside; nothing may be pushed afterwards."""
        self._into.push(None)
        return self._pull()

    def _pull(self) -> list[Any]:
        import av

        frames = []
        while True:
            try:
                frames.append(self._out_of.pull())
            except (av.BlockingIOError, av.EOFError):
                return frames
