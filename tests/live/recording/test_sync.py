"""Sound and picture of a recording, decoded again: known clicks against known flashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live.clock import SourceClock
from live.frames import OutputFrame
from live.sinks.recorder import LiveRecording, Recorder
from tests.live.doubles import SIZE
from tests.live.recording.stand_ins import Clicks, heard, loudness, seen

#: What is asked for, in seconds: nobody notices less.
IN_SYNC = 0.040

#: `time.monotonic()` when the picture begins. In the future, so that the recorder never waits for it.
START = 1e7

SLOW, FAST, JITTER = -1e-3, 1e-3, np.random.default_rng(1).uniform(-0.04, 0.04, 200).clip(0)
#: Now and then nothing for 0.4 seconds, and then all of it at once.
BURSTS = np.where(np.arange(200) % 50 < 20, (20 - np.arange(200) % 50) * 0.02, 0.0)
#: PulseAudio does so.
WRONG_AT_FIRST = np.where(np.arange(10_000) < 40, -0.5, 0.0)


def record(
    path: Path,
    sound: Clicks,
    flashes: np.ndarray,
    *,
    seconds: float,
    rate: float = 30.0,
    delay: float = 0.0,
    start: float = START,
) -> list[str]:
    """Record a picture that flashes at those moments while a microphone hears; what was told."""
    clock, told = SourceClock(), []
    clock.note(0.0, start)
    live = LiveRecording(clock, lambda: sound, delay, told.append)
    with Recorder(SIZE, path, rate=rate, live=live) as recorder:
        recorder._backlog._capacity = 1
        recorder._backlog.offer = recorder._backlog.put  # type: ignore[method-assign] - time is not real here
        for number in range(round(seconds * rate)):
            time = number / rate
            bright = np.any((time >= flashes - 1e-6) & (time < flashes + 0.1))
            sound.hear(start + time + 0.05)
            recorder.send(OutputFrame(np.full((SIZE[1], SIZE[0], 3), 255 * bright, np.uint8)), time)
    assert sound.closed
    return told


@pytest.mark.parametrize(
    "microphone",
    [
        {},
        {"drift": SLOW, "late": JITTER},
        {"drift": FAST, "late": JITTER},
        {"late": BURSTS},
        {"late": WRONG_AT_FIRST},
        {"rate": 44_100, "drift": FAST},
        {"rate": 16_000, "late": JITTER},
    ],
    ids=[
        "ideal",
        "slow and jittery",
        "fast and jittery",
        "in bursts",
        "wrong at first",
        "44.1 kHz",
        "16 kHz",
    ],
)
def test_sound_and_picture_stay_together(tmp_path: Path, microphone: dict[str, Any]) -> None:
    flashes = np.arange(1.0, 20.0, 1.0)
    sound = Clicks(START + flashes, begins=START - 0.7, **microphone)
    told = record(tmp_path / "o.mp4", sound, flashes, seconds=20)
    clicked, flashed = heard(tmp_path / "o.mp4"), seen(tmp_path / "o.mp4")
    assert np.allclose(flashed, flashes, atol=0.001)
    assert len(clicked) == len(flashes)
    assert np.abs(clicked - flashed).max() < IN_SYNC / 4
    assert told == []


def test_a_slow_camera_and_sound_stay_together(tmp_path: Path) -> None:
    flashes = np.arange(1.0, 20.0, 1.0)
    record(tmp_path / "o.mp4", Clicks(START + flashes, begins=START), flashes, seconds=20, rate=5)
    assert np.abs(heard(tmp_path / "o.mp4") - seen(tmp_path / "o.mp4")).max() < IN_SYNC / 4


@pytest.mark.parametrize("delay", [0.25, -0.25, 2.0, -2.0])
def test_the_sound_is_moved_as_asked(tmp_path: Path, delay: float) -> None:
    flashes = np.arange(3.0, 12.0, 1.0)
    record(tmp_path / "o.mp4", Clicks(START + flashes, begins=START), flashes, seconds=15, delay=delay)
    clicked = heard(tmp_path / "o.mp4")
    assert np.allclose(clicked, flashes + delay, atol=IN_SYNC / 4)
    length, _ = loudness(tmp_path / "o.mp4")
    assert length > 14.9


def test_what_was_lost_is_silence_and_the_rest_stays_in_its_place(tmp_path: Path) -> None:
    flashes = np.arange(1.0, 20.0, 1.0)
    sound = Clicks(START + flashes, begins=START, late=JITTER)
    for at in (4.5, 8.3, 12.7):
        sound.lose(START + at, START + at + 0.15)
    record(tmp_path / "o.mp4", sound, flashes, seconds=20)
    clicked = heard(tmp_path / "o.mp4")
    assert len(clicked) == len(flashes)
    assert np.abs(clicked - flashes).max() < IN_SYNC


def test_a_microphone_that_comes_late_is_in_sync(tmp_path: Path) -> None:
    """Opening one may take seconds."""
    flashes = np.arange(1.0, 12.0, 1.0)
    record(tmp_path / "o.mp4", Clicks(START + flashes, begins=START + 3.5), flashes, seconds=12)
    assert np.allclose(heard(tmp_path / "o.mp4"), flashes[3:], atol=IN_SYNC / 4)


def test_a_microphone_that_fails_leaves_silence(tmp_path: Path) -> None:
    flashes = np.arange(1.0, 10.0, 1.0)
    sound = Clicks(START + flashes, begins=START)
    hear = sound.hear

    def unplugged(until: float) -> None:
        if until < START + 5.5:
            hear(until)
        else:
            sound.failure = "clicks stopped delivering"

    sound.hear = unplugged  # type: ignore[method-assign]
    told = record(tmp_path / "o.mp4", sound, flashes, seconds=10)
    assert told == [f"{tmp_path / 'o.mp4'} goes on without sound: clicks stopped delivering"]
    assert np.allclose(heard(tmp_path / "o.mp4"), flashes[:5], atol=IN_SYNC / 4)
    assert np.allclose(seen(tmp_path / "o.mp4"), flashes, atol=0.001)
    length, _ = loudness(tmp_path / "o.mp4")
    assert length == pytest.approx(10, abs=0.1), "silence to the end"


def test_a_microphone_that_never_works_is_silence(tmp_path: Path) -> None:
    sound = Clicks([], begins=START)
    sound.failure = "it is locked"
    sound.hear = lambda _: None  # type: ignore[method-assign]
    told = record(tmp_path / "o.mp4", sound, np.array([1.0]), seconds=3)
    assert told == [f"{tmp_path / 'o.mp4'} goes on without sound: it is locked"]
    length, loudest = loudness(tmp_path / "o.mp4")
    assert length == pytest.approx(3, abs=0.1)
    assert loudest < 1e-4


def test_sound_with_a_mad_time_is_left_out(tmp_path: Path) -> None:
    flashes = np.arange(1.0, 8.0, 1.0)
    sound = Clicks(START + flashes, begins=START)
    original = sound.blocks

    def blocks() -> Any:
        from dataclasses import replace

        found = original()
        if sound._count > 3 * 48_000 and found and sound.name != "told":
            sound.name = "told"
            found.insert(0, replace(found[0], heard_at=START + 4000, lost=True))
            found[1] = replace(found[1], lost=True)
        return found

    sound.blocks = blocks  # type: ignore[method-assign]
    record(tmp_path / "o.mp4", sound, flashes, seconds=8)
    length, _ = loudness(tmp_path / "o.mp4")
    assert length < 9
