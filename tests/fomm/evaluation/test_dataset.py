"""Finding test clips and reading their frames as a model is shown them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fomm.crops import Square
from fomm.errors import FommError, ImageError, NoFaceError, VideoError
from fomm.evaluation.dataset import Clip, Crop, find_clips, prepared
from fomm.faces import FaceLandmarker
from fomm.video import VideoWriter
from tests.fomm.faces import collins

Frame = NDArray[np.uint8]


def grey(level: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


class TestFindClips:
    def test_videos_and_folders_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        for name in ("id10.mp4", "id9.MP4", "b.gif", "notes.txt", ".hidden.mp4", "still.png"):
            (tmp_path / name).touch()
        (tmp_path / "clip2").mkdir()
        (tmp_path / ".cache").mkdir()
        assert [clip.name for clip in find_clips(tmp_path)] == ["b.gif", "clip2", "id9.MP4", "id10.mp4"]

    def test_the_test_part_of_a_published_data_set(self, tmp_path: Path) -> None:
        for part in ("train", "test"):
            (tmp_path / part).mkdir()
            (tmp_path / part / f"{part}.mp4").touch()
        assert [clip.path for clip in find_clips(tmp_path)] == [tmp_path / "test" / "test.mp4"]

    @pytest.mark.parametrize(
        ("content", "asked", "message"),
        [
            ((), ".", "holds no clips, neither videos .* nor folders of pictures; name another folder"),
            (("1.png",), ".", "holds no clips, .*; name the folder above it"),
            ((), "gone", "gone: no such folder"),
            (("a.mp4",), "a.mp4", "a.mp4 is a file; name the folder"),
        ],
    )
    def test_refused(self, tmp_path: Path, content: tuple[str, ...], asked: str, message: str) -> None:
        for name in content:
            (tmp_path / name).touch()
        with pytest.raises(VideoError, match=message):
            find_clips(tmp_path / asked)


class TestFrames:
    def test_pictures_by_the_number_in_their_names(self, tmp_path: Path) -> None:
        for number in (1, 2, 10):
            grey(number).save(tmp_path / f"frame{number}.png")
        (tmp_path / "timestamps.txt").touch()
        assert [int(pixels[0, 0, 0]) for pixels in Clip(tmp_path).frames()] == [1, 2, 10]

    @pytest.mark.parametrize("extension", [".mp4", ".gif"])
    def test_videos(self, tmp_path: Path, extension: str) -> None:
        path = tmp_path / f"clip{extension}"
        if extension == ".gif":
            pictures = [grey(level) for level in (0, 100, 200)]
            pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40)
        else:
            with VideoWriter(path, size=(64, 64)) as writer:
                for level in (0, 100, 200):
                    writer.write(np.asarray(grey(level)))
        means = [float(pixels.mean()) for pixels in Clip(path).frames()]
        np.testing.assert_allclose(means, [0, 100, 200], atol=2)

    def _empty(self, folder: Path) -> None:
        folder.mkdir()

    def _damaged(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "1.png").write_bytes(b"no picture")

    def _two_sizes(self, folder: Path) -> None:
        folder.mkdir()
        grey(1).save(folder / "1.png")
        grey(1, (64, 80)).save(folder / "2.png")

    def _text(self, path: Path) -> None:
        path.write_text("no video")

    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (_empty, VideoError, "clip holds no pictures"),
            (_damaged, ImageError, r"1\.png is not a picture"),
            (_two_sizes, ImageError, r"2\.png is 64x80, not 64x64 as the first frame"),
            (_text, VideoError, "clip cannot be read as a video"),
        ],
    )
    def test_what_cannot_be_read_is_named(
        self,
        tmp_path: Path,
        make: Callable[[TestFrames, Path], None],
        error: type[FommError],
        message: str,
    ) -> None:
        make(self, tmp_path / "clip")
        with pytest.raises(error, match=message):
            list(Clip(tmp_path / "clip").frames())


class TestPrepared:
    def test_nothing_of_no_frames(self) -> None:
        assert list(prepared([], size=(64, 64), crop="auto", face_model=True, name="clip")) == []

    @pytest.mark.parametrize(
        ("shape", "crop", "face_model", "around_face"),
        [
            ((512, 512), "auto", True, False),
            ((400, 512), "auto", True, True),
            ((400, 512), "auto", False, False),
            ((512, 512), "face", False, True),
            ((400, 512), "none", True, False),
        ],
    )
    def test_the_first_frame_decides(
        self, shape: tuple[int, int], crop: Crop, face_model: bool, around_face: bool
    ) -> None:
        pixels = np.ascontiguousarray(
            np.pad(collins().image.pixels, ((0, 100), (0, 100), (0, 0)))[: shape[0], : shape[1]]
        )
        if around_face:
            with FaceLandmarker(mode="image") as landmarker:
                (landmarks,) = landmarker.detect(pixels)
            square = Square.around_face(landmarks, pixels.shape)
        else:
            square = Square.around_all(pixels.shape)
        second = np.roll(pixels, 30, axis=1)
        shown = list(prepared([pixels, second], size=(96, 96), crop=crop, face_model=face_model, name="clip"))
        np.testing.assert_array_equal(shown[0], square.cut(pixels, (96, 96)))
        np.testing.assert_array_equal(shown[1], square.cut(second, (96, 96)))

    def test_frames_of_the_right_size_are_untouched(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
        (shown,) = prepared([pixels], size=(96, 96), crop="auto", face_model=True, name="clip")
        np.testing.assert_array_equal(shown, pixels)

    def test_no_face_to_crop_around(self) -> None:
        wall = np.full((240, 320, 3), 90, np.uint8)
        with pytest.raises(NoFaceError, match="clip, first frame: no face found"):
            list(prepared([wall], size=(96, 96), crop="auto", face_model=True, name="clip"))
