"""Building and booting the virtual machine: Debian's kernel, v4l2loopback, and this machine's files, read-only."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent

#: Programs and the Debian packages that have them.
NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "make": "build-essential",
    "gcc": "build-essential",
    "apt-get": "apt",
    "ffmpeg": "ffmpeg",
    "v4l2-ctl": "v4l-utils",
    "chromium": "chromium",
}

#: Software emulation: nested KVM hangs some kernels. Without AVX: with it numpy crashed now and then (QEMU 7.2).
_PROCESSOR = ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,-avx,-avx2,-f16c,-fma")

_MODULES = ("virtio_pci", "9p", "9pnet_virtio", "overlay", "videodev", "virtio-rng")


class MachineError(Exception):
    """The virtual machine cannot be had."""


class Machine:
    """A virtual machine whose kernel, module and results are kept in one folder.

    Args:
        folder: for everything that is made; what is there already is used again.
        package: a v4l2loopback-dkms package instead of the system's own, to try another version.

    Raises:
        MachineError: something is missing; the message says how to get it.
    """

    def __init__(self, folder: Path, package: Path | None = None) -> None:
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        missing = {package for program, package in NEEDED.items() if shutil.which(program, path=path) is None}
        if missing:
            raise MachineError(
                f"needs {', '.join(sorted(missing))}: apt-get install {' '.join(sorted(missing))}"
            )
        if os.geteuid() != 0:
            raise MachineError("needs root, so that the virtual machine may read this one's files")
        os.environ["PATH"] = path
        self.out = folder / "out"
        self.out.mkdir(parents=True, exist_ok=True)
        self._root = folder / "kernel"
        self._module_folder = folder / (package.stem if package else "v4l2loopback")
        self._initramfs = folder / "initramfs.gz"
        self.kernel = self._get_kernel()
        self.module = self._build_module(package)

    def run(self, command: Sequence[str | Path], *, environment: dict[str, str], timeout: float) -> int:
        """Boot, run a command inside as root, and return its status; what it prints is printed here.

        Raises:
            MachineError: it did not end by itself.
        """
        self._make_initramfs()
        (self.out / "status").unlink(missing_ok=True)
        exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
        (self.out / "command").write_text("\n".join([*exports, shlex.join(map(str, command)), ""]))
        qemu = (
            *("qemu-system-x86_64", "-M", "q35", *_PROCESSOR, "-m", "4096", "-smp", "2"),
            *("-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-nic", "none"),
            *("-serial", "stdio", "-monitor", "none", "-device", "virtio-rng-pci"),
            *(
                "-kernel",
                str(self._root / "boot" / f"vmlinuz-{self.kernel}"),
                "-initrd",
                str(self._initramfs),
            ),
            *("-append", "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off random.trust_cpu=on"),
            *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
            *("-virtfs", f"local,path={self.out},mount_tag=out,security_model=none,multidevs=remap"),
        )
        with subprocess.Popen(
            qemu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as machine:
            watch = threading.Timer(timeout, machine.kill)
            watch.start()
            assert machine.stdout is not None
            for line in machine.stdout:
                # The firmware draws on the screen that it takes this for.
                print(re.sub(r"\x1b(c|\[[?0-9;]*[A-Za-z])", "", line).rstrip(), flush=True)
            machine.wait()
            watch.cancel()
        try:
            return int((self.out / "status").read_text())
        except (OSError, ValueError):
            raise MachineError(f"the virtual machine did not finish within {timeout:.0f} s") from None

    def _get_kernel(self) -> str:
        """Debian's newest kernel and its headers, unpacked and not installed; its release."""
        done = self._root / "release"
        if done.exists():
            return done.read_text()
        shutil.rmtree(self._root, ignore_errors=True)
        self._root.mkdir(parents=True)
        if not _depends("linux-image-amd64"):
            _call("apt-get", "update")
        image = next(
            (name for name in _depends("linux-image-amd64") if name.startswith("linux-image-")), None
        )
        if image is None:
            raise MachineError("apt knows no linux-image-amd64; this needs Debian's package lists")
        release = image.removeprefix("linux-image-")
        headers = f"linux-headers-{release}"
        building = [
            name for name in _depends(headers) if name.startswith(("linux-headers-", "linux-kbuild-"))
        ]
        _call("apt-get", "download", image, headers, *building, cwd=self._root)
        for package in self._root.glob("*.deb"):
            _call("dpkg", "-x", package, self._root)
        makefile = self._root / "usr/src" / headers / "Makefile"
        makefile.write_text(
            makefile.read_text().replace("include /usr/src/", f"include {self._root}/usr/src/")
        )
        done.write_text(release)
        return release

    def _build_module(self, package: Path | None) -> str:
        """v4l2loopback for that kernel; its version."""
        folder = self._module_folder
        if not (folder / "v4l2loopback.ko").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if package is None:
                _call("apt-get", "download", "v4l2loopback-dkms", cwd=folder)
                package = next(folder.glob("*.deb"))
            _call("dpkg", "-x", package, folder)
            sources = next(folder.glob("usr/src/v4l2loopback-*"))
            headers = self._root / "usr/src" / f"linux-headers-{self.kernel}"
            _call("make", "-C", headers, f"M={sources}", "modules")
            shutil.copy(sources / "v4l2loopback.ko", folder)
            _call("strip", "-g", folder / "v4l2loopback.ko")
        return next(folder.glob("usr/src/v4l2loopback-*")).name.removeprefix("v4l2loopback-")

    def _make_initramfs(self) -> None:
        """BusyBox, the modules that mount the host's files, and a folder of modules for modprobe."""
        tree = self._initramfs.with_suffix("")
        shutil.rmtree(tree, ignore_errors=True)
        for name in ("bin", "proc", "sys", "dev", "host", "layer", "system", "modules", "kernel"):
            (tree / name).mkdir(parents=True)
        busybox = shutil.which("busybox")
        assert busybox is not None
        shutil.copy(busybox, tree / "bin")
        (tree / "bin/sh").symlink_to("busybox")
        shutil.copy(HERE / "init", tree / "init")
        (tree / "init").chmod(0o755)

        _call("depmod", "-b", self._root, self.kernel)
        order: list[str] = []
        wanted = tree / "kernel" / self.kernel
        wanted.mkdir()
        for module in _MODULES:
            listed = _call("modprobe", "-d", self._root, "-S", self.kernel, "--show-depends", module)
            for line in listed.splitlines():
                path = Path(line.split()[1])
                if line.startswith("insmod") and path.name not in order:
                    order.append(path.name)
                    shutil.copy(path, tree / "modules")
                    shutil.copy(path, wanted)
        (tree / "modules/order").write_text("\n".join(order))
        shutil.copy(self._module_folder / "v4l2loopback.ko", wanted)
        for name in ("modules.order", "modules.builtin"):
            shutil.copy(self._root / "lib/modules" / self.kernel / name, wanted)
        # depmod wants to see lib/modules above.
        (tree / "lib").mkdir()
        (tree / "lib/modules").symlink_to("../kernel")
        _call("depmod", "-b", tree, self.kernel)
        (tree / "lib/modules").unlink()
        names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
        packed = subprocess.run(
            ["cpio", "-o", "-H", "newc", "--quiet"],
            cwd=tree,
            input=names.encode(),
            capture_output=True,
            check=True,
        )
        self._initramfs.write_bytes(gzip.compress(packed.stdout, 1))


def _depends(package: str) -> list[str]:
    """The names of the packages that one depends on."""
    listed = subprocess.run(["apt-cache", "depends", package], capture_output=True, text=True, check=False)
    return [line.partition("Depends: ")[2] for line in listed.stdout.splitlines() if " Depends: " in line]


def _call(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        print("\n".join(said[-20:]), file=sys.stderr)
        raise MachineError(f"`{shlex.join(map(str, command))}` failed; see above")
    return done.stdout
