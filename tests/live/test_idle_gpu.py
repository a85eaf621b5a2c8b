"""Whoever has a GPU is told at the start when it is not used; nobody else hears of GPUs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SESSION = ("--camera", "demo", "--sink", "null", "--size", "256x256", "--frames", "60")

TOOL = """#!/bin/sh
case "$1" in
    --query*) echo "NVIDIA GeForce RTX 3060, 550.90.07, 12288" ;;
    *) echo "CUDA Version: 12.4" ;;
esac
"""


@pytest.mark.skipif(os.name != "posix", reason="no POSIX signals on this system: nor shell scripts")
def test_an_unused_gpu_is_told_at_the_start(
    fomm_live: Callable[..., Any], avatar: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "nvidia-smi").write_text(TOOL)
    (folder / "nvidia-smi").chmod(0o755)
    done = fomm_live("--avatar", avatar, *SESSION, PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert done.status == 0
    (told,) = [line for line in done.stderr.splitlines() if "RTX 3060" in line]
    assert "CPU" in told


def test_without_a_gpu_there_is_nothing_to_tell(
    fomm_live: Callable[..., Any], avatar: Path, tmp_path: Path
) -> None:
    done = fomm_live("--avatar", avatar, *SESSION, PATH=str(tmp_path))
    assert done.status == 0
    assert "GPU" not in done.stderr
