"""The other end: `fomm-live send`."""

from __future__ import annotations

from collections.abc import Sequence

from fomm.errors import ConfigError
from live.remote.messages import Order, decode_answer, encode_order
from live.remote.transport import transport
from live.requests import Answer


def send(order: Order, *, session: int | None = None, everyone: bool = False) -> list[tuple[int, Answer]]:
    """Have running sessions carry out a command.

    Args:
        session: process id of the one that shall; None where there is only one.
        everyone: all of them.

    Returns:
        Process id and answer of each session that was asked.

    Raises:
        ConfigError: there is no such session, or several to choose from, or it does not answer.
    """
    running = transport().sessions()
    return [_ask(process, order) for process in _chosen(running, session, everyone)]


def _chosen(running: Sequence[int], session: int | None, everyone: bool) -> list[int]:
    if not running:
        raise ConfigError("no session of yours is running; start one with fomm-live")
    listed = ", ".join(map(str, running))
    if session is not None:
        if session not in running:
            raise ConfigError(f"no session {session} is running; there is {listed}")
        return [session]
    if len(running) > 1 and not everyone:
        raise ConfigError(f"{len(running)} sessions are running; choose --session out of {listed}, or --all")
    return list(running)


def _ask(session: int, order: Order) -> tuple[int, Answer]:
    try:
        return session, decode_answer(transport().ask(session, encode_order(order)))
    except OSError:
        raise ConfigError(f"the session {session} does not answer; it may be ending") from None
