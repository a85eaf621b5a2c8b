"""The networks give the reference implementation's numbers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from fomm import config
from fomm.keypoints import Keypoints, hull_area, movement_scale, relative_motion
from fomm.networks.first_order import FirstOrderModel, build_discriminator
from fomm.networks.generator import EncodedSource

MODELS = ["vox-256", "vox-adv-256", "mgif-256"]
TOLERANCE = 1e-4


def _set_align_corners(model: FirstOrderModel, align_corners: bool) -> None:
    model.generator.align_corners = align_corners
    model.generator.dense_motion_network.align_corners = align_corners


@pytest.fixture(scope="module")
def outputs_of(pictures: dict[str, Any]) -> Callable[[FirstOrderModel, bool], dict[str, Any]]:
    """What a golden file holds of a model, under its names; each computed once."""

    @functools.cache
    @torch.inference_mode()
    def still(model: FirstOrderModel) -> tuple[dict[str, Keypoints], EncodedSource]:
        """What sampling has no part in."""
        return {name: model.detect(picture) for name, picture in pictures.items()}, model.encode(
            pictures["source"]
        )

    @functools.cache
    @torch.inference_mode()
    def compute(model: FirstOrderModel, align_corners: bool) -> dict[str, Any]:
        found, encoded = still(model)
        source, neutral, driving = found["source"], found["driving0"], found["driving1"]
        scale = movement_scale(hull_area(source)[0], hull_area(neutral)[0])
        motions = {
            "absolute": driving,
            "relative": relative_motion(source, driving, neutral),
            "relative_scaled": relative_motion(source, driving, neutral, scale=scale),
        }
        outputs: dict[str, Any] = {}
        for name, keypoints in (found | motions).items():
            outputs[f"{name}.kp_value"] = keypoints.value
            outputs[f"{name}.kp_jacobian"] = keypoints.jacobian
        _set_align_corners(model, align_corners)
        try:
            for name, keypoints in motions.items():
                prediction, motion = model.generator.decode(encoded, source, keypoints)
                outputs[f"{name}.prediction_s4"] = prediction[:, :, ::4, ::4]
                if name == "relative":
                    outputs["relative.deformation"] = motion.deformation
                    outputs["relative.occlusion_map"] = motion.occlusion
                    outputs["relative.mask_s2"] = motion.mask[:, :, ::2, ::2]
                    outputs["relative.prediction_mean_std"] = torch.stack(
                        [prediction.mean(), prediction.std()]
                    )
        finally:
            _set_align_corners(model, True)
        return outputs

    return compute


@pytest.mark.parametrize("align_corners", [True, False], ids=["align_true", "align_false"])
@pytest.mark.parametrize("name", MODELS)
def test_golden_numbers(
    name: str,
    align_corners: bool,
    golden: Path,
    recipe: ModuleType,
    pictures: dict[str, Any],
    golden_model: Callable[[str], FirstOrderModel],
    outputs_of: Callable[[FirstOrderModel, bool], dict[str, Any]],
    note_parity: Callable[[str, bool, str, float], None],
) -> None:
    outputs = dict(outputs_of(golden_model(name), align_corners))
    discriminator = recipe.fill_state_dict(build_discriminator(config.load(name)).eval(), "discriminator")
    driving = Keypoints(outputs["driving1.kp_value"], outputs["driving1.kp_jacobian"])
    with torch.inference_mode():
        _, judgement = discriminator({1.0: pictures["driving1"]}, driving)[1.0]
    outputs["discriminator.prediction_map"] = judgement
    expected = np.load(golden / f"{name}.align_{str(align_corners).lower()}.npz")

    assert set(outputs) == set(expected.files)
    differences = {key: float(np.abs(outputs[key].numpy() - expected[key]).max()) for key in expected.files}
    worst: dict[str, float] = {}
    for key, difference in differences.items():
        quantity = key.split(".")[1].removesuffix("_s4").removesuffix("_s2")
        if quantity == "prediction_map":
            quantity = "discriminator"
        if quantity != "prediction_mean_std":
            worst[quantity] = max(worst.get(quantity, 0.0), difference)
    for quantity, difference in worst.items():
        note_parity(name, align_corners, quantity, difference)
    assert max(differences.values()) <= TOLERANCE, differences


def test_align_corners_matters(golden: Path) -> None:
    """The two golden sets differ by far more than the tolerance, so passing both means the switch works."""
    true, false = (np.load(golden / f"vox-256.align_{align}.npz") for align in ("true", "false"))
    assert np.abs(true["relative.prediction_s4"] - false["relative.prediction_s4"]).max() > 100 * TOLERANCE


def _shapes(module: torch.nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("name", config.names())
def test_parameters_are_those_of_the_published_checkpoints(name: str, golden: Path) -> None:
    known = (
        name if name in MODELS else "vox-256"
    )  # the other five share the generator and the detector of vox
    published = json.loads((golden / f"{known}.state_dict_shapes.json").read_text())
    with torch.device("meta"):
        model = FirstOrderModel(config.load(name))
        discriminator = build_discriminator(config.load(name))
    assert _shapes(model.generator) == published["generator"]
    assert _shapes(model.kp_detector) == published["kp_detector"]
    if name == known:
        assert _shapes(discriminator) == published["discriminator"]


def test_cached_source_is_the_uncached_step_to_the_bit(
    pictures: dict[str, Any], golden_model: Callable[[str], FirstOrderModel]
) -> None:
    model = golden_model("vox-256")
    with torch.inference_mode():
        source, driving = model.detect(pictures["source"]), model.detect(pictures["driving1"])
        encoded = model.encode(pictures["source"])
        cached = model.decode(encoded, source, driving)
        uncached = model(pictures["source"], pictures["driving1"])
    assert torch.equal(cached, uncached)


def test_batches_give_the_same_pictures(
    pictures: dict[str, Any], golden_model: Callable[[str], FirstOrderModel]
) -> None:
    model = golden_model("vox-256")
    with torch.inference_mode():
        source = model.detect(pictures["source"])
        driving = Keypoints.concatenate([model.detect(pictures[k]) for k in ("driving0", "driving1")])
        encoded = model.encode(pictures["source"])
        together = model.decode(encoded.expand(2), source.expand(2), driving)
        alone = torch.cat([model.decode(encoded, source, driving[i : i + 1]) for i in range(2)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_discriminator_with_keypoints_says_when_they_are_missing() -> None:
    discriminator = build_discriminator(config.load("vox-adv-256"))
    with pytest.raises(ValueError, match="conditioned on keypoints"):
        discriminator({1.0: torch.zeros(1, 3, 64, 64)})
