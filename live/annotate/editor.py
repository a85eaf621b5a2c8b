"""The points as a hand places and moves them, without a window."""

from __future__ import annotations

import math

from fomm.annotation import KEY_POINTS, FacePoint, FittedFace, Points, fit_face
from fomm.errors import ConfigError

Place = tuple[float, float]


class Editor:
    """Places the key points one after the other; from then on any point may be dragged.

    Args:
        points: those that are placed already.

    Attributes:
        points: name → x, y in pixels of the picture, of the points that were placed.
        face: the face fitted to them; None before all key points are placed.
        problem: why no face can be fitted, in a sentence; "" where one can, or more points are wanted.
    """

    def __init__(self, points: Points | None = None) -> None:
        self._first = dict(points or {})
        self.points: dict[str, Place] = dict(self._first)
        self._before: list[dict[str, Place]] = []
        self._held: str | None = None
        self.face: FittedFace | None = None
        self.problem = ""
        self._fit()

    @property
    def wanted(self) -> FacePoint | None:
        """The key point that comes next; None once all are placed."""
        return next((point for point in KEY_POINTS if point.name not in self.points), None)

    def press(self, place: Place, reach: float) -> None:
        """The mouse goes down: a key point is placed, or the nearest point within `reach` pixels is taken hold of."""
        wanted = self.wanted
        if wanted is not None:
            self._remember()
            self.points[wanted.name] = place
            self._fit()
            return
        known = self.points if self.face is None else self.face.points
        nearest = min(known, key=lambda name: math.dist(known[name], place))
        if math.dist(known[nearest], place) <= reach:
            self._remember()
            self._held = nearest

    def move(self, place: Place) -> None:
        """The mouse goes elsewhere: what is held goes along."""
        if self._held is not None:
            self.points[self._held] = place
            self._fit()

    def release(self) -> None:
        """The mouse goes up."""
        if self._held is not None and self._before and self.points == self._before[-1]:
            self._before.pop()  # taken hold of, and not moved
        self._held = None

    def undo(self) -> None:
        """Take the last change back."""
        if self._before:
            self.points, self._held = self._before.pop(), None
            self._fit()

    def reset(self) -> None:
        """Begin again."""
        self._remember()
        self.points, self._held = ({} if self.points == self._first else dict(self._first)), None
        self._fit()

    def _remember(self) -> None:
        self._before.append(dict(self.points))

    def _fit(self) -> None:
        self.face, self.problem = None, ""
        if self.wanted is None:
            try:
                self.face = fit_face(self.points)
            except ConfigError as error:
                self.problem = str(error)
