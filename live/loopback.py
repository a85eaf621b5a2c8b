"""v4l2loopback, the kernel module behind the virtual camera on Linux: what is there, and what is wrong with it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from live import v4l2
from live.names import VIRTUAL_CAMERA_NAME

#: From this version on a device may be written to again after a program that wrote to it has ended, however it
#: ended. Older ones forget with `exclusive_caps=1` that they are outputs; see `v4l2.free_output`.
SOUND = (0, 13)


@dataclass(frozen=True)
class Module:
    """The kernel module.

    Attributes:
        installed: it is there for the running kernel.
        loaded: it is in use.
        version: such as "0.12.7"; None where it cannot be told.
    """

    installed: bool
    loaded: bool
    version: str | None

    @property
    def forgets(self) -> bool:
        """Whether it is of the versions that take one writer in their lives.

        Those of 0.12 do not tell the kernel their version, so one that cannot be told is old.
        """
        if not self.installed:
            return False
        numbers = re.findall(r"\d+", self.version or "0.0")
        return tuple(map(int, numbers[:2])) < SOUND


@dataclass(frozen=True)
class Device:
    """A loopback device.

    Attributes:
        index: N of /dev/videoN.
        name: what calls list it as.
        can: what it says of itself; None where it cannot be opened.
        permitted: whether this user may read and write it.
    """

    index: int
    name: str
    can: v4l2.Capabilities | None
    permitted: bool

    @property
    def path(self) -> str:
        """Such as "/dev/video10"."""
        return f"/dev/video{self.index}"

    @property
    def hidden_from_browsers(self) -> bool:
        """Whether it says that it is an output and a camera at once: Chromium does not list such a device."""
        return self.can is not None and self.can.captures and self.can.outputs

    @property
    def forgotten(self) -> bool:
        """Whether it says that it is neither, as an old module does after its first writer."""
        return self.can is not None and not self.can.captures and not self.can.outputs


def module(system: Path = Path("/sys"), sources: Path = Path("/usr/src")) -> Module:
    """Look for the module, loaded or not."""
    folder = system / "module" / "v4l2loopback"
    loaded = folder.is_dir()
    version = None
    with contextlib.suppress(OSError):
        version = (folder / "version").read_text().strip()
    installed = loaded or _modinfo("filename") is not None
    if installed and version is None:
        version = _modinfo("version") or _packaged_version(sources)
    return Module(installed, loaded, version)


def devices(sysfs: Path = v4l2.SYSFS) -> list[Device]:
    """The loopback devices, by number; one that may not be opened counts where it has our name."""
    found = []
    for index, name in v4l2.names(sysfs).items():
        can = v4l2.capabilities(index)
        if name == VIRTUAL_CAMERA_NAME if can is None else can.driver == v4l2.LOOPBACK:
            permitted = os.access(f"/dev/video{index}", os.R_OK | os.W_OK)
            found.append(Device(index, name, can, permitted))
    return found


def own_index(sysfs: Path = v4l2.SYSFS) -> int | None:
    """The number of the device called "FOMM Cam"; where none is, of a loopback device that is free; None without.

    The answer stays the same while this process writes to the device.
    """
    names = v4l2.names(sysfs)
    for index, name in names.items():
        if name == VIRTUAL_CAMERA_NAME:
            return index
    return next((device.index for device in devices(sysfs) if _is_free(device)), None)


def refusal(index: int | None, system: Path = Path("/sys")) -> str | None:
    """Why nobody can write to that loopback device now, or to any, and what to do about it; None if unknown."""
    if index is None:
        if not module(system).installed:
            return "v4l2loopback is not installed; run: fomm-live setup-camera"
        return "there is no free loopback device; run: fomm-live setup-camera"
    path = f"/dev/video{index}"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"you may not use {path}: {membership(path)}"
    can = v4l2.capabilities(index)
    # With exclusive_caps=1 the device is no output while someone writes to it: the libraries call that "no
    # device", though it is busy.
    if v4l2.writer(index) is not None or (can is not None and can.captures and not can.outputs):
        return f"{path} is busy: {_writer_in_words(index)} sends to it already; stop that one"
    if can is not None and not can.outputs:
        return f"{path} has forgotten that it is an output; run: fomm-live setup-camera --run"
    return None


def membership(path: str) -> str:
    """What gives this user access to a device: the group that owns it, or root's word."""
    import getpass
    import grp

    user = getpass.getuser()
    try:
        group = grp.getgrgid(Path(path).stat().st_gid)
    except (OSError, KeyError):
        return f"ask the administrator for access to {path}"
    if group.gr_name == "root":
        return f"it belongs to root alone; run: sudo chgrp video {path} && sudo chmod 660 {path}"
    name = group.gr_name
    if group.gr_gid in os.getgroups():
        return f"its group {name}, which {user} is in, may not; run: sudo chmod g+rw {path}"
    if user in group.gr_mem:
        return f"{user} was added to the group {name}, which counts from the next login: log out and in"
    return f"{user} is not in the group {name}; run: sudo usermod -aG {name} {user}, then log out and in"


def _is_free(device: Device) -> bool:
    writer = v4l2.writer(device.index)
    if writer is not None or device.can is None:
        return writer == os.getpid()
    # Neither of both it is where an old module has forgotten; opening it mends that.
    return device.can.outputs or not device.can.captures


def _writer_in_words(index: int) -> str:
    others = [user for user in v4l2.users(index) if user.process != os.getpid()]
    writing = [user for user in others if user.writes_only]
    # OBS opens it for reading too, as those do who only watch: where one candidate remains, that is it.
    if writing or len(others) == 1:
        return str((writing or others)[0])
    return "another program" if not others else "one of " + ", ".join(map(str, others))


def _modinfo(field: str) -> str | None:
    tool = shutil.which("modinfo", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if tool is None:
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(
            [tool, "-F", field, "v4l2loopback"], capture_output=True, text=True, timeout=10, check=True
        )
        return asked.stdout.strip() or None
    return None


def _packaged_version(sources: Path) -> str | None:
    """The version of the sources that DKMS builds the module from, where there is one."""
    found = {folder.name.removeprefix("v4l2loopback-") for folder in sources.glob("v4l2loopback-[0-9]*")}
    return found.pop() if len(found) == 1 else None
