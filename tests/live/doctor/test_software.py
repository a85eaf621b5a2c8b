from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fomm.engines import cache
from live import devices
from live.devices import Gpu, Graphics, TorchBuild
from live.doctor import software
from live.doctor.findings import Level
from live.doctor.software import TorchAnswer

RTX = Graphics((Gpu("NVIDIA GeForce RTX 3060", "550.90.07", 12288),), "12.4")
CPU_BUILD, CUDA_BUILD = TorchBuild("2.11.0+cpu", None), TorchBuild("2.11.0+cu124", "12.4")


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A stand-in for the driver's tool."""

    def install(script: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return install


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no POSIX signals on this system: nor shell scripts")
def test_an_idle_gpu_is_told_with_the_command(nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi(
        'case "$1" in --query*) echo "NVIDIA GeForce RTX 3060, 550.90.07, 12288";;'
        '*) echo "CUDA Version: 12.4";; esac'
    )
    found = software.torch(devices.graphics(), CPU_BUILD, TorchAnswer())
    assert found.level is Level.WARNING
    assert "torch 2.11.0+cpu is the CPU build and your NVIDIA GeForce RTX 3060 is idle" in found.text
    assert "torch" in found.fix or "pytorch.org" in found.fix


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no POSIX signals on this system: nor shell scripts")
def test_a_driver_that_fails_is_told(nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi('echo "Failed to initialize NVML: Driver/library version mismatch."; exit 18')
    found = software.torch(devices.graphics(), CUDA_BUILD, TorchAnswer())
    assert found.level is Level.WARNING
    assert "version mismatch" in found.text


@pytest.mark.parametrize(
    ("graphics", "build", "answer", "level", "words"),
    [
        (Graphics(), CPU_BUILD, TorchAnswer(), Level.OK, "no NVIDIA GPU, and landmark-warp needs none"),
        (RTX, CUDA_BUILD, TorchAnswer(cuda=True), Level.OK, "uses your NVIDIA GeForce RTX 3060"),
        (RTX, CUDA_BUILD, TorchAnswer(asked=False), Level.OK, "fits your NVIDIA"),
        (
            RTX,
            CUDA_BUILD,
            TorchAnswer(cuda=False),
            Level.WARNING,
            "cannot use your NVIDIA GeForce RTX 3060, driver",
        ),
        (RTX, TorchBuild("3.0", "13.0"), TorchAnswer(), Level.WARNING, "needs CUDA 13.0"),
        (Graphics(), CPU_BUILD, TorchAnswer(problem="DLL load failed"), Level.WARNING, "DLL load failed"),
        (Graphics(), None, TorchAnswer(problem="x"), Level.WARNING, "not installed"),
    ],
)
def test_torch_against_the_driver(
    graphics: Graphics, build: TorchBuild | None, answer: TorchAnswer, level: Level, words: str
) -> None:
    found = software.torch(graphics, build, answer)
    assert found.level is level
    assert words in found.text
    assert bool(found.fix) == (level is not Level.OK)


def test_torch_is_really_asked() -> None:
    answer = software.ask_torch(120)
    assert answer.asked
    assert answer.problem is None
    assert answer.folder


def test_an_answer_that_takes_too_long_is_not_waited_for() -> None:
    assert software.ask_torch(0.01) == TorchAnswer(asked=False)


def test_a_torch_that_breaks_on_import_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "_ASK_TORCH", "raise ImportError('DLL load failed')")
    assert software.ask_torch(30) == TorchAnswer(problem="ImportError: DLL load failed")


@pytest.mark.parametrize(
    ("version", "level"), [((3, 9), Level.WARNING), ((3, 11), Level.OK), ((3, 14), Level.WARNING)]
)
def test_python(version: tuple[int, int], level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software.sys, "version_info", version)
    assert software.python().level is level


def test_what_is_missing_of_the_installation_is_a_problem(tmp_path: Path) -> None:
    (whole,) = software.models(TorchAnswer())
    assert whole.level is Level.OK
    (broken,) = software.models(TorchAnswer(), tmp_path)
    assert broken.level is Level.PROBLEM
    assert "face_landmarker.task" in broken.text


def test_weights_are_listed() -> None:
    answer = TorchAnswer(stored=("vox-256",), folder="/weights")
    assert [found.text for found in software.models(answer)][1] == "weights of vox-256 in /weights"


def test_the_engine_is_the_one_chosen_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    assert "the first start of a published model, such as vox-256, measures" in software.engine().text
    for seconds, text in enumerate(
        ["torch fp32 on CPU (the only one)", "openvino int8 on CPU (the fastest)"]
    ):
        path = cache.path_of(cache.CHOICE, text=text)
        cache.write_record(path, {"engine": "any", "description": text})
        os.utime(path, (seconds, seconds))
    damaged = cache.path_of(cache.CHOICE, text="damaged")
    damaged.write_bytes(b"nothing")
    assert (
        software.engine().text
        == "published models, such as vox-256, run on openvino int8 on CPU (the fastest)"
    )
    assert cache.choices()[1] == "torch fp32 on CPU (the only one)"


def test_a_full_disk_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path, tmp_path / "absent" / "too"]
    assert [found.level for found in software.disk(folders)] in ([Level.OK], [Level.WARNING])
    usage = type(software.shutil.disk_usage(tmp_path))(10**12, 10**12 - 10**9, 10**9)
    monkeypatch.setattr(software.shutil, "disk_usage", lambda _: usage)
    (found,) = software.disk(folders)
    assert found.level is Level.WARNING
    assert found.text.startswith("1.0 GB free")
