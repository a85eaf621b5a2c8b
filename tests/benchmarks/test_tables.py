"""docs/speed.md says what the benchmarks measured."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE, RESULTS = ROOT / "docs" / "speed.md", ROOT / "benchmarks" / "results"


def tables(*options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "tables.py", *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_is_what_was_measured() -> None:
    done = tables("--check")
    assert done.returncode == 0, done.stdout


def test_another_result_is_another_page(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    shutil.copy(PAGE, page)
    cost = {"gflop": 2.0, "mb": 10.0}
    near = {"psnr_db": 41.0, "error_over_std": 0.08, "max_difference": 31}
    measured = {
        "machine": "Some processor, 2 threads",
        "versions": {"torch": "2.13"},
        "load": 0.1,
        "frames": 200,
        "peaks": {"fp32": 180.0, "bf16": 380.0, "int8": 800.0, "copy_gb_s": 9.5},
        "costs": {
            "reference": dict.fromkeys(("detect", "encode", "motion", "warp", "decode"), cost),
            "rewritten": dict.fromkeys(("detect", "motion", "warp", "decode"), cost),
        },
        "reference": {
            **{"ms": 700.0, "fps": 1.4, "timed": 40, "batch_ms_per_frame": {"1": 700.0}},
            "stages_ms": {"detect": 30.0, "encode": 160.0, "motion": 90.0, "warp": 4.0, "decode": 430.0},
        },
        "engines": [
            {
                **{
                    "engine": "openvino",
                    "precision": "int8",
                    "ms": 105.0,
                    "fps": 9.5,
                    "ratio": 6.67,
                    "ratio_of_shortest": 6.9,
                    "timed": 200,
                },
                **{"golden": near, "real": near, "decoder_ratio": 5.2, "floor_ms": 98.0},
                **{"share_of_floor": 0.93, "first_start_s": 61.0, "start_s": 1.0, "peak_rss_mb": 700.0},
                "stages_ms": {"detect": 12.0, "move": 10.0, "paint": 83.0},
                "batch_ms_per_frame": {"1": 105.0},
            }
        ],
        "skipped": [{"engine": "onnx", "precision": "fp32", "why": "absent"}],
    }
    (tmp_path / "cpu_suite.json").write_text(json.dumps(measured))
    done = tables("--check", "--page", page, "--results", tmp_path)
    assert done.returncode == 1
    assert "run python benchmarks/tables.py" in done.stdout
    assert tables("--page", page, "--results", tmp_path).returncode == 0
    for row in (
        "| openvino int8 | 105 | 9.5 | **6.67** (6.90) | 41.0 dB, 0.080, 31 | 41.0 dB, 0.080, 31 | 5.20 | 98 | 93% |",
        "| onnx fp32 | skipped |",
        "| decoder | 2.0 | 10 | 60% | 2.0 | 10 | 79% |",
        "| source encoder | 2.0 | 10 | 22% | once a source |",
    ):
        assert row in page.read_text(), row
    assert tables("--check", "--page", page, "--results", tmp_path).returncode == 0


def test_what_was_not_measured_says_so(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    shutil.copy(PAGE, page)
    assert tables("--page", page, "--results", tmp_path).returncode == 0
    assert "No run on a GPU has been made yet" in page.read_text()
    assert "No run has been made yet: `make bench`." in page.read_text()


def test_a_gpu_run_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    shutil.copy(PAGE, page)
    near = {"psnr_db": 55.0, "error_over_std": 0.011, "max_difference": 3}
    row = {"engine": "cuda", "precision": "fp16", "latency_ms": 0.9, "fps": 1111.0, "ratio": 12.5}
    measured = {
        "machine": {"device": "NVIDIA Example", "torch": "2.11"},
        "engines": [{**row, "recipe": near, "real": near, "peak_mib": 900}, {"skipped": "no room", **row}],
    }
    (tmp_path / "gpu_suite.example.json").write_text(json.dumps(measured))
    assert tables("--page", page, "--results", tmp_path).returncode == 0
    assert "| cuda fp16 | 0.900 | 1111 | **12.50** | 55.0 dB, 0.011, 3 |" in page.read_text()
