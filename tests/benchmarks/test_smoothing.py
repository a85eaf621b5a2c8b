"""`--smooth` keeps a still face still and a moving one in time; and what measures that measures it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live.smoothing import DEFAULT_SMOOTH

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("smoothing")
    sys.modules.pop("smoothing", None)


def test_by_default_half_of_the_tremble_is_gone_and_no_more_than_15_ms_are_lost(benchmark: Any) -> None:
    """With noise as strong as it was measured in real clips (benchmarks/results/smoothing.json)."""
    measured = json.loads((BENCHMARKS / "results" / "smoothing.json").read_text())
    model = benchmark.measure_model(measured["model"]["noise_permille"] / 1000)
    assert model == measured["model"]["smooth"], "deterministic"
    chosen = model[f"{DEFAULT_SMOOTH:g}"]
    assert chosen["tremble_left"] <= 0.5
    assert 0 < chosen["lag_ms"]["head"] <= 15


def test_tremble_is_the_strength_of_white_noise_and_even_motion_has_none(benchmark: Any) -> None:
    still = np.random.default_rng(3).normal(0, 0.2 / np.sqrt(2), (2000, 20, 2))
    assert benchmark.tremble(still) == pytest.approx(0.2, rel=0.05)
    gliding = np.arange(100.0)[:, None, None] * np.ones((1, 20, 2))
    assert benchmark.tremble(gliding) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.015, 0.05])
def test_a_delay_is_found(benchmark: Any, delay: float) -> None:
    times = np.arange(120) / 30
    path = np.sin(2 * np.pi * np.array([0.5, 0.7]) * times[:, None])
    late = np.sin(2 * np.pi * np.array([0.5, 0.7]) * (times[:, None] - delay))
    assert benchmark.lag(path, late, times, np.ones(120, bool)) == pytest.approx(delay, abs=0.001)
