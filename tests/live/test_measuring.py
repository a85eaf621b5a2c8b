from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from fomm.errors import CameraError
from live.sources import measuring
from live.sources.cameras import Camera
from live.sources.measuring import measure

CAMERA = Camera(987, "Cam")


class Fake:
    """A camera at 50 FPS that delivers so many frames."""

    def __init__(self, frames: int = 10_000, *, level: int = 200, opens: bool = True) -> None:
        self.frames, self.level, self.opens = frames, level, opens
        self.released = False

    def __call__(self, index: int, size: tuple[int, int], rate: float) -> Fake:
        return self

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.02)
        self.frames -= 1
        return self.frames >= 0, np.full((48, 64, 3), self.level, np.uint8)

    def release(self) -> None:
        self.released = True


def test_size_and_rate_are_measured() -> None:
    device = Fake()
    seen = measure(CAMERA, 0.5, device)
    assert seen.size == (64, 48)
    assert 2 < seen.rate < 51
    assert not seen.black
    assert device.released


def test_black_is_seen() -> None:
    assert measure(CAMERA, 0.1, Fake(level=1)).black


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (Fake(opens=False), "Cam cannot be opened"),
        (Fake(0), "Cam cannot be opened"),
        (Fake(6), "stopped delivering"),
    ],
    ids=["closed", "no frame", "ends"],
)
def test_what_does_not_deliver_is_refused_and_let_go(device: Fake, words: str) -> None:
    with pytest.raises(CameraError, match=words):
        measure(CAMERA, 0.5, device)
    assert device.released


def test_one_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_PATIENCE_S", 0.1)
    device = Fake()
    monkeypatch.setattr(device, "read", lambda: time.sleep(1))
    with pytest.raises(CameraError, match="delivers no picture"):
        measure(CAMERA, 0.1, device)
