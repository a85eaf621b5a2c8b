"""The whole model: keypoint detector and generator, built from a config."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from fomm.config import Config
from fomm.keypoints import Keypoints
from fomm.networks.dense_motion import DenseMotionNetwork
from fomm.networks.discriminator import Discriminator, MultiScaleDiscriminator
from fomm.networks.generator import EncodedSource, Generator
from fomm.networks.keypoint_detector import KeypointDetector


class FirstOrderModel(nn.Module):
    """What inference needs, as the three steps of one frame: `detect`, `encode` (once a source), `decode`.

    Attributes:
        size_step: heights and widths of pictures must be multiples of this many pixels.
        picture_size: `(height, width)` that the model is for.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        common = config.model_params.common_params
        params = config.model_params.generator_params
        self.kp_detector = KeypointDetector(
            num_kp=common.num_kp,
            num_channels=common.num_channels,
            estimate_jacobian=common.estimate_jacobian,
            **_arguments(config.model_params.kp_detector_params),
        )
        self.generator = Generator(
            num_channels=common.num_channels,
            block_expansion=params.block_expansion,
            max_features=params.max_features,
            num_down_blocks=params.num_down_blocks,
            num_bottleneck_blocks=params.num_bottleneck_blocks,
            align_corners=common.align_corners,
            dense_motion=DenseMotionNetwork(
                num_kp=common.num_kp,
                num_channels=common.num_channels,
                align_corners=common.align_corners,
                estimate_occlusion_map=params.estimate_occlusion_map,
                **_arguments(params.dense_motion_params),
            ),
        )

        self.picture_size: tuple[int, int] = config.dataset_params.frame_shape[:2]
        detector = config.model_params.kp_detector_params
        motion = params.dense_motion_params
        self.size_step: int = max(
            round(2**detector.num_blocks / detector.scale_factor),
            round(2**motion.num_blocks / motion.scale_factor),
            2**params.num_down_blocks,
        )

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.generator.final.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What they compute in, but for the geometry, which is always float32."""
        return self.generator.final.weight.dtype

    def detect(self, image: Tensor) -> Keypoints:
        """Keypoints of pictures `(B, C, H, W)` in [0, 1]."""
        keypoints: Keypoints = self.kp_detector(image)
        return keypoints

    def encode(self, source: Tensor) -> EncodedSource:
        """What the frames need of sources `(B, C, H, W)` in [0, 1]."""
        return self.generator.encode(source)

    def decode(self, encoded: EncodedSource, source: Keypoints, driving: Keypoints) -> Tensor:
        """Frames `(B, C, H, W)` in [0, 1]: sources with keypoints `source`, moved to `driving`."""
        return self.generator.decode(encoded, source, driving)[0]

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Frames `(B, C, H, W)`: each source in the pose of its driving picture (absolute motion)."""
        return self.decode(self.encode(source), self.detect(source), self.detect(driving))


def build_discriminator(config: Config) -> MultiScaleDiscriminator:
    """The discriminator that a config asks for, untrained."""
    common = config.model_params.common_params
    arguments = _arguments(config.model_params.discriminator_params)
    scales = arguments.pop("scales")
    return MultiScaleDiscriminator(
        scales,
        [Discriminator(num_channels=common.num_channels, num_kp=common.num_kp, **arguments) for _ in scales],
    )


def _arguments(section: object) -> dict[str, Any]:
    """A config section as keyword arguments: their names are the published keys."""
    return {f.name: getattr(section, f.name) for f in dataclasses.fields(section)}  # type: ignore[arg-type]
