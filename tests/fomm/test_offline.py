"""Animating with a video file: one frame out for each frame in, whatever happens to the face."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fomm import resources
from fomm.animators import MODELS, Frame, Motion, SourceImage
from fomm.errors import ConfigError, FommError, ImageError, NoFaceError, VideoError
from fomm.offline import animate, animate_to_file
from fomm.video import VideoReader, VideoWriter

Pixels = NDArray[np.uint8]

CLIP = resources.CLIPS / "talking_head.mp4"
PICTURE = resources.AVATARS / "eileen-collins.jpg"
RATE = 25


@dataclass(frozen=True)
class Probe:
    """What the animator below was asked for: the time of the driving frame, and how strongly."""

    motions: list[Motion]
    portrait: Frame
    notices: tuple[str, ...] = ()


class ProbeAnimator:
    """Paints the strength of each motion, 1 to 100, over the whole picture; the portrait is 200."""

    name, device, needs_face = "probe", "cpu", True

    def __init__(self) -> None:
        self.motions: list[Motion] = []

    def prepare(self, source: SourceImage) -> Probe:
        return Probe(self.motions, np.full_like(source.pixels, 200))

    def drive(self, state: Probe, motion: Motion) -> Frame:
        state.motions.append(motion)
        return np.full_like(state.portrait, round(motion.strength * 99) + 1)


class WholeFrameProbe(ProbeAnimator):
    """As the models that work without a face."""

    needs_face = False


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> ProbeAnimator:
    animator = ProbeAnimator()
    monkeypatch.setitem(MODELS, "probe", lambda: animator)
    return animator


@pytest.fixture(scope="session")
def talking() -> list[Pixels]:
    """The first frames of the bundled clip."""
    with VideoReader(CLIP) as reader:
        return [pixels for pixels, _ in islice(reader, 12)]


@pytest.fixture
def source() -> SourceImage:
    return SourceImage(np.full((80, 100, 3), 7, np.uint8), "grey")


def video(path: Path, frames: list[Pixels], times: list[float] | None = None) -> Path:
    height, width, _ = frames[0].shape
    with VideoWriter(path, size=(width, height), rate=RATE) as writer:
        for index, pixels in enumerate(frames):
            writer.write(pixels, times[index] if times else None)
    return path


def blank(talking: list[Pixels], count: int) -> list[Pixels]:
    return [np.full_like(talking[0], 90)] * count


def strengths(frames: Any) -> list[int]:
    return [int(frame.pixels[0, 0, 0]) for frame in frames]


def test_one_frame_for_each_at_its_time(
    tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
) -> None:
    times = [0.0, 0.04, 0.1, 0.11, 0.3, 0.35, 0.4, 0.7, 0.8, 0.82, 0.9, 1.0]
    frames = list(animate(source, video(tmp_path / "a.mp4", talking, times), model="probe"))
    assert [frame.timestamp for frame in frames] == pytest.approx(times, abs=1e-4)
    assert all(frame.driven and frame.pixels.shape == source.pixels.shape for frame in frames)
    assert len(probe.motions) == 12
    # Frame i is made from driving frame i, and the first one is the neutral pose of all.
    for motion, pixels in zip(probe.motions, talking, strict=True):
        assert np.abs(motion.driving.pixels.astype(int) - pixels).mean() < 4
        assert motion.neutral is probe.motions[0].driving
        assert motion.strength == 1


def test_neutral_frame_by_number(
    tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
) -> None:
    clip = video(tmp_path / "a.mp4", talking)
    list(animate(source, clip, model="probe", neutral=7))
    neutral = probe.motions[0].neutral
    np.testing.assert_array_equal(neutral.pixels, probe.motions[7].driving.pixels)
    # Found afresh in the frame for itself, while a face that is followed is read from where it was before.
    apart = np.linalg.norm((neutral.landmarks - probe.motions[7].driving.landmarks)[:, :2], axis=1)
    assert apart.mean() < 1.5


def test_portrait_until_the_first_face(
    tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
) -> None:
    clip = video(tmp_path / "late.mp4", blank(talking, 10) + talking[:3])
    frames = list(animate(source, clip, model="probe"))
    assert strengths(frames) == [200] * 10 + [100] * 3
    assert [frame.driven for frame in frames] == [False] * 10 + [True] * 3
    assert probe.motions[0].neutral is probe.motions[0].driving


def test_portrait_until_the_first_face_with_a_neutral_frame_of_choice(
    tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
) -> None:
    clip = video(tmp_path / "late.mp4", blank(talking, 4) + talking[:3])
    assert strengths(animate(source, clip, model="probe", neutral=5)) == [200] * 4 + [100] * 3


def test_lost_face_is_held_then_eased_within_a_second(
    tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
) -> None:
    lost = 2 * RATE
    clip = video(tmp_path / "lost.mp4", talking[:4] + blank(talking, lost) + talking[4:12])
    frames = list(animate(source, clip, model="probe"))
    shown = strengths(frames)
    during = shown[4 : 4 + lost]
    assert shown[:4] == [100] * 4
    assert during[: RATE // 5] == [100] * (RATE // 5), "held"
    assert during[RATE - 1 :] == [1] * (lost - RATE + 1), "neutral within a second, and staying so"
    assert during == sorted(during, reverse=True)
    assert max(np.abs(np.diff(during))) < 20, "eased, without a jump"
    # All that time the last face drives, never the frames without one.
    assert all(motion.driving.landmarks is not None for motion in probe.motions)
    after = shown[4 + lost :]
    assert after == sorted(after), "eased in again"
    assert after[-1] == 100


def test_a_blink_of_the_tracker_changes_nothing(
    tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
) -> None:
    clip = video(tmp_path / "a.mp4", talking[:4] + blank(talking, 2) + talking[4:8])
    assert strengths(animate(source, clip, model="probe")) == [100] * 10


def test_frames_are_made_lazily(
    tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
) -> None:
    frames = animate(source, video(tmp_path / "a.mp4", talking), model="probe")
    next(frames)
    assert len(probe.motions) == 1
    assert isinstance(frames, Iterator)
    before = threading.active_count()
    frames.close()  # type: ignore[attr-defined]
    assert threading.active_count() < before


def test_models_without_faces_take_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, talking: list[Pixels], source: SourceImage
) -> None:
    animator = WholeFrameProbe()
    monkeypatch.setitem(MODELS, "whole", lambda: animator)
    frames = list(animate(source, video(tmp_path / "a.mp4", blank(talking, 5)), model="whole"))
    assert strengths(frames) == [100] * 5
    assert all(motion.driving.landmarks is None for motion in animator.motions)


class TestToFile:
    def test_size_count_rate(self, tmp_path: Path, talking: list[Pixels]) -> None:
        """The real animator: a small picture of odd size."""
        with Image.open(PICTURE) as picture:
            picture.resize((201, 251)).save(tmp_path / "odd.png")
        seen: list[tuple[str, int, int | None]] = []
        done = animate_to_file(
            tmp_path / "odd.png",
            video(tmp_path / "a.mp4", talking),
            tmp_path / "out.mp4",
            mouth="painted",
            progress=lambda *done: seen.append(done),
        )
        assert (done.size, done.frames, done.undriven, done.device) == ((201, 251), 12, 0, "cpu")
        assert seen == [("animating", count, 12) for count in range(1, 13)]
        with VideoReader(done.path) as reader:
            assert (reader.size, reader.rate, reader.frame_count) == ((202, 252), RATE, 12)
            first, _ = next(iter(reader))
        # The first driving frame is the neutral pose: the portrait itself, but for the edge of the cut-out.
        with Image.open(tmp_path / "odd.png") as picture:
            original = np.asarray(picture.convert("L"), int)
        assert np.abs(np.asarray(Image.fromarray(first[:251, :201]).convert("L")) - original).mean() < 4
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "odd.png", "out.mp4"]

    def test_portrait_video_of_varying_rate(
        self, tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
    ) -> None:
        upright = [np.ascontiguousarray(pixels[:, 100:400]) for pixels in talking]
        times = list(np.cumsum([0, *[0.03, 0.07] * 5, 0.2]))
        clip = video(tmp_path / "a.mp4", upright, times)
        done = animate_to_file(source, clip, tmp_path / "out.mp4", model="probe")
        with VideoReader(done.path) as reader:
            assert [time for _, time in reader] == pytest.approx(times, abs=1e-4)

    def test_notices_of_the_source_are_handed_on(
        self, tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels]
    ) -> None:
        source = SourceImage(np.zeros((64, 64, 3), np.uint8), "dots", ("dots: mind the gap.",))
        clip = video(tmp_path / "a.mp4", talking[:2] + blank(talking, 1))
        done = animate_to_file(source, clip, tmp_path / "out.mp4", model="probe")
        assert done.notices == ("dots: mind the gap.",)
        assert (done.frames, done.undriven) == (3, 1)

    def test_what_is_missing_of_a_video_is_told(
        self, tmp_path: Path, probe: ProbeAnimator, source: SourceImage
    ) -> None:
        whole = CLIP.read_bytes()
        clip = tmp_path / "cut.mp4"
        clip.write_bytes(whole[: len(whole) // 8])
        done = animate_to_file(source, clip, tmp_path / "out.mp4", model="probe")
        assert 1 < done.frames < 100
        assert f"cut.mp4: only {done.frames} of its 300 frames can be read." in done.notices

    def test_a_size_that_few_players_show_is_told(
        self, tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels]
    ) -> None:
        wide = SourceImage(np.zeros((64, 4098, 3), np.uint8))
        clip = video(tmp_path / "a.mp4", talking[:2])
        done = animate_to_file(wide, clip, tmp_path / "out.mp4", model="probe", max_side=5000)
        assert done.notices == ("out.mp4: 4098x64 is more than many players show; use a smaller picture.",)

    def test_existing_output_is_refused_before_any_work(
        self, tmp_path: Path, probe: ProbeAnimator, source: SourceImage
    ) -> None:
        (tmp_path / "out.mp4").write_bytes(b"precious")
        with pytest.raises(VideoError, match="already exists"):
            animate_to_file(source, tmp_path / "missing.mp4", tmp_path / "out.mp4", model="probe")
        assert (tmp_path / "out.mp4").read_bytes() == b"precious"

    def test_overwrite_replaces_only_on_success(
        self, tmp_path: Path, probe: ProbeAnimator, talking: list[Pixels], source: SourceImage
    ) -> None:
        output = tmp_path / "out.mp4"
        output.write_bytes(b"precious")
        with pytest.raises(NoFaceError):
            animate_to_file(
                source, video(tmp_path / "no.mp4", blank(talking, 3)), output, model="probe", overwrite=True
            )
        assert output.read_bytes() == b"precious"
        clip = video(tmp_path / "a.mp4", talking[:3])
        animate_to_file(source, clip, output, model="probe", overwrite=True)
        with VideoReader(output) as reader:
            assert len(list(reader)) == 3
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "no.mp4", "out.mp4"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, VideoError, ZeroDivisionError])
    def test_nothing_half_written_is_left(
        self,
        tmp_path: Path,
        probe: ProbeAnimator,
        talking: list[Pixels],
        source: SourceImage,
        error: type[BaseException],
    ) -> None:
        def stop(doing: str, count: int, total: int | None) -> None:
            if count == 3:
                raise error("now")

        threads = threading.active_count()
        clip = video(tmp_path / "a.mp4", talking)
        with pytest.raises(error):
            animate_to_file(source, clip, tmp_path / "out.mp4", model="probe", progress=stop)
        assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
        assert threading.active_count() == threads


REFUSED: dict[str, tuple[dict[str, Any], type[FommError], str]] = {
    "unknown model": ({"model": "vox-9000"}, ConfigError, "unknown model 'vox-9000'; choose one of"),
    "unknown option": ({"hair": "long"}, ConfigError, "does not take the option 'hair'"),
    "missing picture": ({"source": "nobody.jpg"}, ImageError, "nobody.jpg: no such file"),
    "missing video": ({"driving": "nothing.mp4"}, VideoError, "nothing.mp4: no such file"),
    "no such frame": ({"neutral": 99}, VideoError, "has no frame 99"),
    "no face in the neutral frame": ({"neutral": 2}, NoFaceError, "no face in frame 2"),
    "no face at all": ({"driving": "blank.mp4"}, NoFaceError, "no face in any frame"),
    "no face in the picture": ({"model": "landmark-warp"}, NoFaceError, "grey: no face found"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(
    tmp_path: Path,
    probe: ProbeAnimator,
    talking: list[Pixels],
    source: SourceImage,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    video(tmp_path / "a.mp4", talking[:2] + blank(talking, 1))
    video(tmp_path / "blank.mp4", blank(talking, 3))
    given: dict[str, Any] = {"source": source, "driving": "a.mp4", "model": "probe"}
    changed, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message) as error:
        animate_to_file(output="out.mp4", **(given | changed))
    assert "\n" not in str(error.value)
    assert not Path("out.mp4").exists()
