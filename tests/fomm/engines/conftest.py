"""A small model, and a cache folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm import config
from fomm.model import load_networks
from fomm.networks.first_order import FirstOrderModel


@pytest.fixture(scope="module")
def networks(make_small_model: Callable[..., Any]) -> FirstOrderModel:
    small = make_small_model("engines")
    return load_networks(config.load(small.config), small.checkpoint)


@pytest.fixture(scope="module")
def engine_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cache folder for the tests of one file."""
    folder: Path = tmp_path_factory.mktemp("engines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOMM_ENGINE_CACHE", str(folder))
        yield folder
