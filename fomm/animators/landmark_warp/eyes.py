"""The eyes, at full resolution: eyeballs that lids cover instead of squeezing, and lids that unroll over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame, Landmarks
from fomm.animators.landmark_warp.patch import Patch, blend, outline_mask, sample
from fomm.landmarks import EyeTopology, eye_axes

Array: TypeAlias = NDArray[np.floating[Any]]

#: The iris may travel this far, in eye widths, before it would leave the eye.
_MAX_GAZE = np.array([0.22, 0.14], np.float32)
#: Pixels this close to the source's lids, in eye widths, hold lashes and lid rims: none of the eyeball's.
_RIM = 0.035
#: Where the skin below an eye is read, in eye widths below its corners, and a lid's light against it.
_CHEEK, _LID_LIGHT = 0.55, 0.85
#: Lid and cheek are of one colour while its channels differ by no more than this factor.
_SAME_COLOUR = 2.0
_KNOTS = np.linspace(-0.5, 0.5, 17, dtype=np.float32)
#: Lashes and the lid's rim, in eye widths above it: they travel with a lid that shuts and are not stretched.
_LASHES = 0.07
_MEETING = 0.03
#: Lids this close, in eye widths, let no more of the eyeball through: the outline's own edge would.
_SLIT = 0.05
#: Below a shut lid the skin is drawn afresh this far, in eye widths: the sampling grid is too coarse to leave out the
#: eyeball between two lids that meet.
_BENEATH = 0.12
#: An upper lid this much longer than the source's begins to be drawn unrolled, and is so in full.
_UNROLLED_FROM, _UNROLLED = 0.15, 0.6


@dataclass(frozen=True, eq=False)
class EyeFrame:
    """An eye's own frame: origin between the corners, unit the eye's width, u along the eye, v downwards.

    Attributes:
        origin, axes, width: as `eye_axes` gives them, from this frame to pixels.
    """

    origin: Array
    axes: Array
    width: float

    @classmethod
    def of(cls, landmarks: Landmarks, eye: EyeTopology) -> EyeFrame:
        """The frame of one eye of `(478, 3)` landmarks."""
        return cls(*eye_axes(landmarks, eye))

    def locate(self, pixels: Array) -> Array:
        """Pixels `(..., 2)` → u, v."""
        return np.asarray((pixels - self.origin) @ self.axes.T / self.width)

    def place(self, u: Array, v: Array) -> Array:
        """The inverse of `locate`: `(..., 2)` float32 pixels."""
        local = np.stack([u, v], axis=-1).astype(np.float32)
        return np.asarray(local @ self.axes * np.float32(self.width) + self.origin, np.float32)

    def line(self, points: Array) -> Array:
        """`(17,)` v over u at `_KNOTS` of the line through `(N, 2)` pixels."""
        local = self.locate(points)
        order = np.argsort(local[:, 0])
        return np.asarray(np.interp(_KNOTS, local[order, 0], local[order, 1]), np.float32)


@dataclass(frozen=True, eq=False)
class Eyeball:
    """One eye of the source, in its own frame.

    Attributes:
        eye: its landmarks' numbers.
        frame: of the source's eye.
        iris: `(2,)` the iris's centre.
        radius: the iris's radius.
        upper, lower: `(17,)` the lids' rims, v over u at `_KNOTS`.
    """

    eye: EyeTopology
    frame: EyeFrame
    iris: Array
    radius: float
    upper: Array
    lower: Array

    @classmethod
    def of(cls, landmarks: Landmarks, eye: EyeTopology) -> Eyeball:
        """The eyeball of a source with these landmarks."""
        frame = EyeFrame.of(landmarks, eye)
        corners, points = [eye.outer, eye.inner], landmarks[:, :2]
        rim = _RIM * np.minimum(1.0, (0.5 - np.abs(_KNOTS)) / 0.15)
        iris = frame.locate(points[eye.iris]).astype(np.float32)
        top = frame.line(points[[*corners, *eye.upper]]) + rim
        bottom = frame.line(points[[*corners, *eye.lower]]) - rim
        middle = (top + bottom) / 2
        return cls(
            eye=eye,
            frame=frame,
            iris=iris.mean(axis=0),
            radius=float(np.linalg.norm(iris[1:] - iris[1:].mean(axis=0), axis=1).mean()),
            upper=np.minimum(top, middle),
            lower=np.maximum(bottom, middle),
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
        mask = outline_mask(outline, patch, soften=max(0.7, self.frame.width / 60))
        frame = EyeFrame.of(target, self.eye)
        u, v = np.moveaxis(frame.locate(patch.pixels()), -1, 0)
        corners = [self.eye.outer, self.eye.inner]
        upper, lower = (frame.line(target[[*corners, *lid], :2]) for lid in (self.eye.upper, self.eye.lower))
        mask *= np.interp(u, _KNOTS, np.clip((lower - upper) / _SLIT, 0, 1))
        move = np.clip(gaze, -_MAX_GAZE, _MAX_GAZE)
        # The iris moves as a disc; the white beside it stretches from there to the corners.
        centre, radius = self.iris[0] + move[0], self.radius * 1.15
        left = np.clip((u + 0.5) / max(centre - radius + 0.5, 0.02), 0, 1)
        right = np.clip((0.5 - u) / max(0.5 - centre - radius, 0.02), 0, 1)
        u_source = np.clip(u - move[0] * np.minimum(left, right), -0.5, 0.5)
        v_source = v - move[1]
        # Where the eye shows more than the source does, the nearest eyeball pixel stands in.
        top = np.interp(u_source, _KNOTS, self.upper)
        bottom = np.interp(u_source, _KNOTS, self.lower)
        v_source = np.clip(v_source, top, bottom)
        eyeball = sample(source, self.frame.place(u_source, v_source))
        blend(out, patch, eyeball, mask)


@dataclass(frozen=True, eq=False)
class LidLines:
    """An upper lid's fold and rim, and the lower lid's rim, in the eye's own frame: v over u at `_KNOTS`.

    Attributes:
        frame: the eye's.
        crease, rim, lower: `(17,)` each; the crease is above the rim everywhere.
    """

    frame: EyeFrame
    crease: Array
    rim: Array
    lower: Array

    @classmethod
    def of(cls, landmarks: Landmarks, eye: EyeTopology) -> LidLines:
        """The upper lid of `(478, 3)` landmarks."""
        frame = EyeFrame.of(landmarks, eye)
        rim = frame.line(landmarks[[eye.outer, *eye.upper, eye.inner], :2])
        lower = frame.line(landmarks[[eye.outer, *eye.lower, eye.inner], :2])
        return cls(frame, np.minimum(frame.line(landmarks[eye.crease, :2]), rim - 0.01), rim, lower)


@dataclass(frozen=True, eq=False)
class UpperLid:
    """One upper lid of the source.

    A lid that shuts unrolls skin that an open eye keeps in its fold. A portrait shows a few pixels of it, shaded,
    and above the rim mostly lashes: stretching all of that would smear them over the eye. So the rim and its
    lashes travel as they are, only the skin above them stretches, and it is lit like the skin below the eye.

    Attributes:
        eye: its landmarks' numbers.
        lines: its fold and rim in the source.
        light: `(3,)` what the fold's colour is multiplied by when it is unrolled.
    """

    eye: EyeTopology
    lines: LidLines
    light: Array

    @classmethod
    def of(cls, source: Frame, landmarks: Landmarks, eye: EyeTopology) -> UpperLid:
        """The upper lid of a source `(H, W, 3)` with its `(478, 3)` landmarks."""
        lines = LidLines.of(landmarks, eye)
        middle = slice(4, -4)
        folded = lines.frame.place(_KNOTS[middle], (0.6 * lines.crease + 0.4 * lines.rim)[middle])
        below = lines.frame.place(_KNOTS[middle], np.full(_KNOTS[middle].shape, _CHEEK, np.float32))
        skin = np.median(_read(source, below), axis=0)
        light = _LID_LIGHT * skin / np.maximum(np.median(_read(source, folded), axis=0), 1)
        # Fur and paint change colour below an eye: that is no light.
        light = np.clip(light, 1, 1.4) if light.max() < _SAME_COLOUR * light.min() else np.ones(3)
        return cls(eye, lines, light.astype(np.float32))

    def draw(self, out: Frame, source: Frame, target: Landmarks) -> None:
        """Draw the unrolled lid into `out`, as far as the target's lid is longer than the source's.

        Args:
            out: `(H, W, 3)` the frame, changed in place.
            source: the source picture.
            target: `(478, 3)` target landmarks in the frame's pixels.
        """
        own, goal = self.lines, LidLines.of(target, self.eye)
        longer = (goal.rim - goal.crease) / (own.rim - own.crease) - 1
        if longer.max() < _UNROLLED_FROM:
            return
        corners = [self.eye.outer, self.eye.inner]
        points = target[np.concatenate([self.eye.crease, self.eye.upper, corners]), :2]
        patch = Patch.around(points, out.shape, margin=2 + round(_BENEATH * goal.frame.width))
        if patch is None:
            return
        u, v = np.moveaxis(goal.frame.locate(patch.pixels()), -1, 0)
        rim, own_rim = np.interp(u, _KNOTS, goal.rim), np.interp(u, _KNOTS, own.rim)
        length = rim - np.interp(u, _KNOTS, goal.crease)
        own_length = own_rim - np.interp(u, _KNOTS, own.crease)
        above, lashes = rim - v, np.minimum(_LASHES, 0.6 * own_length)
        stretch = (own_length - lashes) / np.maximum(length - lashes, 1e-3)
        own_above = np.where(above < lashes, np.maximum(above, 0), lashes + (above - lashes) * stretch)
        lid = _read(source, own.frame.place(u, own_rim - own_above))
        shown = (np.interp(u, _KNOTS, longer) - _UNROLLED_FROM) / (_UNROLLED - _UNROLLED_FROM)
        shown = np.clip(shown, 0, 1)
        # Neither the lashes nor the fold's far edge, which stays where it is, take the light.
        lit = (
            np.clip((above - lashes) / _LASHES, 0, 1)
            * np.clip((length - above) / (0.5 * length), 0, 1)
            * shown
        )
        lid = np.minimum(lid * (1 + (self.light - 1) * lit[..., None]), 255)
        pixel = 1 / goal.frame.width
        # A little below the rim too: shut lids meet in one clean line of lashes.
        mask = np.clip((above + _MEETING) / pixel + 0.5, 0, 1)
        mask *= np.clip((length - above) / np.maximum(0.25 * length, pixel), 0, 1)
        mask *= np.clip((0.5 - np.abs(u)) / 0.05, 0, 1)
        beneath = v - np.interp(u, _KNOTS, goal.lower)
        skin = _read(source, own.frame.place(u, np.interp(u, _KNOTS, own.lower) + np.maximum(beneath, 0)))
        under = np.clip(beneath / pixel + 0.5, 0, 1) * np.clip(2 - 2 * beneath / _BENEATH, 0, 1)
        under *= np.clip((0.5 - np.abs(u)) / 0.03, 0, 1)
        blend(out, patch, skin, (under * shown).astype(np.float32))
        blend(out, patch, lid, (mask * shown).astype(np.float32))


def _read(source: Frame, where: Array) -> Array:
    """The source at pixel coordinates `(..., 2)`, bilinear: `(..., 3)` float32."""
    flat = where.reshape(1, -1, 2) if where.ndim == 2 else where
    read = sample(source, flat)
    return read.reshape(*where.shape[:-1], 3).astype(np.float32)
