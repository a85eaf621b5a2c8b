"""The dense motion network, rewritten: what the source alone decides is worked out with the source."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.keypoints import Keypoints, invert, multiply
from fomm.networks.dense_motion import DenseMotionNetwork
from fomm.networks.geometry import coordinate_grid
from fomm.networks.inference.hourglass import FoldedHourglass
from fomm.networks.inference.upsampling import UpForm


class InferenceMotion(nn.Module):
    """See `DenseMotionNetwork`.

    Its input is, for the background and each keypoint, a heatmap and the source moved by that motion. Of these
    channels the background's are the source's own, and a heatmap is the driving keypoint's minus the source's. The
    first convolution and the heads are linear in them, so their share of it is part of what is cached, and each
    frame brings only the driving heatmaps and the sources moved by keypoints: K (1 + C) channels.

    Args:
        network: the original.
        size: `(height, width)` of the pictures.
        up: how upsampling is written down.
    """

    def __init__(self, network: DenseMotionNetwork, *, size: tuple[int, int], up: UpForm) -> None:
        super().__init__()
        self.kp_variance = network.kp_variance
        self.align_corners = network.align_corners
        self.num_kp = network.mask.out_channels - 1
        self.occludes = network.occlusion is not None
        self.down = copy.deepcopy(network.down)
        scale = getattr(network.down, "scale", 1)
        self.hourglass = FoldedHourglass(network.hourglass, side=round(min(size) * scale), up=up)
        heads = [network.mask] if network.occlusion is None else [network.mask, network.occlusion]
        weight = torch.cat([head.weight for head in heads]).detach()
        bias = torch.cat([_bias(head) for head in heads]).detach()
        features = network.hourglass.out_features - self.hourglass.first.in_channels
        first = self.hourglass.first
        still, moving = self._split(first.weight)
        self.first_still, self.first_moving = _conv(still, first.bias), _conv(moving)
        still, moving = self._split(weight[:, features:])
        self.heads_still = _conv(still, bias)
        self.heads_moving = _conv(torch.cat([weight[:, :features], moving], dim=1))
        del self.hourglass.first

    def _split(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Kernels over the original's input `(out, (K + 1) (1 + C), k, k)` → over what the source decides (the
        background, then the keypoints' resting heatmaps) and over what each frame brings (the driving heatmaps,
        then the moved sources)."""
        out, _, *kernel = weight.shape
        groups = weight.detach().view(out, self.num_kp + 1, -1, *kernel)
        background, heatmaps, moved = groups[:, 0, 1:], groups[:, 1:, 0], groups[:, 1:, 1:]
        return torch.cat([background, -heatmaps], dim=1), torch.cat([heatmaps, moved.flatten(1, 2)], dim=1)

    def encode(self, source: Tensor, keypoints: Keypoints) -> tuple[Tensor, Tensor, Tensor]:
        """What the source alone decides.

        Args:
            source: `(B, C, H, W)` in [0, 1].
            keypoints: its own.

        Returns:
            The small source `(B, C, h, w)`, and its share of the first convolution and of the heads.
        """
        small = self.down(source)
        height, width = small.shape[2:]
        background = small
        if not self.align_corners:
            # Here even no motion at all samples half a pixel off.
            grid = coordinate_grid(height, width, small.device).expand(len(small), -1, -1, -1)
            background = F.grid_sample(small.float(), grid, align_corners=False).to(small.dtype)
        heatmaps = separable_heatmaps(keypoints.value, height, width, self.kp_variance).to(small.dtype)
        still = torch.cat([background, heatmaps], dim=1)
        return small, self.first_still(still), self.heads_still(still)

    def forward(
        self,
        small: Tensor,
        first: Tensor,
        heads: Tensor,
        source: Keypoints,
        driving: Keypoints,
    ) -> tuple[Tensor, Tensor | None]:
        """Estimate the motion.

        Args:
            small: see `encode`, as are the two that follow; a batch of 1 serves several driving frames.
            first: see `encode`.
            heads: see `encode`.
            source: the source's keypoints.
            driving: the keypoints to move it to.

        Returns:
            The sampling grid `(B, h, w, 2)` in float32, and the occlusion map `(B, 1, h, w)` or None.
        """
        channels, height, width = small.shape[1:]
        theta = affine_maps(source, driving)
        batch = len(theta)
        grid = coordinate_grid(height, width, small.device).flatten(0, 1)
        # (B, 2, K, h w): each keypoint's affine motion of the whole grid, in one product.
        motions = theta[..., :2].flatten(1, 2) @ grid.t() + theta[..., 2].flatten(1, 2)[..., None]
        motions = motions.view(batch, self.num_kp, 2, -1)
        grids = motions.transpose(2, 3).reshape(batch * self.num_kp, height, width, 2)
        sources = small.float() if len(small) == batch > 1 else small.float().expand(batch, -1, -1, -1)
        sources = sources[:, None].expand(-1, self.num_kp, -1, -1, -1).flatten(0, 1)
        moved = F.grid_sample(sources, grids, align_corners=self.align_corners)
        moved = moved.view(batch, self.num_kp * channels, height, width)
        heatmaps = separable_heatmaps(driving.value, height, width, self.kp_variance)
        inputs = torch.cat([heatmaps, moved], dim=1).to(small.dtype)
        features = self.hourglass(self.first_moving(inputs) + first)
        out = (self.heads_moving(torch.cat([features, inputs], dim=1)) + heads).float()
        mask = out[:, : self.num_kp + 1].flatten(2).softmax(dim=1)
        deformation = mask[:, :1] * grid.t() + (mask[:, 1:, None] * motions).sum(dim=1)
        deformation = deformation.transpose(1, 2).reshape(batch, height, width, 2)
        return deformation, out[:, self.num_kp + 1 :].sigmoid() if self.occludes else None


def affine_maps(source: Keypoints, driving: Keypoints) -> Tensor:
    """Each keypoint's motion as one affine map: Eq. 4 of the paper, `z → J_source J_driving^-1 (z - driving) +
    source`.

    Returns:
        `(B, K, 2, 3)` float32, the translation last.
    """
    target, rest = driving.value.float(), source.value.float()
    if source.jacobian is None or driving.jacobian is None:
        linear = torch.eye(2, device=target.device).expand(*target.shape[:2], 2, 2)
        return torch.cat([linear, (rest - target)[..., None]], dim=-1)
    linear = multiply(source.jacobian.float(), invert(driving.jacobian))
    translation = rest - (linear * target[..., None, :]).sum(dim=-1)
    return torch.cat([linear, translation[..., None]], dim=-1)


def separable_heatmaps(centres: Tensor, height: int, width: int, variance: float) -> Tensor:
    """See `fomm.networks.geometry.gaussian_heatmaps`: a Gaussian is one over the rows times one over the columns."""
    grid = coordinate_grid(height, width, centres.device)
    x, y = grid[0, :, 0] - centres.float()[..., :1], grid[:, 0, 1] - centres.float()[..., 1:]
    over_x, over_y = (torch.exp(offset.square() * (-0.5 / variance)) for offset in (x, y))
    return over_y[..., None] * over_x[..., None, :]


def _conv(weight: Tensor, bias: Tensor | None = None) -> nn.Conv2d:
    """A convolution that keeps the size."""
    out, inner, size, _ = weight.shape
    conv = nn.Conv2d(inner, out, size, padding=size // 2, bias=bias is not None)
    conv.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        conv.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return conv


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
