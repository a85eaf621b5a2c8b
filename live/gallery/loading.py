"""Making a picture ready to be driven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fomm.animators.base import Animator, Frame, SourceImage
from fomm.annotation import load_source
from fomm.errors import NoFaceError
from fomm.faces import face_box
from live.composer import Fit, Layout, lay_out, shown_scale
from live.frames import OutputFrame
from live.gallery.thumbnails import thumbnail

#: How large a picture is ever animated, in pixels a side: what a 1080p output can show.
MAX_SIDE = 1920


@dataclass(frozen=True, eq=False)
class PreparedAvatar:
    """An avatar ready to be driven, or as yet only to be shown at rest.

    Attributes:
        path: its picture.
        state: what the animator prepared; None where it has not yet.
        layout: where its frames go in the output.
        rest: the output frame of the neutral portrait.
        notices: sentences worth showing the user.
    """

    path: Path
    state: Any
    layout: Layout
    rest: OutputFrame
    notices: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether it can be driven."""
        return self.state is not None


@dataclass(frozen=True, eq=False)
class Examined:
    """What one look at a picture gives.

    Attributes:
        thumbnail: `(96, 96, 3)` for the strip.
        rest: the output frame of the neutral portrait.
        layout: where its frames would go in the output.
    """

    thumbnail: Frame
    rest: OutputFrame
    layout: Layout


class AvatarLoader:
    """Makes pictures ready to be driven at one output size.

    Args:
        size: `(width, height)` of the output.
        fit: how a picture of another shape fills it.
    """

    def __init__(self, size: tuple[int, int], fit: Fit) -> None:
        self._size = size
        self._fit = fit

    def resize(self, size: tuple[int, int]) -> None:
        """From now on for an output of another `(width, height)`."""
        self._size = size

    def load(self, path: Path) -> SourceImage:
        """The picture.

        Raises:
            ImageError: the picture cannot be used.
        """
        return load_source(path, max_side=2 * MAX_SIDE)

    def rest_frame(self, source: SourceImage, *, mirror: bool = False) -> OutputFrame:
        """What is shown while the avatar is being prepared: the picture itself, laid out."""
        return lay_out(source.pixels, self._size, self._fit).compose(source.pixels, mirror=mirror)

    def prepare(self, animator: Animator, path: Path, source: SourceImage | None = None) -> PreparedAvatar:
        """Load (unless given) and prepare for `animator`. Takes up to a second; may run in any thread.

        Raises:
            ImageError, NoFaceError: the picture cannot be used.
        """
        state = self._prepare_at_some_scale(animator, source or self.load(path))
        landmarks = getattr(state, "landmarks", None)
        face = None if landmarks is None else face_box(landmarks)
        layout = lay_out(state.portrait, self._size, self._fit, face=face)
        notices = tuple(getattr(state, "notices", ()))
        return PreparedAvatar(path, state, layout, layout.compose(state.portrait), notices)

    def examine(self, animator: Animator, path: Path) -> Examined:
        """Whether `animator` can use a picture, and what it looks like: much sooner than `prepare` can tell.

        Raises:
            ImageError, NoFaceError: the picture cannot be used.
        """
        source = self.load(path)
        height, width = source.pixels.shape[:2]
        found = animator.look(_scaled(source, min(1.0, MAX_SIDE / max(width, height))))
        face = None
        if found is not None:
            left, top, right, bottom = (
                side * max(1.0, max(width, height) / MAX_SIDE) for side in face_box(found)
            )
            face = (left, top, right, bottom)
        layout = lay_out(source.pixels, self._size, self._fit, face=face)
        return Examined(thumbnail(source.pixels, face), layout.compose(source.pixels), layout)

    def _prepare_at_some_scale(self, animator: Animator, source: SourceImage) -> Any:
        """Animate no more pixels than the output shows, unless the face is too small among them."""
        height, width = source.pixels.shape[:2]
        largest = min(1.0, MAX_SIDE / max(width, height))
        scale = min(largest, shown_scale((width, height), self._size, self._fit))
        while True:
            try:
                return animator.prepare(_scaled(source, scale))
            except NoFaceError:
                if scale == largest:
                    raise
            scale = min(largest, 2 * scale)


def _scaled(source: SourceImage, scale: float) -> SourceImage:
    if scale == 1.0:
        return source
    height, width = source.pixels.shape[:2]
    return source.resized((max(1, round(width * scale)), max(1, round(height * scale))))
