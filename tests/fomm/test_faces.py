"""Finding faces, choosing among them, and staying with the one chosen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fomm import resources
from fomm.animators import Landmarks, SourceImage
from fomm.errors import NoFaceError
from fomm.faces import (
    MIN_FACE_WIDTH,
    FaceFollower,
    FaceLandmarker,
    face_box,
    source_face,
)
from fomm.images import load_image
from fomm.native_stderr import quiet_native_stderr

Pixels = NDArray[np.uint8]

PORTRAIT = resources.AVATARS / "eileen-collins.jpg"
# Points of MediaPipe's face mesh: the tip of the nose, the outer corners of the eyes, chin, forehead.
NOSE, RIGHT_EYE, LEFT_EYE, CHIN, FOREHEAD = 1, 33, 263, 152, 10


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    return load_image(PORTRAIT, max_side=512).pixels


def pasted(canvas: Pixels, picture: Pixels, x: int, y: int) -> Pixels:
    height, width, _ = picture.shape
    canvas[y : y + height, x : x + width] = picture
    return canvas


@pytest.fixture(scope="module")
def couple(portrait: Pixels) -> Pixels:
    """A large face on the left and a smaller one on the right, cut from the portrait."""
    with FaceLandmarker(mode="image") as landmarker:
        left, top, right, bottom = (int(side) for side in face_box(landmarker.detect(portrait)[0]))
    large = portrait[top - 60 : bottom + 60, left - 60 : right + 60]
    small = np.ascontiguousarray(large[::5, ::5].repeat(4, axis=0).repeat(4, axis=1))
    height, width, _ = large.shape
    canvas = np.full((height + 40, 2 * width + 40, 3), 120, np.uint8)
    return pasted(pasted(canvas, large, 0, 20), small, width + 20, 20)


class TestLandmarker:
    def test_landmarks_are_pixels_of_the_picture(self, portrait: Pixels) -> None:
        with FaceLandmarker(mode="image") as landmarker:
            (face,) = landmarker.detect(portrait)
        assert face.shape == (478, 3)
        assert face.dtype == np.float32
        left, top, right, bottom = face_box(face)
        height, width, _ = portrait.shape
        assert 0 < left < right < width
        assert 0 < top < bottom < height
        # Upright and frontal, her right eye is on the left, and the nose is nearer to us than the eyes.
        assert face[RIGHT_EYE, 0] < face[NOSE, 0] < face[LEFT_EYE, 0]
        assert face[FOREHEAD, 1] < face[NOSE, 1] < face[CHIN, 1]
        assert face[NOSE, 2] < min(face[RIGHT_EYE, 2], face[LEFT_EYE, 2])

    def test_wide_pictures_keep_their_shape(self, portrait: Pixels) -> None:
        """The same face in a wider picture: the same landmarks, depth included."""
        wide = np.pad(portrait, ((0, 0), (200, 200), (0, 0)), mode="edge")
        with FaceLandmarker(mode="image") as landmarker:
            (narrow,), (moved,) = landmarker.detect(portrait), landmarker.detect(wide)
        assert np.abs(moved - narrow - np.array([200, 0, 0])).mean() < 3

    @pytest.mark.parametrize("mode", ["image", "video"])
    def test_no_face(self, mode: str) -> None:
        with FaceLandmarker(mode=mode) as landmarker:  # type: ignore[arg-type]
            assert landmarker.detect(np.full((240, 320, 3), 90, np.uint8)) == []

    def test_several_faces(self, couple: Pixels) -> None:
        with FaceLandmarker(mode="image") as landmarker:
            assert len(landmarker.detect(couple)) == 2

    def test_video_accepts_times_that_do_not_grow(self, portrait: Pixels) -> None:
        with FaceLandmarker(mode="video") as landmarker:
            for time in (1.0, 1.0, 0.2, 1.0004, 5.0):
                assert len(landmarker.detect(portrait, time)) == 1

    def test_views_and_read_only_pictures(self, portrait: Pixels) -> None:
        mirrored = portrait[:, ::-1]
        mirrored.flags.writeable = False
        with FaceLandmarker(mode="image") as landmarker:
            assert len(landmarker.detect(mirrored)) == 1

    def test_close_is_idempotent(self) -> None:
        landmarker = FaceLandmarker(mode="image")
        landmarker.close()
        landmarker.close()

    def test_native_libraries_keep_silent(self, portrait: Pixels, capfd: pytest.CaptureFixture[str]) -> None:
        with FaceLandmarker(mode="video") as landmarker:
            landmarker.detect(portrait)
        assert capfd.readouterr() == ("", "")


class TestSourceFace:
    def test_the_largest_is_taken_and_that_is_said(self, couple: Pixels) -> None:
        face, notices = source_face(SourceImage(couple, "couple.jpg"))
        assert face[:, 0].max() < couple.shape[1] / 2
        assert notices == ("couple.jpg: 2 faces found, the largest one is animated.",)

    def test_one_face_needs_no_words(self, portrait: Pixels) -> None:
        assert source_face(SourceImage(portrait))[1] == ()

    def test_no_face(self) -> None:
        with pytest.raises(NoFaceError, match=r"wall\.jpg: no face found\. Choose"):
            source_face(SourceImage(np.full((300, 300, 3), 90, np.uint8), "wall.jpg"))

    @pytest.mark.parametrize(("scale", "place"), [(3, (150, 900)), (4, (1300, 37)), (6, (1100, 1200))])
    def test_small_faces_in_large_pictures(
        self, portrait: Pixels, scale: int, place: tuple[int, int]
    ) -> None:
        """Group and full-body photos: the face is far narrower than the detector alone can find."""
        height, width, _ = portrait.shape
        photo = pasted(np.full((height * scale, width * scale, 3), 120, np.uint8), portrait, *place)
        (expected, _), (found, notices) = source_face(SourceImage(portrait)), source_face(SourceImage(photo))
        assert notices == ()
        assert np.abs(found - expected - np.array([*place, 0]))[:, :2].mean() < 2

    def test_several_small_faces(self, portrait: Pixels) -> None:
        smaller = load_image(PORTRAIT, max_side=420).pixels
        photo = np.full((1400, 1600, 3), 120, np.uint8)
        face, notices = source_face(
            SourceImage(pasted(pasted(photo, portrait, 100, 800), smaller, 1100, 200), "group.jpg")
        )
        assert face[:, 0].max() < 900
        assert notices == ("group.jpg: 2 faces found, the largest one is animated.",)

    def test_a_face_too_small(self, portrait: Pixels) -> None:
        tiny = np.ascontiguousarray(portrait[::4, ::4])
        photo = pasted(np.full((300, 300, 3), 128, np.uint8), tiny, 50, 50)
        with pytest.raises(NoFaceError, match=f"(at least {MIN_FACE_WIDTH} are needed|no face found)"):
            source_face(SourceImage(photo, "far.jpg"))


def face_at(x: float, y: float, width: float = 100) -> Landmarks:
    """Landmarks on an upright ellipse."""
    angles = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    points = np.stack([x + width / 2 * np.cos(angles), y + 0.6 * width * np.sin(angles), 0 * angles], axis=1)
    return points.astype(np.float32)


class TestFollower:
    def test_nobody(self) -> None:
        assert FaceFollower().choose([]) is None

    def test_begins_with_the_largest(self) -> None:
        small, large = face_at(100, 100, 60), face_at(400, 100, 90)
        assert FaceFollower().choose([small, large]) is large

    def test_stays_when_another_becomes_larger(self) -> None:
        follower = FaceFollower()
        follower.choose([face_at(100, 100, 90), face_at(400, 100, 60)])
        mine, larger = face_at(105, 100, 80), face_at(400, 100, 200)
        assert follower.choose([larger, mine]) is mine

    def test_does_not_jump_to_somebody_else_when_the_driver_leaves(self) -> None:
        follower = FaceFollower(patience=5)
        follower.choose([face_at(100, 100)])
        somebody = face_at(400, 100)
        assert [follower.choose([somebody]) for _ in range(6)] == [None] * 6
        assert follower.choose([somebody]) is somebody, "patience is over"

    def test_the_driver_comes_back(self) -> None:
        follower = FaceFollower(patience=5)
        follower.choose([face_at(100, 100), face_at(400, 100, 50)])
        follower.choose([face_at(400, 100, 50)])
        back = face_at(120, 90)
        assert follower.choose([face_at(400, 100, 50), back]) is back

    def test_reset_begins_anew(self) -> None:
        follower = FaceFollower()
        follower.choose([face_at(100, 100)])
        follower.reset()
        other = face_at(400, 100, 30)
        assert follower.choose([other]) is other

    @given(
        steps=st.lists(
            st.tuples(st.floats(-20, 20), st.floats(-20, 20), st.floats(-20, 20), st.booleans()), max_size=60
        )
    )
    def test_never_swaps(self, steps: list[tuple[float, float, float, bool]]) -> None:
        """Two people who sway, found in any order, whoever is larger: the first choice stays."""
        follower = FaceFollower()
        follower.choose([face_at(150, 200, 110), face_at(400, 200, 100)])
        for dx, dy, growth, exchanged in steps:
            mine = face_at(150 + dx, 200 + dy, 100 + growth)
            other = face_at(400 - dx, 200 + dy, 100 - growth)
            chosen = follower.choose([other, mine] if exchanged else [mine, other])
            assert chosen is mine


class TestQuiet:
    def test_native_output_is_dropped_and_ours_is_kept(self, capfd: pytest.CaptureFixture[str]) -> None:
        print("before", file=sys.stderr)
        with quiet_native_stderr():
            os.write(2, b"native chatter\n")
        os.write(2, b"after\n")
        assert capfd.readouterr().err == "before\nafter\n"

    def test_errors_pass_and_stderr_is_restored(self, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(ZeroDivisionError), quiet_native_stderr():
            raise ZeroDivisionError
        os.write(2, b"after\n")
        assert capfd.readouterr().err == "after\n"

    def test_no_descriptor_is_left_open(self, tmp_path: Path) -> None:
        (probe := tmp_path / "probe").touch()
        lowest = os.open(probe, os.O_RDONLY)
        os.close(lowest)
        for _ in range(20):
            with quiet_native_stderr():
                pass
        again = os.open(probe, os.O_RDONLY)
        os.close(again)
        assert again == lowest
