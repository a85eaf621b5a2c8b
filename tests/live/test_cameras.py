from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

from fomm.errors import CameraError
from live import v4l2
from live.sources import cameras
from live.sources.cameras import Camera, find_camera, is_own_output, linux_cameras
from live.sources.listing import describe
from live.sources.modes import Mode


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    names = {"video0": "FOMM Cam\n", "video2": "Integrated Camera\n", "video10": "Logitech C920\n"}
    for node, name in names.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(name)
    (tmp_path / "video7").mkdir()  # gone while we look
    return tmp_path


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Camera(2, "Integrated Camera"), Camera(3, "Integrated Camera"), Camera(10, "Logitech C920")]
    monkeypatch.setattr(cameras, "list_cameras", lambda: found)
    monkeypatch.setattr(cameras.sys, "platform", "linux")


def test_our_own_output_is_never_listed(sysfs: Path) -> None:
    assert linux_cameras(sysfs) == [Camera(2, "Integrated Camera"), Camera(10, "Logitech C920")]
    assert is_own_output(0, sysfs)
    assert not is_own_output(2, sysfs)
    assert not is_own_output(5, sysfs)


def test_nodes_without_pictures_are_not_listed(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webcams have a second node, for metadata."""
    picture, data = v4l2.Capabilities("uvcvideo", True, False), v4l2.Capabilities("uvcvideo", False, False)
    monkeypatch.setattr(v4l2, "capabilities", {0: None, 2: picture, 10: data}.get)
    assert linux_cameras(sysfs) == [Camera(2, "Integrated Camera")]


def test_nothing_is_listed_where_there_is_nothing(tmp_path: Path) -> None:
    assert linux_cameras(tmp_path / "absent") == []


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("wanted", "index"), [(None, 2), (10, 10), ("Logitech C920", 10), ("c920", 10), ("integrated camera", 2)]
)
def test_finding(wanted: str | int | None, index: int) -> None:
    assert find_camera(wanted).index == index


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (5, r"no camera 5; there is 2 \(Integrated Camera\), 3 \(Integrated Camera\), 10 \(Logitech C920\)"),
        ("Nikon", r'"Nikon" is neither a camera nor an existing file; there is 2'),
        ("fomm cam", "our own output"),
        ("inte", "several cameras"),
    ],
)
def test_what_cannot_be_found_lists_what_is_there(wanted: str | int, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        find_camera(wanted)


def test_our_own_output_is_refused_by_index(three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "is_own_output", lambda index: index == 2)
    with pytest.raises(CameraError, match="our own output"):
        find_camera(2)


class FakeEnumeration:
    """`cv2_enumerate_cameras` as it answers on Windows."""

    supported_backends = (cv2.CAP_MSMF, cv2.CAP_DSHOW)

    def enumerate_cameras(self, api: int) -> list[Camera]:
        assert api == cv2.CAP_DSHOW
        return [Camera(0, "OBS Virtual Camera"), Camera(1, "HD Webcam"), Camera(2, "Unity Video Capture")]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", FakeEnumeration())  # type: ignore[arg-type]
    monkeypatch.setattr(cameras, "sys", SimpleNamespace(platform="win32"))


@pytest.mark.usefixtures("windows")
def test_on_windows_cameras_have_names_and_our_output_is_none_of_them() -> None:
    assert cameras.list_cameras() == [Camera(1, "HD Webcam")]
    assert find_camera(None) == find_camera("hd webcam") == find_camera(1) == Camera(1, "HD Webcam")
    for own in (0, 2, "obs virtual camera", "Unity Video Capture"):
        with pytest.raises(CameraError, match="our own output"):
            find_camera(own)
    assert find_camera(7) == Camera(7, "camera 7")  # opening it will tell


def test_where_the_system_gives_no_names_cameras_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", None)
    monkeypatch.setattr(cameras, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(cameras, "_PROBED", 1)
    assert cameras.list_cameras() in ([], [Camera(0, "camera 0")])


def test_without_any_camera_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "list_cameras", list)
    with pytest.raises(CameraError, match="no camera found; plug one in, or drive from a video"):
        find_camera(None)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")
def test_the_listing_has_formats_sizes_and_rates() -> None:
    offers = {
        2: [
            Mode("MJPG", (1280, 720), (30, 15)),
            Mode("MJPG", (640, 480), (30,)),
            Mode("YUYV", (640, 480), (30,)),
        ],
        987: [],
    }
    lines = list(
        describe([Camera(2, "Integrated Camera"), Camera(987, "Logitech C920")], lambda index: offers[index])
    )
    assert lines == [
        "2: Integrated Camera",
        "   MJPG: 1280x720 at 30, 15; 640x480 at 30",
        "   YUYV: 640x480 at 30",
        "987: Logitech C920",
        "   cannot be opened (No such file or directory)",
    ]
    assert list(describe([])) == ["no camera found; --camera also takes a video, or 'demo'"]
