"""The gallery: which pictures can be shown, and preparing them in the background."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fomm import resources
from fomm.animators.base import Animator, SourceImage
from fomm.errors import FommError, ImageError, NoFaceError
from fomm.faces import face_box
from fomm.images import load_image
from live.background import Background
from live.composer import Fit, Layout, lay_out, shown_scale
from live.frames import OutputFrame
from live.sources.base import Notify
from live.sources.recorded import pictures_in

#: How large a picture is ever animated, in pixels a side: what a 1080p output can show.
MAX_SIDE = 1920

#: Prepared avatars that are kept: switching back to one of them is instant.
_KEPT = 3


@dataclass(frozen=True, eq=False)
class PreparedAvatar:
    """An avatar ready to be driven.

    Attributes:
        path: its picture.
        state: what the animator prepared.
        layout: where its frames go in the output.
        rest: the output frame of the neutral portrait.
        notices: sentences worth showing the user.
    """

    path: Path
    state: Any
    layout: Layout
    rest: OutputFrame
    notices: tuple[str, ...]


class AvatarLoader:
    """Makes pictures ready to be driven at one output size.

    Args:
        size: `(width, height)` of the output.
        fit: how a picture of another shape fills it.
    """

    def __init__(self, size: tuple[int, int], fit: Fit) -> None:
        self._size = size
        self._fit = fit

    def load(self, path: Path) -> SourceImage:
        """The picture.

        Raises:
            ImageError: the picture cannot be used.
        """
        return load_image(path, max_side=2 * MAX_SIDE)

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
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return replace(
        source, pixels=np.asarray(cv2.resize(source.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    )


class Gallery:
    """The avatars of a session, one of them current. Others are prepared in the background when asked for.

    Args:
        paths: the pictures, in order; the first is shown first.
        first: the first one, prepared.
        prepare: makes a picture ready; called in a thread.
        notify: takes a sentence about what happened.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        first: PreparedAvatar,
        prepare: Callable[[Path], PreparedAvatar],
        notify: Notify,
    ) -> None:
        self._paths = list(paths)
        self._place = 0
        self._prepare = prepare
        self._notify = notify
        self._kept: OrderedDict[Path, PreparedAvatar] = OrderedDict({first.path: first})
        self._coming: Background[PreparedAvatar] | None = None
        self._step = 1
        self.current = first

    def step(self, by: int) -> None:
        """Ask for the avatar `by` places on. It becomes current at the `poll` after it is ready."""
        if len(self._paths) < 2:
            self._notify("there is only this avatar; give more with --avatar, or a folder")
            return
        if self._coming is not None:
            return  # one at a time: a key held down must not start a dozen preparations
        self._step = 1 if by > 0 else -1
        self._place = (self._place + by) % len(self._paths)
        self._want(self._paths[self._place])

    @property
    def busy(self) -> bool:
        """Whether an avatar is on its way."""
        return self._coming is not None

    def poll(self) -> bool:
        """Make the avatar that was asked for current once it is ready. True where it just became so."""
        if self._coming is None or not self._coming.done:
            return False
        coming, self._coming = self._coming, None
        try:
            avatar = coming.result()
        except FommError as error:
            self._skip(error)
            return False
        self._show(avatar)
        for notice in avatar.notices:
            self._notify(notice)
        return True

    def _want(self, path: Path) -> None:
        kept = self._kept.get(path)
        make = (lambda: kept) if kept is not None else (lambda: self._prepare(path))
        self._coming = Background(make, name="avatar")

    def _show(self, avatar: PreparedAvatar) -> None:
        self.current = avatar
        self._kept[avatar.path] = avatar
        self._kept.move_to_end(avatar.path)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def _skip(self, error: FommError) -> None:
        """Leave out a picture that cannot be used, and go on to the next in the same direction."""
        self._notify(f"avatar left out: {error}")
        del self._paths[self._place]
        if self._step > 0:
            self._place -= 1
        self._place %= len(self._paths)
        upcoming = self._paths[(self._place + self._step) % len(self._paths)]
        if upcoming != self.current.path:
            self.step(self._step)
        else:
            self._place = self._paths.index(self.current.path)


def bundled_avatars() -> list[Path]:
    """The pictures that ship with the package."""
    return pictures_in(resources.AVATARS) if resources.AVATARS.is_dir() else []


def resolve_avatars(wanted: Sequence[str]) -> list[Path]:
    """The pictures that `--avatar` names: files, folders, bundled names. No name means the bundled ones.

    Raises:
        ImageError: a name that is neither, or a folder without pictures; the message lists the bundled ones.
    """
    bundled = bundled_avatars()
    paths = [path for name in wanted for path in _resolve(name, bundled)] or list(bundled)
    if not paths:
        raise ImageError(f"{resources.AVATARS} holds no avatar; name a picture with --avatar")
    return paths


def with_company(paths: Sequence[Path]) -> list[Path]:
    """The same pictures; a single one followed by the bundled ones, so that the avatar keys have somewhere to go."""
    if len(paths) > 1:
        return list(paths)
    return [*paths, *(path for path in bundled_avatars() if path.resolve() != paths[0].resolve())]


def _resolve(name: str, bundled: Sequence[Path]) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        found = pictures_in(path)
        if not found:
            raise ImageError(f"{name} holds no picture; name a folder of PNG or JPEG files")
        return found
    if path.exists():
        return [path]
    for picture in bundled:
        if name.casefold() in (picture.stem.casefold(), picture.name.casefold()):
            return [picture]
    names = ", ".join(picture.stem for picture in bundled)
    raise ImageError(
        f"{name}: no such picture; name a file or a folder, or one of the bundled avatars: {names}"
    )
