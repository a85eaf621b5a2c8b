from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm.animators.base import DrivingFrame, Landmarks
from fomm.errors import ConfigError
from fomm.landmarks import pose_between
from live.calibration import Calibration, Memory, parse_neutral
from tests.live.calibration.faces import SIZE, driving, face

RATE = 20


class Session:
    """Frames in, one after the other; which of them is the neutral pose after each."""

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self.frames: list[DrivingFrame] = []
        self.begun: list[int] = []

    def play(self, faces: Iterable[Landmarks | None], *, size: tuple[int, int] = SIZE) -> list[int | None]:
        held = []
        for landmarks in faces:
            frame = driving(landmarks, size)
            index = len(self.frames)
            self.frames.append(frame)
            if self.calibration.follow(index, frame, index / RATE, avatar=face(scale=2)):
                self.begun.append(index)
            held.append(self.held)
        return held

    @property
    def held(self) -> int | None:
        neutral = self.calibration.neutral
        return next((place for place, frame in enumerate(self.frames) if frame is neutral), None)


def seconds(number: float, **pose: Any) -> list[Landmarks]:
    return [face(**pose)] * round(number * RATE)


def test_the_first_frame_becomes_neutral_and_stays() -> None:
    session = Session(Calibration("first"))
    assert set(session.play([face(mouth=0.2), *seconds(6)])) == {0}
    assert session.begun == [0]


def test_a_given_frame_is_waited_for() -> None:
    session = Session(Calibration(3))
    assert session.play([face()] * 6) == [None] * 3 + [3, 3, 3]


def test_without_a_face_the_first_frame_has_to_serve() -> None:
    session = Session(Calibration("auto"))
    assert set(session.play([None] * 60)) == {0}
    assert session.begun == [0]


def test_a_good_first_pose_is_taken_at_once_and_kept() -> None:
    session = Session(Calibration("auto"))
    held = session.play([*seconds(3), *seconds(3, yaw=10), *seconds(3, mouth=0.1), *seconds(3)])
    assert set(held) == {0}
    assert session.begun == [0], "all motion shows at once"


@pytest.mark.parametrize("pose", [{"mouth": 0.15}, {"eyes": 0.2}, {"yaw": 25.0}], ids=str)
def test_a_clip_that_begins_in_mid_expression_ends_at_a_relaxed_pose(pose: dict[str, float]) -> None:
    session = Session(Calibration("auto"))
    held = session.play([*seconds(0.4, **pose), *seconds(4)])
    assert set(held[: round(0.4 * RATE)]) == {None}, "the portrait rests until there is a pose worth taking"
    assert held[-1] is not None
    assert session.frames[held[-1]].landmarks is not None
    assert held[-1] >= round(0.4 * RATE)


def test_a_driver_who_never_relaxes_is_not_waited_for() -> None:
    session = Session(Calibration("auto"))
    held = session.play([*seconds(3, yaw=30, mouth=0.1)])
    assert held[round(1.1 * RATE)] is not None
    assert session.begun == [], "not the present frame, so that motion has to be eased in"


def test_a_better_pose_later_on_replaces_a_poor_one_and_is_eased_in() -> None:
    session = Session(Calibration("auto"))
    session.play(seconds(6, mouth=0.08))
    before = session.held
    calibration = session.calibration
    neutrals = []
    for _ in range(2 * RATE):
        session.play([face()])
        motion = calibration.motion(session.frames[-1], 1.0)
        landmarks = motion.neutral.landmarks
        if motion.leaving is not None and motion.leaving.landmarks is not None and landmarks is not None:
            landmarks = pose_between(motion.leaving.landmarks, landmarks, motion.arrived)
        neutrals.append(landmarks)
    assert before is not None
    assert session.held is not None
    assert session.held > before
    assert session.held >= 6 * RATE
    steps = [np.abs(b - a).max() for a, b in pairwise(neutrals)]  # type: ignore[operator]
    assert max(steps) < 0.15 * 0.08 * 200, "no jump: a sixth of the way a frame at most"


def test_it_does_not_fidget() -> None:
    """Poses that come and go, none of them much better: one neutral pose, or hardly more."""
    rng = np.random.default_rng(5)
    session = Session(Calibration("auto"))
    noisy = [
        face(yaw=4 * rng.normal(), roll=3 * rng.normal(), mouth=abs(0.02 * rng.normal())) for _ in range(600)
    ]
    held = session.play([noisy[0] + 0.1 * (one - noisy[0]) for one in noisy])
    assert len(set(held)) <= 4


def test_recalibrating_takes_the_next_pose_and_the_search_leaves_it_alone() -> None:
    session = Session(Calibration("auto"))
    session.play(seconds(2))
    assert "neutral" in session.calibration.recalibrate()
    asked = len(session.frames)
    held = session.play([*seconds(3, yaw=15, mouth=0.05), *seconds(10)])
    assert set(held) == {asked}


def test_a_blink_is_waited_out_when_recalibrating() -> None:
    session = Session(Calibration("first"))
    session.play(seconds(2))
    session.calibration.recalibrate()
    held = session.play([*seconds(0.2, eyes=0.2), *seconds(1)])
    assert held[-1] == 2 * RATE + 4
    session.calibration.recalibrate()
    held = session.play(seconds(1, eyes=0.2))
    assert held[-1] is not None
    assert held[-1] > 3 * RATE, "but not for ever: shut eyes may be meant"


def test_without_a_face_recalibrating_waits() -> None:
    session = Session(Calibration("first"))
    session.play(seconds(1))
    session.calibration.recalibrate()
    assert session.play(seconds(1, at=(330, 240)))[-1] == RATE


@pytest.mark.parametrize(
    ("pose", "advice"),
    [({}, None), ({"mouth": 0.3}, "close your mouth"), ({"yaw": 30.0}, "face the camera")],
    ids=str,
)
def test_a_pose_taken_by_hand_is_taken_and_a_bad_one_is_told(
    pose: dict[str, float], advice: str | None
) -> None:
    told: list[str] = []
    session = Session(Calibration("first", notify=told.append))
    session.play(seconds(1))
    session.calibration.recalibrate()
    held = session.play([*seconds(1, **pose)])
    assert held[-1] != 0
    expected = (
        [] if advice is None else [f"this neutral pose will look odd at rest: {advice}, and press x again"]
    )
    assert told == expected


def test_search_shows_scores_takes_what_is_better_and_ends_by_hand() -> None:
    session = Session(Calibration("first"))
    session.play([face(yaw=20, mouth=0.05)] * RATE)
    assert session.calibration.score is None
    session.calibration.toggle_search()
    session.play(seconds(1, yaw=12, mouth=0.04))
    score = session.calibration.score
    assert score is not None
    assert 0 < score.now <= score.best < 60
    assert score.advice == "close your mouth"
    session.play([*seconds(2, yaw=6), *seconds(2), *seconds(2, yaw=6)])
    best = session.held
    assert best is not None
    assert 4 * RATE <= best < 6 * RATE, "the straightest"
    assert "taken" in session.calibration.toggle_search()
    assert session.calibration.score is None
    assert session.play(seconds(3))[-1] == best


def test_frames_of_another_size_do_not_fit_and_are_measured_afresh_at_rest() -> None:
    calibration = Calibration("auto")
    session = Session(calibration)
    session.play(seconds(1))
    small = driving(face(scale=0.5, at=(160, 120)), (320, 240))
    assert not calibration.fits(small)
    assert not calibration.follow(50, small, 3.0)
    assert calibration.neutral is session.frames[0]
    assert calibration.follow(51, small, 3.1, at_rest=True)
    assert calibration.neutral is small


def test_a_drift_is_offered_once_and_shown_until_it_is_over() -> None:
    told: list[str] = []
    session = Session(Calibration("first", watch=True, notify=told.append, how="press F5"))
    session.play([*seconds(2), *seconds(14, scale=1.4)])
    assert len(told) == 1
    assert "40 % larger" in told[0]
    assert "press F5" in told[0]
    assert session.calibration.offer == told[0]
    assert session.held == 0, "offered, not done"
    session.calibration.recalibrate()
    session.play(seconds(1, scale=1.4))
    assert session.calibration.offer == ""
    assert session.held == 16 * RATE
    assert set(session.play(seconds(12, scale=1.4))) == {16 * RATE}
    assert len(told) == 1


def test_with_auto_recalibrate_it_is_done_once_the_driver_looks_up() -> None:
    told: list[str] = []
    session = Session(Calibration("first", watch=True, auto_recalibrate=True, notify=told.append))
    held = session.play([*seconds(2), *seconds(12, scale=1.4, yaw=25), *seconds(2, scale=1.4)])
    assert held[14 * RATE - 1] == 0, "a face that looks away is no neutral pose"
    assert held[-1] is not None
    assert held[-1] >= 14 * RATE
    assert len(told) == 1
    assert told[0].endswith("recalibrated")


def test_a_turned_head_alone_recalibrates_nothing() -> None:
    """Somebody who reads on a second screen for a minute."""
    session = Session(Calibration("auto", watch=True, auto_recalibrate=True))
    assert set(session.play([*seconds(3), *seconds(30, yaw=30), *seconds(5)])) == {0}


def memory(tmp_path: Path) -> Memory:
    return Memory("Webcam", pytest.fail, tmp_path / "poses.json")


def remember(tmp_path: Path, *, by_hand: bool = False, **pose: Any) -> Landmarks:
    kept = memory(tmp_path)
    session = Session(Calibration("auto", memory=kept))
    session.play(seconds(1, **pose))
    if by_hand:
        session.calibration.recalibrate()
        session.play(seconds(1, **pose))
    kept.close()
    return face(**pose)


def restored(session: Session, landmarks: Landmarks) -> bool:
    neutral = session.calibration.neutral
    assert neutral is not None
    assert neutral.landmarks is not None
    return bool(np.abs(neutral.landmarks - landmarks).max() < 0.1)


def test_the_neutral_pose_is_restored_where_it_still_fits(tmp_path: Path) -> None:
    known = remember(tmp_path)
    session = Session(Calibration("auto", memory=memory(tmp_path)))
    session.play(seconds(0.5, mouth=0.1, at=(350, 250), scale=1.1))
    assert restored(session, known)
    assert session.begun == [], "motion has to be eased in"


def test_a_remembered_pose_that_does_not_fit_is_left(tmp_path: Path) -> None:
    known = remember(tmp_path)
    session = Session(Calibration("auto", memory=memory(tmp_path)))
    session.play(seconds(1, scale=1.6))
    assert not restored(session, known)


def test_a_pose_set_by_hand_is_restored_and_kept_though_others_score_better(tmp_path: Path) -> None:
    known = remember(tmp_path, by_hand=True, yaw=9, mouth=0.02)
    session = Session(Calibration("auto", memory=memory(tmp_path)))
    session.play(seconds(12))
    assert restored(session, known)


def test_poor_poses_are_not_remembered(tmp_path: Path) -> None:
    remember(tmp_path, mouth=0.2, yaw=20)
    assert memory(tmp_path).poses == []


def test_who_sits_beside_the_camera_is_remembered_too_once_nothing_better_came(tmp_path: Path) -> None:
    kept = memory(tmp_path)
    session = Session(Calibration("auto", memory=kept))
    session.play(seconds(15, yaw=20))
    assert kept.poses == []
    session.play(seconds(10, yaw=20))
    assert len(kept.poses) == 1
    kept.close()
    after = Session(Calibration("auto", memory=memory(tmp_path)))
    after.play(seconds(0.5, yaw=20, mouth=0.1))
    assert restored(after, face(yaw=20))


def test_a_frame_chosen_by_number_is_not_overruled_by_memory(tmp_path: Path) -> None:
    remember(tmp_path)
    session = Session(Calibration("first", memory=memory(tmp_path)))
    session.play(seconds(1, at=(340, 240)))
    assert session.held == 0


@pytest.mark.parametrize(("text", "expected"), [("auto", "auto"), ("first", "first"), ("0", 0), ("30", 30)])
def test_parse(text: str, expected: int | str) -> None:
    assert parse_neutral(text) == expected


@pytest.mark.parametrize("text", ["", "last", "-1", "1.5", "Auto"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ConfigError, match="is neither"):
        parse_neutral(text)
