"""What speeds are measured against makes the published pictures."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm import config, recipe


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("reference")
    sys.modules.pop("reference", None)


def test_the_reference_gives_the_golden_numbers(reference: Any) -> None:
    expected = np.load(Path(__file__).parents[1] / "data" / "golden" / "vox-256.align_true.npz")
    networks = recipe.networks_of(config.load("vox-256"))
    model = reference.Reference(networks, recipe.frame(0.0), recipe.frame(0.7))
    made = model(recipe.frame(1.3)[None])
    assert made.shape == (1, 256, 256, 3)
    # The golden pictures were not rounded to bytes on their way in.
    golden_bytes = expected["relative.prediction_s4"].transpose(0, 2, 3, 1) * 255
    assert np.abs(made[:, ::4, ::4] - golden_bytes).max() < 6
    assert np.abs(made[:, ::4, ::4] - golden_bytes).mean() < 0.5
    assert set(reference.tf32()) == {"convolutions", "matrix products"}
