"""What goes out instead of the animated avatar: the privacy card, a frozen frame, the real face."""

from __future__ import annotations

import time
from collections.abc import Callable

from fomm.errors import ConfigError
from live.card import privacy_card
from live.frames import OutputFrame
from live.hotkeys import Command
from live.session.confirmation import Confirmation
from live.session.dispatch import ArgumentHandler, Handler

#: What `fomm-live send passthrough --confirm` says.
CONFIRMED = "confirm"

_ASKS = (
    "your REAL FACE would be sent instead of the avatar: press again within 5 seconds if you mean it "
    "(or: fomm-live send passthrough --confirm)"
)


class Modes:
    """The session's switches. The card overrules everything, and the real face is never more than asked for.

    Args:
        pause: stops and resumes everything that follows the driver.
        card_text: the line on the privacy card.

    Attributes:
        card, frozen, paused, real_face: which are on.
    """

    def __init__(self, pause: Callable[[bool], None], *, card_text: str) -> None:
        self._pause = pause
        self._card_text = card_text
        self._cards: tuple[OutputFrame, OutputFrame] | None = None
        self._asked = Confirmation()
        self.card = self.frozen = self.paused = self.real_face = False

    @property
    def commands(self) -> dict[Command, Handler]:
        """Handlers of the switches."""
        return {
            Command.PRIVACY_CARD: self._on_card,
            Command.FREEZE: self._on_freeze,
            Command.PAUSE: self._on_pause,
        }

    @property
    def commands_with_argument(self) -> dict[Command, ArgumentHandler]:
        """The handler of passthrough."""
        return {Command.PASSTHROUGH: self._on_passthrough}

    @property
    def alarm(self) -> str:
        """What must never be overlooked; "" where nothing."""
        return "YOUR REAL FACE IS ON" if self.real_face else ""

    @property
    def marks(self) -> tuple[str, ...]:
        """What is shown over the result in the preview."""
        marks = {"PRIVACY CARD": self.card, "FROZEN": self.frozen, "PAUSED": self.paused}
        return tuple(text for text, on in marks.items() if on)

    def poll(self) -> str:
        """What has happened since the last call that the user must know, or ""."""
        if not self._asked.given(time.monotonic()):
            return ""
        return self._show_real_face()

    def cover(
        self, *, rest: OutputFrame, last: OutputFrame, real: Callable[[], OutputFrame | None]
    ) -> OutputFrame | None:
        """The frame that goes out instead of the avatar's; None where the avatar's own does.

        Args:
            rest: the output frame of the neutral portrait, whose colours the card takes.
            last: what was sent last.
            real: makes the output frame of the driver's own picture; None where there is none just now.
        """
        if self.card:
            return self._card_of(rest)
        if self.frozen:
            return last
        if self.real_face:
            face = real()
            return self._card_of(rest) if face is None else face
        return None

    def back_to_avatar(self) -> None:
        """The real face is off."""
        # What is frozen may show it.
        self.frozen = self.frozen and not self.real_face
        self.real_face = False

    def _card_of(self, rest: OutputFrame) -> OutputFrame:
        if self._cards is None or self._cards[0] is not rest:
            self._cards = rest, privacy_card(rest, self._card_text)
        return self._cards[1]

    def _on_card(self) -> str:
        self.back_to_avatar()
        self.frozen = False
        self.card = not self.card
        return "privacy card: others see neither you nor the avatar" if self.card else "the avatar is back"

    def _on_freeze(self) -> str:
        if self.card:
            raise ConfigError("the privacy card is on; put it away first")
        self.frozen = not self.frozen
        return "the output is frozen" if self.frozen else "the output goes on"

    def _on_pause(self) -> str:
        self.back_to_avatar()
        self.paused = not self.paused
        self._pause(self.paused)
        return "paused: the portrait rests" if self.paused else "the avatar follows you again"

    def _on_passthrough(self, argument: str) -> str:
        if argument not in ("", CONFIRMED):
            raise ConfigError(f"passthrough takes no {argument}; --confirm is how to say that you mean it")
        if self.real_face:
            self.back_to_avatar()
            return "your real face is off; the avatar is back"
        if argument == CONFIRMED:
            return self._show_real_face()
        if self._asked.press(time.monotonic()):
            raise ConfigError(_ASKS)
        return "your real face follows in a moment"

    def _show_real_face(self) -> str:
        self.card = self.frozen = False
        if self.paused:
            self._on_pause()
        self.real_face = True
        return "YOUR REAL FACE IS ON: the same key again, or the privacy card's, ends it"
