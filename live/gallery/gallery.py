"""The gallery: which pictures can be shown, and preparing them in the background."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from fomm.errors import FommError
from live.background import Background
from live.gallery.loading import PreparedAvatar
from live.gallery.thumbnails import Thumbnail
from live.sources.base import Notify

#: Prepared avatars that are kept: switching back to one of them is instant.
_KEPT = 3


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

    def step(self, by: int) -> str:
        """Ask for the avatar `by` places on; says what happens.

        It becomes current at the `poll` after it is ready.
        """
        if len(self._paths) < 2:
            return "there is only this avatar; give more with --avatar, or a folder"
        if self._coming is not None:
            # one at a time: a key held down must not start a dozen preparations
            return f"{self._paths[self._place].stem} is being prepared"
        self._step = 1 if by > 0 else -1
        self._place = (self._place + by) % len(self._paths)
        self._want(self._paths[self._place])
        return f"avatar: {self._paths[self._place].stem}"

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

    def thumbnails(self) -> tuple[Thumbnail, ...]:
        """One for each picture, in order."""
        return tuple(
            Thumbnail(
                name=path.stem,
                number=number,
                pixels=None,
                state="ready" if path in self._kept else "waiting",
                current=path == self.current.path,
            )
            for number, path in enumerate(self._paths, 1)
        )

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
