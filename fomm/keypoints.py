"""FOMM's sparse motion: keypoints with local affine frames, and motion taken relative to a neutral pose.

Everything here is computed in float32 whatever the networks run in: a half-precision Jacobian has three
digits, and its determinant may underflow to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

#: Determinants (of matrices scaled to a largest entry of 1) much above this are inverted exactly; below,
#: damped.
_DAMPING = 1e-5


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of a batch of pictures.

    Attributes:
        value: `(B, K, 2)` positions, x first, in [-1, 1] from the left (top) to the right (bottom) pixel
            centre.
        jacobian: `(B, K, 2, 2)` local affine frame about each keypoint, or None in a zero-order model.

    Raises:
        ValueError: the shapes are not these.
    """

    value: Tensor
    jacobian: Tensor | None = None

    def __post_init__(self) -> None:
        if self.value.ndim != 3 or self.value.shape[-1] != 2:
            raise ValueError(f"keypoint values must be (B, K, 2), not {tuple(self.value.shape)}")
        if self.jacobian is not None and self.jacobian.shape != (*self.value.shape, 2):
            expected = (*self.value.shape, 2)
            raise ValueError(f"keypoint Jacobians must be {expected}, not {tuple(self.jacobian.shape)}")

    def __len__(self) -> int:
        return self.value.shape[0]

    def __getitem__(self, index: slice) -> Keypoints:
        """Some pictures of the batch."""
        return Keypoints(self.value[index], None if self.jacobian is None else self.jacobian[index])

    def float(self) -> Keypoints:
        """The same keypoints in float32."""
        return Keypoints(self.value.float(), None if self.jacobian is None else self.jacobian.float())

    def to(self, device: torch.device) -> Keypoints:
        """The same keypoints elsewhere."""
        return Keypoints(self.value.to(device), None if self.jacobian is None else self.jacobian.to(device))

    def expand(self, batch: int) -> Keypoints:
        """The keypoints of one picture, repeated (as a view) for a batch of `batch`."""
        jacobian = None if self.jacobian is None else self.jacobian.expand(batch, -1, -1, -1)
        return Keypoints(self.value.expand(batch, -1, -1), jacobian)

    @staticmethod
    def concatenate(parts: Sequence[Keypoints]) -> Keypoints:
        """One batch out of several; all have Jacobians or none has."""
        jacobians = [part.jacobian for part in parts if part.jacobian is not None]
        if jacobians and len(jacobians) != len(parts):
            raise ValueError("keypoints with and without Jacobians do not mix in one batch")
        return Keypoints(
            torch.cat([part.value for part in parts]), torch.cat(jacobians) if jacobians else None
        )


def invert(matrices: Tensor) -> Tensor:
    """Inverses of 2x2 matrices: exact where there is one, damped and always finite where there is hardly any.

    Computes `adj(A) det(A) / (det(A)^2 + d^2)` in float32. For a well-conditioned matrix the damping `d` is
    far below float32's resolution; a singular matrix gives zeros, so a keypoint with a collapsed frame moves
    as a whole instead of tearing the picture. Gradients stay finite too.

    Args:
        matrices: `(..., 2, 2)`, any floating type.

    Returns:
        `(..., 2, 2)` float32.
    """
    full = matrices.float()
    scale = full.abs().amax(dim=(-2, -1), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    a, b, c, d = (full / scale).flatten(-2).unbind(-1)
    determinant = a * d - b * c
    weight = determinant / (determinant * determinant + _DAMPING**2)
    adjugate = torch.stack([d, -b, -c, a], dim=-1).view(full.shape)
    # Divided once more by the scale: a matrix of denormals still has a finite inverse.
    limit = torch.finfo(torch.float32).max
    inverse = adjugate * weight[..., None, None] / scale
    return inverse.clamp(-limit, limit)


def hull_area(keypoints: Keypoints) -> list[float]:
    """The area of each picture's convex hull of keypoints, in squared half-widths; one number a picture."""
    points = keypoints.value.detach().float().cpu().numpy()
    return [float(cv2.contourArea(cv2.convexHull(np.ascontiguousarray(of_picture)))) for of_picture in points]


def movement_scale(source_area: float, neutral_area: float) -> float:
    """How much larger the source's object is than the driver's: the square root of their hull areas' ratio.

    1 where either hull has no area (fewer than three keypoints, or all on a line), which says nothing of
    size.
    """
    if source_area <= 0 or neutral_area <= 0:
        return 1.0
    return math.sqrt(source_area) / math.sqrt(neutral_area)


def relative_motion(
    source: Keypoints,
    driving: Keypoints,
    neutral: Keypoints,
    *,
    scale: float = 1.0,
    relative_jacobian: bool = True,
) -> Keypoints:
    """The source's keypoints, moved as the driver moved away from the neutral pose.

    `value = source + scale (driving - neutral)`, `jacobian = driving neutral^-1 source`.

    Args:
        source: the avatar's keypoints; a batch of 1 serves a batch of driving frames.
        driving: the driver's keypoints now.
        neutral: the driver's keypoints in the pose that counts as no motion; a batch of 1 serves as well.
        scale: see `movement_scale`.
        relative_jacobian: False takes the driver's Jacobians as they are.

    Returns:
        Keypoints in float32, of `driving`'s batch.
    """
    transfer = Transfer.relative(source, neutral, scale=scale, relative_jacobian=relative_jacobian)
    return transfer(driving)


@dataclass(frozen=True, eq=False)
class Transfer:
    """Where driving keypoints send the source's.

    Everything that lies between them (relative motion, its scale, a crop that moved, easing) is affine in the driving
    keypoints, so that all of it is worked out beforehand and a frame costs two multiplications:
    `value = gain driving + offset`, `jacobian = driving turn + rest`.

    Attributes:
        gain: `(B, 1, 1)` float32; B is 1 or the batch of driving frames, here and below.
        offset: `(B, K, 2)` or `(B, 1, 2)` float32.
        turn: `(B, K, 2, 2)` or `(B, 1, 2, 2)` float32; None where Jacobians stay as they are.
        rest: `(B, K, 2, 2)` float32; None where nothing is added.
    """

    gain: Tensor
    offset: Tensor
    turn: Tensor | None = None
    rest: Tensor | None = None

    @staticmethod
    def absolute() -> Transfer:
        """The driving keypoints as they are."""
        return Transfer(torch.ones(1, 1, 1), torch.zeros(1, 1, 2))

    @staticmethod
    def relative(
        source: Keypoints, neutral: Keypoints, *, scale: float = 1.0, relative_jacobian: bool = True
    ) -> Transfer:
        """See `relative_motion`."""
        value = source.value.float()
        turn = None
        if relative_jacobian and source.jacobian is not None and neutral.jacobian is not None:
            turn = multiply(invert(neutral.jacobian), source.jacobian.float())
        return Transfer(value.new_full((1, 1, 1), scale), value - scale * neutral.value.float(), turn)

    def seen(self, zoom: Tensor, shift: Tensor) -> Transfer:
        """The same transfer, for keypoints found in a crop that has moved.

        Args:
            zoom: `(B,)` side of the crop over that of the neutral one.
            shift: `(B, 2)` where its centre is in the neutral crop.
        """
        turn = torch.eye(2, device=zoom.device)[None, None] if self.turn is None else self.turn
        return Transfer(
            self.gain * zoom[:, None, None],
            self.gain * shift[:, None] + self.offset,
            turn * zoom[:, None, None, None],
            self.rest,
        )

    def eased(self, source: Keypoints, strength: Tensor) -> Transfer:
        """Between the source at rest (strength 0) and this transfer (strength 1), entry by entry.

        Args:
            source: the avatar's keypoints.
            strength: `(B,)`.
        """
        weight = strength.float()[:, None, None]
        offset = (1 - weight) * source.value.float() + weight * self.offset
        if source.jacobian is None:
            return Transfer(self.gain * weight, offset)
        weights = weight[..., None]
        turn = torch.eye(2, device=weight.device)[None, None] if self.turn is None else self.turn
        rest = (1 - weights) * source.jacobian.float()
        return Transfer(
            self.gain * weight,
            offset,
            turn * weights,
            rest if self.rest is None else rest + weights * self.rest,
        )

    def mixed(self, other: Transfer, share: Tensor) -> Transfer:
        """Between this transfer (share 0) and another (share 1), entry by entry.

        Args:
            share: `(B,)`.
        """
        weight = share.float()[:, None, None]
        weights = weight[..., None]
        turn, rest = None, None
        if self.turn is not None or other.turn is not None:
            eye = torch.eye(2, device=weight.device)[None, None]
            ours = eye if self.turn is None else self.turn
            turn = torch.lerp(ours, eye if other.turn is None else other.turn, weights)
        if self.rest is not None or other.rest is not None:
            nothing = torch.zeros(1, 1, 2, 2, device=weight.device)
            ours = nothing if self.rest is None else self.rest
            rest = torch.lerp(ours, nothing if other.rest is None else other.rest, weights)
        return Transfer(
            torch.lerp(self.gain, other.gain, weight),
            torch.lerp(self.offset, other.offset, weight),
            turn,
            rest,
        )

    def __call__(self, driving: Keypoints) -> Keypoints:
        """Keypoints in float32, of `driving`'s batch and on its device."""
        place = driving.value.device
        value = self.gain.to(place) * driving.value.float() + self.offset.to(place)
        if driving.jacobian is None:
            return Keypoints(value)
        jacobian = driving.jacobian.float()
        if self.turn is not None:
            jacobian = multiply(jacobian, self.turn.to(place))
        if self.rest is not None:
            jacobian = jacobian + self.rest.to(place)
        return Keypoints(value, jacobian)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Products of 2x2 matrices `(..., 2, 2)`, broadcast.

    Written out, since batched matrix products of this size cost more in dispatch than in arithmetic.
    """
    return (a[..., :, :, None] * b[..., None, :, :]).sum(dim=-2)
