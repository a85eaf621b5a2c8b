"""A session at full speed, with everything a user does meanwhile, ends as it began: `benchmarks/soak.py`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(),
    reason="no /proc on this system: memory and handles are read from there",
)

#: How long the long one is, in seconds.
VARIABLE = "FOMM_SOAK_SECONDS"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("soak")
    sys.modules.pop("soak", None)


@pytest.mark.long
def test_nothing_is_left_after_a_short_session(benchmark: Any) -> None:
    results = benchmark.soak(20)
    assert (results["threads_left"], results["files_left"]) == ([], [])
    assert results["frames_out"] > 0
    assert results["orders_carried_out"] >= 5
    assert results["files_warm_end"][1] <= results["files_warm_end"][0] + 3


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_memory_does_not_grow_in_a_long_session(benchmark: Any) -> None:
    results = benchmark.soak(float(os.environ.get(VARIABLE, "1800")))
    print({name: value for name, value in results.items() if name != "samples"})
    assert results["growth_mb"] < benchmark.MEMORY_TARGET
    assert (results["threads_left"], results["files_left"]) == ([], [])
    assert results["threads_warm_end"][1] <= results["threads_warm_end"][0] + 5
