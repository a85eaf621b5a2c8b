"""OpenVINO's tracking against MediaPipe's own, on what webcams and pictures show."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm import resources
from fomm.animators import Frame, Landmarks
from fomm.engines import cache
from fomm.errors import ConfigError
from fomm.faces import BACKENDS, FaceLandmarker
from fomm.faces.choosing import quickest_first
from fomm.faces.detector import Detection, FaceDetector
from fomm.faces.landmarker import Mode
from fomm.images import load_image
from fomm.video import VideoReader

#: What the two may differ by, the mean over all points: in pixels, and where a face is wider than webcams show it, as
#: a share of its width.
NEAR, NEAR_SHARE = 0.5, 0.001
#: In seconds.
DAY = 86400.0


def every(path: Path, step: int, count: int) -> list[Frame]:
    with VideoReader(path) as reader:
        return [pixels.copy() for pixels, _ in itertools.islice(reader, 0, step * count, step)]


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """Twelve frames of the bundled clip, in which the mouth opens and the head turns."""
    return every(resources.CLIPS / "talking_head.mp4", 4, 12)


@pytest.fixture(scope="module")
def portrait() -> Frame:
    return load_image(resources.AVATARS / "eileen-collins.jpg", max_side=512).pixels


def found(
    frames: Iterable[Frame], backend: str, mode: Mode, *, max_faces: int = 4, step: float = 1 / 30
) -> Iterator[list[Landmarks]]:
    """The faces in each frame, `step` seconds apart."""
    with FaceLandmarker(mode=mode, max_faces=max_faces, backend=backend) as landmarker:
        for index, pixels in enumerate(frames):
            yield landmarker.detect(pixels, index * step)


def assert_same(frames: list[Frame], *, mode: Mode = "video", faces: int = 1) -> None:
    """Both find the same faces in the same places.

    MediaPipe is told how many there are, and then follows them from frame to frame as we do. A single one it steadies
    over time, which is our caller's work: with a day between two frames nothing is left of that.
    """
    apart, depth, seen = [], [], 0
    wanted = faces if mode == "video" else 4
    reference = found(frames, "mediapipe", mode, max_faces=wanted, step=DAY)
    for ours, theirs in zip(found(frames, "openvino", mode), reference, strict=True):
        assert len(ours) == len(theirs)
        seen = max(seen, len(ours))
        for one, other in zip(ours, theirs, strict=True):
            scale = max(1.0, NEAR_SHARE / NEAR * np.ptp(other[:, 0]))
            apart.append(np.linalg.norm(one[:, :2] - other[:, :2], axis=1).mean() / scale)
            depth.append(np.abs(one[:, 2] - other[:, 2]).mean() / scale)
    assert seen == faces
    assert np.mean(apart) < NEAR
    assert np.mean(depth) < NEAR


def turned(pixels: Frame, degrees: float) -> Frame:
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height)), np.uint8)


def upright(pixels: Frame) -> Frame:
    """As a phone held upright sees it: twice as high as wide."""
    height = pixels.shape[0]
    return np.ascontiguousarray(np.pad(pixels, ((height // 2, height // 2), (0, 0), (0, 0))))


def far(pixels: Frame) -> Frame:
    """The face takes a ninth of a wide picture's width."""
    small = cv2.resize(pixels, (240, 240), interpolation=cv2.INTER_AREA)
    canvas = np.full((480, 860, 3), 110, np.uint8)
    canvas[120:360, 500:740] = small
    return canvas


def close(pixels: Frame) -> Frame:
    """The face reaches the picture's edges."""
    height, width = pixels.shape[:2]
    inner = pixels[height // 6 : -height // 5, width // 5 : -width // 5]
    return np.asarray(cv2.resize(inner, (960, 960), interpolation=cv2.INTER_CUBIC), np.uint8)


def grey(pixels: Frame) -> Frame:
    return np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def dark(pixels: Frame) -> Frame:
    return (pixels * 0.25).astype(np.uint8)


@pytest.mark.parametrize("mode", ["video", "image"])
def test_the_bundled_clip(frames: list[Frame], mode: Mode) -> None:
    assert_same(frames, mode=mode)


@pytest.mark.parametrize("change", [upright, far, close, grey, dark])
def test_other_pictures_of_the_same_face(frames: list[Frame], change: Callable[[Frame], Frame]) -> None:
    assert_same([change(pixels) for pixels in frames[:6]])


@pytest.mark.parametrize("degrees", [-40, 40])
def test_heads_that_lean(frames: list[Frame], degrees: float) -> None:
    assert_same([turned(pixels, degrees) for pixels in frames[:6]])


def test_a_head_that_leans_more_and_more(portrait: Frame) -> None:
    """Beyond what the detector finds, the tracked region carries on."""
    assert_same([turned(portrait, 6.0 * step) for step in range(16)])


def test_two_faces(portrait: Frame, frames: list[Frame]) -> None:
    hers = cv2.resize(portrait, (frames[0].shape[1], frames[0].shape[0]), interpolation=cv2.INTER_AREA)
    assert_same([np.ascontiguousarray(np.hstack([pixels, hers])) for pixels in frames[:6]], faces=2)


def test_a_face_that_leaves_and_comes_back_elsewhere(portrait: Frame) -> None:
    nobody = np.full_like(portrait, 90)
    moved = np.roll(portrait, 60, axis=1)
    clip = [portrait] * 3 + [nobody] * 3 + [moved] * 3
    assert_same(clip)
    counts = [len(faces) for faces in found(clip, "openvino", "video")]
    assert counts == [1] * 3 + [0] * 3 + [1] * 3


def test_a_face_that_jumps_is_found_in_the_same_frame(portrait: Frame) -> None:
    far_left, far_right = (cv2.copyMakeBorder(portrait, 0, 0, *sides, 0) for sides in ((0, 300), (300, 0)))
    clip = [far_left, far_left, far_right, far_right]
    counts = [len(faces) for faces in found(clip, "openvino", "video")]
    assert counts == [1] * 4


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each time that the detector was asked."""
    looks: list[None] = []
    detect = FaceDetector.detect

    def counted(self: FaceDetector, pixels: Frame) -> list[Detection]:
        looks.append(None)
        return detect(self, pixels)

    monkeypatch.setattr(FaceDetector, "detect", counted)
    return looks


@pytest.mark.parametrize("rate", [10, 30])
def test_the_detector_rests_while_a_face_is_followed(
    frames: list[Frame], looks: list[None], rate: int
) -> None:
    clip = [frames[0]] * 2 * rate
    assert [len(faces) for faces in found(clip, "openvino", "video", step=1 / rate)] == [1] * 2 * rate
    assert 3 <= len(looks) <= 8, "in two seconds"


def test_the_detector_is_asked_in_every_frame_while_nobody_is_there(looks: list[None]) -> None:
    nobody = [np.full((240, 320, 3), 90, np.uint8)] * 6
    assert list(found(nobody, "openvino", "video")) == [[]] * 6
    assert len(looks) == 6


def test_one_face_wanted_and_followed_needs_no_detector(frames: list[Frame], looks: list[None]) -> None:
    clip = [frames[0]] * 20
    assert [len(faces) for faces in found(clip, "openvino", "video", max_faces=1)] == [1] * 20
    assert len(looks) == 1


def test_who_comes_in_is_noticed_within_half_a_second_and_changes_nothing_for_the_driver(
    portrait: Frame, frames: list[Frame]
) -> None:
    hers = cv2.resize(portrait, (frames[0].shape[1], frames[0].shape[0]), interpolation=cv2.INTER_AREA)
    # With nobody beside, there are frames in the same places.
    alone = [np.ascontiguousarray(np.hstack([pixels, np.full_like(pixels, 90)])) for pixels in frames[:2]]
    both = [np.ascontiguousarray(np.hstack([pixels, hers])) for pixels in frames[:2]]
    clip = alone * 2 + both * 10
    seen = list(found(clip, "openvino", "video"))
    assert [len(faces) for faces in seen[:4]] == [1] * 4
    assert [len(faces) for faces in seen[4 + 15 :]] == [2] * 5, "15 frames are half a second"
    undisturbed = list(found(alone * 12, "openvino", "video"))
    for faces, (driver,) in zip(seen, undisturbed, strict=True):
        assert np.linalg.norm(faces[0][:, :2] - driver[:, :2], axis=1).mean() < 0.1


def test_noise_moves_a_followed_face_less_than_one_that_is_found_again(frames: list[Frame]) -> None:
    """The detector's regions tremble; those of the last frame's landmarks hardly do."""
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(frames[0] + rng.normal(0, 2, frames[0].shape), 0, 255).astype(np.uint8) for _ in range(16)
    ]
    trembling = {
        mode: np.std([faces[0][:, :2] for faces in found(noisy, "openvino", mode)][2:], axis=0).mean()
        for mode in ("video", "image")
    }
    assert trembling["video"] < 0.85 * trembling["image"]


def test_a_picture_that_changes_size_on_the_way(portrait: Frame) -> None:
    smaller = np.ascontiguousarray(portrait[40:-40, 40:-40])
    sizes = [portrait, smaller, portrait[:, 20:]]
    assert [len(faces) for faces in found(sizes, "openvino", "video")] == [1, 1, 1]


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (3, 2)])
def test_in_a_picture_of_next_to_nothing_is_nobody(size: tuple[int, int]) -> None:
    assert list(found([np.full((*size, 3), 90, np.uint8)] * 2, "openvino", "video")) == [[], []]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda pixels: pixels[..., 0],
        lambda pixels: pixels[..., :1],
        lambda pixels: np.dstack([pixels, pixels[..., :1]]),
        lambda pixels: pixels.astype(np.float32),
        lambda pixels: pixels[:0],
    ],
    ids=["grey", "one channel", "four channels", "floats", "empty"],
)
def test_what_is_no_picture_is_refused_and_the_last_one_not_looked_at_again(
    portrait: Frame, backend: str, spoil: Callable[[Frame], Frame]
) -> None:
    with FaceLandmarker(mode="video", backend=backend) as landmarker:
        assert len(landmarker.detect(portrait)) == 1
        with pytest.raises(ValueError, match=r"are \(H, W, 3\) uint8 RGB, not \("):
            landmarker.detect(spoil(portrait), 1.0)


def test_landmarkers_in_several_threads_do_not_disturb_each_other(
    frames: list[Frame], portrait: Frame
) -> None:
    clips = [frames[:8], frames[:-9:-1], [portrait] * 8, [np.full_like(portrait, 90)] * 8]

    def follow(clip: list[Frame]) -> list[list[Landmarks]]:
        return list(found(clip, "openvino", "video"))

    alone = [follow(clip) for clip in clips]
    with ThreadPoolExecutor(len(clips)) as threads:
        together = list(threads.map(follow, clips))
    for one, other in zip(itertools.chain(*alone), itertools.chain(*together), strict=True):
        assert len(one) == len(other)
        for face, same in zip(one, other, strict=True):
            # On one thread of OpenVINO's or two, sums are rounded in another order.
            np.testing.assert_allclose(face, same, atol=0.1)


@pytest.mark.parametrize("path", sorted(resources.AVATARS.glob("*.jpg")), ids=lambda path: path.stem)
def test_bundled_portraits(path: Path) -> None:
    assert_same([load_image(path).pixels], mode="image")


@pytest.mark.parametrize("name", ["allround_512.mp4", "expressive_480.mp4", "webcam_720p.mp4"])
def test_real_clips(shared: Path, name: str) -> None:
    """Blinks, wide mouths, heads that turn to the side, a face far from the camera."""
    assert_same(every(shared / "clips" / name, 1, 40))
    assert_same(every(shared / "clips" / name, 9, 22))


def test_the_faster_one_is_taken_where_both_work() -> None:
    with FaceLandmarker(mode="image") as landmarker:
        assert (landmarker.backend, landmarker.notices) == ("openvino", ())


class Sleeper:
    """A backend that takes so long, in seconds, for a frame."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def detect(self, *_: object) -> list[Landmarks]:
        time.sleep(self._seconds)
        return []

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A processor on which nobody has measured yet, with nothing remembered."""
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("openvino", "mediapipe"), [(0, 0.02), (0.02, 0)])
def test_where_nobody_has_measured_the_quicker_one_is_found_out_and_remembered(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, openvino: float, mediapipe: float
) -> None:
    made: list[str] = []

    def factories(seconds: dict[str, float]) -> dict[str, Callable[[Mode, int], Sleeper]]:
        def factory(name: str) -> Callable[[Mode, int], Sleeper]:
            return lambda *_: made.append(name) or Sleeper(seconds[name])

        return {name: factory(name) for name in seconds}

    seconds = {"openvino": openvino, "mediapipe": mediapipe}
    order = quickest_first(factories(seconds))
    assert order == sorted(seconds, key=lambda name: seconds[name])
    assert sorted(made) == ["mediapipe", "openvino"]
    # The next start.
    assert quickest_first(factories(seconds)) == order
    assert len(made) == 2


def test_one_that_does_not_work_comes_last_and_is_tried_again_at_the_next_start(elsewhere: Path) -> None:
    def missing(*_: object) -> Sleeper:
        raise ImportError("No module named 'openvino'")

    assert quickest_first({"openvino": missing, "mediapipe": lambda *_: Sleeper(0)}) == [
        "mediapipe",
        "openvino",
    ]
    assert not list(elsewhere.iterdir())


def test_the_real_ones_are_measured(elsewhere: Path, portrait: Frame) -> None:
    with FaceLandmarker(mode="image") as landmarker:
        assert len(landmarker.detect(portrait)) == 1
    (entry,) = elsewhere.glob("tracker-*.bin")
    assert set(cache.read_record(entry) or {}) == set(BACKENDS)


def test_where_openvino_does_not_work_mediapipe_is_taken_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, portrait: Frame
) -> None:
    def missing(*_: object) -> None:
        raise ImportError("No module named 'openvino'")

    monkeypatch.setitem(BACKENDS, "openvino", missing)
    with FaceLandmarker(mode="image") as landmarker:
        assert landmarker.backend == "mediapipe"
        assert len(landmarker.detect(portrait)) == 1
    (notice,) = landmarker.notices
    assert "openvino does not work here (No module named 'openvino'); mediapipe is used" in notice
    with pytest.raises(ConfigError, match=r"openvino does not work here .* choose another --tracker"):
        FaceLandmarker(mode="image", backend="openvino")


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ConfigError, match='"dlib" is unknown; choose auto, openvino, mediapipe'):
        FaceLandmarker(mode="image", backend="dlib")


def test_a_closed_one_says_so(portrait: Frame) -> None:
    landmarker = FaceLandmarker(mode="image")
    landmarker.close()
    with pytest.raises(ValueError, match="closed"):
        landmarker.detect(portrait)


def test_neither_needs_the_other() -> None:
    code = (
        "import sys; import numpy as np; from fomm.faces import FaceLandmarker; "
        "FaceLandmarker(mode='image', backend=sys.argv[1]).detect(np.zeros((64, 64, 3), np.uint8)); "
        "print(*{'openvino', 'mediapipe', 'torch'} & set(sys.modules))"
    )
    for backend in BACKENDS:
        done = subprocess.run(
            [sys.executable, "-c", code, backend], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.split() == [backend]
