"""What is measured of a frame, on made detectors and embedders whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from fomm.animators import Frame
from fomm.evaluation.metrics import Judge, Scores, Tally
from fomm.face_points import MediaPipePoints, Points
from tests.fomm.faces import collins

ANCHORS = (1, 2, 3, 4, 5)


@dataclass
class BrightnessDetector:
    """Finds a face wherever the picture is not black, further right the brighter it is."""

    name: str = "brightness"
    anchors: tuple[int, int, int, int, int] = ANCHORS
    seen: list[float] = field(default_factory=list)

    def detect(self, pixels: Frame) -> Points | None:
        level = float(pixels.mean())
        self.seen.append(level)
        return np.tile(np.array([level, 0], np.float32), (6, 1)) if level else None

    def close(self) -> None: ...


class PlaceEmbedder:
    """The first anchor's place, thrice over."""

    name = "place"

    def embed(self, pixels: Frame, anchors: Points) -> NDArray[np.float32]:
        assert anchors.shape == (5, 2)
        return np.repeat(anchors[0, :1], 4)


def flat(level: int) -> Frame:
    return np.full((8, 8, 3), level, np.uint8)


def result(level: float) -> NDArray[np.float32]:
    return np.full((8, 8, 3), level / 255, np.float32)


def test_one_frame() -> None:
    judge = Judge(BrightnessDetector(), PlaceEmbedder())
    scores = judge.scores(judge.compare(flat(100), result(103)))
    assert scores.l1 == pytest.approx(3 / 255)
    assert scores.akd == pytest.approx(3)
    assert scores.aed == pytest.approx(3 * 2)  # the root of four times three squared
    assert (scores.frames, scores.faces, scores.mkr) == (1, 1, 0)


def test_colours_are_compared_before_they_are_rounded() -> None:
    detector = BrightnessDetector()
    tally = Judge(detector, None).compare(flat(100), result(100.4))
    assert tally.difference == pytest.approx(0.4 / 255, rel=1e-3)
    assert detector.seen == [100, 100]


def test_out_of_range_results_do_not_wrap_around() -> None:
    detector = BrightnessDetector()
    Judge(detector, None).compare(flat(100), result(300))
    assert detector.seen == [100, 255]


def test_frames_without_a_face_count_in_colours_only() -> None:
    judge = Judge(BrightnessDetector(), None)
    pairs = [(100, 104), (100, 0), (0, 50), (100, 108)]
    tally = sum((judge.compare(flat(true), result(made)) for true, made in pairs), Tally())
    scores = judge.scores(tally)
    assert scores.l1 == pytest.approx((4 + 100 + 50 + 8) / 4 / 255)
    assert scores.akd == pytest.approx(6)
    assert scores.mkr == pytest.approx(1 / 3)
    assert (scores.frames, scores.faces, scores.aed) == (4, 3, None)


def test_means_are_over_frames_not_over_clips() -> None:
    judge = Judge(BrightnessDetector(), None)
    short = judge.compare(flat(100), result(109))
    long = sum((judge.compare(flat(100), result(100)) for _ in range(8)), Tally())
    assert judge.scores(short + long).akd == pytest.approx(1)


def test_all_faces_lost_leaves_no_distance() -> None:
    judge = Judge(BrightnessDetector(), PlaceEmbedder())
    scores = judge.scores(judge.compare(flat(100), result(0)))
    assert (scores.akd, scores.mkr, scores.aed) == (None, 1.0, None)


def test_without_a_detector_only_colours_are_measured() -> None:
    judge = Judge(None, PlaceEmbedder())
    assert judge.scores(judge.compare(flat(100), result(100))) == Scores(1, 0.0, None, None, None, None)


def test_a_perfect_reconstruction_of_a_face_scores_nothing() -> None:
    pixels = collins().image.pixels
    detector = MediaPipePoints()
    judge = Judge(detector, None)
    scores = judge.scores(judge.compare(pixels, pixels.astype(np.float32) / 255))
    shifted = judge.compare(pixels, np.roll(pixels, 4, axis=1).astype(np.float32) / 255)
    detector.close()
    assert (scores.l1, scores.akd, scores.mkr) == (0, 0, 0)
    assert judge.scores(shifted).akd == pytest.approx(4, abs=1), "pixels of the frame"
