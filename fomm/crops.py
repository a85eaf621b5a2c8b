"""Square crops: what a model trained on squares is shown of a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from fomm.animators.base import Frame, Landmarks, SourceImage
from fomm.errors import NoFaceError
from fomm.faces import face_box, source_face

#: Face models were trained on squares about this many times a face's landmark box, its centre this far (in
#: box heights) below the square's, since a head reaches further above the landmarks than below.
_FACE_SCALE, _FACE_DROP = 1.8, 0.06
#: In a picture too small for that, the square shrinks to the picture, but no closer to the face than this.
_TIGHTEST_SCALE = 1.3
#: A square that follows a face sets out once the face is this far off, in sides of the square (and, the second, in
#: the logarithm of its size: an opened mouth makes a face longer by a tenth), and arrives once it is this near.
_SET_OUT, _SET_OUT_SIZE, _ARRIVED = 0.1, 0.2, 0.01
#: Seconds in which it makes up two thirds of the way.
_FOLLOWING_S = 0.5
#: A face that is suddenly this far outside it, in sides, has not moved: it came back, or is another one.
_LEAP = 0.25
#: The square around everywhere a face goes: what the reference implementation's crop-video adds on every side.
_MARGIN = 0.1


@dataclass(frozen=True)
class Square:
    """A square region of a picture, in whole pixels; it may reach beyond the picture.

    Attributes:
        left: column of its first pixel.
        top: row of its first pixel.
        side: its width and height.
    """

    left: int
    top: int
    side: int

    @staticmethod
    def around_face(landmarks: Landmarks, shape: tuple[int, ...]) -> Square:
        """The square that face models want, kept inside the picture as far as it fits.

        Args:
            landmarks: `(478, 3)` in pixels of the picture.
            shape: height and width of the picture (more is ignored).
        """
        return Square.around_box(face_box(landmarks), shape)

    @staticmethod
    def around_box(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> Square:
        """`around_face` for a face of which only the box is known: left, top, right, bottom."""
        left, top, right, bottom = box
        face = max(right - left, bottom - top)
        height, width = shape[:2]
        side = round(min(_FACE_SCALE * face, max(min(height, width), _TIGHTEST_SCALE * face)))
        x = (left + right - side) / 2
        y = (top + bottom - side) / 2 - _FACE_DROP * (bottom - top)
        return Square(_inside(x, side, width), _inside(y, side, height), side)

    @staticmethod
    def around_path(path: FacePath, shape: tuple[int, ...]) -> Square:
        """The square that holds a face wherever it goes in a clip.

        It is the union of the face's boxes, larger by a tenth on every side; around a face that keeps still, as
        large as `around_face`.

        Args:
            path: where the face went.
            shape: height and width of the frames (more is ignored).
        """
        left, top, right, bottom = path.union
        height, width = shape[:2]
        held = (1 + 2 * _MARGIN) * max(right - left, bottom - top)
        side = round(
            min(max(held, _FACE_SCALE * path.face), max(min(height, width), held), max(height, width))
        )
        x = (left + right - side) / 2
        y = (top + bottom - side) / 2 - _FACE_DROP * path.face
        return Square(_inside(x, side, width), _inside(y, side, height), side)

    @staticmethod
    def around_all(shape: tuple[int, ...]) -> Square:
        """The smallest square that holds the whole picture, centred: nothing is cut off and nothing
        squeezed."""
        height, width = shape[:2]
        side = max(height, width)
        return Square((width - side) // 2, (height - side) // 2, side)

    @property
    def centre(self) -> tuple[float, float]:
        """Column and row of its middle, counted from the picture's left and top edge."""
        return self.left + self.side / 2, self.top + self.side / 2

    def pushed(self, box: tuple[float, float, float, float]) -> Square | None:
        """The same square, moved no farther than a box, left, top, right, bottom, needs to lie inside; None where
        it does not fit."""
        left, top, right, bottom = box
        first = (math.ceil(right - self.side), math.ceil(bottom - self.side))
        last = (math.floor(left), math.floor(top))
        if first[0] > last[0] or first[1] > last[1]:
            return None
        return Square(
            min(max(self.left, first[0]), last[0]), min(max(self.top, first[1]), last[1]), self.side
        )

    def cut(self, pixels: Frame, size: tuple[int, int]) -> Frame:
        """The region of a picture, resized; what lies beyond the picture repeats its edge.

        Args:
            pixels: `(H, W, 3)`.
            size: `(width, height)` of the result.
        """
        smaller = self.side > max(size)
        interpolation = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        region = self._region(pixels)
        return np.ascontiguousarray(cv2.resize(region, size, interpolation=interpolation), np.uint8)

    def take(self, pixels: Frame) -> Frame:
        """The region of a picture in its own pixels: `(side, side, 3)`."""
        return np.array(self._region(pixels), order="C")

    def take_source(self, source: SourceImage) -> SourceImage:
        """`take` for a source, whose landmarks, where they are known, go along."""
        landmarks = source.landmarks
        if landmarks is not None:
            landmarks = self.map(landmarks, (self.side, self.side))
        return replace(source, pixels=self.take(source.pixels), landmarks=landmarks)

    def _region(self, pixels: Frame) -> Frame:
        height, width = pixels.shape[:2]
        right, bottom = self.left + self.side, self.top + self.side
        region = pixels[
            np.clip(self.top, 0, height - 1) : np.clip(bottom, 1, height),
            np.clip(self.left, 0, width - 1) : np.clip(right, 1, width),
        ]
        beyond = (-self.top, bottom - height, -self.left, right - width)
        if max(beyond) > 0:
            top, bottom, left, right = (min(max(0, margin), self.side - 1) for margin in beyond)
            region = np.pad(region, ((top, bottom), (left, right), (0, 0)), mode="edge")
        return region

    def map(self, landmarks: Landmarks, size: tuple[int, int]) -> Landmarks:
        """Landmarks of the picture, in pixels of what `cut` makes of it at `size`."""
        scale = np.array([size[0], size[1], size[0]], np.float32) / self.side
        return np.asarray((landmarks - np.array([self.left, self.top, 0], np.float32)) * scale, np.float32)


class SteadySquare:
    """The square around a face from frame to frame: it keeps still to the bit until the face has clearly moved.

    Once the face is far enough off its middle, or of another size, the square sets out after it, and keeps still
    again where it has caught up. A face that would leave it sooner pushes it along, and one that turns up elsewhere
    has it placed anew: the face is inside in every frame.
    """

    def __init__(self) -> None:
        self._square: Square | None = None
        self._shape: tuple[int, ...] = ()
        self._exact = (0.0, 0.0, 0.0)
        self._following = False
        self._at = 0.0

    def follow(self, landmarks: Landmarks, shape: tuple[int, ...], timestamp: float) -> Square:
        """Where to look in the next frame.

        Args:
            landmarks: `(478, 3)` in pixels of the frame.
            shape: height and width of the frame (more is ignored).
            timestamp: seconds; grows.
        """
        aim, elapsed, self._at = Square.around_face(landmarks, shape), timestamp - self._at, timestamp
        if self._square is None or shape[:2] != self._shape:
            return self._place(aim, shape)
        face, before = _within(face_box(landmarks), shape), self._square
        needed = before.pushed(face)
        if needed is None or math.dist(needed.centre, before.centre) > _LEAP * before.side:
            return self._place(aim, shape)
        goal = (*aim.centre, float(aim.side))
        off = math.dist(goal[:2], self._exact[:2]) / before.side
        grown = abs(math.log(goal[2] / self._exact[2]))
        if not self._following:
            self._following = off > _SET_OUT or grown > _SET_OUT_SIZE
        elif max(off, grown) < _ARRIVED:
            self._following = False
        if self._following:
            share = 1 - math.exp(-max(0.0, elapsed) / _FOLLOWING_S)
            x, y, side = (old + share * (new - old) for old, new in zip(self._exact, goal, strict=True))
            self._exact = (x, y, side)
            whole = round(side)
            self._square = Square(round(x - whole / 2), round(y - whole / 2), whole)
        pushed = self._square.pushed(face)
        if pushed is None:
            return self._place(aim, shape)
        if pushed != self._square:
            self._square, self._exact = pushed, (*pushed.centre, self._exact[2])
        return self._square

    def _place(self, square: Square, shape: tuple[int, ...]) -> Square:
        self._square, self._shape, self._following = square, shape[:2], False
        self._exact = (*square.centre, float(square.side))
        return square


class FacePath:
    """Where a face goes in the course of a clip.

    Attributes:
        union: left, top, right, bottom of the smallest box that holds the face's box in every frame.
        face: the mean of the face boxes' longer sides.
        seen: in how many frames there was a face.
    """

    def __init__(self) -> None:
        self.union = (math.inf, math.inf, -math.inf, -math.inf)
        self.face = 0.0
        self.seen = 0

    def add(self, landmarks: Landmarks) -> None:
        """Take the face of another frame in."""
        left, top, right, bottom = face_box(landmarks)
        before = self.union
        self.union = (
            min(before[0], left),
            min(before[1], top),
            max(before[2], right),
            max(before[3], bottom),
        )
        self.seen += 1
        self.face += (max(right - left, bottom - top) - self.face) / self.seen


def source_square(source: SourceImage) -> tuple[Square, Landmarks | None, tuple[str, ...]]:
    """Where face models crop a picture, the face's landmarks in it, and sentences worth showing the user.

    The landmarks are None for faces that only face-alignment finds, as in paintings.

    Raises:
        NoFaceError: there is no face of a useful size.
    """
    try:
        found, notices = source_face(source)
    except NoFaceError as missed:
        from fomm import face_alignment

        box, notices = face_alignment.source_box(source, missed)
        return Square.around_box(box, source.pixels.shape), None, notices
    return Square.around_face(found, source.pixels.shape), found, notices


def _inside(start: float, length: int, limit: int) -> int:
    """Where a stretch begins once it is shifted into [0, limit), or centred where it does not fit."""
    if length > limit:
        return (limit - length) // 2
    return int(min(max(round(start), 0), limit - length))


def _within(
    box: tuple[float, float, float, float], shape: tuple[int, ...]
) -> tuple[float, float, float, float]:
    """The part of a box that lies in the picture: of a face at its edge, no more can be held."""
    left, top, right, bottom = box
    height, width = shape[:2]
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
