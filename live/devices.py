"""What could execute a model here, in plain words: the GPUs, PyTorch's build, and whether the two fit.

PyTorch itself is never imported for it: a session that needs none starts without.
"""

from __future__ import annotations

import ast
import importlib.metadata
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from live.background import Background

#: A driver that has hung keeps its tool waiting; nobody else should wait with it.
_PATIENCE_S = 5.0

_FIELDS = "name,driver_version,memory.total"


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU, as its driver describes it.

    Attributes:
        name: such as "NVIDIA GeForce RTX 3060".
        driver: the driver's version, such as "550.90.07".
        memory_mb: its memory in MiB; None where the driver does not tell.
    """

    name: str
    driver: str
    memory_mb: int | None


@dataclass(frozen=True)
class Graphics:
    """What `nvidia-smi` says of this machine.

    Attributes:
        gpus: the NVIDIA GPUs, in the driver's order.
        cuda: the newest CUDA version that the driver supports, such as "12.4"; None where it does not tell.
        problem: why `nvidia-smi`, though installed, gave no answer; None where it did, or is not there.
    """

    gpus: tuple[Gpu, ...] = ()
    cuda: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class TorchBuild:
    """The installed PyTorch.

    Attributes:
        version: such as "2.11.0+cpu".
        cuda: the CUDA version it was built for; None for the CPU build.
    """

    version: str
    cuda: str | None


def graphics() -> Graphics:
    """Ask `nvidia-smi`; takes from 30 ms to a few seconds. Without it there is no NVIDIA GPU that could be used."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Graphics()
    try:
        listed = _ask(tool, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
        gpus = tuple(_gpu(line) for line in listed.splitlines() if line.count(",") >= 2)
        # The table alone names the CUDA version, whatever the driver's age.
        found = re.search(r"CUDA[\w ]* Version\s*:\s*(\d+\.\d+)", _ask(tool)) if gpus else None
    except subprocess.TimeoutExpired:
        return Graphics(problem=f"nvidia-smi did not answer within {_PATIENCE_S:.0f} s")
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stdout", None) or str(error)).strip().splitlines()
        return Graphics(problem=said[0].rstrip(".") if said else "nvidia-smi failed")
    return Graphics(gpus, found[1] if found else None)


def torch_build() -> TorchBuild | None:
    """The installed PyTorch, read from its files; None where there is none."""
    try:
        distribution = importlib.metadata.distribution("torch")
    except importlib.metadata.PackageNotFoundError:
        return None
    try:
        written = Path(str(distribution.locate_file("torch/version.py"))).read_text()
        values = _assigned(written)
    except (OSError, SyntaxError):
        values = {}
    return TorchBuild(values.get("__version__") or distribution.version, values.get("cuda"))


def torch_problem(found: Graphics, build: TorchBuild | None) -> str | None:
    """Why PyTorch cannot use the GPU that is here, and what to do; None where it can, or where there is no GPU."""
    if not found.gpus:
        return None
    gpu = found.gpus[0]
    if build is None:
        return f"PyTorch is not installed and your {gpu.name} is idle: {_reinstall()}"
    if build.cuda is None:
        return f"torch {build.version} is the CPU build and your {gpu.name} is idle: {_reinstall()}"
    if found.cuda is not None and _major(build.cuda) > _major(found.cuda):
        return (
            f"torch {build.version} needs CUDA {build.cuda} and your {gpu.name}'s driver {gpu.driver} goes up to "
            f"{found.cuda}: update the NVIDIA driver"
        )
    return None


def idle_gpu(
    device: str, model: str, *, neural: bool, found: Graphics, build: TorchBuild | None
) -> str | None:
    """What to tell someone whose GPU is not used, and what to do; None where it is used, or there is none.

    Args:
        device: the animator's, such as "cpu", "cuda:0 (fp16)".
        model: its name.
        neural: whether the model could use a GPU at all.
        found, build: what is here.
    """
    if not found.gpus or on_gpu(device):
        return None
    name = found.gpus[0].name
    if not neural:
        return f"your {name} is not used: {model} needs only the CPU"
    return torch_problem(found, build) or f"your {name} is not used: run with --device cuda"


class GpuWatch:
    """Looks in the background whether a GPU idles while a model runs elsewhere, and says so once.

    Args:
        device: the animator's.
        model: its name.
        neural: whether the model could use a GPU at all.
        notify: takes the sentence, in another thread: a driver may take seconds to answer.
    """

    def __init__(self, device: str, model: str, *, neural: bool, notify: Callable[[str], None]) -> None:
        self._found = Graphics()
        #: Which GPU idles, and why; None until that is known, and where none does.
        self.idle: str | None = None

        def look() -> None:
            self._found = graphics()
            build = torch_build() if self._found.gpus else None
            self.idle = idle_gpu(device, model, neural=neural, found=self._found, build=build)
            if self.idle is not None:
                notify(f"running on the {self.in_words(device)}: {self.idle}")

        self._looking = Background(look, name="gpu")

    def in_words(self, device: str) -> str:
        """An animator's device as a person would call it."""
        return in_words(device, self._found)


def on_gpu(device: str) -> bool:
    """Whether an animator's device is a GPU: "cuda:0", "torch fp16 on NVIDIA GeForce RTX 3060", ..."""
    # An engine says why it was taken, in parentheses, and may name others there.
    said = device.lower().partition(" (")[0]
    _, _, place = said.partition(" on ")
    return (place or said).startswith(("cuda", "gpu", "nvidia"))


def in_words(device: str, found: Graphics = Graphics()) -> str:
    """An animator's device as a person would call it: "CPU", "GPU (NVIDIA GeForce RTX 3060)".

    Args:
        device: such as "cpu", "cuda:0 (fp16)".
        found: names the GPU, where it is known.
    """
    if " on " in device:
        return device
    if not on_gpu(device):
        return "CPU" if device.lower().startswith("cpu") else device
    place = re.search(r":(\d+)", device)
    number = int(place[1]) if place else 0
    return f"GPU ({found.gpus[number].name})" if number < len(found.gpus) else "GPU"


def _ask(tool: str, *arguments: str) -> str:
    asked = subprocess.run(
        [tool, *arguments], capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S, check=True
    )
    return asked.stdout


def _gpu(line: str) -> Gpu:
    name, driver, memory = (part.strip() for part in line.rsplit(",", 2))
    return Gpu(name, driver, int(memory) if memory.isdecimal() else None)


def _assigned(python: str) -> dict[str, str | None]:
    """The strings and Nones that a module gives to names at its top level."""
    values: dict[str, str | None] = {}
    for statement in ast.parse(python).body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        if isinstance(value, ast.Constant) and (value.value is None or isinstance(value.value, str)):
            values |= {target.id: value.value for target in targets if isinstance(target, ast.Name)}
    return values


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _reinstall() -> str:
    if platform.system() == "Linux":
        # The plain package is a CUDA build here; the CPU build came from elsewhere.
        return "run: pip install --upgrade --force-reinstall torch"
    return "choose the CUDA build on https://pytorch.org/get-started/locally/ and run its command here"
