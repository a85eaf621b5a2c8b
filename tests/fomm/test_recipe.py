"""The formula of weights and pictures is that of the golden arrays."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch

from fomm import config, recipe


def test_weights_are_the_golden_ones(golden_model: Callable[[str], Any]) -> None:
    expected = golden_model("vox-256").state_dict()
    made = recipe.networks_of(config.load("vox-256")).state_dict()
    assert list(made) == list(expected)
    for name, tensor in made.items():
        assert torch.equal(tensor, expected[name]), name


def test_pictures_are_the_golden_ones(recipe: ModuleType) -> None:
    from fomm.recipe import frame, picture

    for phase in (0.0, 0.7, 1.3):
        assert np.array_equal(picture(phase), recipe.image(phase))
    assert frame(0.7, 64).shape == (64, 64, 3)
    assert np.abs(frame(0.7) / 255 - picture(0.7)[0].transpose(1, 2, 0)).max() < 0.51 / 255
