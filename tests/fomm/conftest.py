"""Networks of the published sizes, with weights from the golden recipe instead of a download."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

GOLDEN = Path(__file__).parent.parent / "data" / "golden"


def _recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_recipe", GOLDEN / "recipe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder with the reference implementation's numbers."""
    return GOLDEN


@pytest.fixture(scope="session")
def recipe() -> ModuleType:
    """How the golden weights and pictures are made."""
    return _recipe()


@pytest.fixture(scope="session")
def pictures(recipe: ModuleType) -> dict[str, Any]:
    """The three golden pictures as (1, 3, 256, 256) tensors."""
    import torch

    phases = {"source": 0.0, "driving0": 0.7, "driving1": 1.3}
    return {name: torch.from_numpy(recipe.image(phase)) for name, phase in phases.items()}


@pytest.fixture(scope="session")
def golden_model(recipe: ModuleType) -> Callable[[str], Any]:
    """The networks of a config with the golden weights, loaded once a session: `golden_model("vox-256")`."""
    from fomm import config
    from fomm.networks.first_order import FirstOrderModel

    @functools.cache
    def build(name: str) -> FirstOrderModel:
        model = FirstOrderModel(config.load(name)).eval().requires_grad_(False)
        recipe.fill_state_dict(model.generator, "generator")
        recipe.fill_state_dict(model.kp_detector, "kp_detector")
        return model

    return build


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> Iterator[None]:
    """Networks on two threads: more only fight each other on a shared machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def noise() -> Callable[..., NDArray[np.uint8]]:
    """Random pictures, (height, width, 3) uint8, smooth enough to survive a resize."""

    def make(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
        import cv2

        small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))

    return make
