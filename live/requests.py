"""Commands on their way to the session, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from live.hotkeys import Command


def _nobody(_answer: Answer) -> None:
    """Whoever asked does not wait for an answer."""


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Attributes:
        text: one sentence, such as "the output is mirrored".
        done: False where nothing was done, and `text` says why.
    """

    text: str
    done: bool = True


@dataclass(frozen=True)
class Request:
    """One command on its way to the session.

    Attributes:
        argument: what was given with it, such as a size; "" for nothing.
        reply: takes what became of it; called once, in the session's thread, and must not block.
    """

    command: Command
    argument: str = ""
    reply: Callable[[Answer], None] = _nobody


class CommandSource(Protocol):
    """Where commands come from."""

    def requests(self) -> Sequence[Request]:
        """Those that have come since the last call; called many times a second, and never waits."""
        ...
