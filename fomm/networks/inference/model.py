"""The whole model, rewritten: what every engine starts from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fomm.keypoints import Keypoints
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.inference.detector import InferenceDetector
from fomm.networks.inference.generator import InferenceGenerator
from fomm.networks.inference.motion import InferenceMotion
from fomm.networks.inference.upsampling import UpForm


class SourceTensors(NamedTuple):
    """All that the source decides, worked out once.

    Attributes:
        features: `(B, F, H / 2^n, W / 2^n)` float32, what is warped.
        small: `(B, C, h, w)` the source at the size of the dense motion.
        first: `(B, E, h, w)` its share of the dense motion's first convolution.
        heads: `(B, K + 2, h, w)` its share of the dense motion's heads; K + 1 without an occlusion map.
    """

    features: Tensor
    small: Tensor
    first: Tensor
    heads: Tensor


class InferenceModel(nn.Module):
    """The same functions as `FirstOrderModel`, equal up to rounding, in fewer operations. It cannot be trained.

    Args:
        networks: in evaluation mode; left as they are.
        size: `(height, width)` of the pictures it is meant for. Others work too.
        up: how upsampling is written down.
        shifted: whether the residual blocks' shifts are folded; better not where few digits are computed.
    """

    def __init__(
        self,
        networks: FirstOrderModel,
        *,
        size: tuple[int, int] = (256, 256),
        up: UpForm = "transpose",
        shifted: bool = True,
    ) -> None:
        super().__init__()
        self.size_step = networks.size_step
        with torch.no_grad():
            self.detector = InferenceDetector(networks.kp_detector, size=size, up=up)
            self.motion = InferenceMotion(networks.generator.dense_motion_network, size=size, up=up)
            self.generator = InferenceGenerator(networks.generator, up=up, shifted=shifted)
        self.eval().requires_grad_(False)

    def detect(self, pictures: Tensor) -> Keypoints:
        """Keypoints of pictures `(B, C, H, W)` in [0, 1], in float32."""
        keypoints: Keypoints = self.detector(pictures)
        return keypoints

    def encode(self, pictures: Tensor, keypoints: Keypoints) -> SourceTensors:
        """What the frames need of sources `(B, C, H, W)` in [0, 1] with these keypoints."""
        return SourceTensors(self.generator.encode(pictures), *self.motion.encode(pictures, keypoints))

    def decode(self, source: SourceTensors, rest: Keypoints, target: Keypoints) -> Tensor:
        """Pictures `(B, C, H, W)` float32 in [0, 1]: sources with keypoints `rest`, moved to `target`.

        One source serves several targets.
        """
        deformation, occlusion = self.motion(source.small, source.first, source.heads, rest, target)
        pictures: Tensor = self.generator(source.features, deformation, occlusion)
        return pictures
