"""The avatars of a session, one of them current; what may be asked for next is made ready in the background."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fomm.errors import ConfigError, FommError, ImageError
from fomm.wording import counted
from live.gallery.entries import Entry, Still
from live.gallery.folder import Collection, Signature
from live.gallery.loading import Examined, PreparedAvatar
from live.gallery.thumbnails import Thumbnail
from live.sources.base import Notify

#: Prepared avatars that are kept: the current one, its neighbours, and one to go back to.
_KEPT = 4
#: Pictures whose still is kept: the first to be looked at, which are the nearest.
_STILLS = 200
#: Seconds between two looks at the folders, and where a file is still being written.
_LOOK_S, _LOOK_AGAIN_S = 1.5, 0.5
#: Before this, in seconds, nothing is made ready that was not asked for: a session that starts has better to do.
_HEAD_START_S = 1.0
#: Left to live sessions: how nice the background is to the frame loop (Unix).
_NICE = 10


@dataclass(frozen=True)
class _Job:
    kind: str  # "examine" or "prepare"
    entry: Entry
    signature: Signature
    round: int


class Gallery:
    """Choosing shows an avatar at the next `poll`: animated where it is ready, else at rest and animated soon after.

    Every method may be called from the session's thread only; the work happens in a thread of the gallery's own,
    which begins at the first `poll`.

    Args:
        collection: which pictures there are.
        first: the one that is shown first, prepared.
        examine: looks at a picture; called in the background.
        prepare: makes a picture ready; called in the background.
        notify: takes a sentence about what happened, in any thread.
        head_start: seconds before anything is done that was not asked for.
        look_s: seconds between two looks at the folders.

    Attributes:
        current: the avatar that is shown.
    """

    def __init__(
        self,
        collection: Collection,
        first: PreparedAvatar,
        *,
        examine: Callable[[Path], Examined],
        prepare: Callable[[Path], PreparedAvatar],
        notify: Notify,
        head_start: float = _HEAD_START_S,
        look_s: float = _LOOK_S,
    ) -> None:
        self._collection = collection
        self._examine, self._prepare = examine, prepare
        self._notify = notify
        self._head_start, self._look_s = head_start, look_s
        self._changed = threading.Condition()
        self._entries = [Entry(path, signature) for path, signature in collection.scan().items()]
        if first.path not in (entry.path for entry in self._entries):  # deleted while it was being prepared
            self._entries.insert(0, Entry(first.path, (0, 0, 0, 0), gone=True))
        self._kept = {first.path: first}
        self._goal = first.path
        self._direction = 1
        self._look_at = 0.0
        self._round = 0
        self._begun: float | None = None
        self._closing = False
        self._summed_up = False
        self._thumbnails: tuple[Thumbnail, ...] | None = None
        self._thread = threading.Thread(target=self._work, name="gallery", daemon=True)
        self.current = first

    # What the session's thread calls.

    def step(self, by: int) -> str:
        """Go on to the next avatar that can be used, `by` 1, or back, -1.

        Returns:
            What happens, in a sentence.

        Raises:
            ConfigError: there is no other.
        """
        with self._changed:
            self._direction = 1 if by > 0 else -1
            following = self._following(self._goal, self._direction)
            if following is None:
                raise ConfigError(f"there is only this avatar; put pictures into {self._collection}")
            return self._choose(following)

    def choose(self, number: int) -> str:
        """Show the avatar of this number, from 1.

        Returns:
            What happens, in a sentence.

        Raises:
            ConfigError, ImageError: there is none, or it cannot be used.
        """
        with self._changed:
            if not 1 <= number <= len(self._entries):
                raise ConfigError(f"there is no avatar {number}; the gallery holds {len(self._entries)}")
            entry = self._entries[number - 1]
            if not entry.usable:
                raise ImageError(entry.reason)
            return self._choose(entry)

    def rescan(self) -> str:
        """Look at the folders now; returns what happens, in a sentence."""
        with self._changed:
            for entry in self._entries:
                if not entry.usable:
                    entry.examined, entry.reason = False, ""
            self._look_at = 0.0
            self._touch()
        return f"looking for pictures in {self._collection}"

    def prepare_anew(self) -> None:
        """What `examine` and `prepare` made is out of date: the output has another size. The current avatar is made
        anew first, and shown as it is until then."""
        with self._changed:
            self._round += 1
            self._kept.clear()
            for entry in self._entries:
                entry.still = None
                # The current one is known to be usable, and wanted sooner than its thumbnail.
                entry.examined = entry.examined and (entry.path == self._goal or not entry.usable)
                entry.news = False
            self._touch()

    @property
    def busy(self) -> bool:
        """Whether the chosen avatar is still on its way."""
        with self._changed:
            return self._goal != self.current.path or not self.current.ready

    @property
    def idle(self) -> bool:
        """Whether everything there is to make ready is ready."""
        with self._changed:
            if self._begun is None or self.busy or self._next_job() is not None:
                return False
            return all(entry.settled for entry in self._entries)

    def poll(self) -> bool:
        """Make the chosen avatar current, as far as it is ready. True where `current` has changed."""
        with self._changed:
            if self._begun is None and not self._closing:
                self._begun = time.monotonic()
                self._thread.start()
            ready = self._kept.get(self._goal)
            if ready is self.current:
                return False
            if ready is None:
                entry = self._entry(self._goal)
                if self._goal == self.current.path or entry is None or entry.still is None:
                    return False
                self.current = entry.still.avatar(self._goal)
            else:
                self.current = ready
            self._forget_the_gone()
            self._touch()
            notices = self.current.notices
        for notice in notices:
            self._notify(notice)
        return True

    def thumbnails(self) -> tuple[Thumbnail, ...]:
        """One for each picture, in order: the same tuple as long as nothing changes."""
        with self._changed:
            if self._thumbnails is None:
                self._thumbnails = tuple(
                    Thumbnail(
                        name=entry.path.stem,
                        number=number,
                        pixels=entry.thumbnail,
                        state=entry.state(ready=entry.path in self._kept),
                        reason=entry.reason,
                        current=entry.path == self._goal,
                    )
                    for number, entry in enumerate(self._entries, 1)
                )
            return self._thumbnails

    def close(self) -> None:
        """End the background work; what is being prepared is waited for. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Under the lock.

    def _entry(self, path: Path) -> Entry | None:
        return next((entry for entry in self._entries if entry.path == path), None)

    def _choose(self, entry: Entry) -> str:
        self._goal = entry.path
        self._touch()
        return f"avatar: {entry.path.stem}"

    def _touch(self) -> None:
        """Something has changed: for the strip, and for the background."""
        self._thumbnails = None
        self._changed.notify_all()

    def _around(self, path: Path) -> Iterator[Entry]:
        """Every other entry, the nearest first, and of two equally near ones the one in the last direction."""
        count = len(self._entries)
        place = next((at for at, entry in enumerate(self._entries) if entry.path == path), 0)
        for distance in range(1, count // 2 + 1):
            for sign in (self._direction, -self._direction):
                entry = self._entries[(place + sign * distance) % count]
                if entry.path != path:
                    yield entry

    def _following(self, path: Path, direction: int) -> Entry | None:
        """The next entry in a direction that may be usable; None where there is no other."""
        count = len(self._entries)
        place = next((at for at, entry in enumerate(self._entries) if entry.path == path), 0)
        for distance in range(1, count):
            entry = self._entries[(place + direction * distance) % count]
            if entry.usable and not entry.gone and entry.path != path:
                return entry
        return None

    def _neighbours(self) -> list[Entry]:
        both = (self._following(self._goal, sign) for sign in (self._direction, -self._direction))
        return [entry for entry in both if entry is not None]

    def _next_job(self) -> _Job | None:
        """The most urgent thing to do."""
        goal = self._entry(self._goal)
        asked = goal is not None and goal.settled and goal.usable and not goal.gone
        if goal is not None and asked and self._goal not in self._kept:
            return self._job("prepare" if goal.examined else "examine", goal)
        if self._begun is None or time.monotonic() - self._begun < self._head_start:
            return None
        for neighbour in self._neighbours():
            if neighbour.settled and neighbour.path not in self._kept:
                return self._job("prepare" if neighbour.examined else "examine", neighbour)
        for entry in (goal, *self._around(self._goal)):
            if entry is not None and entry.settled and not entry.examined and not entry.gone:
                return self._job("examine", entry)
        return None

    def _job(self, kind: str, entry: Entry) -> _Job:
        return _Job(kind, entry, entry.signature, self._round)

    def _keep(self, avatar: PreparedAvatar) -> None:
        self._kept.pop(avatar.path, None)
        self._kept[avatar.path] = avatar
        wanted = {self.current.path, self._goal, avatar.path, *(entry.path for entry in self._neighbours())}
        for path in [path for path in self._kept if path not in wanted]:
            if len(self._kept) > _KEPT:
                del self._kept[path]

    def _forget_the_gone(self) -> None:
        here = (self.current.path, self._goal)
        for entry in [entry for entry in self._entries if entry.gone and entry.path not in here]:
            self._entries.remove(entry)
            self._kept.pop(entry.path, None)

    # In the gallery's thread.

    def _work(self) -> None:
        if sys.platform.startswith("linux"):  # elsewhere niceness is the whole process's
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while True:
            with self._changed:
                if self._closing:
                    return
                job, now = self._next_job(), time.monotonic()
                urgent = job is not None and job.entry.path == self._goal
                look = not urgent and now >= self._look_at
                if job is None and not look:
                    self._changed.wait(min(max(self._look_at - now, 0.01), self._look_s))
                    continue
                if job is not None and not look:
                    job.entry.preparing = job.kind == "prepare"
                    self._touch()
            try:
                if look:
                    self._look()
                elif job is not None:
                    self._do(job)
            except Exception as error:  # one picture's trouble is not the session's
                self._notify(f"the gallery: {error}")
                with self._changed:
                    self._look_at = time.monotonic() + self._look_s
            self._sum_up()

    def _do(self, job: _Job) -> None:
        entry, reason = job.entry, ""
        examined: Examined | None = None
        avatar: PreparedAvatar | None = None
        try:
            if job.kind == "examine":
                examined = self._examine(entry.path)
            else:
                avatar = self._prepare(entry.path)
        except FommError as error:
            reason = str(error)
        except (
            Exception
        ) as error:  # a decoder's or a model's own error: the picture is at fault, or too large
            reason = f"{entry.path.name} cannot be used ({error}); try another copy of it"
        with self._changed:
            entry.preparing = False
            self._touch()
            outdated = entry.signature != job.signature or job.round != self._round
            if outdated or entry not in self._entries:
                return  # it has been replaced meanwhile: looked at again
            entry.examined, entry.reason = True, reason
            if examined is not None:
                entry.thumbnail = examined.thumbnail
                if sum(other.still is not None for other in self._entries) < _STILLS:
                    entry.still = Still.of(examined)
            if avatar is not None:
                self._keep(avatar)
            told = self._told(entry, job.kind)
            if reason and entry.path == self._goal:
                self._skip(entry)
        if told:
            self._notify(told)

    def _told(self, entry: Entry, kind: str) -> str:
        """What to say of an entry that was looked at."""
        if entry.reason and (entry.news or entry.path == self._goal or kind == "prepare"):
            return f"avatar left out: {entry.reason}"
        if entry.news and kind == "examine":
            return f"new avatar {self._entries.index(entry) + 1}: {entry.path.stem}"
        return ""

    def _skip(self, entry: Entry) -> None:
        """The chosen avatar cannot be used: go on to the next in the same direction, or stay."""
        if entry.path == self.current.path and self.current.ready:
            return  # its file has become unusable while it is shown: it goes on
        following = self._following(entry.path, self._direction)
        if following is not None:
            self._goal = following.path
        elif self.current.path != entry.path:
            self._goal = self.current.path
        else:
            self._goal = next(iter(self._kept), self._goal)

    def _look(self) -> None:
        """See which pictures are there."""
        found = self._collection.scan()
        with self._changed:
            before = {entry.path: entry for entry in self._entries}
            entries = [self._seen(before.get(path), path, signature) for path, signature in found.items()]
            lost = [(place, entry) for place, entry in enumerate(self._entries) if entry.path not in found]
            vanished = [entry.path.name for _, entry in lost if not entry.gone]
            for place, entry in lost:
                entry.gone = True
                if entry.path == self.current.path or (entry.path == self._goal and entry.path in self._kept):
                    entries.insert(min(place, len(entries)), entry)  # it goes on being shown
                else:
                    self._kept.pop(entry.path, None)
            if self._goal not in (entry.path for entry in entries):
                self._goal = self.current.path
            unsettled = not all(entry.settled for entry in entries)
            if entries != self._entries or unsettled:
                self._entries = entries
                self._touch()
            self._look_at = time.monotonic() + (_LOOK_AGAIN_S if unsettled else self._look_s)
        for name in vanished:
            self._notify(f"{name} is no longer there")

    def _seen(self, entry: Entry | None, path: Path, signature: Signature) -> Entry:
        """What a picture that is there is to the gallery now."""
        if entry is None:
            return Entry(path, signature, settled=False, news=True)
        entry.gone = False
        if entry.signature == signature:
            entry.settled = True
        else:
            # The current avatar is shown until it has been made anew.
            self._kept.pop(path, None)
            entry.changed(signature)
        return entry

    def _sum_up(self) -> None:
        """Say once which of the pictures that were there from the start cannot be used."""
        with self._changed:
            if self._summed_up or not all(entry.examined or entry.gone for entry in self._entries):
                return
            self._summed_up = True
            names = [entry.path.name for entry in self._entries if not entry.usable and not entry.news]
        if names:
            few = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            unusable = counted(len(names), "picture of the gallery", "pictures of the gallery")
            self._notify(f"{unusable} cannot be used: {few}; fomm-live avatars says why")
