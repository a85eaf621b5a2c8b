"""The inside of the mouth: what a portrait with closed lips has no pixels for.

Everything here happens between the inner lips, in the mouth's own frame: u from -0.5 at the right corner to 0.5 at
the left one, v from 0 at the upper lip to 1 at the lower. Whatever the portrait itself shows between its lips
stays, fixed to the upper jaw. What opens below it is filled, either with the driver's own teeth and tongue, matched
to the portrait's light and colour, or with a painted mouth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import DrivingFrame, Frame, Landmarks
from fomm.animators.landmark_warp.patch import Patch, blend, outline_mask, sample
from fomm.landmarks import (
    INNER_LIP_CORNERS,
    INNER_LIPS,
    LOWER_INNER_LIP,
    UPPER_INNER_LIP,
    face_width,
)

Array: TypeAlias = NDArray[np.floating[Any]]

#: Where the light on a face is read: cheeks, nose and forehead, and around the mouth.
_FACE_SKIN = np.array([50, 280, 101, 330, 205, 425, 4, 151, 108, 337])
_MOUTH_SKIN = np.array([164, 18, 200, 0, 17, 37, 267, 84, 314, 57, 287])
#: How a picture without colour sees: as old film did, to which the red of a mouth is dark.
_FILM = np.array([0.10, 0.58, 0.32], np.float32)
#: And how much darker it makes what is darker than skin, as an exponent: a tongue hardly lighter than the cavity.
_FILM_CONTRAST = 1.9
#: How bright a colour looks.
_LUMA = np.array([0.30, 0.59, 0.11], np.float32)
_KNOTS = np.linspace(-0.5, 0.5, 21, dtype=np.float32)

#: Lengths below are in face widths. A mouth that opened by `_FULL` is filled in full; below, the fill fades in.
_FULL = 0.02
#: A portrait whose lips are at least this far apart shows something between them.
_PARTED = 0.012
#: The upper teeth's edge below a relaxed upper lip, and how far lips and mouth must go to bare them in full.
_TEETH_AT_REST, _TEETH_AT_MOST = 0.018, 0.062

#: The share of the inner lips' width that opens: beyond it, at the corners, they still touch.
_OPEN_PART = 0.92

#: The driver's mouth is used from this lip distance on, in driving pixels: below, there is nothing to see in it.
_DRIVER_LEAST, _DRIVER_FULL = 4.0, 7.0
#: Driver's pixels are taken at least this far inside their lips, so that bilinear sampling reads no lip or skin.
_DRIVER_INSET = 1.5


@dataclass(frozen=True, eq=False)
class LipLines:
    """Both inner lips' edges over u, in the mouth's own frame.

    Attributes:
        origin: `(2,)` middle between the corners, pixels.
        axes: `(2, 2)` along the mouth to the picture's right, and downwards.
        width: pixels between the corners.
        upper, lower: `(21,)` pixels below the line through the corners, at `_KNOTS`.
    """

    origin: Array
    axes: Array
    width: float
    upper: Array
    lower: Array

    @classmethod
    def of(cls, landmarks: Landmarks) -> LipLines:
        """The inner lips of `(478, 3)` landmarks."""
        right, left = landmarks[list(INNER_LIP_CORNERS), :2]
        along = left - right
        width = max(float(np.hypot(along[0], along[1])), 1e-3)
        along = along / width
        axes = np.array([along, [-along[1], along[0]]], np.float32)
        origin = (right + left) / 2
        edges = []
        for lip in (UPPER_INNER_LIP, LOWER_INNER_LIP):
            local = (landmarks[lip, :2] - origin) @ axes.T
            u = np.concatenate([[-0.5], local[:, 0] / width, [0.5]])
            edges.append(np.interp(_KNOTS, u, np.concatenate([[0], local[:, 1], [0]])).astype(np.float32))
        upper, lower = edges
        return cls(origin.astype(np.float32), axes, width, upper, np.maximum(lower, upper))

    @property
    def gap(self) -> float:
        """The lips' largest distance, pixels."""
        return float((self.lower - self.upper).max())

    def locate(self, pixels: Array) -> tuple[Array, Array]:
        """Picture coordinates `(..., 2)` → u, and pixels below the line through the corners."""
        local = (pixels - self.origin) @ self.axes.T
        return local[..., 0] / self.width, local[..., 1]

    def place(self, u: Array, below: Array) -> Array:
        """The inverse of `locate`."""
        local = np.stack([u * self.width, below], axis=-1).astype(np.float32)
        return np.asarray(local @ self.axes + self.origin, np.float32)


@dataclass(frozen=True, eq=False)
class Mouth:
    """One source's mouth.

    Attributes:
        source: the picture.
        lips: its inner lips.
        face_width: pixels.
        skin: `(3,)` its skin colour, RGB.
        grey: the picture has no colour.
    """

    source: Frame
    lips: LipLines
    face_width: float
    skin: Array
    grey: bool

    @classmethod
    def of(cls, source: Frame, landmarks: Landmarks) -> Mouth:
        """The mouth of a source `(H, W, 3)` with its `(478, 3)` landmarks."""
        left, top = np.clip(landmarks[:, :2].min(axis=0).astype(int), 0, None)
        right, bottom = landmarks[:, :2].max(axis=0).astype(int)
        face = source[top:bottom, left:right].astype(np.int16)
        colourfulness = float((face.max(axis=-1) - face.min(axis=-1)).mean()) if face.size else 0.0
        return cls(
            source=source,
            lips=LipLines.of(landmarks),
            face_width=face_width(landmarks),
            skin=skin_colour(source, landmarks),
            grey=colourfulness < 8,
        )

    def draw(self, out: Frame, target: Landmarks, rigid: Landmarks, driver: DrivingFrame | None) -> None:
        """Fill the mouth that the target's inner lips leave open.

        Args:
            out: `(H, W, 3)` the frame, changed in place, and only between the lips.
            target: `(478, 3)` target landmarks in the frame's pixels.
            rigid: `(478, 3)` where the head's motion alone would have put them.
            driver: where the driver's mouth is taken from; None for the painted one.
        """
        outline = target[INNER_LIPS, :2]
        patch = Patch.around(outline, out.shape, margin=2)
        lips = LipLines.of(target)
        if patch is None or lips.gap < 0.5:
            return
        u, below = lips.locate(patch.pixels())
        upper = np.interp(u, _KNOTS, lips.upper).astype(np.float32)
        gap = np.maximum(np.interp(u, _KNOTS, lips.lower).astype(np.float32) - upper, 1e-3)
        depth = np.clip(below - upper, 0, gap)  # pixels below the upper lip
        v = depth / gap

        own, own_share = self._own(u, depth)
        source_gap = np.interp(u, _KNOTS, self.lips.lower - self.lips.upper)
        filled = np.clip((gap - source_gap) / (_FULL * self.face_width), 0, 1)
        fill = self._painted(lips, target, rigid, u, v, depth, gap)
        if driver is not None and driver.landmarks is not None:
            theirs, share = self._drivers(driver.pixels, driver.landmarks, u, v)
            theirs *= self._shade(u, v, depth)[..., None]
            fill = fill + (theirs - fill) * share
        pixels = fill + (own - fill) * own_share[..., None]
        along = (outline - lips.origin) @ lips.axes[0]
        open_part = outline - (1 - _OPEN_PART) * along[:, None] * lips.axes[0]
        mask = outline_mask(open_part, patch, soften=max(0.6, self.face_width / 300))
        blend(out, patch, pixels, mask * (own_share + (1 - own_share) * filled).astype(np.float32))

    def _own(self, u: Array, depth: Array) -> tuple[Array, Array]:
        """What the portrait shows between its own lips, and how far it reaches below the upper one."""
        source_gap = np.interp(u, _KNOTS, self.lips.lower - self.lips.upper)
        parted = np.clip(self.lips.gap / (_PARTED * self.face_width) - 1, 0, 1)
        if parted == 0:
            return np.zeros((*u.shape, 3), np.float32), np.zeros_like(u)
        share = 1 - _smoothstep(0.7, 1.0, depth / np.maximum(source_gap, 1e-3))
        where = self.lips.place(u, np.interp(u, _KNOTS, self.lips.upper) + np.minimum(depth, source_gap))
        own = sample(self.source, where)
        return own.astype(np.float32), np.asarray(share * parted, np.float32)

    def _painted(
        self,
        lips: LipLines,
        target: Landmarks,
        rigid: Landmarks,
        u: Array,
        v: Array,
        depth: Array,
        gap: Array,
    ) -> Array:
        """A dark cavity, a tongue at its bottom, upper teeth under the lip: `(h, w, 3)` float32.

        Colours are shares of the skin's, read off mouths in real clips, so that the mouth is lit as the face is.
        """
        width = self.face_width
        cavity, tongue = np.array([0.64, 0.52, 0.57]), np.array([0.95, 0.78, 0.85])
        widened = lips.width / max(self.lips.width, 1e-3) - 1
        # The tongue lies in a mouth that opens wide, and is drawn back in a rounded one.
        lies = np.clip(lips.gap / (0.10 * width), 0, 1) * np.clip(1 + 6 * widened, 0.15, 1)
        rise = _smoothstep(0.3, 0.7, v) * (1 - _smoothstep(0.16, 0.40, np.abs(u))) * lies
        # Little light falls into a mouth that is hardly open.
        cavity = cavity * np.array([0.80, 0.62, 0.62]) ** (1 - np.clip(lips.gap / (0.12 * width), 0, 1))
        colour = cavity + (tongue - cavity) * rise[..., None]
        # Dark towards the rim, darker where teeth end before the cheeks, and in the shade of the upper lip.
        rim = (2.1 * u) ** 2 + (2 * v - 1) ** 2
        darker = np.array([0.28, 0.40, 0.40]) * _smoothstep(0.3, 1.1, rim)[..., None]
        beside = 0.4 * _smoothstep(0.30, 0.46, np.abs(u))
        lit_flesh = (1 - beside) * (1 - 0.2 * np.exp(-depth / (0.02 * width)))
        shade = (1 - darker) * lit_flesh[..., None]

        # Upper teeth are fixed to the skull: a lip that rises, a smile that widens, a mouth that is torn open bares
        # more of them. Lower ones show in a mouth that is torn wide open.
        down = lips.axes[1]
        raised = float(((rigid[UPPER_INNER_LIP, :2] - target[UPPER_INNER_LIP, :2]) @ down).mean()) / width
        torn = 0.12 * np.clip(lips.gap / width - 0.15, 0, 0.2)
        upper = np.clip(_TEETH_AT_REST + raised + 0.08 * widened + torn, 0, _TEETH_AT_MOST) * width
        lower = np.clip(0.12 * widened + 0.10 * (lips.gap / width - 0.18), 0, _TEETH_AT_MOST / 2) * width
        arc = np.sqrt(np.clip(1 - (u / 0.42) ** 2, 0, 1))
        soft = max(0.006 * width, 0.7)
        teeth = _smoothstep(-0.5, 0.5, (upper * arc - depth) / soft)
        teeth = np.maximum(teeth, 0.75 * _smoothstep(-0.5, 0.5, (lower * arc - (gap - depth)) / soft))
        teeth *= np.clip((0.40 - np.abs(u)) / 0.06, 0, 1) * np.clip((gap / width - 0.015) / 0.02, 0, 1)
        between = 1 - 0.12 * np.cos(u * lips.width / (0.045 * width) * np.pi) ** 16
        lit = between * (1 - 0.5 * (2 * np.abs(u)) ** 2) * (1 - 0.3 * np.exp(-depth / (0.012 * width)))
        # Enamel is nearly white whatever the skin, and the light's colour can only be guessed from that: less
        # than half of a cast is taken over. All of it made the teeth of a varnished painting green.
        luma = float(self.skin @ _LUMA)
        white = self.skin * np.array([0.41, 0.46, 0.44]) + luma * np.array([0.77, 0.71, 0.65])
        white = np.clip(white, 40, 228)
        flesh = colour * self.skin * shade
        painted = flesh + (white * lit[..., None] - flesh) * teeth[..., None]
        if self.grey:
            painted = self._on_film(painted, self.skin)
        return np.asarray(painted, np.float32)

    def _on_film(self, mouth: Array, skin: Array) -> Array:
        """A mouth `(h, w, 3)` of a face of that skin as a colourless portrait shows it: all dark but the teeth."""
        beside_skin = np.clip((mouth @ _FILM) / float(skin @ _FILM), 0, 1.15)
        grey = 0.75 * float(self.skin.mean()) * beside_skin**_FILM_CONTRAST
        return np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=-1)

    def _shade(self, u: Array, v: Array, depth: Array) -> Array:
        """The light that lips keep off: less towards the rim and right under the upper lip, `(h, w)`.

        Only so much as sets a tongue off against a lip: the driver's picture has its own shade.
        """
        rim = (2.1 * u) ** 2 + (2 * v - 1) ** 2
        lip = 0.18 * np.exp(-depth / (0.015 * self.face_width))
        return np.asarray((1 - 0.18 * _smoothstep(0.4, 1.1, rim)) * (1 - lip), np.float32)

    def _drivers(self, frame: Frame, landmarks: Landmarks, u: Array, v: Array) -> tuple[Array, float]:
        """The driver's own mouth in the portrait's colours `(h, w, 3)`, and how far to trust it in [0, 1]."""
        lips = LipLines.of(landmarks)
        share = float(np.clip((lips.gap - _DRIVER_LEAST) / (_DRIVER_FULL - _DRIVER_LEAST), 0, 1))
        if share == 0:
            return np.zeros((*u.shape, 3), np.float32), 0.0
        u = np.clip(u, -0.44, 0.44)
        inset = max(_DRIVER_INSET, 0.05 * lips.gap)
        upper = np.interp(u, _KNOTS, lips.upper) + inset
        lower = np.interp(u, _KNOTS, lips.lower) - inset
        middle = (upper + lower) / 2
        upper, lower = np.minimum(upper, middle), np.maximum(lower, middle)
        where = lips.place(u, upper + (lower - upper) * v)
        mouth: Array = sample(frame, where).astype(np.float32)
        theirs = np.maximum(skin_colour(frame, landmarks), 8.0)
        if self.grey:
            return self._on_film(mouth, theirs), share
        # As with painted teeth, half of a cast: the driver's would be green in a varnished painting.
        gain = (self.skin / theirs + float(self.skin @ _LUMA) / float(theirs @ _LUMA)) / 2
        return np.clip(mouth * np.clip(gain, 0.3, 2.0).astype(np.float32), 0, 255), share


def skin_colour(pixels: Frame, landmarks: Landmarks) -> Array:
    """The colour of a face in its light, half of it read around the mouth: `(3,)` float32 RGB."""
    limit = np.array([pixels.shape[1] - 1, pixels.shape[0] - 1])
    medians = []
    for points in (_FACE_SKIN, _MOUTH_SKIN):
        x, y = np.clip(np.round(landmarks[points, :2]), 0, limit).astype(int).T
        medians.append(np.median(pixels[y, x].astype(np.float32), axis=0))
    return np.asarray(np.mean(medians, axis=0), np.float32)


def _smoothstep(low: float, high: float, x: Array) -> Array:
    x = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)
