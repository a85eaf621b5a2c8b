"""Videos of every kind that people have, those that must be refused, and recordings that survive."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fomm.errors import VideoError
from fomm.video import FrameFolder, GifWriter, VideoReader, VideoWriter

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 128, 96
RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)


def quarters(width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Red, green / blue, grey: every rotation and mirroring looks different."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = GREY
    return pixels


def shade(value: int) -> Pixels:
    """A grey frame that can be told from others after compression."""
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


def write(path: Path, count: int = 10, rate: Fraction | float = 30) -> Path:
    with VideoWriter(path, size=(WIDTH, HEIGHT), rate=rate) as writer:
        for index in range(count):
            writer.write(shade(20 * index))
    return path


def noisy(path: Path, count: int = 90) -> Path:
    """A video whose packets are large, so that cutting and damaging the file hits some of them."""
    random = np.random.default_rng(0)
    with VideoWriter(path, size=(WIDTH, HEIGHT), rate=30) as writer:
        for _ in range(count):
            writer.write(random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    return path


def corners(pixels: Pixels) -> list[str]:
    """The colours of the four corners, left to right, top to bottom."""
    names = {"red": RED, "green": GREEN, "blue": BLUE, "grey": GREY}
    found = (pixels[y, x].astype(int) for y in (8, -8) for x in (8, -8))
    return [min(names, key=lambda name: int(np.abs(names[name] - pixel).sum())) for pixel in found]


class TestRoundTrip:
    def test_count_order_times(self, tmp_path: Path) -> None:
        with VideoReader(write(tmp_path / "a.mp4")) as reader:
            assert (reader.size, reader.rate, reader.frame_count) == ((WIDTH, HEIGHT), 30, 10)
            frames = list(reader)
        assert [round(float(pixels.mean()) / 20) for pixels, _ in frames] == list(range(10))
        assert [time for _, time in frames] == pytest.approx([index / 30 for index in range(10)])
        assert frames[0][0].flags.c_contiguous

    @pytest.mark.parametrize(
        "rate", [Fraction(30000, 1001), Fraction(24000, 1001), 25, 12.5, 60, Fraction(7, 3), 15.015]
    )
    def test_rate_is_exact(self, tmp_path: Path, rate: Fraction | float) -> None:
        exact = Fraction(rate).limit_denominator(1001)
        with VideoReader(write(tmp_path / "a.mp4", rate=rate)) as reader:
            assert reader.rate == exact
            assert [time for _, time in reader] == pytest.approx(
                [float(i / exact) for i in range(10)], abs=1e-9
            )

    @pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".MP4"])
    def test_extensions(self, tmp_path: Path, suffix: str) -> None:
        with VideoReader(write(tmp_path / f"a{suffix}")) as reader:
            assert len(list(reader)) == 10

    @pytest.mark.parametrize("colour", [RED, GREEN, BLUE, GREY, (0, 0, 0), (255, 255, 255), (200, 150, 120)])
    def test_colours_survive(self, tmp_path: Path, colour: tuple[int, int, int]) -> None:
        with VideoWriter(tmp_path / "a.mp4", size=(64, 64)) as writer:
            writer.write(np.full((64, 64, 3), colour, np.uint8))
        with VideoReader(tmp_path / "a.mp4") as reader:
            pixels, _ = next(iter(reader))
        np.testing.assert_allclose(pixels, np.broadcast_to(colour, pixels.shape), atol=2)

    def test_a_picture_gets_neither_darker_nor_brighter(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        coarse = rng.integers(20, 236, (8, 8, 3), dtype=np.uint8)
        picture = np.asarray(cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC), np.uint8)
        with VideoWriter(tmp_path / "out.mp4", size=(128, 128), rate=Fraction(25), crf=4) as writer:
            writer.write(picture)
        with VideoReader(tmp_path / "out.mp4") as reader:
            ((pixels, _),) = reader
        shift = (pixels.astype(int) - picture).mean(axis=(0, 1))
        assert np.abs(shift).max() < 0.6

    def test_colours_are_tagged_as_converted(self, tmp_path: Path) -> None:
        with av.open(str(write(tmp_path / "a.mp4"))) as container:
            frame = next(container.decode(video=0))
        tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
        assert tags == (1, 1, 1, 1), "BT.709, limited range"
        # Limited-range BT.709 puts pure green's luma at 16 + 219 * 0.7152.
        with VideoWriter(tmp_path / "green.mp4", size=(64, 64)) as writer:
            writer.write(np.full((64, 64, 3), GREEN, np.uint8))
        with av.open(str(tmp_path / "green.mp4")) as container:
            luma = next(container.decode(video=0)).to_ndarray()[:64]
        assert abs(float(np.median(luma)) - 173) <= 2

    @pytest.mark.parametrize(("width", "height"), [(65, 64), (64, 65), (65, 67), (127, 99)])
    def test_odd_sizes_repeat_the_edge(self, tmp_path: Path, width: int, height: int) -> None:
        with VideoWriter(tmp_path / "odd.mp4", size=(width, height)) as writer:
            writer.write(quarters(width, height))
        with VideoReader(tmp_path / "odd.mp4") as reader:
            assert reader.size == (width + width % 2, height + height % 2)
            pixels, _ = next(iter(reader))
        expected = np.pad(quarters(width, height), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        edge = np.abs(pixels.astype(int) - expected)
        assert edge[4:-4, -2:].mean() < 12
        assert edge[-2:, 4:-4].mean() < 12

    def test_timestamps_are_kept(self, tmp_path: Path) -> None:
        times = [0.0, 0.1, 0.5, 0.533, 1.2345, 7.0]
        with VideoWriter(tmp_path / "vfr.mp4", size=(WIDTH, HEIGHT)) as writer:
            for time in times:
                writer.write(shade(50), time)
        with VideoReader(tmp_path / "vfr.mp4") as reader:
            assert [time for _, time in reader] == pytest.approx(times, abs=1e-5)

    def test_timestamps_that_do_not_grow_are_moved(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "a.mp4", size=(WIDTH, HEIGHT)) as writer:
            for time in (0.0, 0.5, 0.5, 0.2, 1.0):
                writer.write(shade(50), time)
        with VideoReader(tmp_path / "a.mp4") as reader:
            times = [time for _, time in reader]
        assert times == pytest.approx([0, 0.5, 0.5, 0.5, 1], abs=1e-4)
        assert all(before < after for before, after in pairwise(times))

    def test_a_time_base_is_kept_to_the_tick(self, tmp_path: Path) -> None:
        """24 ticks of 1/12345 apart, then not."""
        times = [float(Fraction(ticks, 12_345)) for ticks in (0, 24, 48, 49, 12_345)]
        with VideoWriter(tmp_path / "a.mp4", size=(64, 64), time_base=Fraction(1, 12_345)) as writer:
            for time in times:
                writer.write(shade(50)[:64, :64], time)
        with VideoReader(tmp_path / "a.mp4") as reader:
            assert [time for _, time in reader] == times


class TestWebm:
    def test_count_order_times_colours(self, tmp_path: Path) -> None:
        times = [0.0, 0.04, 0.1, 0.5, 1.234]
        with VideoWriter(tmp_path / "a.webm", size=(WIDTH, HEIGHT), rate=25) as writer:
            for index, time in enumerate(times):
                writer.write(shade(50 * index + 20), time)
        with VideoReader(tmp_path / "a.webm") as reader:
            frames = list(reader)
        assert [time for _, time in frames] == pytest.approx(times, abs=0.001)
        assert [float(pixels.mean()) for pixels, _ in frames] == pytest.approx([20, 70, 120, 170, 220], abs=3)
        with av.open(str(tmp_path / "a.webm")) as container:
            assert container.streams.video[0].codec_context.codec.canonical_name == "vp9"

    def test_odd_size(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "a.webm", size=(65, 67)) as writer:
            writer.write(quarters(65, 67))
        with VideoReader(tmp_path / "a.webm") as reader:
            assert reader.size == (66, 68)
            assert corners(next(iter(reader))[0]) == ["red", "green", "blue", "grey"]

    def test_an_empty_one_is_removed(self, tmp_path: Path) -> None:
        VideoWriter(tmp_path / "a.webm", size=(WIDTH, HEIGHT)).close()
        assert not (tmp_path / "a.webm").exists()


class TestGif:
    def test_count_order_times_colours(self, tmp_path: Path) -> None:
        times = [0.0, 0.1, 0.14, 0.5]
        with GifWriter(tmp_path / "a.gif", size=(WIDTH, HEIGHT)) as writer:
            for index, time in enumerate(times):
                writer.write(np.roll(quarters(), index * WIDTH // 2, axis=1), time)
        assert writer.frames_written == 4
        with VideoReader(tmp_path / "a.gif") as reader:
            frames = list(reader)
        assert [time for _, time in frames] == pytest.approx(times)
        for index, (pixels, _) in enumerate(frames):
            difference = np.abs(pixels.astype(int) - np.roll(quarters(), index * WIDTH // 2, axis=1))
            assert difference.mean() < 2

    def test_it_repeats_for_ever(self, tmp_path: Path) -> None:
        with GifWriter(tmp_path / "a.gif", size=(64, 64), rate=10) as writer:
            writer.write(shade(9)[:64, :64])
            writer.write(shade(99)[:64, :64])
        with Image.open(tmp_path / "a.gif") as image:
            assert image.info["loop"] == 0

    def test_a_photo_keeps_its_colours(self, tmp_path: Path) -> None:
        small = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        smooth = np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
        with GifWriter(tmp_path / "a.gif", size=(WIDTH, HEIGHT)) as writer:
            writer.write(smooth)
        with VideoReader(tmp_path / "a.gif") as reader:
            pixels, _ = next(iter(reader))
        assert np.abs(cv2.blur(pixels, (5, 5)).astype(int) - cv2.blur(smooth, (5, 5))).mean() < 4

    def test_what_stays_the_same_keeps_its_colours(self, tmp_path: Path) -> None:
        """Though every frame has a palette of its own."""
        frames = [quarters() for _ in range(3)]
        for index, frame in enumerate(frames[1:], 1):
            rng = np.random.default_rng(index)
            frame[40:60, 50:80] = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        with GifWriter(tmp_path / "a.gif", size=(WIDTH, HEIGHT), rate=10) as writer:
            for frame in frames:
                writer.write(frame)
        with VideoReader(tmp_path / "a.gif") as reader:
            for (pixels, _), frame in zip(reader, frames, strict=True):
                assert np.abs(pixels[:30].astype(int) - frame[:30]).mean() < 6

    def test_more_frames_than_players_show_are_left_out(self, tmp_path: Path) -> None:
        with GifWriter(tmp_path / "a.gif", size=(WIDTH, HEIGHT), rate=100) as writer:
            for index in range(10):
                writer.write(shade(20 * index))
        with VideoReader(tmp_path / "a.gif") as reader:
            assert [time for _, time in reader] == pytest.approx([0, 0.02, 0.04, 0.06, 0.08])

    def test_an_empty_one_is_removed(self, tmp_path: Path) -> None:
        writer = GifWriter(tmp_path / "a.gif", size=(WIDTH, HEIGHT))
        writer.close()
        writer.close()
        assert not (tmp_path / "a.gif").exists()

    @pytest.mark.parametrize("name", ["a.mp4", "nowhere/a.gif"])
    def test_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(VideoError):
            GifWriter(tmp_path / name, size=(WIDTH, HEIGHT))


class TestPictures:
    def test_lossless_and_numbered(self, tmp_path: Path) -> None:
        with FrameFolder(tmp_path / "a" / "b", size=(WIDTH, HEIGHT), pattern="face %03d.png") as folder:
            folder.write(quarters(), 0.25)
            folder.write(shade(7), 1 / 3)
        with Image.open(tmp_path / "a" / "b" / "face 000.png") as image:
            np.testing.assert_array_equal(np.asarray(image), quarters())
        times = (tmp_path / "a" / "b" / "timestamps.txt").read_text()
        assert times == "# timestamp format v2\n250.000\n333.333\n"

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(VideoError, match="cannot be written"):
            FrameFolder(tmp_path / "file" / "a", size=(WIDTH, HEIGHT))


class TestReader:
    # Display matrices of the MP4 track header, without the last column, and what they make of the corners.
    TURNED = pytest.mark.parametrize(
        ("matrix", "expected", "portrait"),
        [
            ((1, 0, 0, 1), ["red", "green", "blue", "grey"], False),
            ((0, 1, -1, 0), ["blue", "red", "grey", "green"], True),
            ((-1, 0, 0, -1), ["grey", "blue", "green", "red"], False),
            ((0, -1, 1, 0), ["green", "grey", "red", "blue"], True),
            ((-1, 0, 0, 1), ["green", "red", "grey", "blue"], False),
        ],
        ids=["upright", "clockwise", "upside-down", "anticlockwise", "mirrored"],
    )

    @TURNED
    def test_rotation_of_phones_is_applied(
        self, tmp_path: Path, matrix: tuple[int, int, int, int], expected: list[str], portrait: bool
    ) -> None:
        path = tmp_path / "phone.mp4"
        with VideoWriter(path, size=(WIDTH, HEIGHT)) as writer:
            writer.write(quarters())
        data = bytearray(path.read_bytes())
        a, b, c, d = (value << 16 for value in matrix)
        at = data.rindex(b"tkhd") + 44
        data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(data)
        with VideoReader(path) as reader:
            assert reader.size == ((HEIGHT, WIDTH) if portrait else (WIDTH, HEIGHT))
            pixels, _ = next(iter(reader))
        assert pixels.shape[1::-1] == reader.size
        assert pixels.flags.c_contiguous
        assert corners(pixels) == expected

    def test_animated_gif(self, tmp_path: Path) -> None:
        frames = [Image.fromarray(shade(value)) for value in (10, 120, 240)]
        frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=[100, 300, 100])
        with VideoReader(tmp_path / "a.gif") as reader:
            found = list(reader)
        assert [round(float(pixels.mean())) for pixels, _ in found] == pytest.approx([10, 120, 240], abs=2)
        assert [time for _, time in found] == pytest.approx([0, 0.1, 0.4])

    @pytest.mark.parametrize(("suffix", "codec"), [("webm", "libvpx"), ("avi", "mpeg4"), ("mkv", "libx265")])
    def test_other_formats(self, tmp_path: Path, suffix: str, codec: str) -> None:
        path = tmp_path / f"a.{suffix}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for value in range(0, 250, 50):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shade(value), format="rgb24")))
            container.mux(stream.encode(None))
        with VideoReader(path) as reader:
            frames = list(reader)
        assert [time for _, time in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert [float(pixels.mean()) for pixels, _ in frames] == pytest.approx([0, 50, 100, 150, 200], abs=6)

    def test_time_starts_at_the_first_frame(self, tmp_path: Path) -> None:
        with VideoWriter(tmp_path / "late.mp4", size=(WIDTH, HEIGHT)) as writer:
            for time in (3.0, 3.5):
                writer.write(shade(50), time)
        with VideoReader(tmp_path / "late.mp4") as reader:
            assert [time for _, time in reader] == pytest.approx([0, 0.5])

    def test_truncated_gives_what_is_there(self, tmp_path: Path) -> None:
        # The reader needs the index, which the writer puts last: let FFmpeg's own muxer put it first.
        path = tmp_path / "whole.mp4"
        with (
            av.open(str(noisy(tmp_path / "a.mp4"))) as given,
            av.open(str(path), "w", options={"movflags": "faststart"}) as copy,
        ):
            stream = copy.add_stream_from_template(given.streams.video[0])
            for packet in given.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    copy.mux(packet)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with VideoReader(path) as reader:
            assert 30 <= len(list(reader)) <= 60

    def test_damaged_packets_are_skipped(self, tmp_path: Path) -> None:
        path = noisy(tmp_path / "a.mp4")
        data = bytearray(path.read_bytes())
        for at in np.random.default_rng(1).integers(len(data) // 5, len(data) * 4 // 5, 300):
            data[at] ^= 0xFF
        path.write_bytes(data)
        with VideoReader(path) as reader:
            times = [time for _, time in reader]
        assert 45 <= len(times) <= 90
        assert all(before < after for before, after in pairwise(times))

    def test_one_pass_in_constant_memory(self, tmp_path: Path) -> None:
        with VideoReader(write(tmp_path / "a.mp4")) as reader:
            assert len(list(zip(range(3), reader, strict=False))) == 3
        reader.close()

    def test_frames_are_freed_as_soon_as_they_are_let_go(self, tmp_path: Path) -> None:
        """Without waiting for the garbage collector, which would let hundreds pile up."""
        with VideoReader(write(tmp_path / "a.mp4")) as reader:
            gc.collect()
            gc.disable()
            try:
                before = video_frames_alive()
                assert len(list(reader)) == 10
                kept = video_frames_alive() - before
                assert kept <= 2, "but for a tiny copy of the first, which was asked for its rotation"
            finally:
                gc.enable()

    @pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc on this system")
    def test_the_decoders_threads_end_with_the_reader(self, tmp_path: Path) -> None:
        """A clip that is played again and again would collect them."""
        path = write(tmp_path / "a.mp4")

        def play() -> int:
            with VideoReader(path) as reader:
                assert len(list(reader)) == 10
            del reader
            return len(list(Path("/proc/self/task").iterdir()))

        gc.collect()
        gc.disable()
        try:
            assert play() == play() == play()
        finally:
            gc.enable()

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match=r"nothing\.mp4: no such file"):
            VideoReader(tmp_path / "nothing.mp4")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match="is a folder"):
            VideoReader(tmp_path)

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").touch()
        with pytest.raises(VideoError, match=r"a\.mp4 is empty"):
            VideoReader(tmp_path / "a.mp4")

    @pytest.mark.parametrize("content", [b"Dear diary", bytes(5000)], ids=["text", "zeros"])
    def test_not_a_video(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.mp4").write_bytes(content)
        with pytest.raises(VideoError, match=r"a\.mp4 cannot be read as a video"):
            VideoReader(tmp_path / "a.mp4")

    def test_sound_only(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.wav"), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
        with pytest.raises(VideoError, match="no video stream"):
            VideoReader(tmp_path / "a.wav")

    def test_zero_frames(self, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.avi"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            container.start_encoding()
        with pytest.raises(VideoError, match="no frame that can be decoded"):
            VideoReader(tmp_path / "a.avi")

    def test_nothing_decodable(self, tmp_path: Path) -> None:
        path = noisy(tmp_path / "a.mp4", 5)
        data = bytearray(path.read_bytes())
        end = data.rindex(b"moov")
        data[200 : end - 8] = bytes(end - 208)
        path.write_bytes(data)
        with pytest.raises(VideoError, match="no frame that can be decoded"):
            VideoReader(path)

    def test_native_libraries_keep_silent(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.test_damaged_packets_are_skipped(tmp_path)
        (tmp_path / "no.mp4").write_bytes(b"no video")
        with pytest.raises(VideoError):
            VideoReader(tmp_path / "no.mp4")
        assert capfd.readouterr() == ("", "")


class TestWriter:
    def test_existing_file_is_kept(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"precious")
        with pytest.raises(VideoError, match="already exists; add --overwrite"):
            VideoWriter(tmp_path / "a.mp4", size=(WIDTH, HEIGHT))
        assert (tmp_path / "a.mp4").read_bytes() == b"precious"

    def test_overwrite(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"precious")
        with VideoWriter(tmp_path / "a.mp4", size=(WIDTH, HEIGHT), overwrite=True) as writer:
            writer.write(shade(9))
        with VideoReader(tmp_path / "a.mp4") as reader:
            assert len(list(reader)) == 1

    @pytest.mark.parametrize("name", ["a.gif", "a.mkv", "a", "a.jpg"])
    def test_unknown_extension(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(VideoError, match=r"written as \.mp4"):
            VideoWriter(tmp_path / name, size=(WIDTH, HEIGHT))

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match="does not exist; create it first"):
            VideoWriter(tmp_path / "nowhere" / "a.mp4", size=(WIDTH, HEIGHT))

    def test_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(VideoError, match="create it first"):
            VideoWriter(tmp_path / "file" / "a.mp4", size=(WIDTH, HEIGHT))

    def test_name_that_the_system_refuses(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match="cannot be written"):
            VideoWriter(tmp_path / ("x" * 300 + ".mp4"), size=(WIDTH, HEIGHT))

    @pytest.mark.parametrize(
        "frame", [np.zeros((HEIGHT, WIDTH + 2, 3), np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.float32)]
    )
    def test_wrong_frames_are_a_programming_error(self, tmp_path: Path, frame: Pixels) -> None:
        with (
            VideoWriter(tmp_path / "a.mp4", size=(WIDTH, HEIGHT)) as writer,
            pytest.raises(ValueError, match="expected a"),
        ):
            writer.write(frame)

    def test_close_is_idempotent_and_leaves_no_empty_file(self, tmp_path: Path) -> None:
        writer = VideoWriter(tmp_path / "a.mp4", size=(WIDTH, HEIGHT))
        assert (tmp_path / "a.mp4").exists()
        writer.close()
        writer.close()
        assert not (tmp_path / "a.mp4").exists()

    def test_killed_recording_plays(self, tmp_path: Path) -> None:
        result = _in_another_process(tmp_path / "a.mp4", "os.kill(os.getpid(), 9)")
        assert result.returncode != 0
        with VideoReader(tmp_path / "a.mp4") as reader:
            frames = len(list(reader))
        assert frames >= 200, "at most about two seconds of 300 frames may be lost"

    @pytest.mark.skipif(os.name != "posix", reason="no RLIMIT_FSIZE on this system")
    @pytest.mark.parametrize("limit", [200_000, 1_000_000])
    def test_full_disk(self, tmp_path: Path, limit: int) -> None:
        """The system refuses to let the file grow: `write` says so, `close` keeps quiet, the video plays."""
        result = _in_another_process(
            tmp_path / "a.mp4",
            "writer.close(); writer.close()",
            f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))",
        )
        assert result.returncode == 0, result.stderr
        assert "a.mp4 cannot be written (File too large)" in result.stdout
        assert (tmp_path / "a.mp4").stat().st_size <= limit
        with VideoReader(tmp_path / "a.mp4") as reader:
            assert len(list(reader)) >= limit // 40_000

    @pytest.mark.skipif(os.name != "posix", reason="no RLIMIT_FSIZE on this system")
    @pytest.mark.parametrize("short_of", [1, 300, 3000])
    def test_disk_full_at_the_very_end(self, tmp_path: Path, short_of: int) -> None:
        """Even where only the index no longer fits, which `close` writes, the fragments play."""
        size = noisy(tmp_path / "whole.mp4", 40).stat().st_size
        result = _in_another_process(
            tmp_path / "a.mp4",
            "writer.close()",
            f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size - short_of},) * 2)",
            frames=40,
        )
        assert "VideoError" in result.stderr
        with VideoReader(tmp_path / "a.mp4") as reader:
            assert len(list(reader)) >= 38


def _in_another_process(
    path: Path, end: str, begin: str = "", frames: int = 300
) -> subprocess.CompletedProcess[str]:
    """Write noise until an error or the last frame, then do `end`."""
    program = f"""
import os
import numpy as np
from fomm.errors import VideoError
from fomm.video import VideoWriter
{begin}
random = np.random.default_rng(0)
writer = VideoWriter({str(path)!r}, size=({WIDTH}, {HEIGHT}), rate=30)
for _ in range({frames}):
    try:
        writer.write(random.integers(0, 256, ({HEIGHT}, {WIDTH}, 3), dtype=np.uint8))
    except VideoError as error:
        print(error)
        break
{end}
"""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )


def video_frames_alive() -> int:
    """In the whole process: other tests may have left some."""
    return sum(type(found) is av.VideoFrame for found in gc.get_objects())
