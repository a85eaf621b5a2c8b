"""The session's end: commands that arrive over the socket."""

from __future__ import annotations

import queue

from fomm.errors import ConfigError
from live.remote.messages import PATIENCE_S, decode_order, encode_answer
from live.remote.transport import transport
from live.requests import Answer, Request

#: Requests that may wait for the session; more come from a program gone wild.
_WAITING = 32


class RemoteControl:
    """A `CommandSource`: what `fomm-live send` asks for. Nothing that a client does can hold up the session.

    Raises:
        ConfigError: no socket can be made.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[Request] = queue.Queue(_WAITING)
        self._listener = transport().Listener(self._answer)

    def requests(self) -> list[Request]:
        """See `CommandSource.requests`."""
        found = []
        try:
            while True:
                found.append(self._waiting.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """Listen no longer; idempotent."""
        self._listener.close()

    def _answer(self, message: bytes) -> bytes:
        answers: queue.Queue[Answer] = queue.Queue()
        try:
            order = decode_order(message)
            self._waiting.put_nowait(Request(order.command, order.argument, answers.put))
            return encode_answer(answers.get(timeout=PATIENCE_S - 1))
        except ConfigError as error:
            return encode_answer(Answer(str(error), done=False))
        except (queue.Full, queue.Empty):
            return encode_answer(Answer("the session is busy; try again", done=False))
