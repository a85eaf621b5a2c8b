"""Motion of clips: smooth, lively, within limits, settled by its seed. Needs no renderer."""

from __future__ import annotations

import numpy as np

from fomm.synthetic.figure import Pose
from fomm.synthetic.pairs.performing import performance

FPS = 25


def perform(seed: int, frames: int = 250) -> list[Pose]:
    return performance(np.random.default_rng(seed), frames, FPS)


def track(poses: list[Pose], name: str) -> np.ndarray:
    return np.array([pose.expression.get(name, 0.0) for pose in poses])


def test_the_same_seed_performs_alike() -> None:
    assert perform(3, 50) == perform(3, 50)
    assert perform(3, 50) != perform(4, 50)
    assert len(perform(3, 50)) == 50


def test_it_is_smooth_and_within_limits() -> None:
    for seed in range(6):
        poses = perform(seed)
        for name, fastest, farthest in (("yaw", 8, 50), ("pitch", 6, 40), ("roll", 6, 35)):
            angle = np.array([getattr(pose, name) for pose in poses])
            assert np.abs(np.diff(angle)).max() < fastest, name
            assert np.abs(angle).max() < farthest, name
        assert all(0 <= strength <= 1 for pose in poses for strength in pose.expression.values())
        assert np.abs(np.diff(track(poses, "jawOpen"))).max() < 0.3


def test_people_blink_speak_look_and_turn() -> None:
    clips = [perform(seed) for seed in range(8)]
    minutes = 8 * 250 / FPS / 60
    shut = [track(poses, "eyeBlinkLeft") > 0.8 for poses in clips]
    blinks = sum(int((np.diff(one.astype(int)) == 1).sum()) for one in shut)
    assert 8 < blinks / minutes < 45
    assert np.mean([one.mean() for one in shut]) < 0.15
    assert sum(track(poses, "jawOpen").max() > 0.25 for poses in clips) >= 5
    assert sum(track(poses, "mouthFunnel").max() > 0.1 for poses in clips) >= 5
    assert all(
        np.ptp(track(poses, "eyeLookInLeft") - track(poses, "eyeLookOutLeft")) > 0.05 for poses in clips
    )
    assert np.mean([np.ptp([pose.yaw for pose in poses]) for poses in clips]) > 10


def test_it_does_not_depend_on_the_frame_rate() -> None:
    slow, fast = (performance(np.random.default_rng(1), 4 * fps, fps) for fps in (20, 40))
    yaw = np.array([pose.yaw for pose in fast])[::2], np.array([pose.yaw for pose in slow])
    assert np.abs(yaw[0] - yaw[1])[10:-10].max() < 1.0
