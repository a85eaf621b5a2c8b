"""The real command in a real terminal: a pseudo-terminal with a shell that controls jobs."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("no pseudo-terminal on this system", allow_module_level=True)

import fcntl
import termios

COMMAND = (sys.executable, "-c", "from live.cli import main; main()")


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # it is ignored where the tests themselves run under nohup


class Terminal:
    """A pseudo-terminal and the program in it."""

    def __init__(self, command: tuple[str, ...], folder: Path, env: dict[str, str]) -> None:
        self.main, self.inside = os.openpty()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=self.inside,
            stdout=self.inside,
            stderr=self.inside,
            start_new_session=True,
            preexec_fn=_own_terminal,  # noqa: PLW1509 - two system calls
        )
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.main, text.encode())

    def wait_for(self, pattern: str, timeout: float = 30) -> str:
        """What has been printed since the last call, up to the pattern."""
        deadline = time.monotonic() + timeout
        while (found := re.search(pattern, self.seen)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} was not printed, but {self.seen!r}"
            if select.select([self.main], [], [], 0.1)[0]:
                self.seen += os.read(self.main, 4096).decode(errors="replace")
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    @property
    def cooked(self) -> bool:
        """Whether lines are waited for and echoed, as shells want it."""
        flags = termios.tcgetattr(self.inside)[3]
        return bool(flags & termios.ICANON and flags & termios.ECHO)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.main)
        os.close(self.inside)


@pytest.fixture
def open_terminal(tmp_path: Path, home: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(*command: str) -> Terminal:
        env = {name: value for name, value in os.environ.items() if "DISPLAY" not in name} | home
        opened.append(Terminal(command, tmp_path, env | {"TERM": "xterm", "PS1": "ready> "}))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


@pytest.fixture
def session(avatar: Path, clip: Path) -> tuple[str, ...]:
    """A session that goes on until it is told to end."""
    return (
        *COMMAND,
        *("--avatar", str(avatar.parent), "--camera", str(clip), "--loop", "--sink", "null"),
        *("--size", "128x128"),
    )


def test_keys_in_the_terminal_do_what_they_do_in_the_window(
    open_terminal: Callable[..., Terminal], session: tuple[str, ...]
) -> None:
    terminal = open_terminal(*session)
    terminal.wait_for("keys work in this terminal too")
    for key, answer in {
        "t": "the output is mirrored",
        "T": "the output is not mirrored",
        "x": "recalibrating",
        "\x1b[C": "avatar: ",
        "i": "there is no preview window to show it in",
        "?": "recalibrate: your pose",
    }.items():
        terminal.type(key)
        terminal.wait_for(answer)
    assert not terminal.cooked
    terminal.type("q")
    terminal.wait_for("FPS")
    assert terminal.process.wait(10) == 0
    assert terminal.cooked


def test_esc_ends_the_session_and_pasted_sequences_do_not(
    open_terminal: Callable[..., Terminal], session: tuple[str, ...]
) -> None:
    terminal = open_terminal(*session)
    terminal.wait_for("keys work in this terminal too")
    terminal.type("\x1b[200~\x1b[1;5A\x1b[201~t")
    terminal.wait_for("the output is mirrored")
    terminal.type("\x1b")
    assert terminal.process.wait(10) == 0
    assert terminal.cooked


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_terminal_is_put_back_however_the_session_ends(
    open_terminal: Callable[..., Terminal], session: tuple[str, ...], ending: str
) -> None:
    terminal = open_terminal(*session)
    terminal.wait_for("keys work in this terminal too")
    _until(lambda: not terminal.cooked)
    terminal.process.send_signal(signal.Signals[ending])
    assert terminal.process.wait(10) == 128 + signal.Signals[ending]
    assert terminal.cooked


def test_the_terminal_is_put_back_when_the_program_crashes(
    open_terminal: Callable[..., Terminal], session: tuple[str, ...]
) -> None:
    code = """
import live.session.loop as loop, threading, time
def fail(self):
    for source in self._sources:
        source.requests()
    print("about to crash", flush=True)
    time.sleep(1)
    raise RuntimeError("a mistake of ours")
loop.Session._obey = fail
from live.cli import main; main()
"""
    terminal = open_terminal(session[0], "-c", code, *session[3:])
    terminal.wait_for("about to crash")
    assert not terminal.cooked
    terminal.wait_for("a mistake of ours")
    assert terminal.process.wait(10) == 1
    assert terminal.cooked


def test_a_second_ctrl_c_puts_the_terminal_back_too(
    open_terminal: Callable[..., Terminal], session: tuple[str, ...]
) -> None:
    code = """
import live.session.loop as loop, time
def hang(self):
    for source in self._sources:
        source.requests()
    print("hanging", flush=True)
    while True:
        time.sleep(0.05)
loop.Session._obey = hang
from live.cli import main; main()
"""
    terminal = open_terminal(session[0], "-c", code, *session[3:])
    terminal.wait_for("hanging")
    assert not terminal.cooked
    terminal.type("\x03")
    time.sleep(0.3)
    terminal.type("\x03")
    assert terminal.process.wait(10) == 130
    assert terminal.cooked


def test_a_session_can_be_suspended_and_go_on_in_the_background_and_in_the_foreground(
    open_terminal: Callable[..., Terminal], session: tuple[str, ...]
) -> None:
    if shutil.which("bash") is None:
        pytest.skip("needs bash, for its control of jobs")
    terminal = open_terminal("bash", "--norc", "--noediting", "-i")
    terminal.wait_for("ready> ")
    terminal.type(" ".join(f"'{part}'" for part in session) + "\n")
    terminal.wait_for("keys work in this terminal too")
    terminal.type("t")
    terminal.wait_for("the output is mirrored")
    terminal.type("\x1a")
    terminal.wait_for("Stopped(.|\n)*ready> ")
    assert terminal.cooked
    terminal.type("bg; sleep 0.5; echo the shell has the terminal\n")
    terminal.wait_for("\nthe shell has the terminal")
    terminal.wait_for("ready> ")
    assert terminal.cooked
    terminal.type("fg\n")
    _until(lambda: not terminal.cooked)
    terminal.type("t")
    terminal.wait_for("the output is not mirrored")
    terminal.type("q")
    terminal.wait_for("FPS(.|\n)*ready> ")
    assert terminal.cooked


def test_without_a_terminal_there_are_no_keys(
    tmp_path: Path, home: dict[str, str], session: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [*session, "--frames", "5"],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        env=os.environ | home,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
