"""Linux: v4l2loopback, loaded with the right options now and at boot."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from live import loopback, v4l2
from live.loopback import Device, Module
from live.names import VIRTUAL_CAMERA_NAME
from live.setup_camera.steps import Plan, Step

#: Where the system reads at boot what to load, and how. The last file that names an option wins, hence "zz".
LOAD_AT_BOOT = Path("/etc/modules-load.d/fomm-cam.conf")
OPTIONS_AT_BOOT = Path("/etc/modprobe.d/zz-fomm-cam.conf")

_SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

#: Distribution, as /etc/os-release calls it → what installs the module.
_INSTALL = {
    "debian": "apt install -y v4l2loopback-dkms linux-headers-{kernel}",
    "ubuntu": "apt install -y v4l2loopback-dkms linux-headers-{kernel}",
    "fedora": "dnf install -y akmod-v4l2loopback",
    "arch": "pacman -S --noconfirm v4l2loopback-dkms linux-headers",
    "opensuse": "zypper --non-interactive install v4l2loopback-kmp-default",
    "suse": "zypper --non-interactive install v4l2loopback-kmp-default",
    "gentoo": "emerge media-video/v4l2loopback",
}
_SOURCES = "https://github.com/v4l2loopback/v4l2loopback"


@dataclass(frozen=True)
class Situation:
    """What the plan depends on.

    Attributes:
        module: the kernel module.
        devices: the loopback devices there are.
        users: programs that have one of them open, as far as they can be seen.
        distribution: this one's name and those it is like, nearest first, such as ("ubuntu", "debian").
        kernel: its release, such as "6.1.0-26-amd64".
        at_boot: what is set for the next boot is what the plan would set.
        others: files of somebody else's that set options for the module.
        secure_boot: the kernel takes signed modules only.
        contained: this is a container, which shares the kernel of its host.
        root: we are root, and need no sudo.
        can_add: devices can be added to the loaded module.
    """

    module: Module
    devices: Sequence[Device] = ()
    users: Sequence[v4l2.User] = ()
    distribution: Sequence[str] = ()
    kernel: str = ""
    at_boot: bool = False
    others: Sequence[Path] = ()
    secure_boot: bool = False
    contained: bool = False
    root: bool = False
    can_add: bool = False

    @property
    def ours(self) -> Device | None:
        """The device called "FOMM Cam"."""
        return next((device for device in self.devices if device.name == VIRTUAL_CAMERA_NAME), None)

    @property
    def options(self) -> str:
        """What the module is to be loaded with: devices that others made stay as they are, ours is added."""
        others = [device for device in self.devices if device.name != VIRTUAL_CAMERA_NAME]
        labels = [device.name.replace('"', "").replace(",", " ") for device in others] + [VIRTUAL_CAMERA_NAME]
        exclusive = ["0" if device.hidden_from_browsers else "1" for device in others] + ["1"]
        numbers = [str(device.index) for device in others] + ["-1"]
        kept = f"video_nr={','.join(numbers)} " if others else ""
        return f'devices={len(labels)} {kept}exclusive_caps={",".join(exclusive)} card_label="{",".join(labels)}"'


def look(root: Path = Path("/")) -> Situation:
    """See what is there. A device of ours that an old module has forgotten is freed on the way."""
    for device in loopback.devices():
        if device.name == VIRTUAL_CAMERA_NAME:
            v4l2.free_output(device.index)
    devices = loopback.devices()
    found = Situation(
        module=loopback.module(),
        devices=devices,
        users=[
            user for device in devices for user in v4l2.users(device.index) if user.process != os.getpid()
        ],
        distribution=_distribution(root / "etc/os-release"),
        kernel=platform.release(),
        others=_others_options(root),
        secure_boot=_secure_boot(root / _SECURE_BOOT),
        contained=any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv")),
        root=os.geteuid() == 0,
        can_add=Path("/dev/v4l2loopback").exists() and shutil.which("v4l2loopback-ctl") is not None,
    )
    return Situation(**vars(found) | {"at_boot": _is_set_at_boot(root, found.options)})


def plan(found: Situation) -> Plan:
    """What is to be done."""
    sudo = "" if found.root else "sudo "
    steps: list[Step] = []
    if not found.module.installed:
        steps.append(_install(found, sudo))
    if not found.at_boot:
        steps.append(_at_boot(found, sudo))
    ours = found.ours
    right = ours is not None and not ours.hidden_from_browsers and not ours.forgotten
    if ours is None or not right:
        steps.append(_load(found, sudo))
    elif not ours.permitted:
        steps.append(Step(f"Get access to {ours.path}: {loopback.membership(ours.path)}", _join(ours, sudo)))
    if found.module.forgets:
        steps.append(_newer(found))
    works = ours is not None and right and ours.permitted
    return Plan(VIRTUAL_CAMERA_NAME, _facts(found), steps, works)


def _facts(found: Situation) -> list[str]:
    version = found.module.version or (
        "older than 0.13, as it does not tell its version" if found.module.installed else ""
    )
    state = "loaded" if found.module.loaded else "not loaded" if found.module.installed else "not installed"
    facts = [f"v4l2loopback {version}: {state}" if version else f"v4l2loopback: {state}"]
    for device in found.devices:
        remark = ", as our output" if device is found.ours else ", which is left as it is"
        if device.hidden_from_browsers:
            remark += "; without exclusive_caps=1, so Chrome, and calls in it, do not list it"
        facts.append(f"{device.path} is {device.name}{remark}")
    if found.users:
        facts.append(f"in use by {', '.join(dict.fromkeys(map(str, found.users)))}")
    for path in found.others:
        facts.append(f"{path} sets options for v4l2loopback too; those of {OPTIONS_AT_BOOT} will count")
    if found.contained:
        facts.append("this is a container: the module belongs to its host, so run this there")
    if found.secure_boot and not found.module.loaded:
        facts.append(
            "Secure Boot is on: the module must be signed by a key that you enrol; the installation asks for a "
            "password, and the next boot asks for it again (mokutil --import)"
        )
    return facts


def _install(found: Situation, sudo: str) -> Step:
    for name in found.distribution:
        if name in _INSTALL:
            return Step("Install the kernel module", [sudo + _INSTALL[name].format(kernel=found.kernel)])
    return Step(f"Install the kernel module v4l2loopback, by your system's package or from {_SOURCES}")


def _at_boot(found: Situation, sudo: str) -> Step:
    options = f"options v4l2loopback {found.options}"
    return Step(
        "Have it loaded at boot",
        [
            f"echo v4l2loopback | {sudo}tee {LOAD_AT_BOOT}",
            f"echo {shlex.quote(options)} | {sudo}tee {OPTIONS_AT_BOOT}",
        ],
    )


def _load(found: Situation, sudo: str) -> Step:
    load = f"{sudo}modprobe v4l2loopback {found.options}"
    if not found.module.loaded:
        return Step("Load it now", [load])
    if found.ours is None and found.can_add:
        add = f'{sudo}v4l2loopback-ctl add --exclusive-caps 1 --name "{VIRTUAL_CAMERA_NAME}"'
        return Step(f'Add the device "{VIRTUAL_CAMERA_NAME}"', [add])
    if found.ours is None:
        why = f'no device is called "{VIRTUAL_CAMERA_NAME}"'
    elif found.ours.forgotten:
        why = f"{found.ours.path} has forgotten that it is an output"
    else:
        why = "it was loaded without exclusive_caps=1"
    first = ", after closing what uses it" if found.users else ""
    return Step(f"Load it again{first}: {why}", [f"{sudo}modprobe -r v4l2loopback", load])


def _join(device: Device, sudo: str) -> list[str]:
    """The commands in what `membership` says."""
    advice = loopback.membership(device.path)
    if "run: " not in advice:
        return []
    command = advice.partition("run: ")[2].partition(",")[0]
    return [command if sudo else command.replace("sudo ", "")]


def _newer(found: Situation) -> Step:
    how = "Debian 13 has one" if "debian" in found.distribution else "see your system's packages"
    return Step(
        "Get v4l2loopback 0.13.2 or newer. With yours FOMM Live works, session after session; but when a session is "
        "killed, other programs that send to a camera, such as OBS, are refused until fomm-live has run again or "
        f"the module was loaded again. {how}; or build it from {_SOURCES}",
        optional=True,
    )


def _distribution(os_release: Path) -> list[str]:
    fields: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in os_release.read_text().splitlines():
            name, _, value = line.partition("=")
            fields[name] = value.strip("\"'")
    return [name for field in ("ID", "ID_LIKE") for name in fields.get(field, "").replace("-", " ").split()]


def _others_options(root: Path) -> list[Path]:
    found = []
    for path in sorted((root / "etc/modprobe.d").glob("*.conf")):
        with contextlib.suppress(OSError):
            if path.name != OPTIONS_AT_BOOT.name and any(
                line.split()[:2] == ["options", "v4l2loopback"] for line in path.read_text().splitlines()
            ):
                found.append(path)
    return found


def _is_set_at_boot(root: Path, options: str) -> bool:
    with contextlib.suppress(OSError):
        loads = (root / LOAD_AT_BOOT.relative_to("/")).read_text().split()
        written = (root / OPTIONS_AT_BOOT.relative_to("/")).read_text().strip()
        return "v4l2loopback" in loads and written == f"options v4l2loopback {options}"
    return False


def _secure_boot(variable: Path) -> bool:
    # Four bytes of attributes, then the value.
    with contextlib.suppress(OSError):
        return variable.read_bytes()[4:5] == b"\x01"
    return False
