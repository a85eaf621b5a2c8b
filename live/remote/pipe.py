"""Between processes of one user on Windows: a named pipe, and a key in the user's own folder that opens it.

Not run by us on Windows; the tests run the same code over a Unix socket.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.context import AuthenticationError
from pathlib import Path

from fomm.errors import ConfigError
from live.remote.messages import LIMIT, PATIENCE_S
from live.remote.place import runtime_folder


def folder() -> Path:
    """Where the keys of this user's sessions are; made where it is not there yet.

    Raises:
        ConfigError: it cannot be made.
    """
    path = runtime_folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be used ({error.strerror})") from None
    return path


def address(session: int) -> str:
    """Where a session listens."""
    if sys.platform == "win32":
        return rf"\\.\pipe\fomm-live-{session}"
    return os.fspath(folder() / f"{session}.pipe")


class Listener:
    """Answers one message after the other in a thread of its own, until it is closed.

    Args:
        answer: takes a message, returns the answer; called in that thread.

    Raises:
        ConfigError: no pipe can be made.
    """

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._address = address(os.getpid())
        self._key = folder() / f"{os.getpid()}.key"
        key = secrets.token_bytes(32)
        try:
            self._key.unlink(missing_ok=True)
            descriptor = os.open(self._key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
            self._listener = connection.Listener(self._address, authkey=key)
        except OSError as error:
            raise ConfigError(f"{self._key} cannot be made ({error.strerror or error})") from None
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, name="remote control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and remove the key; idempotent."""
        if self._stopping:
            return
        self._stopping = True
        with contextlib.suppress(OSError):
            connection.Client(self._address).close()  # wakes the thread that accepts; it may be gone already
        self._thread.join(PATIENCE_S)
        self._listener.close()
        self._key.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                with self._listener.accept() as asking:
                    if not self._stopping and asking.poll(PATIENCE_S):
                        asking.send_bytes(self._answer(asking.recv_bytes(LIMIT)))
            except (OSError, EOFError, AuthenticationError):
                continue  # hung up, too long, or without the key


def sessions() -> list[int]:
    """The process ids of the sessions that listen; keys of those that no longer do are removed."""
    found = []
    for path in sorted(folder().glob("*.key")):
        if path.stem.isdecimal():
            try:
                _connect(int(path.stem)).close()
                found.append(int(path.stem))
            except (OSError, EOFError, AuthenticationError):
                with contextlib.suppress(OSError):
                    path.unlink()
    return found


def ask(session: int, message: bytes) -> bytes:
    """A session's answer.

    Raises:
        OSError: it does not answer.
    """
    try:
        with _connect(session) as asking:
            asking.send_bytes(message)
            if not asking.poll(PATIENCE_S):
                raise TimeoutError
            return asking.recv_bytes(LIMIT)
    except (EOFError, AuthenticationError) as error:
        raise ConnectionError(str(error)) from None


def _connect(session: int) -> connection.Connection:
    key = (folder() / f"{session}.key").read_bytes()
    asking = connection.Client(address(session))
    try:
        if not asking.poll(PATIENCE_S):  # who ends just now takes us in and never speaks
            raise TimeoutError
        connection.answer_challenge(asking, key)
        connection.deliver_challenge(asking, key)
    except BaseException:
        asking.close()
        raise
    return asking
