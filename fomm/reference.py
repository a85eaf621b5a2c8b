"""The model run as the published code runs it: what every speed is a ratio to.

Eager PyTorch, float32, contiguous layout; nothing folded, nothing cached; the source encoded again every frame. As
there, the blur before each downscale is computed at every pixel, sparse motions multiply a matrix at every pixel, the
source is warped along with the features though nobody looks at it, and a frame comes in and goes out as uint8.
PyTorch's own settings stay: on a GPU, convolutions may use TF32 (`torch.backends.cudnn.allow_tf32` is on unless a
program turns it off) and matrix products may not. `tf32()` says what it was.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.keypoints import Keypoints
from fomm.networks.blocks import AntiAliasDownscale
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.geometry import coordinate_grid, gaussian_heatmaps

Frame = NDArray[np.uint8]


class Reference:
    """A source, and the frames that it is driven by.

    Args:
        networks: any; they are copied.
        source: `(H, W, 3)` uint8.
        neutral: the driving frame that counts as no motion, likewise.
        device: where.
    """

    name, precision = "reference", "fp32"

    def __init__(
        self, networks: FirstOrderModel, source: Frame, neutral: Frame, *, device: torch.device | str = "cpu"
    ) -> None:
        self.networks = copy.deepcopy(networks).eval().float().to(device)
        detector, motion = self.networks.kp_detector, self.networks.generator.dense_motion_network
        for owner in (detector, motion):
            if isinstance(owner.down, AntiAliasDownscale):
                owner.down = _BlurEveryPixel(owner.down)  # type: ignore[assignment]
        self.device = torch.device(device)
        with torch.no_grad():
            self.source = self.upload(source[None])
            self.rest = self.networks.detect(self.source)
            self.neutral = self.networks.detect(self.upload(neutral[None]))

    @torch.no_grad()
    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Driving frames `(B, H, W, 3)` uint8 → as many pictures, likewise."""
        driving = self.detect(self.upload(frames))
        return self.download(self.generate(self.relative(driving)))

    def upload(self, frames: NDArray[np.uint8]) -> Tensor:
        """`(B, H, W, 3)` uint8 → `(B, 3, H, W)` in [0, 1]; divided before the way to the device."""
        pictures = torch.from_numpy(frames.astype(np.float32) / 255).permute(0, 3, 1, 2)
        return pictures.contiguous().to(self.device)

    def detect(self, pictures: Tensor) -> Keypoints:
        """Keypoints of pictures."""
        return self.networks.detect(pictures)

    def relative(self, driving: Keypoints) -> Keypoints:
        """The source's keypoints, moved as the driver moved."""
        assert self.rest.jacobian is not None
        assert self.neutral.jacobian is not None
        assert driving.jacobian is not None
        change = driving.jacobian @ torch.inverse(self.neutral.jacobian)
        return Keypoints(self.rest.value + driving.value - self.neutral.value, change @ self.rest.jacobian)

    def encode(self) -> Tensor:
        """The source's features, again."""
        generator = self.networks.generator
        features: Tensor = generator.first(self.source)
        for block in generator.down_blocks:
            features = block(features)
        return features

    def dense_motion(self, target: Keypoints) -> tuple[Tensor, Tensor]:
        """The sampling grid `(B, h, w, 2)`, and the occlusion map `(B, 1, h, w)`."""
        network = self.networks.generator.dense_motion_network
        batch = len(target)
        source = network.down(self.source).expand(batch, -1, -1, -1)
        height, width = source.shape[2:]
        rest = self.rest.expand(batch)
        heatmaps = gaussian_heatmaps(target.value, height, width, network.kp_variance)
        heatmaps = heatmaps - gaussian_heatmaps(rest.value, height, width, network.kp_variance)
        heatmaps = torch.cat([torch.zeros_like(heatmaps[:, :1]), heatmaps], dim=1)[:, :, None]
        motions = _sparse_motions(rest, target, height, width)
        count = motions.shape[1]
        repeated = source[:, None].repeat(1, count, 1, 1, 1).flatten(0, 1)
        moved = F.grid_sample(repeated, motions.flatten(0, 1), align_corners=network.align_corners)
        moved = moved.view(batch, count, -1, height, width)
        features = network.hourglass(torch.cat([heatmaps, moved], dim=2).flatten(1, 2))
        mask = network.mask(features).softmax(dim=1)
        deformation = (motions.permute(0, 1, 4, 2, 3) * mask[:, :, None]).sum(dim=1).permute(0, 2, 3, 1)
        assert network.occlusion is not None
        return deformation, network.occlusion(features).sigmoid()

    def warp(self, features: Tensor, deformation: Tensor, occlusion: Tensor) -> Tensor:
        """The features, moved and dimmed."""
        align = self.networks.generator.align_corners
        batch = len(deformation)
        features = features.expand(batch, -1, -1, -1)
        out = F.grid_sample(features, deformation, align_corners=align) * occlusion
        # The published code warps the picture itself too, and gives it among its results.
        size = self.source.shape[2:]
        large = F.interpolate(deformation.permute(0, 3, 1, 2), size=size, mode="bilinear").permute(0, 2, 3, 1)
        F.grid_sample(self.source.expand(batch, -1, -1, -1), large, align_corners=align)
        return out

    def decode(self, features: Tensor) -> Tensor:
        """Warped features → pictures `(B, 3, H, W)` in [0, 1]."""
        generator = self.networks.generator
        out = generator.bottleneck(features)
        for block in generator.up_blocks:
            out = block(out)
        pictures: Tensor = generator.final(out).sigmoid()
        return pictures

    def generate(self, target: Keypoints) -> Tensor:
        """The whole generator, the source's half included."""
        features = self.encode()
        return self.decode(self.warp(features, *self.dense_motion(target)))

    def download(self, pictures: Tensor) -> NDArray[np.uint8]:
        """Pictures → `(B, H, W, 3)` uint8; multiplied after the way from the device."""
        return (pictures.permute(0, 2, 3, 1).cpu().numpy() * 255).round().astype(np.uint8)


def tf32() -> dict[str, bool]:
    """Whether convolutions and matrix products may round to TF32 on a GPU."""
    return {
        "convolutions": torch.backends.cudnn.allow_tf32,
        "matrix products": torch.backends.cuda.matmul.allow_tf32,
    }


def _sparse_motions(source: Keypoints, target: Keypoints, height: int, width: int) -> Tensor:
    """`(B, K + 1, h, w, 2)`: a 2x2 matrix of each keypoint repeated to every pixel and multiplied there."""
    assert source.jacobian is not None
    assert target.jacobian is not None
    batch, count = target.value.shape[:2]
    identity = coordinate_grid(height, width, target.value.device)
    offset = identity[None, None] - target.value[:, :, None, None]
    frame = (source.jacobian @ torch.inverse(target.jacobian))[:, :, None, None]
    frame = frame.repeat(1, 1, height, width, 1, 1)
    moved = (frame @ offset[..., None]).squeeze(-1) + source.value[:, :, None, None]
    return torch.cat([identity.repeat(batch, 1, 1, 1, 1), moved.view(batch, count, height, width, 2)], dim=1)


class _BlurEveryPixel(nn.Module):
    """The blur at every pixel, of which only some are kept."""

    weight: Tensor

    def __init__(self, down: AntiAliasDownscale) -> None:
        super().__init__()
        self.scale = down.scale
        self.register_buffer("weight", down.weight)

    def forward(self, image: Tensor) -> Tensor:
        padding = self.weight.shape[-1] // 2
        blurred = F.conv2d(F.pad(image, [padding] * 4), self.weight, groups=image.shape[1])
        return F.interpolate(blurred, scale_factor=(self.scale, self.scale))
