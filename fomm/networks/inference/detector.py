"""The keypoint detector, rewritten."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from fomm.keypoints import Keypoints
from fomm.networks.geometry import coordinate_grid
from fomm.networks.inference.hourglass import FoldedHourglass
from fomm.networks.inference.upsampling import UpForm
from fomm.networks.keypoint_detector import KeypointDetector


class InferenceDetector(nn.Module):
    """See `KeypointDetector`. Both heads are one convolution, and all means under the heatmaps one product.

    Args:
        detector: the original.
        size: `(height, width)` of the pictures.
        up: how upsampling is written down.
    """

    def __init__(self, detector: KeypointDetector, *, size: tuple[int, int], up: UpForm) -> None:
        super().__init__()
        self.temperature = detector.temperature
        self.num_kp = detector.kp.out_channels
        self.down = copy.deepcopy(detector.down)
        scale = getattr(detector.down, "scale", 1)
        self.hourglass = FoldedHourglass(detector.predictor, side=round(min(size) * scale), up=up)
        parts = [detector.kp] if detector.jacobian is None else [detector.kp, detector.jacobian]
        self.heads = nn.Conv2d(
            detector.kp.in_channels,
            sum(part.out_channels for part in parts),
            7,
            padding=detector.kp.padding,  # type: ignore[arg-type]  # a tuple, see KeypointDetector
        )
        weight, bias = torch.cat([part.weight for part in parts]), torch.cat([_bias(part) for part in parts])
        self.heads.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
        self.heads.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)

    def forward(self, image: Tensor) -> Keypoints:
        """`(B, C, H, W)` in [0, 1] → keypoints in float32."""
        small = self.down(image)
        features = torch.cat([self.hourglass(self.hourglass.first(small)), small], dim=1)
        heads = self.heads(features).float()
        height, width = heads.shape[2:]
        heatmaps = (heads[:, : self.num_kp].flatten(2) / self.temperature).softmax(dim=-1)
        grid = coordinate_grid(height, width, heads.device).flatten(0, 1)
        value = heatmaps @ grid
        maps = heads[:, self.num_kp :].flatten(2)
        if not maps.shape[1]:
            return Keypoints(value)
        if maps.shape[1] == 4:
            jacobian = heatmaps @ maps.transpose(1, 2)
        else:
            jacobian = (heatmaps[:, :, None] @ maps.unflatten(1, (self.num_kp, 4)).transpose(2, 3)).squeeze(2)
        return Keypoints(value, jacobian.unflatten(-1, (2, 2)))


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
