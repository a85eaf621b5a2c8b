"""`fomm-live send` to a session that runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import Finished, Running


@pytest.fixture
def session(
    start: Callable[..., Running],
    fomm_live: Callable[..., Finished],
    avatar: Path,
    clip: Path,
    home: dict[str, str],
) -> Running:
    """A session that listens."""
    running = start(
        *("--avatar", avatar, "--camera", clip, "--loop", "--sink", "null", "--size", "128x128"),
        *("--report", "r.json"),
    )
    folder = Path(home["XDG_RUNTIME_DIR"]) / "fomm-live"
    deadline = time.monotonic() + 30
    while not folder.is_dir() or not any(folder.glob("*.sock")):
        assert time.monotonic() < deadline
        assert running.process.poll() is None
        time.sleep(0.05)
    return running


def test_a_running_session_is_told_what_to_do(
    session: Running, fomm_live: Callable[..., Finished], home: dict[str, str]
) -> None:
    done = fomm_live("send", "mirror-output")
    assert (done.status, done.stdout, done.stderr) == (0, "the output is mirrored\n", "")
    unknown = fomm_live("send", "mirror-outptu")
    assert (unknown.status, unknown.stdout) == (2, "")
    assert unknown.stderr == (
        'fomm-live: no command is called "mirror-outptu"; did you mean mirror-output?\n'
    )
    refused = fomm_live("send", "mirror-output", "please")
    assert (refused.status, refused.stderr) == (2, "fomm-live: mirror-output takes no argument\n")
    assert fomm_live("send", "quit", "--session", str(session.process.pid)).stdout == "the session ends\n"
    assert session.finish().status == 0
    late = fomm_live("send", "quit")
    assert (late.status, late.stderr.count("\n")) == (2, 1)
    assert "no session of yours is running" in late.stderr
    assert list((Path(home["XDG_RUNTIME_DIR"]) / "fomm-live").iterdir()) == []


def test_after_a_killed_session_the_next_one_is_found(
    session: Running, start: Callable[..., Running], fomm_live: Callable[..., Finished], home: dict[str, str]
) -> None:
    session.process.kill()
    session.process.wait()
    assert "no session of yours is running" in fomm_live("send", "stats").stderr
    assert list((Path(home["XDG_RUNTIME_DIR"]) / "fomm-live").iterdir()) == []


def test_without_a_runtime_folder_the_session_runs_and_says_so(
    fomm_live: Callable[..., Finished], avatar: Path, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "fomm-live").write_text("in the way")
    done = fomm_live(
        *("--avatar", avatar, "--camera", clip, "--sink", "null", "--size", "128x128", "--frames", "3"),
        XDG_RUNTIME_DIR=str(tmp_path),
    )
    assert done.status == 0
    assert "note: fomm-live send will not reach this session: " in done.stderr


def test_all_commands_are_listed(fomm_live: Callable[..., Any]) -> None:
    listed = fomm_live("send", "list").stdout
    assert "recalibrate" in listed
    assert "size WIDTHxHEIGHT" in listed
