"""The GPU suite runs where little is installed, and loses no results to a part that fails."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fomm import config

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

#: What the machine with the GPU does not have.
ABSENT = (
    "PIL av cv2_enumerate_cameras google mediapipe onnx onnxruntime openvino openvino_telemetry platformdirs "
    "pyvirtualcam rich safetensors typer yaml"
)

BLOCK = f"""
from importlib.machinery import PathFinder

find = PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in "{ABSENT}".split() else find(name, path, target)

PathFinder.find_spec = find_spec
"""


def test_it_runs_with_torch_numpy_and_opencv_alone(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    path = tmp_path / "results.json"
    ended = subprocess.run(
        [sys.executable, BENCHMARKS / "gpu_suite.py", "--device", "cpu", "--quick", "--json", path],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(path.read_text())
    assert report["complete"], report["sections"]
    assert {"machine", "reference", "engines", "batches", "plans", "rates", "counts", "stages"} <= set(report)
    rows = {(row["engine"], row["precision"]): row for row in report["engines"]}
    assert rows["cuda", "fp16"]["real"]["psnr_db"] > 40
    assert rows["cuda", "fp16"]["real"]["error_over_std"] < 0.03
    assert rows["cuda", "fp32"]["ratio"] > 0
    assert [row["batch"] for row in report["batches"]] == [1, 2]
    assert all(row["throughput_fps"] > 0 for row in report["batches"])
    assert report["counts"]["kernels"] == sum(stage["kernels"] for stage in report["counts"]["stages"])
    assert [row["stage"] for row in report["stages"]] == [row["stage"] for row in report["counts"]["stages"]]
    assert "cuda  fp16" in ended.stdout


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        return
    ended = subprocess.run(
        [sys.executable, BENCHMARKS / "gpu_suite.py", "--json", tmp_path / "none.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "NVIDIA GPU" in ended.stderr
    assert not (tmp_path / "none.json").exists()


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("gpu_suite")
    for name in ("gpu_suite", "gpu_sections"):
        sys.modules.pop(name, None)


def test_it_measures_the_published_model(suite: Any) -> None:
    ours = config.parse(sys.modules["gpu_sections"].VOX_256)
    theirs = config.load("vox-256")
    assert ours.dataset_params.frame_shape == theirs.dataset_params.frame_shape
    for part in ("common_params", "kp_detector_params", "generator_params"):
        assert getattr(ours.model_params, part) == getattr(theirs.model_params, part)


def test_a_section_that_fails_costs_itself_alone(
    suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    suite.write(path, {"sections": {}})

    def fails(measuring: Any) -> None:
        # What a process that dies here would leave behind.
        assert json.loads(path.read_text())["sections"]["engines"]["error"] == "its process ended"
        measuring.report["engines"] = [{"engine": "cuda"}]
        raise ValueError("no such kernel\nand more")

    def no_number(measuring: Any) -> None:
        measuring.report["rates"] = float("nan")

    monkeypatch.setitem(suite.SECTIONS, "engines", fails)
    monkeypatch.setitem(suite.SECTIONS, "rates", no_number)
    monkeypatch.setitem(suite.SECTIONS, "plans", lambda measuring: measuring.report.update(plans=[1]))
    arguments = argparse.Namespace(
        device="cpu", quick=True, json=path, sections="engines,rates,plans", until=time.time() + 60
    )
    assert suite.child(arguments) == 0
    report = json.loads(path.read_text())
    assert report["sections"]["engines"]["error"] == "ValueError: no such kernel"
    assert report["sections"]["rates"]["error"] == "it measured something that is no number"
    assert report["sections"]["plans"]["error"] is None
    assert report["plans"] == [1]
    assert report["engines"] == [{"engine": "cuda"}]
    assert "rates" not in report


def test_a_lost_gpu_ends_the_process_and_a_late_section_is_not_begun(
    suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    suite.write(path, {"sections": {}})

    def lost(_: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setitem(suite.SECTIONS, "engines", lost)
    arguments = argparse.Namespace(
        device="cpu", quick=True, json=path, sections="engines,plans", until=time.time() + 60
    )
    assert suite.child(arguments) != 0
    assert list(json.loads(path.read_text())["sections"]) == ["engines"]
    arguments.until, arguments.sections = time.time(), "plans"
    assert suite.child(arguments) == 0
    assert "no time was left" in json.loads(path.read_text())["sections"]["plans"]["error"]
