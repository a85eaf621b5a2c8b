"""Whether there is a GPU that the engine runs on, and if not, what to do about it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import torch

from fomm.errors import ConfigError, EngineError
from fomm.wording import counted

_NO_GPU = "leave --engine out for the fastest that runs here"


def find_gpu(device: str | None) -> torch.device:
    """The NVIDIA GPU by a device's name, with its index; None is the first.

    Raises:
        ConfigError: the name is none of a CUDA device, or there are not that many.
        EngineError: there is none that this PyTorch can use.
    """
    if device is not None and device.partition(":")[0] != "cuda":
        raise ConfigError(f"engine cuda runs on NVIDIA GPUs, not on {device!r}; {_NO_GPU}")
    reason = unusable()
    if reason is not None:
        raise EngineError(reason)
    try:
        place = torch.device(device or "cuda")
    except RuntimeError as error:
        raise ConfigError(f"{device!r} is no device; write cuda or cuda:0") from error
    index = torch.cuda.current_device() if place.index is None else place.index
    if index >= torch.cuda.device_count():
        there_are = counted(torch.cuda.device_count(), "GPU")
        raise ConfigError(f"there is no {device}: this machine has {there_are}, the first is cuda:0")
    return torch.device("cuda", index)


def unusable() -> str | None:
    """Why no NVIDIA GPU can be used, in one line with what to do; None where one can."""
    version = torch.__version__
    if torch.version.hip is not None:
        return f"engine cuda is for NVIDIA GPUs and torch {version} is for AMD's; use --engine torch"
    if not has_driver() and not torch.cuda.is_available():
        return f"engine cuda needs an NVIDIA GPU and its driver, and there is none here; {_NO_GPU}"
    if torch.version.cuda is None:
        return (
            f"torch {version} is the CPU build, so that your NVIDIA GPU cannot be used: install PyTorch's CUDA "
            "build (pytorch.org, Get Started, says how)"
        )
    if torch.cuda.is_available():
        return None
    said = "it sees none"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        said = str(error).strip().splitlines()[0]
    advice = (
        "update the NVIDIA driver"
        if "too old" in said
        else "check that nvidia-smi lists it and that CUDA_VISIBLE_DEVICES allows it"
    )
    return f"torch {version} cannot use your NVIDIA GPU ({said}): {advice}"


def has_driver() -> bool:
    """Whether NVIDIA's driver is installed."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def identity(place: torch.device) -> dict[str, str]:
    """What results on a GPU depend on: it, its driver, and everything that makes code for it."""
    major, minor = torch.cuda.get_device_capability(place)
    found = {
        "gpu": torch.cuda.get_device_name(place),
        "capability": f"{major}.{minor}",
        "driver": driver(),
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
    }
    with contextlib.suppress(Exception):  # absent, or broken in one of many ways
        import triton

        found["triton"] = triton.__version__
    return found


def driver() -> str:
    """The version of NVIDIA's driver, or of what it can do where it does not tell."""
    with contextlib.suppress(OSError):
        return Path("/proc/driver/nvidia/version").read_text().splitlines()[0]
    with contextlib.suppress(AttributeError, RuntimeError):
        return f"CUDA {torch._C._cuda_getDriverVersion()}"  # type: ignore[attr-defined]
    return "unknown"
