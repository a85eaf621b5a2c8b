"""The sound of a clip, carried over into the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from fomm.video.local import local

if TYPE_CHECKING:
    import av
    from av.container import OutputContainer
    from av.packet import Packet

    SoundPacket: TypeAlias = Packet[av.AudioStream]

#: What may be copied as it is, and what is encoded instead of anything else.
_MP4 = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}), "aac"
_FORMATS: dict[str, tuple[frozenset[str], str]] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _MP4,
    ".webm": (frozenset({"opus", "vorbis"}), "libopus"),
}

#: Opus knows only this rate (and a few lower ones).
_OPUS_RATE = 48_000


class Track(Protocol):
    """Sound on its way into a container, in step with its picture."""

    def advance(self, until: float, *, last: bool = False) -> None:
        """Write what is heard before this time, in seconds since the picture's start.

        Args:
            until: as far as the picture has come.
            last: whether it ends there.
        """
        ...

    def close(self) -> None:
        """Let go of what is read; idempotent."""
        ...


class AnySound(Protocol):
    """What a `VideoWriter` takes for sound.

    Attributes:
        fragmentable: whether it can go into an MP4 of fragments.
    """

    fragmentable: ClassVar[bool]

    def open(self, container: OutputContainer, suffix: str, /) -> Track:
        """Begin a track in a container whose encoding has not started.

        Args:
            container: the output.
            suffix: its extension, one of those that `VideoWriter` writes.

        Raises:
            av.FFmpegError, OSError, ValueError: the sound cannot be read, or not be written in this format.
        """
        ...


@dataclass(frozen=True)
class Sound:
    """The first sound stream of a file.

    Attributes:
        path: the file.
        start: where the picture begins, in seconds of the file's clock; sound before it is left out.
    """

    path: Path
    start: Fraction

    #: Fragments cannot say that a decoder's run-in is not played, and would delay the picture instead.
    fragmentable: ClassVar[bool] = False

    def open(self, container: OutputContainer, suffix: str) -> SoundTrack:
        """See `AnySound`."""
        return SoundTrack(self, container, suffix)


class SoundTrack:
    """Feeds a clip's sound into a container that is being written, in step with its picture.

    Packets are copied where the container takes their codec, and encoded anew otherwise. Only a few packets are
    ever held. What cannot be decoded is left out; sound is never a reason for a video to fail.

    Args:
        sound: what to carry over.
        container: the output, before its encoding has started.
        suffix: the output's extension, one of those that `VideoWriter` writes.

    Raises:
        av.FFmpegError, OSError, ValueError: the sound cannot be read, or not be written in this format.
    """

    def __init__(self, sound: Sound, container: OutputContainer, suffix: str) -> None:
        import av

        self._start = sound.start
        self._container = container
        self._source = av.open(local(sound.path))
        try:
            stream = self._source.streams.audio[0]
            copyable, codec = _FORMATS[suffix.lower()]
            if _codec(stream) in copyable and _is_complete(stream):
                self._track: Any = container.add_stream_from_template(stream)
                # A decoder needs a packet before the first to run in. An MP4 can say that it is not played;
                # a WebM would move everything instead.
                lead = 2 if suffix.lower() != ".webm" else 0
                self._packets = self._copied(stream, lead)
            else:
                rate = _OPUS_RATE if codec == "libopus" else stream.rate
                self._track = container.add_stream(codec, rate=rate)
                self._track.layout = "mono" if stream.codec_context.channels == 1 else "stereo"
                self._packets = self._encoded(stream)
        except BaseException:
            self._source.close()
            raise
        self._next: SoundPacket | None = None
        self._ended = False

    def advance(self, until: float, *, last: bool = False) -> None:  # noqa: ARG002 - packets are whole
        """See `Track`."""
        while (packet := self._peek()) is not None:
            if packet.pts is not None and float(packet.pts * packet.time_base) >= until:
                return
            self._next = None
            packet.stream = self._track
            self._container.mux(packet)

    def close(self) -> None:
        """Close the file that is read; idempotent."""
        self._packets.close()
        self._source.close()

    def _peek(self) -> SoundPacket | None:
        if self._next is None and not self._ended:
            self._next = next(self._packets, None)
            self._ended = self._next is None
        return self._next

    def _copied(self, stream: av.AudioStream, lead: int) -> Any:
        for packet in _packets(self._source, stream):
            if packet.pts is None or packet.dts is None:
                continue
            shift = round(self._start / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            if packet.pts + lead * (packet.duration or 0) >= 0:
                yield packet

    def _encoded(self, stream: av.AudioStream) -> Any:
        import av

        encoder = self._track.codec_context
        # Opened early, since only then does the encoder tell how many samples it takes at a time.
        encoder.open(strict=False)
        resampler = av.AudioResampler(
            format=encoder.format,
            layout=encoder.layout,
            rate=encoder.sample_rate,
            frame_size=encoder.frame_size or None,
        )
        for frame in _decoded(self._source, stream):
            if frame.pts is None or frame.time_base is None:
                continue
            frame.pts -= round(self._start / frame.time_base)
            if frame.pts >= 0:
                for part in resampler.resample(frame):
                    yield from encoder.encode(part)
        for part in resampler.resample(None):
            yield from encoder.encode(part)
        yield from encoder.encode(None)


def _codec(stream: av.AudioStream) -> str:
    """The codec's own name, whatever decodes it here."""
    return stream.codec_context.codec.canonical_name


def _is_complete(stream: av.AudioStream) -> bool:
    """Whether the stream's header is whole: AAC in a transport stream, e.g., has it in every packet instead."""
    return _codec(stream) != "aac" or bool(stream.codec_context.extradata)


def _packets(source: Any, stream: av.AudioStream) -> Iterator[SoundPacket]:
    """The stream's packets, up to where the file is damaged or ends."""
    import av

    packets = source.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        yield packet


def _decoded(source: Any, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    import av

    for packet in _packets(source, stream):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue
