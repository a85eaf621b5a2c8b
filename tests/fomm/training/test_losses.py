"""The losses, against the reference implementation's formulas written out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from fomm.config import Config
from fomm.errors import ConfigError
from fomm.keypoints import Keypoints
from fomm.networks.blocks import AntiAliasDownscale
from fomm.networks.first_order import FirstOrderModel, build_discriminator
from fomm.training import losses
from fomm.training.losses import DiscriminatorObjective, GeneratorObjective, Losses
from fomm.training.transform import RandomTransform
from tests.fomm.training.conftest import TinyFeatures


class Set:
    """An objective with everything it needs, in evaluation mode so that it can be asked twice."""

    def __init__(self, config: Config) -> None:
        torch.manual_seed(1)
        self.model = FirstOrderModel(config).eval()
        # Jacobians begin as the identity; these differ from place to place.
        jacobian = self.model.kp_detector.jacobian
        assert jacobian is not None
        nn.init.normal_(jacobian.weight, std=0.02)
        self.discriminator = build_discriminator(config).eval()
        self.features = TinyFeatures().freeze()
        self.objective = GeneratorObjective(config, self.model, self.features, self.discriminator).eval()
        self.source, self.driving = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
        self.transform = RandomTransform.draw(
            2, config.train_params.transform_params, torch.Generator().manual_seed(3)
        )

    def __call__(self) -> tuple[Losses, torch.Tensor, Keypoints]:
        found: tuple[Losses, torch.Tensor, Keypoints] = self.objective(
            self.source, self.driving, self.transform
        )
        return found


def test_perceptual(small: Callable[..., Config]) -> None:
    parts = Set(small(scales=[1, 0.5], loss_weights={"perceptual": [10, 5, 0, 1, 2]}))
    found, prediction, _ = parts()
    down = AntiAliasDownscale(3, 0.5)
    expected = torch.zeros(())
    for ours, theirs in ((prediction, parts.driving), (down(prediction), down(parts.driving))):
        levels = zip((10, 5, 0, 1, 2), parts.features(ours), parts.features(theirs), strict=True)
        expected = expected + sum(weight * (a - b).abs().mean() for weight, a, b in levels)
    assert torch.allclose(found["perceptual"], expected, rtol=1e-5)


def test_equivariance(small: Callable[..., Config]) -> None:
    parts = Set(small())
    found, _, keypoints = parts()
    warped = parts.model.detect(parts.transform.apply(parts.driving, align_corners=True))
    assert warped.jacobian is not None
    assert keypoints.jacobian is not None
    value = 10 * (keypoints.value - parts.transform.warp(warped.value)).abs().mean()
    inverse = torch.linalg.inv(keypoints.jacobian.double())
    product = inverse @ parts.transform.jacobian(warped.value).double() @ warped.jacobian.double()
    jacobian = 10 * (torch.eye(2) - product).abs().mean()
    assert torch.allclose(found["equivariance_value"], value, rtol=1e-5)
    assert torch.allclose(found["equivariance_jacobian"].double(), jacobian, rtol=1e-3)


def test_a_detector_that_moves_with_the_picture_loses_nothing(small: Callable[..., Config]) -> None:
    parts = Set(small())
    place = torch.tensor([[[0.1, -0.2]]]).expand(2, 1, 2)

    def detect(picture: torch.Tensor) -> Keypoints:
        """A point and its frame, found exactly: in the warped picture where the warp says."""
        frame = torch.eye(2).expand(2, 1, 2, 2)
        if picture is parts.driving or picture is parts.source:
            moved = parts.transform.warp(place)
            return Keypoints(moved, parts.transform.jacobian(place) @ frame)
        return Keypoints(place, frame)

    losses_only = parts.objective._equivariance
    parts.model.detect = detect  # type: ignore[method-assign]
    found = losses_only(parts.driving, detect(parts.driving), parts.transform)
    assert found["equivariance_value"] < 1e-5
    assert found["equivariance_jacobian"] < 1e-4


def test_adversarial(small: Callable[..., Config]) -> None:
    config = small(loss_weights={"generator_gan": 2, "discriminator_gan": 3, "feature_matching": [10, 5]})
    parts = Set(config)
    found, prediction, keypoints = parts()
    maps_made, verdict_made = parts.discriminator({1: prediction})[1]
    maps_real, verdict_real = parts.discriminator({1: parts.driving})[1]
    assert torch.allclose(found["generator_gan"], 2 * (1 - verdict_made).square().mean(), rtol=1e-5)
    matching = sum(
        weight * (a - b).abs().mean() for weight, a, b in zip((10, 5), maps_made, maps_real, strict=True)
    )
    assert torch.allclose(found["feature_matching"], torch.as_tensor(matching), rtol=1e-5)
    judge = DiscriminatorObjective(config, parts.discriminator)
    judged = judge(parts.driving, prediction, keypoints)["discriminator_gan"]
    expected = 3 * ((1 - verdict_real).square().mean() + verdict_made.square().mean())
    assert torch.allclose(judged, expected, rtol=1e-5)


def test_without_jacobians_only_values_are_equivariant(small: Callable[..., Config]) -> None:
    from dataclasses import replace

    config = small()
    common = replace(config.model_params.common_params, estimate_jacobian=False)
    config = replace(config, model_params=replace(config.model_params, common_params=common))
    model = FirstOrderModel(config)
    objective = GeneratorObjective(config, model, TinyFeatures().freeze(), build_discriminator(config))
    transform = RandomTransform.draw(1, config.train_params.transform_params, torch.Generator())
    found, _, _ = objective(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), transform)
    assert set(found) == {"perceptual", "equivariance_value"}


def test_nothing_is_learnt_through_what_judges(small: Callable[..., Config]) -> None:
    parts = Set(small(loss_weights={"generator_gan": 1}))
    parts.discriminator.requires_grad_(False)
    found, _, _ = parts()
    torch.stack(list(found.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in parts.model.parameters())
    assert all(parameter.grad is None for parameter in parts.discriminator.parameters())
    assert not set(dict(parts.objective.named_parameters())) & set(
        dict(parts.discriminator.named_parameters())
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"perceptual": [10, 10]}, r"loss_weights\.perceptual: give 5 weights"),
        ({"generator_gan": 1, "feature_matching": [10] * 4}, r"feature_matching: give 2 weights"),
    ],
)
def test_weights_that_do_not_fit(
    small: Callable[..., Config], weights: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        losses.check(small(loss_weights=weights))
