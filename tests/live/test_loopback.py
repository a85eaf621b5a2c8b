from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from live import loopback, v4l2
from live.loopback import Module

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")

LOOP = "v4l2 loopback"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Devices as /sys lists them, and what each says of itself."""
    said: dict[int, v4l2.Capabilities | None] = {}
    monkeypatch.setattr(v4l2, "capabilities", said.get)
    monkeypatch.setattr(v4l2, "writer", lambda *_: None)
    monkeypatch.setattr(v4l2, "users", lambda *_: [])

    def desk(index: int, name: str, can: v4l2.Capabilities | None) -> Path:
        (tmp_path / f"video{index}").mkdir()
        (tmp_path / f"video{index}" / "name").write_text(name)
        said[index] = can
        return tmp_path

    return desk


def can(*, captures: bool, outputs: bool, driver: str = LOOP) -> v4l2.Capabilities:
    return v4l2.Capabilities(driver, captures, outputs)


@pytest.mark.parametrize(
    ("version", "forgets"),
    [("0.12.7", True), ("0.13.2", False), ("0.15.0", False), ("1.0", False), (None, True), ("0.9", True)],
)
def test_which_versions_forget(version: str | None, forgets: bool) -> None:
    assert Module(installed=True, loaded=True, version=version).forgets is forgets


def test_what_is_absent_forgets_nothing() -> None:
    assert not Module(installed=False, loaded=False, version=None).forgets


def test_the_version_is_the_loaded_modules(tmp_path: Path) -> None:
    folder = tmp_path / "module" / "v4l2loopback"
    folder.mkdir(parents=True)
    (folder / "version").write_text("0.15.0\n")
    assert loopback.module(tmp_path) == Module(installed=True, loaded=True, version="0.15.0")


def test_where_the_module_does_not_tell_its_sources_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(loopback, "_modinfo", lambda *_: None)
    (tmp_path / "module" / "v4l2loopback").mkdir(parents=True)
    (tmp_path / "src" / "v4l2loopback-0.12.7").mkdir(parents=True)
    assert loopback.module(tmp_path, tmp_path / "src").version == "0.12.7"
    (tmp_path / "src" / "v4l2loopback-0.13.2").mkdir()
    assert loopback.module(tmp_path, tmp_path / "src").version is None  # which of them was loaded?


def test_modinfo_is_asked_for_a_module_that_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "modinfo"
    tool.write_text('#!/bin/sh\n[ "$2" = filename ] && echo /lib/x.ko || echo 0.13.2\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert loopback.module(tmp_path) == Module(installed=True, loaded=False, version="0.13.2")


def test_ours_is_the_one_with_our_name_even_if_it_cannot_be_opened(desk: Any) -> None:
    desk(3, "Dummy video device", can(captures=False, outputs=True))
    sysfs = desk(7, "FOMM Cam", None)
    assert loopback.own_index(sysfs) == 7
    assert [device.index for device in loopback.devices(sysfs)] == [3, 7]


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        (can(captures=False, outputs=True), True),
        (can(captures=True, outputs=True), True),
        (can(captures=False, outputs=False), True),  # an old module that has forgotten
        (can(captures=True, outputs=False), False),  # another program sends to it
        (can(captures=True, outputs=True, driver="uvcvideo"), False),
        (None, False),
    ],
    ids=["free", "free, both at once", "forgotten", "busy", "a webcam", "forbidden"],
)
def test_without_our_name_a_free_loopback_is_taken(
    desk: Any, state: v4l2.Capabilities | None, taken: bool
) -> None:
    sysfs = desk(4, "Dummy video device", state)
    assert loopback.own_index(sysfs) == (4 if taken else None)


def test_a_device_that_we_write_to_stays_ours(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sysfs = desk(4, "Dummy video device", can(captures=True, outputs=False))
    monkeypatch.setattr(v4l2, "writer", lambda *_: os.getpid())
    assert loopback.own_index(sysfs) == 4
    monkeypatch.setattr(v4l2, "writer", lambda *_: 1)
    assert loopback.own_index(sysfs) is None


class TestRefusal:
    """Libraries say "no device" for all of these."""

    @pytest.fixture(autouse=True)
    def allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loopback.os, "access", lambda *_: True)

    def test_nothing_is_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loopback, "_modinfo", lambda *_: None)
        assert "not installed; run: fomm-live setup-camera" in loopback.refusal(None, tmp_path)

    def test_nothing_is_free(self, tmp_path: Path) -> None:
        (tmp_path / "module" / "v4l2loopback").mkdir(parents=True)
        assert "no free loopback device" in loopback.refusal(None, tmp_path)

    @pytest.mark.parametrize(
        ("users", "words"),
        [
            ([], "another program sends"),
            ([v4l2.User(12, "obs", False)], r"obs \(process 12\) sends"),
            ([v4l2.User(12, "zoom", False), v4l2.User(13, "python", True)], r"python \(process 13\) sends"),
            ([v4l2.User(12, "zoom", False), v4l2.User(13, "obs", False)], r"one of zoom .*, obs"),
        ],
    )
    def test_busy_names_who(
        self, desk: Any, monkeypatch: pytest.MonkeyPatch, users: list[v4l2.User], words: str
    ) -> None:
        desk(4, "FOMM Cam", can(captures=True, outputs=False))
        monkeypatch.setattr(v4l2, "users", lambda *_: users)
        with pytest.raises(AssertionError, match=rf"/dev/video4 is busy: {words}"):
            raise AssertionError(loopback.refusal(4))

    def test_forgotten(self, desk: Any) -> None:
        desk(4, "FOMM Cam", can(captures=False, outputs=False))
        assert "has forgotten that it is an output" in loopback.refusal(4)

    def test_nothing_that_is_known(self, desk: Any) -> None:
        desk(4, "FOMM Cam", can(captures=False, outputs=True))
        assert loopback.refusal(4) is None

    def test_forbidden(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(loopback.os, "access", lambda *_: False)
        monkeypatch.setattr(loopback, "membership", lambda *_: "you are not in the group video")
        assert loopback.refusal(4) == "you may not use /dev/video4: you are not in the group video"


def test_membership_names_the_group_and_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass
    import grp

    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    for members, words in {(): "sudo usermod -aG video ada", ("ada",): "log out and in"}.items():
        group = grp.struct_group(("video", "x", 44, list(members)))
        monkeypatch.setattr(grp, "getgrgid", lambda _, group=group: group)
        assert words in loopback.membership(str(device))
    ours = grp.struct_group(("video", "x", os.getgid(), []))
    monkeypatch.setattr(os, "getgroups", lambda: [os.getgid()])
    monkeypatch.setattr(grp, "getgrgid", lambda _: ours)
    assert f"sudo chmod g+rw {device}" in loopback.membership(str(device))
    assert "ask the administrator" in loopback.membership(str(tmp_path / "absent"))
