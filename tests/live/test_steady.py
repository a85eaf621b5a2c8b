from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from live.frames import OutputFrame
from live.sinks import steady
from live.sinks.steady import SteadyRate


class Clock:
    """What was passed on, and when."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self.times: list[float] = []
        self.fails = False

    def put(self, frame: OutputFrame) -> None:
        if self.fails:
            raise OSError("gone")
        self.values.append(int(frame[0, 0, 0]))
        self.times.append(time.monotonic())


def frame(value: int) -> OutputFrame:
    return OutputFrame(np.full((2, 2, 3), value, np.uint8))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender(clock: Clock) -> Iterator[SteadyRate]:
    made = SteadyRate(clock.put, 20)
    yield made
    made.close()


def wait_for(clock: Clock, count: int, timeout: float = 5) -> None:
    deadline = time.monotonic() + timeout
    while len(clock.values) < count:
        assert time.monotonic() < deadline, f"only {len(clock.values)} frames came"
        time.sleep(0.005)


def test_one_frame_is_repeated_at_the_rate(clock: Clock, sender: SteadyRate) -> None:
    started = time.monotonic()
    sender.send(frame(7))
    wait_for(clock, 11)
    assert set(clock.values) == {7}
    assert clock.times[10] - started > 0.45  # never faster than the rate


def test_nothing_comes_before_the_first_frame(clock: Clock, sender: SteadyRate) -> None:
    time.sleep(0.15)
    assert clock.values == []


def test_a_frame_for_an_empty_period_is_passed_on_at_once(clock: Clock, sender: SteadyRate) -> None:
    sender.send(frame(1))
    assert clock.values == [1]


def test_of_frames_that_come_too_fast_the_newest_is_passed_on(clock: Clock, sender: SteadyRate) -> None:
    started = time.monotonic()
    for value in range(100):
        sender.send(frame(value))
        time.sleep(0.005)
    elapsed = time.monotonic() - started
    wait_for(clock, 3)
    assert len(clock.values) <= elapsed * 20 + 2
    assert clock.values == sorted(clock.values)
    while clock.values[-1] != 99:  # the last one arrives, if late
        wait_for(clock, len(clock.values) + 1)


def test_after_a_long_sleep_frames_do_not_pour_out(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = [0.0]
    monkeypatch.setattr(steady.time, "monotonic", lambda real=time.monotonic: real() + slept[0])
    sender = SteadyRate(clock.put, 20)
    sender.send(frame(1))
    slept[0] = 3600.0
    before = len(clock.values)
    time.sleep(0.3)
    sender.close()
    assert 1 <= len(clock.values) - before <= 10


def test_what_repeating_raised_reaches_the_sender(clock: Clock, sender: SteadyRate) -> None:
    sender.send(frame(1))
    clock.fails = True
    deadline = time.monotonic() + 5
    with pytest.raises(OSError, match="gone"):  # noqa: PT012 - the moment is not known
        while time.monotonic() < deadline:
            time.sleep(0.06)
            sender.send(frame(2))


def test_after_closing_nothing_is_passed_on(clock: Clock, sender: SteadyRate) -> None:
    sender.send(frame(1))
    sender.close()
    sender.close()
    count = len(clock.values)
    time.sleep(0.12)
    assert len(clock.values) == count
