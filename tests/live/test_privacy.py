"""The driver stays unseen, and after set-up nothing leaves the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from fomm.animators.base import Frame, Landmarks
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.landmarks import INNER_LIPS
from fomm.video import VideoReader
from live.frames import CapturedFrame, OutputFrame
from live.gallery import AvatarLoader
from live.notices import Notices
from live.session import Session, SessionOptions
from live.tracking import LandmarkTracker, TrackingStage
from tests.live.doubles import Collector, Queue, gallery_of

SIZE = (256, 256)

CALLS = "connect,sendto,sendmsg,sendmmsg"


def traced(tmp_path: Path, code: str, *arguments: str | Path, may_refuse: bool = False) -> list[str]:
    """The network calls that some Python code and all its threads and children make.

    Args:
        may_refuse: whether the code may end with another status than 0.
    """
    if shutil.which("strace") is None:
        pytest.skip("needs strace, to see what native code does (Debian: apt install strace)")
    log = tmp_path / "calls.log"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", log, sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "PTRACE" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("strace may not trace here (a container without the SYS_PTRACE capability)")
    assert done.returncode == 0 or may_refuse, done.stderr
    return [line for line in log.read_text().splitlines() if "AF_INET" in line]


@pytest.mark.parametrize("tracker", ["openvino", "mediapipe"])
def test_a_session_connects_to_nothing(tmp_path: Path, avatar: Path, tracker: str) -> None:
    code = "from live.cli import main; main()"
    flags = ["--camera", "demo", "--no-pace", "--frames", "40", "--size", "256x256", "--sink", "o.mp4"]
    assert traced(tmp_path, code, "--avatar", avatar, "--tracker", tracker, *flags) == []


@pytest.mark.parametrize("command", [["doctor", "--json"], ["setup-camera"], ["cameras"]])
def test_looking_at_the_system_connects_to_nothing(tmp_path: Path, command: list[str]) -> None:
    code = "from live.cli import main; main()"
    # The doctor says by its status that something is missing.
    assert traced(tmp_path, code, *command, may_refuse=command[0] == "doctor") == []


def test_the_watch_would_see_a_connection(tmp_path: Path) -> None:
    code = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9))"
    assert len(traced(tmp_path, code)) == 1


class KnownFaces:
    """A tracker that was told where the face is, so that changed pixels cannot change the motion."""

    face_count = 1

    def __init__(self, faces: list[Landmarks]) -> None:
        self.faces = faces

    def track(self, frame: CapturedFrame) -> Landmarks:
        return self.faces[frame.index]

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def driver(clip: Path) -> tuple[list[Frame], list[Landmarks]]:
    """Every sixth frame of a stretch of the bundled clip, in which the mouth opens, and the face in it."""
    with VideoReader(clip) as reader:
        frames = [pixels for place, (pixels, _) in enumerate(reader) if place % 6 == 0][:25]
    tracker = LandmarkTracker()
    faces = [tracker.track(CapturedFrame(pixels, i, 0.0, i / 5)) for i, pixels in enumerate(frames)]
    tracker.close()
    assert all(face is not None for face in faces)
    return frames, [face for face in faces if face is not None]


def perform(avatar: Path, frames: list[Frame], faces: list[Landmarks], mouth: str) -> list[OutputFrame]:
    """A whole session in this process; what the sink was sent."""
    animator = LandmarkWarp(mouth="driver" if mouth == "driver" else "painted")
    sink, notices = Collector(SIZE), Notices()
    gallery = gallery_of(AvatarLoader(SIZE, "blur"), animator, [avatar], notices)
    stage = TrackingStage(Queue().play(frames), KnownFaces(faces), notify=notices)
    stage.start()
    Session(
        stage=stage,
        dropped=lambda: 0,
        animator=animator,
        gallery=gallery,
        sinks=[sink],
        window=None,
        options=SessionOptions(SIZE, live=False),
        notices=notices,
        check=lambda: None,
    ).run()
    stage.close()
    gallery.close()
    assert len(sink.frames) == len(frames)
    return sink.frames


def disguised(pixels: Frame, face: Landmarks) -> Frame:
    """The same frame with noise everywhere but inside the lips."""
    lips = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(lips, [np.round(face[INNER_LIPS, :2]).astype(np.int32)], 255)
    lips = cv2.dilate(lips, np.ones((5, 5), np.uint8))
    noise = np.random.default_rng(5).integers(0, 255, pixels.shape, np.uint8)
    return np.where(lips[..., None] > 0, pixels, noise)


@pytest.mark.parametrize("mouth", ["driver", "painted"])
def test_nothing_outside_the_drivers_lips_changes_what_is_sent(
    avatar: Path,
    driver: tuple[list[Frame], list[Landmarks]],
    mouth: Literal["driver", "painted"],
) -> None:
    frames, faces = driver
    plain = perform(avatar, frames, faces, mouth)
    hidden = [disguised(pixels, face) for pixels, face in zip(frames, faces, strict=True)]
    changed = [
        (one != other).any(axis=-1)
        for one, other in zip(plain, perform(avatar, hidden, faces, mouth), strict=True)
    ]
    if mouth == "painted":
        assert not np.any(changed)
    else:
        # The colours of the driver's face may tint the mouth; nothing beyond the avatar's mouth may change.
        assert max(area.mean() for area in changed) < 0.02
    moved = [np.abs(frame.astype(int) - plain[0]).mean() for frame in plain]
    assert max(moved) > 1, "the avatar did move"
