from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from live import devices
from live.devices import (
    Gpu,
    Graphics,
    TorchBuild,
    graphics,
    idle_gpu,
    in_words,
    on_gpu,
    torch_build,
    torch_problem,
)

RTX = Gpu("NVIDIA GeForce RTX 3060", "550.90.07", 12288)
WITH_GPU = Graphics((RTX,), "12.4")
CPU_BUILD, CUDA_12, CUDA_13 = (
    TorchBuild("2.11.0+cpu", None),
    TorchBuild("2.11.0", "12.8"),
    TorchBuild("2.11.0", "13.0"),
)

#: What driver 550 prints, shortened.
TABLE = """
Tue Jul  1 10:00:00 2025
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.90.07              Driver Version: 550.90.07      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
"""


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """An `nvidia-smi` of our own, alone on PATH with the shell."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{textwrap.dedent(body)}")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@posix
def test_gpus_are_named_with_their_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        tmp_path,
        monkeypatch,
        f"""
        case "$1" in
        --query-gpu=*) echo "NVIDIA GeForce RTX 3060, 550.90.07, 12288"; echo "Odd, Name, 550.90.07, [N/A]";;
        *) cat <<'TABLE'
        {TABLE}
        TABLE
        esac
        """.replace("        ", ""),
    )
    assert graphics() == Graphics((RTX, Gpu("Odd, Name", "550.90.07", None)), "12.4")


@posix
def test_a_driver_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        tmp_path,
        monkeypatch,
        """
        echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure ..."
        exit 9
        """,
    )
    found = graphics()
    assert found.gpus == ()
    assert "couldn't communicate" in (found.problem or "")


@posix
def test_a_driver_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_PATIENCE_S", 0.2)
    stand_in(tmp_path, monkeypatch, "exec sleep 20")
    assert "did not answer" in (graphics().problem or "")


def test_without_the_tool_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert graphics() == Graphics()


def test_the_installed_torch_is_read_and_not_imported() -> None:
    code = """
import sys
from live.devices import torch_build
build = torch_build()
assert "torch" not in sys.modules
import torch
assert (build.version, build.cuda) == (torch.__version__, torch.version.cuda), build
print("same")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "same\n", done.stderr


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("__version__ = '2.11.0+cu128'\ncuda: Optional[str] = '12.8'\n", TorchBuild("2.11.0+cu128", "12.8")),
        ("__version__ = '2.11.0+cpu'\ncuda = None\n", TorchBuild("2.11.0+cpu", None)),
        ("this is ( no Python", TorchBuild("2.11.0", None)),
        (None, TorchBuild("2.11.0", None)),
    ],
)
def test_every_build_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, expected: TorchBuild
) -> None:
    metadata = tmp_path / "torch-2.11.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.11.0\n")
    if written is not None:
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "version.py").write_text(written)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert torch_build() == expected


def test_no_torch_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert torch_build() is None


@pytest.mark.parametrize(
    ("found", "build", "says"),
    [
        (Graphics(), CPU_BUILD, None),
        (WITH_GPU, CPU_BUILD, r"CPU build.*RTX 3060 is idle: (run|choose)"),
        (WITH_GPU, None, "not installed.*RTX 3060"),
        (WITH_GPU, CUDA_12, None),
        (WITH_GPU, CUDA_13, r"needs CUDA 13\.0.*550\.90\.07 goes up to 12\.4.*update"),
        (Graphics((RTX,), None), CUDA_13, None),
    ],
)
def test_torch_against_the_driver(found: Graphics, build: TorchBuild | None, says: str | None) -> None:
    problem = torch_problem(found, build)
    assert (problem is None) == (says is None)
    assert says is None or re.search(says, problem or "")


@pytest.mark.parametrize(
    ("device", "neural", "found", "build", "says"),
    [
        ("cuda:0 (fp16)", True, WITH_GPU, CUDA_12, None),
        ("cpu", True, Graphics(), CPU_BUILD, None),
        ("cpu", True, WITH_GPU, CPU_BUILD, "CPU build"),
        ("cpu", True, WITH_GPU, CUDA_12, "--device cuda"),
        ("cpu", False, WITH_GPU, CPU_BUILD, "some-model needs only the CPU"),
    ],
)
def test_an_idle_gpu_is_told(
    device: str, neural: bool, found: Graphics, build: TorchBuild, says: str | None
) -> None:
    told = idle_gpu(device, "some-model", neural=neural, found=found, build=build)
    assert (told is None) == (says is None)
    assert says is None or says in (told or "")


@pytest.mark.parametrize(
    ("device", "found", "words"),
    [
        ("cpu", WITH_GPU, "CPU"),
        ("cpu (bf16)", WITH_GPU, "CPU"),
        ("cuda:0 (fp16)", WITH_GPU, "GPU (NVIDIA GeForce RTX 3060)"),
        ("cuda", WITH_GPU, "GPU (NVIDIA GeForce RTX 3060)"),
        ("cuda:1", WITH_GPU, "GPU"),
        ("cuda:0", Graphics(), "GPU"),
    ],
)
def test_devices_in_words(device: str, found: Graphics, words: str) -> None:
    assert in_words(device, found) == words


@pytest.mark.parametrize(
    ("engine", "uses"),
    [
        ("cuda fp16 on NVIDIA GeForce RTX 3060 (the fastest here: cuda 900.0 FPS, torch 90.0 FPS)", True),
        ("torch fp16 on NVIDIA H100 80GB HBM3", True),
        ("openvino int8 on Intel(R) Core(TM) i7 (the fastest here: openvino 14.0 FPS, torch 2.1)", False),
        ("torch fp32 on CPU", False),
    ],
)
def test_an_engine_says_whether_it_uses_the_gpu(engine: str, uses: bool) -> None:
    assert on_gpu(engine) is uses
    assert in_words(engine, WITH_GPU) == engine
