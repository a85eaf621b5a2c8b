"""The socket between `fomm-live send` and a session: who may use it, and what it survives."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fomm.errors import ConfigError
from live.hotkeys import Command
from live.remote import Order, RemoteControl, client, messages, pipe, send, server
from live.requests import Answer

if os.name == "nt":
    pytest.skip("no POSIX signals on this system, nor Unix sockets", allow_module_level=True)

from live.remote import unix


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for sockets."""
    path = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    return path / "fomm-live"


@pytest.fixture(params=[unix, pipe], ids=["unix", "pipe"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for user in (client, server):
        monkeypatch.setattr(user, "transport", lambda: request.param)
    return request.param


@pytest.fixture
def control(runtime: Path, transport: ModuleType) -> Iterator[RemoteControl]:
    """A session's end that answers."""
    control = RemoteControl()
    ended = threading.Event()

    def obey() -> None:
        while not ended.wait(0.01):
            for request in control.requests():
                done = request.command is not Command.QUIT
                request.reply(Answer(f"{request.command.value} {request.argument}", done))

    thread = threading.Thread(target=obey)
    thread.start()
    yield control
    ended.set()
    thread.join()
    control.close()


def test_an_order_is_carried_out_and_answered(control: RemoteControl) -> None:
    assert send(Order(Command.SIZE, "640x480")) == [(os.getpid(), Answer("size 640x480"))]
    assert send(Order(Command.QUIT), session=os.getpid()) == [(os.getpid(), Answer("quit ", done=False))]
    assert len(send(Order(Command.HELP), everyone=True)) == 1


def test_nothing_is_left_behind(runtime: Path, control: RemoteControl) -> None:
    before = threading.active_count()
    control.close()
    control.close()
    assert list(runtime.iterdir()) == []
    assert threading.active_count() == before - 1
    with pytest.raises(ConfigError, match="no session of yours is running"):
        send(Order(Command.HELP))


def test_without_a_session_that_is_told(runtime: Path, transport: ModuleType) -> None:
    with pytest.raises(ConfigError, match="no session of yours is running; start one"):
        send(Order(Command.HELP))


def test_another_session_than_those_running_is_refused(control: RemoteControl) -> None:
    with pytest.raises(ConfigError, match=f"no session 1 is running; there is {os.getpid()}"):
        send(Order(Command.HELP), session=1)


def test_several_sessions_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Two:
        @staticmethod
        def sessions() -> list[int]:
            return [7, 9]

        @staticmethod
        def ask(session: int, _message: bytes) -> bytes:
            return messages.encode_answer(Answer(f"I am {session}"))

    monkeypatch.setattr(client, "transport", lambda: Two)
    with pytest.raises(ConfigError, match="2 sessions are running; choose --session out of 7, 9, or --all"):
        send(Order(Command.HELP))
    assert send(Order(Command.HELP), session=9) == [(9, Answer("I am 9"))]
    assert [number for number, _ in send(Order(Command.HELP), everyone=True)] == [7, 9]


def test_only_the_owner_may_use_it(runtime: Path, control: RemoteControl) -> None:
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    for path in runtime.iterdir():
        if path.suffix != ".pipe":  # which the key beside it guards
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_was_open_to_others_is_closed(runtime: Path) -> None:
    runtime.mkdir(mode=0o777)
    runtime.chmod(0o777)
    assert unix.folder() == runtime
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


def test_a_folder_of_somebody_else_is_not_used(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ConfigError, match="belongs to somebody else; set XDG_RUNTIME_DIR"):
        unix.folder()


def test_a_link_to_elsewhere_is_not_used(runtime: Path, tmp_path: Path) -> None:
    runtime.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        unix.folder()


def test_a_socket_that_nobody_listens_to_is_cleaned_away(runtime: Path) -> None:
    stale = unix.folder() / "4194303.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(stale))
    (runtime / "note.sock").write_text("no session's")
    assert unix.sessions() == []
    assert not stale.exists()
    assert (runtime / "note.sock").exists()


def test_a_key_whose_session_is_gone_is_cleaned_away(runtime: Path) -> None:
    stale = pipe.folder() / "4194303.key"
    stale.write_bytes(b"x" * 32)
    assert pipe.sessions() == []
    assert not stale.exists()


def test_without_the_key_nobody_is_heard(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = pipe.Listener(lambda _: b"heard")
    try:
        monkeypatch.setattr(Path, "read_bytes", lambda _: b"another key")
        with pytest.raises(OSError, match=r"digest|rejected|closed|reset"):
            pipe.ask(os.getpid(), b"x")
        monkeypatch.undo()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime.parent))
        assert pipe.ask(os.getpid(), b"x") == b"heard"
    finally:
        listener.close()


def _connect(runtime: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(8)
    connection.connect(os.fspath(runtime / f"{os.getpid()}.sock"))
    return connection


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session without much patience."""
    monkeypatch.setattr(unix, "_CLIENT_S", 0.3)
    monkeypatch.setattr(server, "PATIENCE_S", 1.2)


@pytest.mark.parametrize("transport", [unix], indirect=True)
@pytest.mark.parametrize(
    "message",
    [
        b"\n",
        b"\xff\x00\xfe\n",
        b"recalibrate\n",
        b"[]\n",
        b'{"command": 3}\n',
        b'{"command": "dance"}\n',
        b'{"command": "help", "argument": []}\n',
        b"[" * 3000 + b"\n",
        b"x" * 100_000,
    ],
    ids=lambda message: repr(message[:24]),
)
def test_nonsense_is_answered_or_hung_up_on(control: RemoteControl, runtime: Path, message: bytes) -> None:
    with _connect(runtime) as connection:
        try:
            connection.sendall(message)
            said = unix.receive_line(connection)
        except OSError:  # cut off in the middle of too much
            said = b""
    assert not said or not messages.decode_answer(said).done
    assert send(Order(Command.HELP))[0][1].done, "the next one is heard"


@pytest.mark.parametrize("transport", [unix], indirect=True)
def test_clients_that_never_finish_do_not_stop_others(
    quick: None, control: RemoteControl, runtime: Path
) -> None:
    slow = [_connect(runtime) for _ in range(30)]
    for connection in slow:
        connection.sendall(b'{"command": ')
    assert send(Order(Command.HELP))[0][1].done
    for connection in slow:
        connection.close()


@pytest.mark.parametrize("transport", [unix], indirect=True)
def test_a_session_that_does_not_answer_is_told(quick: None, runtime: Path, transport: ModuleType) -> None:
    control = RemoteControl()
    try:
        (answer,) = send(Order(Command.HELP))
        assert answer[1] == Answer("the session is busy; try again", done=False)
    finally:
        control.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_no_message_does_worse_than_being_refused(message: bytes) -> None:
    for decode in (messages.decode_order, messages.decode_answer):
        with pytest.raises(ConfigError):
            decode(message)


def test_messages_come_through_whole() -> None:
    order = Order(Command.SIZE, "640x480 ä")
    assert messages.decode_order(messages.encode_order(order)) == order
    assert messages.decode_answer(messages.encode_answer(Answer("ö" * 9000))).text == "ö" * 512
    assert len(messages.encode_answer(Answer("ö" * 9000))) < messages.LIMIT
