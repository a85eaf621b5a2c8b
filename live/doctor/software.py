"""Python, PyTorch against the GPU's driver, the models, the disk."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fomm import resources
from live.devices import Graphics, TorchBuild, torch_problem
from live.doctor.findings import Finding

#: The versions of Python that the project is made for: from, and before.
_PYTHON = ((3, 10), (3, 14))

#: Less than so many bytes free, and a recording may not fit.
_ROOM = 2_000_000_000

#: Without these nothing runs; relative to the assets.
_BUNDLED = (
    "models/face_landmarker.task",
    "models/selfie_segmentation.tflite",
    "models/face_triangles.npy",
    "models/face-lite.safetensors",
)

#: In a process of its own: PyTorch takes seconds to import, may crash, and is needed for nothing else here.
_ASK_TORCH = """
import json, sys, torch
from fomm.checkpoints import folder, stored
json.dump({"folder": str(folder()), "stored": stored(), "cuda": torch.cuda.is_available()}, sys.stdout)
"""


@dataclass(frozen=True)
class TorchAnswer:
    """What PyTorch and the models' store say when they are really imported.

    Attributes:
        asked: whether there was an answer in time.
        problem: why PyTorch cannot be imported; None where it can.
        cuda: whether PyTorch can use a GPU.
        stored: models whose weights are on this machine.
        folder: where weights are kept.
    """

    asked: bool = True
    problem: str | None = None
    cuda: bool = False
    stored: tuple[str, ...] = ()
    folder: str = ""


def ask_torch(timeout: float) -> TorchAnswer:
    """Import PyTorch elsewhere, and ask."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, timeout=timeout, check=False
        )
        said = json.loads(asked.stdout)
    except subprocess.TimeoutExpired:
        return TorchAnswer(asked=False)
    except (OSError, ValueError):
        lines = asked.stderr.strip().splitlines() or ["it crashed"]
        return TorchAnswer(problem=lines[-1])
    return TorchAnswer(cuda=said["cuda"], stored=tuple(said["stored"]), folder=said["folder"])


def python() -> Finding:
    """The interpreter's version."""
    least, before = _PYTHON
    found = f"Python {platform.python_version()} ({platform.system()} {platform.machine()})"
    if least <= sys.version_info[:2] < before:
        return Finding.ok("Python", found)
    wanted = f"3.{least[1]} to 3.{before[1] - 1}"
    return Finding.warning(
        "Python", f"{found} is not one that FOMM Live is tested with", f"install Python {wanted}"
    )


def torch(found: Graphics, build: TorchBuild | None, answer: TorchAnswer) -> Finding:
    """PyTorch's build against the GPU and its driver."""
    trouble = _torch_trouble(found, build, answer)
    if trouble is not None:
        return Finding.warning("PyTorch and GPU", *trouble)
    version = f"torch {build.version}" if build else ""
    if not found.gpus:
        return Finding.ok("PyTorch and GPU", f"{version}; no NVIDIA GPU, and landmark-warp needs none")
    gpu = found.gpus[0]
    uses = "uses" if answer.asked else "fits"
    return Finding.ok("PyTorch and GPU", f"{version} {uses} your {gpu.name}, driver {gpu.driver}")


def _torch_trouble(found: Graphics, build: TorchBuild | None, answer: TorchAnswer) -> tuple[str, str] | None:
    """What is wrong, and its fix."""
    if found.problem is not None:
        return f"the NVIDIA driver does not answer: {found.problem}", "install the NVIDIA driver again"
    if (problem := torch_problem(found, build)) is not None:
        text, _, fix = problem.partition(": ")
        return text, fix.removeprefix("run: ")
    if build is None:
        return "PyTorch is not installed", "pip install torch"
    if answer.problem is not None:
        return (
            f"torch {build.version} cannot be imported: {answer.problem}",
            "pip install --force-reinstall torch",
        )
    if found.gpus and answer.asked and not answer.cuda:
        gpu = found.gpus[0]
        return (
            f"torch {build.version} cannot use your {gpu.name}, driver {gpu.driver}",
            "update the NVIDIA driver and restart the computer",
        )
    return None


def models(answer: TorchAnswer, assets: Path = resources.ASSETS) -> Iterator[Finding]:
    """What is bundled, and what weights were pulled."""
    missing = [
        name for name in _BUNDLED if not (assets / name).is_file() or not (assets / name).stat().st_size
    ]
    if missing:
        yield Finding.problem(
            "models", f"missing in the installation: {', '.join(missing)}", "install fomm-live again"
        )
    else:
        yield Finding.ok("models", "landmark-warp and face-lite are complete")
    if answer.stored:
        yield Finding.ok("models", f"weights of {', '.join(answer.stored)} in {answer.folder}")


def engine() -> Finding:
    """What executes the published models, as far as it was chosen."""
    from fomm.engines import cache

    chosen = cache.choices()
    if not chosen:
        return Finding.ok(
            "engine",
            "none needed so far: the first start of a published model, such as vox-256, measures what runs it "
            "fastest here",
        )
    # Another model, or another version, may have got another one.
    return Finding.ok("engine", f"published models, such as vox-256, run on {chosen[0]}")


def disk(folders: list[Path]) -> Iterator[Finding]:
    """Room where recordings and weights go; each disk once."""
    seen = set()
    for folder in folders:
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        usage = shutil.disk_usage(there)
        if (usage.total, usage.free) in seen:
            continue
        seen.add((usage.total, usage.free))
        text = f"{usage.free / 1e9:.1f} GB free at {there}"
        if usage.free < _ROOM:
            yield Finding.warning("disk", text, "make room before recording")
        else:
            yield Finding.ok("disk", text)
