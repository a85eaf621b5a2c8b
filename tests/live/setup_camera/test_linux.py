from __future__ import annotations

import sys
from pathlib import Path

import pytest

from live import loopback, v4l2
from live.loopback import Device, Module
from live.setup_camera import linux
from live.setup_camera.linux import Situation, plan

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux's")

ABSENT = Module(installed=False, loaded=False, version=None)
NEW = Module(installed=True, loaded=True, version="0.15.0")
OLD = Module(installed=True, loaded=True, version="0.12.7")


def device(
    name: str = "FOMM Cam",
    index: int = 10,
    *,
    captures: bool = False,
    outputs: bool = True,
    permitted: bool = True,
) -> Device:
    return Device(index, name, v4l2.Capabilities(v4l2.LOOPBACK, captures, outputs), permitted)


def commands(found: Situation) -> list[str]:
    return [command for step in plan(found).steps for command in step.commands]


def test_from_nothing_it_is_installed_set_for_boot_and_loaded() -> None:
    found = Situation(ABSENT, distribution=["ubuntu", "debian"], kernel="6.1.0-26-amd64")
    assert commands(found) == [
        "sudo apt install -y v4l2loopback-dkms linux-headers-6.1.0-26-amd64",
        "echo v4l2loopback | sudo tee /etc/modules-load.d/fomm-cam.conf",
        "echo 'options v4l2loopback devices=1 exclusive_caps=1 card_label=\"FOMM Cam\"' "
        "| sudo tee /etc/modprobe.d/zz-fomm-cam.conf",
        'sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label="FOMM Cam"',
    ]
    assert not plan(found).ready


@pytest.mark.parametrize(
    ("distribution", "tool"),
    [(["fedora"], "dnf"), (["manjaro", "arch"], "pacman"), (["opensuse", "tumbleweed", "suse"], "zypper")],
)
def test_each_distribution_has_its_tool(distribution: list[str], tool: str) -> None:
    assert f"sudo {tool} " in commands(Situation(ABSENT, distribution=distribution))[0]


def test_an_unknown_distribution_is_told_what_to_look_for() -> None:
    step = plan(Situation(ABSENT, distribution=["slackware"])).steps[0]
    assert "v4l2loopback" in step.what
    assert not step.commands


def test_root_needs_no_sudo() -> None:
    found = Situation(ABSENT, distribution=["debian"], root=True)
    assert not any("sudo" in command for command in commands(found))


def test_what_is_right_is_left_alone() -> None:
    found = plan(Situation(NEW, [device()], at_boot=True))
    assert found.ready
    assert not found.steps
    assert 'ready; calls list it as "FOMM Cam"' in found.lines()[0]


def test_what_will_be_gone_after_a_restart_is_said() -> None:
    found = plan(Situation(NEW, [device()]))
    assert not found.ready
    assert found.works
    assert "works, for now" in found.lines()[0]
    assert [step.what for step in found.steps] == ["Have it loaded at boot"]


def test_an_old_module_is_told_of_but_serves() -> None:
    found = plan(Situation(OLD, [device()], at_boot=True, distribution=["debian"]))
    assert found.ready
    assert "0.13.2 or newer" in found.steps[0].what
    assert "Debian 13" in found.steps[0].what
    assert found.lines()[1] == "  v4l2loopback 0.12.7: loaded"


@pytest.mark.parametrize(
    ("ours", "why"),
    [
        (device(captures=True, outputs=True), "without exclusive_caps=1"),
        (device(captures=False, outputs=False), "has forgotten that it is an output"),
    ],
)
def test_a_device_loaded_wrongly_or_spoilt_is_loaded_again(ours: Device, why: str) -> None:
    found = plan(Situation(NEW, [ours], at_boot=True))
    assert why in found.steps[0].what
    assert found.steps[0].commands == [
        "sudo modprobe -r v4l2loopback",
        'sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label="FOMM Cam"',
    ]


def test_devices_of_others_are_kept() -> None:
    obs = device("OBS Virtual Camera", 2, captures=True, outputs=True)
    found = Situation(NEW, [obs], users=[v4l2.User(7, "obs", False)], at_boot=True)
    made = plan(found)
    assert made.steps[0].commands[1] == (
        "sudo modprobe v4l2loopback devices=2 video_nr=2,-1 exclusive_caps=0,1 "
        'card_label="OBS Virtual Camera,FOMM Cam"'
    )
    assert "after closing what uses it" in made.steps[0].what
    assert "  in use by obs (process 7)" in made.lines()


def test_where_devices_can_be_added_nothing_is_unloaded() -> None:
    found = Situation(NEW, [device("OBS Virtual Camera", 2)], at_boot=True, can_add=True)
    assert commands(found) == ['sudo v4l2loopback-ctl add --exclusive-caps 1 --name "FOMM Cam"']


def test_a_device_that_is_forbidden_takes_membership(monkeypatch: pytest.MonkeyPatch) -> None:
    advice = "ada is not in the group video; run: sudo usermod -aG video ada, then log out and in"
    monkeypatch.setattr(loopback, "membership", lambda _: advice)
    forbidden = Device(10, "FOMM Cam", None, permitted=False)
    assert commands(Situation(NEW, [forbidden], at_boot=True)) == ["sudo usermod -aG video ada"]


def test_what_else_may_be_in_the_way_is_said() -> None:
    found = Situation(
        Module(installed=True, loaded=False, version="0.15.0"),
        others=[Path("/etc/modprobe.d/obs.conf")],
        secure_boot=True,
        contained=True,
    )
    text = "\n".join(plan(found).lines())
    for words in ("/etc/modprobe.d/obs.conf sets options", "Secure Boot is on", "this is a container"):
        assert words in text


def test_looking_reads_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "module", lambda: NEW)
    monkeypatch.setattr(loopback, "devices", list)
    for folder in ("etc/modprobe.d", "etc/modules-load.d", "sys/firmware/efi/efivars", "run"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text('NAME="Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n')
    (tmp_path / "etc/modprobe.d/obs.conf").write_text("# mine\noptions v4l2loopback card_label=OBS\n")
    (tmp_path / "etc/modprobe.d/snd.conf").write_text("options snd index=1\n")
    (tmp_path / linux._SECURE_BOOT).write_bytes(b"\x06\0\0\0\x01")
    (tmp_path / "run/.containerenv").touch()
    found = linux.look(tmp_path)
    assert list(found.distribution) == ["linuxmint", "ubuntu", "debian"]
    assert [path.name for path in found.others] == ["obs.conf"]
    assert found.secure_boot
    assert found.contained
    assert not found.at_boot

    (tmp_path / "etc/modules-load.d/fomm-cam.conf").write_text("v4l2loopback\n")
    (tmp_path / "etc/modprobe.d/zz-fomm-cam.conf").write_text(f"options v4l2loopback {found.options}\n")
    assert linux.look(tmp_path).at_boot
    assert [path.name for path in linux.look(tmp_path).others] == ["obs.conf"]


def test_an_empty_system_is_no_error(tmp_path: Path) -> None:
    found = linux.look(tmp_path)
    assert not found.secure_boot
    assert not found.others
    assert not found.distribution
