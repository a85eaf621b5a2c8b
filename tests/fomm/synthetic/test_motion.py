import numpy as np
import pytest

from fomm.synthetic import motion

FPS = 25


@pytest.fixture(scope="module")
def performance() -> motion.Performance:
    return motion.talking_head(0).perform(FPS)


def test_strengths_lie_between_0_and_1(performance: motion.Performance) -> None:
    for name, track in performance.actions.items():
        assert track.min() >= 0, name
        assert track.max() <= 1, name


@pytest.mark.parametrize("seed", range(5))
def test_strengths_stay_in_range_for_any_seed(seed: int) -> None:
    for track in motion.talking_head(seed).perform(FPS).actions.values():
        assert 0 <= track.min() <= track.max() <= 1


def test_same_seed_same_motion_other_seed_other_speech() -> None:
    first, again, other = (motion.talking_head(seed).perform(FPS) for seed in (3, 3, 4))
    for name, track in {**first.actions, **first.pose}.items():
        assert np.array_equal(track, {**again.actions, **again.pose}[name]), name
    assert not np.array_equal(first.actions["jawOpen"], other.actions["jawOpen"])


def test_begins_at_rest_for_half_a_second(performance: motion.Performance) -> None:
    for name, track in performance.actions.items():
        assert np.abs(track[: FPS // 2]).max() < 0.02, name
    for name in ("yaw", "pitch", "roll"):
        assert np.abs(performance.pose[name][: FPS // 2]).max() < 0.8, name


def test_ends_near_rest(performance: motion.Performance) -> None:
    assert max(track[-1] for track in performance.actions.values()) < 0.05
    assert max(abs(performance.pose[name][-1]) for name in ("yaw", "pitch", "roll")) < 0.5


def test_motion_is_smooth_in_time() -> None:
    """Sampled four times as often, steps become about a quarter: nothing jumps."""
    coarse, fine = (motion.talking_head(0).perform(fps) for fps in (400, 1600))
    for name, track in {**fine.actions, **fine.pose}.items():
        step = np.abs(np.diff(track)).max()
        assert step <= 0.35 * np.abs(np.diff({**coarse.actions, **coarse.pose}[name])).max() + 1e-6, name


def test_heads_turn_no_faster_than_heads_do(performance: motion.Performance) -> None:
    for name in ("yaw", "pitch", "roll"):
        assert np.abs(np.diff(performance.pose[name])).max() * FPS < 130, name


def test_clip_holds_what_a_driving_clip_needs(performance: motion.Performance) -> None:
    actions, pose = performance.actions, performance.pose
    both = np.minimum(actions["eyeBlinkLeft"], actions["eyeBlinkRight"])
    blinks = np.flatnonzero((both[1:] > 0.9) & (both[:-1] <= 0.9))
    assert len(blinks) >= 4
    assert np.any((actions["eyeBlinkLeft"] > 0.9) & (actions["eyeBlinkRight"] < 0.1)), "a wink"
    assert actions["jawOpen"].max() > 0.9
    assert actions["mouthSmileLeft"].max() > 0.8
    assert actions["mouthPucker"].max() > 0.4
    for name in ("eyeLookUpLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft"):
        assert actions[name].max() > 0.6, name
    for name, reach in (("yaw", 18), ("pitch", 10), ("roll", 10)):
        assert pose[name].min() < -reach, name
        assert pose[name].max() > reach, name


def test_blink_closes_fully_and_takes_about_200_ms() -> None:
    score = motion.Score(1.0)
    score.blink(0.3)
    lid = score.perform(1000).actions["eyeBlinkLeft"]
    assert lid.max() == pytest.approx(1)
    assert 150 <= np.count_nonzero(lid > 0.05) <= 300


def test_bilabials_close_the_lips_between_vowels() -> None:
    score = motion.Score(1.5)
    score.say(["AA", "MBP", "AA"], 0.4, pace=0.16)
    jaw = score.perform(1000).actions["jawOpen"]
    first, second = jaw[:640].argmax(), 640 + jaw[640:].argmax()
    assert min(jaw[first], jaw[second]) > 0.35
    assert jaw[first:second].min() < 0.15
    assert max(jaw[:200].max(), jaw[-300:].max()) < 0.02, "silence is silent"


def test_neighbours_colour_each_other() -> None:
    """Rounding begins before a rounded vowel does, and ends after it."""
    score = motion.Score(1.5)
    score.say(["EE", "OO", "EE"], 0.4, pace=0.16)
    performance = score.perform(1000)
    smile, pucker = performance.actions["mouthSmileLeft"], performance.actions["mouthPucker"]
    assert np.count_nonzero((smile > 0.05) & (pucker > 0.05)) > 30


@pytest.mark.parametrize(("t", "value"), [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (2.0, 1.0)])
def test_minimum_jerk(t: float, value: float) -> None:
    assert motion.minimum_jerk(np.array([t]))[0] == pytest.approx(value)


def test_frames_walk_through_the_performance(performance: motion.Performance) -> None:
    frames = list(performance.frames())
    assert len(frames) == len(performance) == 300
    actions, pose = frames[100]
    assert pose["yaw"] == pytest.approx(performance.pose["yaw"][100])
    assert all(value > 0 for value in actions.values())
