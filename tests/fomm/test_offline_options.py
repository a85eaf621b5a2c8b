"""What `fomm animate` can be asked for besides: crops, the best frame, batches, layouts, own models, long clips."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fomm
from fomm import resources
from fomm.animators import MODELS, Frame, Motion, SourceImage
from fomm.errors import ConfigError, NoFaceError
from fomm.faces import FaceLandmarker, face_box
from fomm.images import load_image
from fomm.offline import Animation, animate, animate_to_file
from fomm.offline.driver import FaceTrack, survey
from fomm.video import VideoReader, VideoWriter

Pixels = NDArray[np.uint8]

RATE = 25
PICTURE = resources.AVATARS / "eileen-collins.jpg"


@dataclass(frozen=True)
class Rest:
    portrait: Frame


class Copycat:
    """Shows the driving frame's mean colour; keeps what it was asked for."""

    name, device = "copycat", "cpu"

    def __init__(self, needs_face: bool = True) -> None:
        self.needs_face = needs_face
        self.prepared: list[SourceImage] = []
        self.motions: list[Motion] = []

    def prepare(self, source: SourceImage) -> Rest:
        self.prepared.append(source)
        return Rest(source.pixels)

    def drive(self, state: Rest, motion: Motion) -> Frame:
        self.motions.append(motion)
        colour = motion.driving.pixels[::4, ::4].mean(axis=(0, 1))
        return np.broadcast_to(colour, state.portrait.shape).astype(np.uint8)


@pytest.fixture
def copycat(monkeypatch: pytest.MonkeyPatch) -> Copycat:
    animator = Copycat()
    monkeypatch.setitem(MODELS, "copycat", lambda: animator)
    return animator


@pytest.fixture(scope="session")
def poses() -> list[Pixels]:
    """Frames of the bundled clip half a second apart, whose poses differ."""
    with VideoReader(resources.CLIPS / "talking_head.mp4") as reader:
        return [pixels for pixels, _ in islice(reader, 0, 120, 15)]


@pytest.fixture(scope="session")
def portrait() -> SourceImage:
    return load_image(PICTURE, max_side=320)


@pytest.fixture
def faces(make_small_model: Callable[..., Any]) -> dict[str, Any]:
    """A small model of faces, by its own config, with random weights."""
    small = make_small_model("faces", face_crop=True)
    return {"model": str(small.config), "checkpoint": str(small.checkpoint), "device": "cpu"}


@pytest.fixture
def bodies(make_small_model: Callable[..., Any]) -> dict[str, Any]:
    """A small model of whole frames."""
    small = make_small_model("bodies")
    return {"model": str(small.config), "checkpoint": str(small.checkpoint), "device": "cpu"}


def video(path: Path, frames: list[Pixels]) -> Path:
    height, width, _ = frames[0].shape
    with VideoWriter(path, size=(width, height), rate=RATE, crf=6) as writer:
        for pixels in frames:
            writer.write(pixels)
    return path


def wide(frames: list[Pixels], *, drift: int = 0) -> list[Pixels]:
    """The frames at half their size in wide pictures, the head drifting to the right."""
    made = []
    for index, pixels in enumerate(frames):
        canvas = np.full((320, 640, 3), 120, np.uint8)
        left = 40 + drift * index
        canvas[30:286, left : left + 256] = pixels[::2, ::2]
        made.append(canvas)
    return made


class TestCrop:
    def test_driving_frames_are_cut_to_one_square_that_holds_the_face(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels], portrait: SourceImage
    ) -> None:
        clip = video(tmp_path / "a.mp4", wide(poses, drift=20))
        frames = list(animate(portrait, clip, model="copycat", crop="driving"))
        assert len(frames) == len(copycat.motions) == len(poses)
        side = copycat.motions[0].driving.pixels.shape[0]
        assert side < 320
        with FaceLandmarker(mode="image") as landmarker:
            for motion in copycat.motions:
                assert motion.driving.pixels.shape == (side, side, 3)
                assert motion.driving.landmarks is not None
                left, top, right, bottom = face_box(motion.driving.landmarks)
                assert min(left, top) >= 0
                assert max(right, bottom) <= side
                # The landmarks are where the face is in the square.
                (found,) = landmarker.detect(motion.driving.pixels)
                assert np.abs(found - motion.driving.landmarks)[:, :2].mean() < 3

    def test_the_source_is_cut_around_its_face(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels], portrait: SourceImage
    ) -> None:
        frames = list(animate(portrait, video(tmp_path / "a.mp4", poses[:2]), model="copycat", crop="source"))
        (cut,) = copycat.prepared
        side = cut.pixels.shape[0]
        assert cut.pixels.shape == (side, side, 3)
        assert side < 0.8 * min(portrait.pixels.shape[:2])
        assert frames[0].pixels.shape == cut.pixels.shape
        assert copycat.motions[0].driving.pixels.shape == poses[0].shape

    def test_nothing_is_cut_for_the_bundled_model(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels], portrait: SourceImage
    ) -> None:
        list(animate(portrait, video(tmp_path / "a.mp4", poses[:2]), model="copycat"))
        assert copycat.prepared[0].pixels is portrait.pixels
        assert copycat.motions[0].driving.pixels.shape == poses[0].shape

    def test_models_of_faces_are_shown_both_faces(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        """The same crops made by hand give the same frames."""
        clip = video(tmp_path / "a.mp4", wide(poses[:4]))
        ours = [frame.pixels for frame in animate(portrait, clip, **faces)]
        explicit = [frame.pixels for frame in animate(portrait, clip, crop="both", **faces)]
        whole = [frame.pixels for frame in animate(portrait, clip, crop="none", **faces)]
        assert ours[0].shape == (64, 64, 3)
        np.testing.assert_array_equal(ours, explicit)
        assert np.abs(ours[0].astype(int) - whole[0]).mean() > 5

    def test_without_crops_a_model_of_faces_needs_none(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels]
    ) -> None:
        """Pictures that were cropped before, of cartoons, say."""
        source = SourceImage(np.ascontiguousarray(poses[0][412:]), "a shoulder")
        clip = video(tmp_path / "a.mp4", [np.ascontiguousarray(pixels[412:]) for pixels in poses[:4]])
        frames = list(animate(source, clip, crop="none", **faces))
        assert all(frame.driven for frame in frames)
        with pytest.raises(NoFaceError, match="a shoulder: no face found"):
            animate(source, clip, **faces)
        with pytest.raises(NoFaceError, match="no face in any frame"):
            list(animate(source, clip, crop="driving", **faces))

    def test_a_lost_face_holds_the_last_frame(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        gap = [np.full_like(poses[0], 90)] * 3
        frames = list(animate(portrait, video(tmp_path / "a.mp4", poses[:2] + gap + poses[2:4]), **faces))
        assert [frame.driven for frame in frames] == [True] * 2 + [False] * 3 + [True] * 2
        for frame in frames[2:5]:
            np.testing.assert_array_equal(frame.pixels, frames[1].pixels)
            assert frame.pixels is not frames[1].pixels, "every frame belongs to the caller"

    def test_a_face_that_goes_far_about_is_told(self, tmp_path: Path, poses: list[Pixels]) -> None:
        frames = []
        for index, pixels in enumerate(poses):
            canvas = np.full((400, 800, 3), 120, np.uint8)
            canvas[60:316, 77 * index : 77 * index + 256] = pixels[::2, ::2]
            frames.append(canvas)
        with survey(video(tmp_path / "a.mp4", frames)) as ahead:
            (notice,) = ahead.notices
        assert notice.startswith("a.mp4: the face goes far about")


class TestBestFrame:
    def test_it_is_the_neutral_pose_of_all_and_their_order_is_kept(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels]
    ) -> None:
        clip = video(tmp_path / "a.mp4", poses)
        done = animate_to_file(
            SourceImage(poses[5]), clip, tmp_path / "out.mp4", model="copycat", neutral="best"
        )
        assert done.notices == ("a.mp4: frame 5 is most like the picture, and the neutral pose.",)
        assert done.frames == len(poses)
        neutral = copycat.motions[0].neutral
        assert all(motion.neutral is neutral for motion in copycat.motions)
        for index, motion in enumerate(copycat.motions):
            difference = np.abs(motion.driving.pixels.astype(int) - poses[index]).mean()
            assert difference < 3
        np.testing.assert_array_equal(neutral.pixels, copycat.motions[5].driving.pixels)
        np.testing.assert_array_equal(neutral.landmarks, copycat.motions[5].driving.landmarks)

    def test_size_and_place_do_not_matter(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels]
    ) -> None:
        clip = video(tmp_path / "a.mp4", wide(poses, drift=15))
        list(animate(SourceImage(poses[3]), clip, model="copycat", neutral="best", crop="driving"))
        neutral = copycat.motions[0].neutral
        np.testing.assert_array_equal(neutral.pixels, copycat.motions[3].driving.pixels)

    def test_a_neural_model_is_at_rest_there(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels]
    ) -> None:
        """Relative motion from the best frame to itself is none: the picture as the model draws it at rest."""
        clip = video(tmp_path / "a.mp4", poses)
        best = [frame.pixels for frame in animate(SourceImage(poses[4]), clip, neutral="best", **faces)]
        number = [frame.pixels for frame in animate(SourceImage(poses[4]), clip, neutral=4, **faces)]
        np.testing.assert_array_equal(best, number)
        first = [frame.pixels for frame in animate(SourceImage(poses[4]), clip, **faces)]
        assert np.abs(first[4].astype(int) - best[4]).mean() > 0.05

    def test_a_picture_without_a_face(
        self, tmp_path: Path, bodies: dict[str, Any], poses: list[Pixels]
    ) -> None:
        wall = SourceImage(np.full((128, 128, 3), 90, np.uint8), "wall")
        clip = video(tmp_path / "a.mp4", poses[:2])
        with pytest.raises(NoFaceError, match=r"wall: no face found to compare .* by its number"):
            list(animate(wall, clip, neutral="best", **bodies))


class TestNeuralModels:
    def test_batches_give_the_same_frames(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        gap = [np.full_like(poses[0], 90)] * 2
        clip = video(tmp_path / "a.mp4", gap + poses[:4] + gap + poses[4:])
        one = list(animate(portrait, clip, batch=1, **faces))
        three = list(animate(portrait, clip, batch=3, **faces))
        assert [frame.timestamp for frame in one] == [frame.timestamp for frame in three]
        assert [frame.driven for frame in one] == [frame.driven for frame in three]
        for alone, together in zip(one, three, strict=True):
            assert np.abs(alone.pixels.astype(int) - together.pixels).max() <= 1

    def test_absolute_relative_and_scaled_motion_differ(
        self, tmp_path: Path, bodies: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        clip = video(tmp_path / "a.mp4", poses[:3])
        kinds: list[dict[str, Any]] = [{}, {"relative": False}, {"adapt_scale": True}]
        last = [list(animate(portrait, clip, **bodies, **kind))[-1].pixels.astype(int) for kind in kinds]
        assert np.abs(last[0] - last[1]).mean() > 1
        assert np.abs(last[0] - last[2]).max() > 0

    def test_options_of_neural_models_are_refused_by_others(self, portrait: SourceImage) -> None:
        for options in ({"relative": False}, {"adapt_scale": True}, {"batch": 2}):
            with pytest.raises(ConfigError, match="landmark-warp"):
                Animation(portrait, **options)  # type: ignore[arg-type]

    def test_several_clips_with_one_picture(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        """Nothing of one clip is left over in the next."""
        clips = [video(tmp_path / "a.mp4", poses[:3]), video(tmp_path / "b.mp4", wide(poses[3:6]))]
        shared = Animation(portrait, **faces)
        for clip in clips:
            again = [frame.pixels for frame in shared.frames(clip)]
            np.testing.assert_array_equal(again, [frame.pixels for frame in animate(portrait, clip, **faces)])

    def test_from_the_top_of_the_package(
        self, tmp_path: Path, bodies: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        with VideoReader(video(tmp_path / "a.mp4", poses[:2])) as reader:
            frames = list(fomm.animate(portrait, reader, **bodies))
        assert [frame.pixels.shape for frame in frames] == [(64, 64, 3)] * 2


class TestLayout:
    def test_pasted_back_into_the_whole_picture(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        clip = video(tmp_path / "a.mp4", poses[:3])
        animation = Animation(portrait, paste_back=True, **faces)
        frames = [frame.pixels for frame in animation.frames(clip)]
        height, width = portrait.pixels.shape[:2]
        assert animation.size == (width, height)
        changed = np.any(frames[-1] != portrait.pixels, axis=-1)
        assert not changed[:8].any()
        assert not changed[-8:].any()
        assert changed.mean() > 0.1

    def test_a_whole_frame_model_is_pasted_over_all_of_it(
        self, tmp_path: Path, bodies: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        oblong = SourceImage(np.ascontiguousarray(portrait.pixels[:200]))
        (frame,) = animate(oblong, video(tmp_path / "a.mp4", poses[:1]), paste_back=True, **bodies)
        assert frame.pixels.shape == oblong.pixels.shape
        assert np.any(frame.pixels != oblong.pixels, axis=-1).mean() > 0.9

    def test_the_bundled_model_has_nothing_to_paste(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels], portrait: SourceImage
    ) -> None:
        clip, model = video(tmp_path / "a.mp4", poses[:1]), {"model": "copycat", "paste_back": True}
        (frame,) = animate(portrait, clip, **model)
        assert frame.pixels.shape == portrait.pixels.shape
        told = "copycat animates the whole picture; --paste-back has nothing to add."
        assert told in animate_to_file(portrait, clip, tmp_path / "out.mp4", **model).notices
        cropped = animate_to_file(portrait, clip, tmp_path / "cut.mp4", crop="source", **model)
        assert told not in cropped.notices

    def test_side_by_side(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels], portrait: SourceImage
    ) -> None:
        clip = video(tmp_path / "a.mp4", wide(poses[:3]))
        done = animate_to_file(portrait, clip, tmp_path / "out.mp4", model="copycat", side_by_side=True)
        height, width = portrait.pixels.shape[:2]
        assert done.size == (width + 2 * height + width, height)
        frames = list(animate(portrait, clip, model="copycat", side_by_side=True))
        np.testing.assert_array_equal(frames[1].pixels[:, :width], portrait.pixels)
        shown = frames[1].pixels[:, width : width + 2 * height]
        assert np.abs(shown.mean(axis=(0, 1)) - wide(poses)[1].mean(axis=(0, 1))).max() < 3

    def test_side_by_side_with_crops_shows_the_crops(
        self, tmp_path: Path, faces: dict[str, Any], poses: list[Pixels], portrait: SourceImage
    ) -> None:
        (frame,) = animate(portrait, video(tmp_path / "a.mp4", wide(poses[:1])), side_by_side=True, **faces)
        assert frame.pixels.shape == (64, 3 * 64, 3)


class TestLargeAndLong:
    def test_a_large_picture_is_scaled_down_and_told(
        self, tmp_path: Path, copycat: Copycat, poses: list[Pixels]
    ) -> None:
        clip = video(tmp_path / "a.mp4", poses[:1])
        large = SourceImage(np.zeros((1000, 500, 3), np.uint8), "large")
        done = animate_to_file(large, clip, tmp_path / "a.gif", model="copycat", max_side=100)
        assert done.size == (50, 100)
        assert done.notices == ("large: 500x1000 is animated at 50x100; --max-side changes that.",)
        assert animate_to_file(large, clip, tmp_path / "b.gif", model="copycat").notices == ()
        file = animate_to_file(PICTURE, clip, tmp_path / "c.gif", model="copycat", max_side=256)
        assert file.size == (256, 256)
        assert file.notices == (
            "eileen-collins.jpg: 768x768 is animated at 256x256; --max-side changes that.",
        )

    def test_the_faces_of_a_clip_are_kept_on_disk(self) -> None:
        track = FaceTrack()
        faces = [np.full((478, 3), index, np.float32) for index in range(5)]
        for face in [*faces[:2], None, *faces[2:]]:
            track.append(face)
        assert len(track) == 6
        assert track[2] is None
        np.testing.assert_array_equal(track[4], faces[3])
        np.testing.assert_array_equal(track[0], faces[0])
        with pytest.raises(IndexError):
            track[6]
        track.close()
        track.close()

    @pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE on this system")
    def test_memory_does_not_grow_with_the_clip(self, tmp_path: Path) -> None:
        """The peak after 500 frames is that after 100: queues are bounded, and frames are let go."""
        with VideoWriter(tmp_path / "long.mp4", size=(960, 540), preset="ultrafast") as writer:
            for index in range(500):
                writer.write(np.full((540, 960, 3), index % 200, np.uint8))
        program = f"""
import resource, sys
import numpy as np
from fomm.animators import MODELS, SourceImage
from fomm.offline import animate_to_file
from tests.fomm.test_offline_options import Copycat

class Forgetful(Copycat):
    def drive(self, state, motion):
        frame = super().drive(state, motion)
        self.motions.clear()
        return frame

MODELS["copycat"] = lambda: Forgetful(needs_face=False)
peaks = {{}}

def progress(doing, done, total):
    peaks[done] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

source = SourceImage(np.zeros((128, 128, 3), np.uint8))
done = animate_to_file(source, {str(tmp_path / "long.mp4")!r}, {str(tmp_path / "out.mp4")!r},
                       model="copycat", progress=progress)
unit = 1 if sys.platform == "darwin" else 1024
print(done.frames, (peaks[500] - peaks[100]) * unit / 1e6)
"""
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            cwd=Path(__file__).parent.parent.parent,
        )
        assert result.returncode == 0, result.stderr
        frames, megabytes = result.stdout.split()
        assert int(frames) == 500
        # Those 400 frames are 311 MB as they come out of the decoder, and 622 MB as RGB.
        assert float(megabytes) < 40
