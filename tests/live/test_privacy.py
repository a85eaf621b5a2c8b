"""After set-up nothing leaves the machine: a whole session, watched from outside."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = "connect,sendto,sendmsg,sendmmsg"


def traced(tmp_path: Path, code: str, *arguments: str | Path) -> list[str]:
    """The network calls that some Python code and all its threads and children make."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, to see what native code does (Debian: apt install strace)")
    log = tmp_path / "calls.log"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", f"trace={CALLS}", "-o", log, sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "PTRACE" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("strace may not trace here (a container without the SYS_PTRACE capability)")
    assert done.returncode == 0, done.stderr
    return [line for line in log.read_text().splitlines() if "AF_INET" in line]


def test_a_session_connects_to_nothing(tmp_path: Path, avatar: Path) -> None:
    code = "from live.cli import main; main()"
    flags = ["--camera", "demo", "--no-pace", "--frames", "40", "--size", "256x256", "--sink", "o.mp4"]
    assert traced(tmp_path, code, "--avatar", avatar, *flags) == []


def test_the_watch_would_see_a_connection(tmp_path: Path) -> None:
    code = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9))"
    assert len(traced(tmp_path, code)) == 1
