"""The eyeballs: a layer of its own under the lids, so that a lid covers an iris instead of squeezing it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame, Landmarks
from fomm.animators.landmark_warp.patch import Patch, blend, outline_mask
from fomm.landmarks import EyeTopology, eye_axes

Array = NDArray[np.float32]

#: The iris may travel this far, in eye widths, before it would leave the eye.
_MAX_GAZE = np.array([0.22, 0.14], np.float32)
#: Pixels this close to the source's lids, in eye widths, hold lashes and lid rims: none of the eyeball's.
_RIM = 0.035


@dataclass(frozen=True, eq=False)
class Eyeball:
    """One eye of the source, in its own frame: origin between the corners, unit the eye's width, v downwards.

    Attributes:
        eye: its landmarks' numbers.
        iris: `(2,)` the iris's centre.
        radius: the iris's radius.
        knots, upper, lower: the lids' rims, v over u, for interpolation.
        origin, axes, width: from the eye's frame to source pixels.
    """

    eye: EyeTopology
    iris: Array
    radius: float
    knots: Array
    upper: Array
    lower: Array
    origin: Array
    axes: Array
    width: float

    @classmethod
    def of(cls, landmarks: Landmarks, eye: EyeTopology) -> Eyeball:
        """The eyeball of a source with these landmarks."""
        origin, axes, width = eye_axes(landmarks, eye)

        def local(points: Array) -> Array:
            return np.asarray((points[:, :2] - origin) @ axes.T / width, np.float32)

        corners = local(landmarks[[eye.outer, eye.inner]])
        upper, lower = local(landmarks[eye.upper]), local(landmarks[eye.lower])
        knots = np.linspace(-0.5, 0.5, 17, dtype=np.float32)
        rim = _RIM * np.minimum(1.0, (0.5 - np.abs(knots)) / 0.15)
        iris = local(landmarks[eye.iris])
        top = _rim_line(np.concatenate([corners, upper]), knots) + rim
        bottom = _rim_line(np.concatenate([corners, lower]), knots) - rim
        middle = (top + bottom) / 2
        return cls(
            eye=eye,
            iris=iris.mean(axis=0),
            radius=float(np.linalg.norm(iris[1:] - iris[1:].mean(axis=0), axis=1).mean()),
            knots=knots,
            upper=np.minimum(top, middle),
            lower=np.maximum(bottom, middle),
            origin=origin,
            axes=axes,
            width=width,
        )

    def draw(self, out: Frame, source: Frame, target: Landmarks, gaze: Array) -> None:
        """Draw the eyeball into `out` where the target's lids leave it open.

        Args:
            out: `(H, W, 3)` the frame, changed in place.
            source: the source picture.
            target: `(478, 3)` target landmarks in the frame's pixels.
            gaze: `(2,)` the iris's movement in eye widths.
        """
        outline = target[self.eye.outline, :2]
        patch = Patch.around(outline, out.shape, margin=2)
        if patch is None:
            return
        mask = outline_mask(outline, patch, soften=max(0.7, self.width / 60))
        origin, axes, width = eye_axes(target, self.eye)
        u, v = np.moveaxis((patch.pixels() - origin) @ axes.T / width, -1, 0)
        move = np.clip(gaze, -_MAX_GAZE, _MAX_GAZE)
        # The iris moves as a disc; the white beside it stretches from there to the corners.
        centre, radius = self.iris[0] + move[0], self.radius * 1.15
        left = np.clip((u + 0.5) / max(centre - radius + 0.5, 0.02), 0, 1)
        right = np.clip((0.5 - u) / max(0.5 - centre - radius, 0.02), 0, 1)
        u_source = np.clip(u - move[0] * np.minimum(left, right), -0.5, 0.5)
        v_source = v - move[1]
        # Where the eye shows more than the source does, the nearest eyeball pixel stands in.
        top = np.interp(u_source, self.knots, self.upper)
        bottom = np.interp(u_source, self.knots, self.lower)
        v_source = np.clip(v_source, top, bottom)
        where = (
            np.stack([u_source, v_source], axis=-1).astype(np.float32) @ self.axes * np.float32(self.width)
        )
        where += self.origin
        eyeball = cv2.remap(source, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        blend(out, patch, eyeball, mask)


def _rim_line(points: Array, knots: Array) -> Array:
    order = np.argsort(points[:, 0])
    return np.interp(knots, points[order, 0], points[order, 1]).astype(np.float32)
