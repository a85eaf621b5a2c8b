"""What the keys of the gallery do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from live.gallery.gallery import Gallery
from live.hotkeys import AVATARS, Command
from live.session.dispatch import Handler


def gallery_commands(gallery: Gallery) -> Mapping[Command, Handler]:
    """Command → what carries it out."""
    return {
        Command.PREVIOUS_AVATAR: partial(gallery.step, -1),
        Command.NEXT_AVATAR: partial(gallery.step, 1),
        Command.RESCAN: gallery.rescan,
        **{command: partial(gallery.choose, number) for number, command in enumerate(AVATARS, 1)},
    }
