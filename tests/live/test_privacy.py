"""After set-up nothing leaves the machine. That the driver stays unseen is in test_driver_pixels.py."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = "connect,sendto,sendmsg,sendmmsg"


def traced(tmp_path: Path, code: str, *arguments: str | Path, may_refuse: bool = False) -> list[str]:
    """The network calls that some Python code and all its threads and children make.

    Args:
        may_refuse: whether the code may end with another status than 0.
    """
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
    assert done.returncode == 0 or may_refuse, done.stderr
    return [line for line in log.read_text().splitlines() if "AF_INET" in line]


@pytest.mark.parametrize("tracker", ["openvino", "mediapipe"])
def test_a_session_connects_to_nothing(tmp_path: Path, avatar: Path, tracker: str) -> None:
    code = "from live.cli import main; main()"
    flags = ["--camera", "demo", "--no-pace", "--frames", "40", "--size", "256x256", "--sink", "o.mp4"]
    assert traced(tmp_path, code, "--avatar", avatar, "--tracker", tracker, *flags) == []


@pytest.mark.parametrize("command", [["doctor", "--json"], ["setup-camera"], ["cameras"]])
def test_looking_at_the_system_connects_to_nothing(tmp_path: Path, command: list[str]) -> None:
    code = "from live.cli import main; main()"
    # The doctor says by its status that something is missing.
    assert traced(tmp_path, code, *command, may_refuse=command[0] == "doctor") == []


def test_the_watch_would_see_a_connection(tmp_path: Path) -> None:
    code = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9))"
    assert len(traced(tmp_path, code)) == 1
