"""Faces that are hard to see: the bundled clip, spoiled in its middle, through the real tracker and animator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm.animators.base import Frame
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.video import VideoReader
from live.calibration import Calibration
from live.gallery import AvatarLoader
from live.notices import Notices
from live.report import Report
from live.session import Session, SessionOptions
from live.tracking import LandmarkTracker, TrackingStage
from tests.live.doubles import Collector, Queue, gallery_of

SIZE = (160, 160)
#: Frames at 15 a second before, during and after the trouble.
BEFORE, DURING, AFTER = 12, 24, 20


def _occluded(pixels: Frame) -> Frame:
    """A hand before the face."""
    spoiled = pixels.copy()
    height, width = pixels.shape[:2]
    spoiled[height // 8 : height * 3 // 4, width // 4 : width * 3 // 4] = (150, 110, 90)
    return spoiled


def _half(pixels: Frame) -> Frame:
    """Half the face is behind something."""
    spoiled = pixels.copy()
    spoiled[:, pixels.shape[1] // 2 :] = (60, 70, 80)
    return spoiled


def _two(pixels: Frame) -> Frame:
    """Somebody comes in behind the driver."""
    height, width = pixels.shape[:2]
    spoiled = pixels.copy()
    face = pixels[: height * 3 // 4, width // 4 : width * 3 // 4, :]
    small = cv2.resize(face, (width // 4, height * 3 // 8), interpolation=cv2.INTER_AREA)
    spoiled[height // 8 : height // 8 + small.shape[0], : small.shape[1]] = small[:, ::-1]
    return spoiled


def _close(pixels: Frame) -> Frame:
    """Eyes and nose alone are in sight."""
    height, width = pixels.shape[:2]
    part = pixels[height // 4 : height // 2, width * 3 // 8 : width * 5 // 8]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _dark(pixels: Frame) -> Frame:
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=0.03), np.uint8)


def _profile(pixels: Frame) -> Frame:
    """The head turned away as far as a flat picture can be: a third of its width."""
    height, width = pixels.shape[:2]
    narrow = cv2.resize(pixels, (width // 3, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.copyMakeBorder(narrow, 0, 0, width // 3, width - 2 * (width // 3), 1), np.uint8)[
        :, :width
    ]


def _gone(pixels: Frame) -> Frame:
    return np.full_like(pixels, 110)


TROUBLES: dict[str, Callable[[Frame], Frame]] = {
    "occluded": _occluded,
    "half hidden": _half,
    "two faces": _two,
    "too close": _close,
    "too dark": _dark,
    "in profile": _profile,
    "gone": _gone,
}


@pytest.fixture(scope="module")
def frames(clip: Path) -> list[Frame]:
    """The bundled clip at 15 frames a second, small, in which the head moves gently."""
    with VideoReader(clip) as reader:
        return [
            np.asarray(cv2.resize(pixels, (320, 320), interpolation=cv2.INTER_AREA), np.uint8)
            for place, (pixels, _) in enumerate(reader)
            if place % 2 == 0
        ][: BEFORE + DURING + AFTER]


def perform(avatar: Path, frames: list[Frame]) -> tuple[list[Frame], Report]:
    """A session in this process; what it sent."""
    animator, sink, notices = LandmarkWarp(mouth="painted"), Collector(SIZE), Notices()
    gallery = gallery_of(AvatarLoader(SIZE, "fill"), animator, [avatar], notices)
    stage = TrackingStage(Queue().play(frames, rate=15), LandmarkTracker(), notify=notices)
    stage.start()
    session = Session(
        stage=stage,
        dropped=lambda: 0,
        animator=animator,
        gallery=gallery,
        sinks=[sink],
        window=None,
        options=SessionOptions(SIZE, fit="fill", live=False),
        calibration=Calibration("first"),
        notices=notices,
        check=lambda: None,
    )
    session.run()
    stage.close()
    gallery.close()
    return [np.asarray(frame, np.uint8) for frame in sink.frames], session.report()


@pytest.fixture(scope="module")
def untroubled(avatar: Path, frames: list[Frame]) -> list[Frame]:
    return perform(avatar, frames)[0]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_avatar_stays_itself_and_follows_again_afterwards(
    avatar: Path, frames: list[Frame], untroubled: list[Frame], trouble: str
) -> None:
    spoil = TROUBLES[trouble]
    spoiled = [
        spoil(pixels) if BEFORE <= place < BEFORE + DURING else pixels for place, pixels in enumerate(frames)
    ]
    shown, report = perform(avatar, spoiled)
    assert len(shown) == len(frames)
    assert report.frames_out + report.face_lost_frames == len(frames)
    if trouble in ("gone", "too close", "in profile"):
        assert report.face_lost_frames > DURING / 2
        at_rest = shown[BEFORE + DURING - 1]
        assert np.abs(at_rest.astype(int) - untroubled[0]).mean() < 3, "the portrait has come to rest"
    if trouble == "two faces":
        assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(shown, untroubled, strict=True)) < 3
    # Whatever is seen, the picture remains the avatar: nothing tears, and nothing comes from the camera.
    furthest = max(np.abs(frame.astype(int) - untroubled[0]).mean() for frame in shown)
    assert furthest < 30
    # At the end the driver is followed as if nothing had been.
    assert np.abs(shown[-1].astype(int) - untroubled[-1]).mean() < 3
