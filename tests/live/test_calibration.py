from __future__ import annotations

import pytest

from fomm.animators.base import DrivingFrame
from fomm.errors import ConfigError
from live.calibration import Calibration, parse_neutral
from tests.live.doubles import driver_frame, face_at


def driving(x: int, size: tuple[int, int] = (160, 120)) -> DrivingFrame:
    return DrivingFrame(driver_frame(x, size), face_at(x))


def test_the_first_offer_becomes_neutral() -> None:
    calibration = Calibration()
    first = driving(1)
    assert not calibration.fits(first)
    assert calibration.settle(0, first)
    assert not calibration.settle(1, driving(2))
    assert calibration.neutral is first
    assert calibration.motion(driving(5), 0.5).neutral is first


def test_a_given_frame_is_waited_for() -> None:
    calibration = Calibration(3)
    assert [calibration.settle(index, driving(index)) for index in range(6)] == [False] * 3 + [
        True,
        False,
        False,
    ]


def test_where_the_given_frame_has_no_face_the_next_one_with_a_face_serves() -> None:
    calibration = Calibration(3)
    assert not calibration.settle(2, driving(2))
    assert calibration.settle(7, driving(7))


def test_recalibration_takes_the_next_offer() -> None:
    calibration = Calibration(3)
    calibration.settle(3, driving(3))
    calibration.recalibrate()
    assert calibration.pending
    assert calibration.settle(4, driving(4))


def test_another_size_does_not_fit() -> None:
    calibration = Calibration()
    calibration.settle(0, driving(1))
    assert calibration.fits(driving(2))
    assert not calibration.fits(driving(2, (80, 60)))


@pytest.mark.parametrize(("text", "expected"), [("first", None), ("0", 0), ("30", 30)])
def test_parse(text: str, expected: int | None) -> None:
    assert parse_neutral(text) == expected


@pytest.mark.parametrize("text", ["", "last", "-1", "1.5"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ConfigError, match="is neither"):
        parse_neutral(text)
