"""Between processes of one user on Linux and macOS: a Unix socket in a folder that nobody else may enter."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fomm.errors import ConfigError
from live.remote.messages import LIMIT, PATIENCE_S
from live.remote.place import runtime_folder

#: Connections that are served at once; further ones wait.
_AT_ONCE = 8

#: Seconds in which a client must have said what it wants: it sends one line.
_CLIENT_S = 1.5


def folder() -> Path:
    """Where the sockets of this user's sessions are; made where it is not there yet.

    Raises:
        ConfigError: it cannot be made, or it is somebody else's.
    """
    path = runtime_folder()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
        # In a common folder such as /tmp somebody else may have been first.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise ConfigError(f"{path} belongs to somebody else; set XDG_RUNTIME_DIR to a folder of your own")
        if stat.S_IMODE(status.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be used ({error.strerror}); set XDG_RUNTIME_DIR to another"
        ) from None
    return path


class Listener:
    """Answers messages in threads of its own, each connection in one, until it is closed.

    Args:
        answer: takes a message, returns the answer; called in any thread.

    Raises:
        ConfigError: no socket can be made.
    """

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.path = folder() / f"{os.getpid()}.sock"
        self._answer = answer
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._serving: set[threading.Thread] = set()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self.path.unlink(missing_ok=True)  # of a process that had our number and did not end well
            self._socket.bind(os.fspath(self.path))
            self.path.chmod(0o600)
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"{self.path} cannot be made ({error.strerror or error})") from None
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, name="remote control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and remove the socket; idempotent."""
        if self._stopping:
            return
        self._stopping = True
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
            knock.connect(os.fspath(self.path))  # wakes the thread that accepts
        self._thread.join(1.0)
        self._socket.close()
        self.path.unlink(missing_ok=True)
        for thread in list(self._serving):
            thread.join(0.2)

    def _accept(self) -> None:
        while not self._stopping:
            if not self._places.acquire(timeout=0.2):
                continue
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(
                target=self._serve, args=(connection,), name="remote control", daemon=True
            )
            self._serving.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                message = receive_line(connection, _CLIENT_S)
                if message and not self._stopping:
                    connection.sendall(self._answer(message))
        except OSError:
            pass  # whoever asked has hung up, or is too slow
        finally:
            self._serving.discard(threading.current_thread())
            self._places.release()


def receive_line(connection: socket.socket, within: float = PATIENCE_S) -> bytes:
    """One line, at most `LIMIT` bytes of it; what came where the other side hangs up before its end.

    Args:
        within: seconds in which the whole of it must have come.

    Raises:
        OSError: it did not come in time.
    """
    deadline = time.monotonic() + within
    received = b""
    while len(received) < LIMIT and not received.endswith(b"\n"):
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        part = connection.recv(LIMIT - len(received))
        if not part:
            break
        if time.monotonic() > deadline:  # one byte a second is no way to talk
            raise TimeoutError
        received += part
    return received


def sessions() -> list[int]:
    """The process ids of the sessions that listen; sockets that nobody listens to any more are removed."""
    found = []
    for path in sorted(folder().glob("*.sock")):
        if not path.stem.isdecimal():
            continue
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(PATIENCE_S)
            try:
                knock.connect(os.fspath(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue
            else:
                found.append(int(path.stem))
    return found


def ask(session: int, message: bytes) -> bytes:
    """A session's answer.

    Raises:
        OSError: it does not answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(os.fspath(folder() / f"{session}.sock"))
        connection.sendall(message)
        return receive_line(connection)
