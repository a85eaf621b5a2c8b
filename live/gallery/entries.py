"""What the gallery knows of each picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from fomm.animators.base import Frame
from live.composer import Layout
from live.frames import OutputFrame
from live.gallery.folder import Signature
from live.gallery.loading import Examined, PreparedAvatar
from live.gallery.thumbnails import ThumbnailState

_JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Still:
    """An avatar at rest, ready to be shown: compressed, since there may be hundreds."""

    data: bytes
    layout: Layout

    @classmethod
    def of(cls, examined: Examined) -> Still | None:
        """The still of a picture that was looked at."""
        bgr = cv2.cvtColor(examined.rest, cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return cls(data.tobytes(), examined.layout) if done else None

    def avatar(self, path: Path) -> PreparedAvatar:
        """What is shown until the avatar can be animated."""
        bgr = np.asarray(cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR))
        rest = OutputFrame(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8))
        return PreparedAvatar(path, None, self.layout, rest, ())


@dataclass(eq=False)
class Entry:
    """One picture; guarded by the gallery's lock.

    Attributes:
        signature: of the file that all this is about.
        settled: the file has not changed between two looks: nobody is still writing it.
        news: it appeared while the session ran: what becomes of it is worth a word.
        gone: its file is no longer there; only the avatar that is shown stays in the list then.
        examined: it has been looked at, or failed to be.
        reason: why it cannot be used; "" where it can.
    """

    path: Path
    signature: Signature
    settled: bool = True
    news: bool = False
    gone: bool = False
    examined: bool = False
    reason: str = ""
    thumbnail: Frame | None = None
    still: Still | None = None
    preparing: bool = field(default=False)

    @property
    def usable(self) -> bool:
        """As far as is known yet."""
        return not self.reason

    def changed(self, signature: Signature) -> None:
        """The file is another one now."""
        self.signature, self.settled, self.news = signature, False, True
        self.examined, self.reason, self.still = False, "", None

    def state(self, *, ready: bool) -> ThumbnailState:
        """How far it is, in the strip's words."""
        if self.reason:
            return "unusable"
        if ready:
            return "ready"
        if self.preparing:
            return "preparing"
        return "still" if self.examined else "waiting"
