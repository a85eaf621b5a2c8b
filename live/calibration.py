"""The neutral pose: the driving frame that counts as "no motion"."""

from __future__ import annotations

from fomm.animators.base import DrivingFrame, Motion
from fomm.errors import ConfigError


class Calibration:
    """Sets the neutral pose and measures motion against it.

    Args:
        start: index of the first captured frame that may become the neutral pose; the first one from there on
            with a face does. None counts as 0: the first frame with a face.
    """

    def __init__(self, start: int | None = None) -> None:
        self._start = start or 0
        self._wanted = True
        self.neutral: DrivingFrame | None = None

    def recalibrate(self) -> None:
        """Take the next pose that `settle` is offered."""
        self._wanted = True
        self._start = 0

    @property
    def pending(self) -> bool:
        """Whether a new neutral pose is wanted."""
        return self._wanted

    def fits(self, driving: DrivingFrame) -> bool:
        """Whether motion can be measured: there is a neutral pose, of a frame of the same size."""
        return self.neutral is not None and self.neutral.pixels.shape == driving.pixels.shape

    def settle(self, index: int, driving: DrivingFrame) -> bool:
        """Make `driving`, which has a face, the neutral pose where one is wanted. True where it became it."""
        if not self._wanted or index < self._start:
            return False
        self.neutral, self._wanted = driving, False
        return True

    def motion(self, driving: DrivingFrame, strength: float) -> Motion:
        """What the animator takes."""
        assert self.neutral is not None
        return Motion(driving, self.neutral, strength)


def parse_neutral(text: str) -> int | None:
    """`--neutral`'s value: "first" gives None, a number the index of the frame.

    Raises:
        ConfigError: neither.
    """
    if text == "first":
        return None
    if text.isdecimal():
        return int(text)
    raise ConfigError(f'"{text}" is neither "first" nor the number of a frame, such as 30')
