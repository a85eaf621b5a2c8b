"""The sound of a clip goes with the result, and stays where it was."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from fomm.video import Sound, VideoReader, VideoWriter

RATE, SIDE, FPS = 48_000, 64, 10


def ticks(seconds: float, at: float) -> NDArray[np.int16]:
    """Silence with one loud, short beep."""
    samples = np.zeros(round(seconds * RATE), np.int16)
    beep = np.arange(RATE // 50)
    start = round(at * RATE)
    samples[start : start + len(beep)] = 20_000 * np.sin(2 * np.pi * 1000 * beep / RATE)
    return samples


def clip(
    path: Path, *, codec: str = "aac", begins: float = 0.0, seconds: float = 2.0, beep: float = 1.0
) -> Path:
    """A grey clip whose picture begins `begins` seconds into its sound."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=FPS)
        picture.width = picture.height = SIDE
        picture.pix_fmt, picture.codec_context.max_b_frames = "yuv420p", 0
        picture.codec_context.time_base = Fraction(1, 1000)
        sound: Any = container.add_stream(codec, rate=RATE)
        sound.layout = "mono"
        for index in range(round((seconds - begins) * FPS)):
            frame = av.VideoFrame.from_ndarray(np.full((SIDE, SIDE, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(1000 * (begins + index / FPS)), Fraction(1, 1000)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        resampler = av.AudioResampler(format=sound.format, layout="mono", rate=RATE, frame_size=1024)
        samples = av.AudioFrame.from_ndarray(ticks(seconds, beep)[None], format="s16", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = RATE, 0, Fraction(1, RATE)
        for part in [*resampler.resample(samples), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def rewrite(source: Path, output: Path) -> list[float]:
    """Copy picture and sound as an animation does; the frames' times."""
    with (
        VideoReader(source) as reader,
        VideoWriter(
            output,
            size=reader.size,
            rate=reader.rate,
            time_base=reader.time_base,
            sound=reader.sound,
            fragmented=False,
        ) as writer,
    ):
        times = []
        for pixels, time in reader:
            writer.write(pixels, time)
            times.append(time)
    assert writer.silenced is None
    return times


def heard(path: Path) -> tuple[str, float, float, NDArray[np.float32]]:
    """Codec, the time of the beep's middle, the length, and the samples."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        begin = float(frames[0].pts * frames[0].time_base)
        samples = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames]).astype(np.float32)
        loud = np.nonzero(np.abs(samples) > 0.5 * np.abs(samples).max())[0]
        rate = stream.rate
        return (
            stream.codec_context.name,
            begin + float(loud.mean()) / rate,
            begin + len(samples) / rate,
            samples,
        )


@pytest.mark.parametrize(
    ("codec", "source", "output", "expected"),
    [
        ("aac", "a.mp4", "b.mp4", "aac"),
        ("aac", "a.mkv", "b.mov", "aac"),
        ("libmp3lame", "a.mp4", "b.mp4", "mp3"),
        ("libopus", "a.webm", "b.mp4", "opus"),
        ("pcm_s16le", "a.mkv", "b.mp4", "aac"),
        ("aac", "a.ts", "b.mp4", "aac"),
        ("libopus", "a.mkv", "b.webm", "opus"),
        ("aac", "a.mp4", "b.webm", "opus"),
    ],
)
def test_copied_or_encoded_anew(tmp_path: Path, codec: str, source: str, output: str, expected: str) -> None:
    if source == "a.webm":
        before = rewrite_as_webm(clip(tmp_path / "a.mkv", codec=codec), tmp_path / source)
    else:
        before = clip(tmp_path / source, codec=codec)
    times = rewrite(before, tmp_path / output)
    name, beep, length, _ = heard(tmp_path / output)
    assert name in (expected, f"{expected}float"), "MP3 is decoded by 'mp3float'"
    assert beep == pytest.approx(1.01, abs=0.03)
    assert length == pytest.approx(2.0, abs=0.07)
    with VideoReader(tmp_path / output) as reader:
        assert [time for _, time in reader] == pytest.approx(times, abs=1e-3), "the picture is not moved"


def rewrite_as_webm(source: Path, output: Path) -> Path:
    rewrite(source, output)
    return output


def test_a_copy_is_the_same_to_the_sample(tmp_path: Path) -> None:
    before = clip(tmp_path / "a.mp4")
    rewrite(before, tmp_path / "b.mp4")
    ours, theirs = heard(tmp_path / "b.mp4")[3], heard(before)[3]
    length = min(len(ours), len(theirs))
    assert length > 1.9 * RATE
    np.testing.assert_array_equal(ours[:length], theirs[:length])


@pytest.mark.parametrize("output", ["b.mp4", "b.webm"])
def test_sound_before_the_picture_is_left_out(tmp_path: Path, output: str) -> None:
    before = clip(tmp_path / "a.mkv", begins=0.6)
    times = rewrite(before, tmp_path / output)
    _, beep, length, _ = heard(tmp_path / output)
    assert beep == pytest.approx(0.41, abs=0.03)
    assert length == pytest.approx(1.4, abs=0.07)
    with VideoReader(tmp_path / output) as reader:
        assert [time for _, time in reader] == pytest.approx(times, abs=1e-3)


def test_sound_after_the_picture_is_left_out(tmp_path: Path) -> None:
    reader = VideoReader(clip(tmp_path / "a.mp4", seconds=3))
    with (
        reader,
        VideoWriter(
            tmp_path / "b.mp4", size=reader.size, rate=reader.rate, sound=reader.sound, fragmented=False
        ) as writer,
    ):
        for (pixels, time), _ in zip(reader, range(12), strict=False):
            writer.write(pixels, time)
    assert heard(tmp_path / "b.mp4")[2] == pytest.approx(1.2, abs=0.05)


def test_a_silent_clip_has_no_sound(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", size=(SIDE, SIDE)) as writer:
        writer.write(np.zeros((SIDE, SIDE, 3), np.uint8))
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert reader.sound is None


def test_sound_that_cannot_be_read_is_told_and_left_out(tmp_path: Path) -> None:
    sound = Sound(tmp_path / "gone.mp4", Fraction(0))
    with VideoWriter(tmp_path / "b.mp4", size=(SIDE, SIDE), sound=sound, fragmented=False) as writer:
        writer.write(np.zeros((SIDE, SIDE, 3), np.uint8))
    assert writer.silenced is not None
    with VideoReader(tmp_path / "b.mp4") as reader:
        assert len(list(reader)) == 1


def test_damaged_sound_leaves_the_picture_whole(tmp_path: Path) -> None:
    before = clip(tmp_path / "a.mkv", codec="flac")
    data = bytearray(before.read_bytes())
    random = np.random.default_rng(0)
    for at in random.integers(len(data) // 3, len(data), 200):
        data[at] = int(random.integers(256))
    before.write_bytes(data)
    with VideoReader(before) as reader:
        shown = len(list(reader))
    with (
        VideoReader(before) as reader,
        VideoWriter(tmp_path / "b.webm", size=reader.size, rate=FPS, sound=reader.sound) as writer,
    ):
        for pixels, time in reader:
            writer.write(pixels, time)
    with VideoReader(tmp_path / "b.webm") as reader:
        assert len(list(reader)) == shown > 0
