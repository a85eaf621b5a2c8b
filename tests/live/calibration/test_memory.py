from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live.calibration.memory import Memory
from tests.live.calibration.faces import SIZE, driving, face

told: list[str] = []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    told.clear()
    return tmp_path / "state" / "neutral-poses.json"


def memory(file: Path, camera: str = "Webcam") -> Memory:
    return Memory(camera, told.append, file)


def keep(file: Path, camera: str = "Webcam", **pose: Any) -> None:
    kept = memory(file, camera)
    kept.keep(face(**pose), SIZE, by_hand=False)
    kept.close()


def test_a_pose_is_there_in_the_next_session_with_the_same_camera(file: Path) -> None:
    keep(file)
    (pose,) = memory(file).poses
    assert (pose.camera, pose.size, pose.by_hand) == ("Webcam", SIZE, False)
    assert np.abs(pose.landmarks - face()).max() < 0.06
    assert pose.driving.pixels.shape == (480, 640, 3)
    assert memory(file, "Another").poses == []
    assert told == []


def test_the_file_is_small_and_the_users_alone_and_no_picture(file: Path) -> None:
    kept = memory(file)
    for place in range(8):
        stretch = np.array([1, 1 + place / 4, 1], np.float32)
        kept.keep(face() * stretch, SIZE, by_hand=True)
    kept.close()
    assert file.stat().st_size < 100_000
    assert set(json.loads(file.read_text())["poses"][0]) == {"camera", "size", "by_hand", "landmarks"}
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name], "nothing half-written"


def test_the_same_face_replaces_its_earlier_pose_and_others_stay(file: Path) -> None:
    keep(file, at=(300, 200))
    keep(file, camera="Other camera")
    keep(file, yaw=5)
    assert len(memory(file).poses) == 1
    assert len(memory(file, "Other camera").poses) == 1
    kept = memory(file)
    kept.keep(face() * np.array([1, 1.3, 1], np.float32), SIZE, by_hand=True)
    kept.close()
    assert [pose.by_hand for pose in memory(file).poses] == [True, False]


@pytest.mark.parametrize(
    ("pose", "size", "fits"),
    [
        ({}, SIZE, True),
        ({"yaw": 10, "mouth": 0.1, "scale": 1.1, "at": (350, 250)}, SIZE, True),
        ({}, (1280, 720), False),
        ({"scale": 1.5}, SIZE, False),
        ({"at": (450, 240)}, SIZE, False),
    ],
)
def test_it_fits_the_same_face_at_about_the_same_place(
    file: Path, pose: dict[str, Any], size: tuple[int, int], fits: bool
) -> None:
    keep(file)
    (kept,) = memory(file).poses
    assert kept.fits(driving(face(**pose), size)) is fits


def test_it_does_not_fit_another_persons_face(file: Path) -> None:
    keep(file)
    (kept,) = memory(file).poses
    longer = (face() - [320, 240, 0]) * [1, 1.25, 1] + [320, 240, 0]
    assert not kept.fits(driving(longer.astype(np.float32)))
    assert not kept.fits(driving(None))


POSE = {"camera": "Webcam", "size": [640, 480], "by_hand": False}
DAMAGED = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'{"version": 1}',
    b'{"version": "1", "poses": []}',
    b'{"version": 1, "poses": [3]}',
    json.dumps({"version": 1, "poses": [POSE]}).encode(),
    json.dumps({"version": 1, "poses": [POSE | {"landmarks": [[1, 2, 3]]}]}).encode(),
    json.dumps({"version": 1, "poses": [POSE | {"landmarks": [[float("nan")] * 3] * 478}]}).encode(),
    json.dumps({"version": 1, "poses": [POSE | {"landmarks": [[0, 0, 0]] * 478}]}).encode(),
    json.dumps({"version": 1, "poses": [POSE | {"size": [0, 1e9]}]}).encode(),
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_told_in_one_line_and_replaced(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    kept = memory(file)
    assert kept.poses == []
    assert len(told) == 1
    assert "neutral-poses.json" in told[0]
    assert "\n" not in told[0]
    kept.keep(face(), SIZE, by_hand=False)
    kept.close()
    assert len(memory(file).poses) == 1
    assert len(told) == 1


def test_a_newer_versions_file_is_left_alone_until_there_is_something_to_keep(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"version": 99, "poses": "who knows"}))
    assert memory(file).poses == []
    assert "newer version" in told[0]
    assert "99" in file.read_text()


def test_a_place_that_cannot_be_written_is_told_and_nothing_else_happens(file: Path) -> None:
    file.parent.write_text("a file where the folder should be")
    kept = memory(file)
    told.clear()
    kept.keep(face(), SIZE, by_hand=False)
    kept.close()
    assert len(told) == 1
    assert "not remembered" in told[0]


def test_what_is_kept_while_the_disk_is_busy_is_written_after(file: Path) -> None:
    kept = memory(file)
    for place in range(5):
        kept.keep(face(at=(300 + place, 200)), SIZE, by_hand=False)
    kept.close()
    (pose,) = memory(file).poses
    assert np.abs(pose.landmarks - face(at=(304, 200))).max() < 0.06
