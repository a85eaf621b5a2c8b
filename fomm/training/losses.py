"""The paper's losses, for the two networks' steps: generator with keypoint detector, and discriminator.

Each objective is one module with one forward, so that DistributedDataParallel can wrap it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fomm.config import Config
from fomm.errors import ConfigError
from fomm.keypoints import Keypoints, invert, multiply
from fomm.networks.blocks import AntiAliasDownscale
from fomm.networks.discriminator import MultiScaleDiscriminator
from fomm.networks.first_order import FirstOrderModel
from fomm.training.features import LEVELS, Features
from fomm.training.transform import RandomTransform

Losses = dict[str, Tensor]


def check(config: Config) -> None:
    """Refuse weights that do not fit the networks.

    Raises:
        ConfigError: the message names the key.
    """
    weights, here = config.train_params.loss_weights, "train_params.loss_weights"
    if len(weights.perceptual) != LEVELS:
        raise ConfigError(f"{here}.perceptual: give {LEVELS} weights, one a level of features")
    params = config.model_params.discriminator_params
    if weights.generator_gan and len(weights.feature_matching) != params.num_blocks:
        raise ConfigError(
            f"{here}.feature_matching: give {params.num_blocks} weights, one a block of the discriminator"
        )
    if weights.generator_gan and not set(params.scales) <= set(config.train_params.scales):
        raise ConfigError("model_params.discriminator_params.scales: each must be one of train_params.scales")


def any_weight(config: Config) -> bool:
    """Whether there is a loss without a teacher."""
    weights = config.train_params.loss_weights
    frames = weights.equivariance_jacobian and config.model_params.common_params.estimate_jacobian
    return bool(any(weights.perceptual) or weights.generator_gan or weights.equivariance_value or frames)


class Pyramid(nn.Module):
    """A picture at several sizes."""

    def __init__(self, scales: tuple[float, ...], channels: int) -> None:
        super().__init__()
        self.scales = scales
        self.downs = nn.ModuleList(AntiAliasDownscale(channels, scale) for scale in scales)

    def forward(self, picture: Tensor) -> dict[float, Tensor]:
        """Pictures `(B, C, H, W)` by scale."""
        return {scale: down(picture) for scale, down in zip(self.scales, self.downs, strict=True)}


class GeneratorObjective(nn.Module):
    """What keypoint detector and generator are trained by.

    Args:
        config: sizes and weights.
        model: the two networks; the only parameters here.
        features: what the perceptual loss compares, on the same device.
        discriminator: what judges predictions, on the same device; it is not trained here.
        teacher: a model whose pictures are to be made as well, on the same device; None for none.
    """

    def __init__(
        self,
        config: Config,
        model: FirstOrderModel,
        features: Features,
        discriminator: MultiScaleDiscriminator,
        teacher: FirstOrderModel | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        params = config.train_params
        self._weights = params.loss_weights
        self._align_corners = config.model_params.common_params.align_corners
        self._pyramid = Pyramid(params.scales, config.model_params.common_params.num_channels)
        # In a tuple, so that their parameters are not taken for this module's.
        self._judges = (features, discriminator)
        self._teacher = (teacher,)

    def forward(
        self, source: Tensor, driving: Tensor, transform: RandomTransform
    ) -> tuple[Losses, Tensor, Keypoints]:
        """The weighted losses of a batch of pairs.

        Args:
            source: `(B, C, H, W)` in [0, 1].
            driving: frames of the same clips.
            transform: the warp that keypoints must follow.

        Returns:
            Losses by name, whose sum is minimised; the prediction `(B, C, H, W)` float32; and the driving keypoints.
        """
        source_keypoints, driving_keypoints = self.model.detect(source), self.model.detect(driving)
        prediction = self.model.generator(source, source_keypoints, driving_keypoints)[0].float()
        features, discriminator = self._judges
        real, made = self._pyramid(driving), self._pyramid(prediction)
        losses: Losses = {}
        if any(self._weights.perceptual):
            losses["perceptual"] = self._perceptual(features, real, made)
        if self._weights.generator_gan:
            losses |= self._adversarial(discriminator, real, made, driving_keypoints)
        losses |= self._equivariance(driving, driving_keypoints, transform)
        (teacher,) = self._teacher
        if teacher is not None:
            with torch.no_grad():
                wanted = teacher(source, driving).float()
            losses["distillation"] = self._weights.distillation * (prediction - wanted).abs().mean()
        return losses, prediction, driving_keypoints

    def _perceptual(
        self, features: nn.Module, real: dict[float, Tensor], made: dict[float, Tensor]
    ) -> Tensor:
        total = torch.zeros((), device=made[next(iter(made))].device)
        for scale, picture in made.items():
            with torch.no_grad():
                wanted = features(real[scale])
            for weight, ours, theirs in zip(self._weights.perceptual, features(picture), wanted, strict=True):
                total = total + weight * (ours.float() - theirs.float()).abs().mean()
        return total

    def _adversarial(
        self,
        discriminator: nn.Module,
        real: dict[float, Tensor],
        made: dict[float, Tensor],
        keypoints: Keypoints,
    ) -> Losses:
        """Least squares, and the distance of the discriminator's features."""
        shown = detached(keypoints)
        judged = discriminator(made, shown)
        with torch.no_grad():
            wanted = discriminator(real, shown)
        adversarial, matching = [], []
        for scale, (maps, verdict) in judged.items():
            adversarial.append((1 - verdict.float()).square().mean())
            for weight, ours, theirs in zip(
                self._weights.feature_matching, maps, wanted[scale][0], strict=True
            ):
                if weight:
                    matching.append(weight * (ours.float() - theirs.float()).abs().mean())
        losses = {"generator_gan": self._weights.generator_gan * torch.stack(adversarial).sum()}
        if matching:
            losses["feature_matching"] = torch.stack(matching).sum()
        return losses

    def _equivariance(self, driving: Tensor, keypoints: Keypoints, transform: RandomTransform) -> Losses:
        """Keypoints of a warped picture are the warped keypoints, and so are their frames (Eq. 8-11 of the paper)."""
        weights = self._weights
        frames = weights.equivariance_jacobian and keypoints.jacobian is not None
        if not (weights.equivariance_value or frames):
            return {}
        warped = transform.apply(driving, align_corners=self._align_corners)
        found = self.model.detect(warped)
        losses: Losses = {}
        if weights.equivariance_value:
            distance = (keypoints.value - transform.warp(found.value)).abs().mean()
            losses["equivariance_value"] = weights.equivariance_value * distance
        if frames:
            assert keypoints.jacobian is not None
            assert found.jacobian is not None
            back = multiply(transform.jacobian(found.value), found.jacobian)
            rest = multiply(invert(keypoints.jacobian), back) - torch.eye(2, device=back.device)
            losses["equivariance_jacobian"] = weights.equivariance_jacobian * rest.abs().mean()
        return losses


class DiscriminatorObjective(nn.Module):
    """What the discriminator is trained by: 1 for real pictures, 0 for made ones, least squares."""

    def __init__(self, config: Config, discriminator: MultiScaleDiscriminator) -> None:
        super().__init__()
        self.discriminator = discriminator
        self._weight = config.train_params.loss_weights.discriminator_gan
        self._pyramid = Pyramid(config.train_params.scales, config.model_params.common_params.num_channels)

    def forward(self, real: Tensor, made: Tensor, keypoints: Keypoints) -> Losses:
        """The loss of real pictures `(B, C, H, W)` and of made ones; keypoints are the real ones'."""
        shown = detached(keypoints)
        judged_made = self.discriminator(self._pyramid(made.detach()), shown)
        judged_real = self.discriminator(self._pyramid(real), shown)
        terms = [
            (1 - judged_real[scale][1].float()).square().mean()
            + judged_made[scale][1].float().square().mean()
            for scale in judged_real
        ]
        return {"discriminator_gan": self._weight * torch.stack(terms).sum()}


def detached(keypoints: Keypoints) -> Keypoints:
    """The same keypoints, through which nothing is learnt."""
    jacobian = None if keypoints.jacobian is None else keypoints.jacobian.detach()
    return Keypoints(keypoints.value.detach(), jacobian)
