"""The random warp of the equivariance losses: affine plus thin-plate spline, as the reference has it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from fomm.config import TransformParams
from fomm.networks.geometry import coordinate_grid

#: Keeps the logarithm finite at a control point.
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class RandomTransform:
    """Where each position of the warped picture comes from: `theta [p, 1] + sum_i w_i U(|p - c_i|_1)`.

    `U(r) = r^2 log(r + 1e-6)`; as in the reference implementation distances are L1, and the spline moves both
    coordinates alike.

    Attributes:
        theta: `(B, 2, 3)` affine part.
        control_points: `(1, P, 2)` in [-1, 1], x first.
        weights: `(B, P)` of the spline.
    """

    theta: Tensor
    control_points: Tensor
    weights: Tensor

    @staticmethod
    def draw(batch: int, params: TransformParams, generator: torch.Generator) -> RandomTransform:
        """One transform a picture, on the CPU."""
        theta = torch.eye(2, 3) + params.sigma_affine * torch.randn(batch, 2, 3, generator=generator)
        points = coordinate_grid(params.points_tps, params.points_tps, torch.device("cpu")).view(1, -1, 2)
        weights = params.sigma_tps * torch.randn(batch, params.points_tps**2, generator=generator)
        return RandomTransform(theta, points, weights)

    def to(self, device: torch.device) -> RandomTransform:
        """The same transform elsewhere."""
        return RandomTransform(self.theta.to(device), self.control_points.to(device), self.weights.to(device))

    def warp(self, points: Tensor) -> Tensor:
        """Positions `(B or 1, N, 2)` float32 in [-1, 1] → where they come from, `(B, N, 2)`."""
        moved = points @ self.theta[:, :, :2].transpose(1, 2) + self.theta[:, None, :, 2]
        radius = (points[:, :, None] - self.control_points[:, None]).abs().sum(dim=-1)
        bend = radius.square() * torch.log(radius + _LEAST)
        return moved + (bend * self.weights[:, None]).sum(dim=-1, keepdim=True)

    def jacobian(self, points: Tensor) -> Tensor:
        """The derivative of `warp` at positions `(B, N, 2)`: `(B, N, 2, 2)`, rows for the result's x and y."""
        offset = points[:, :, None] - self.control_points[:, None]
        radius = offset.abs().sum(dim=-1)
        slope = 2 * radius * torch.log(radius + _LEAST) + radius.square() / (radius + _LEAST)
        bend = ((self.weights[:, None] * slope)[..., None] * offset.sign()).sum(dim=2)
        # The spline moves x and y alike, so both rows gain the same.
        return self.theta[:, None, :, :2] + bend[:, :, None]

    def apply(self, pictures: Tensor, *, align_corners: bool) -> Tensor:
        """Pictures `(B, C, H, W)` float32, warped; beyond their edges they are mirrored."""
        height, width = pictures.shape[2:]
        grid = self.warp(coordinate_grid(height, width, pictures.device).view(1, -1, 2))
        return F.grid_sample(
            pictures, grid.view(-1, height, width, 2), padding_mode="reflection", align_corners=align_corners
        )
