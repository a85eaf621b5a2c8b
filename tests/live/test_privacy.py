"""After set-up nothing leaves the machine. That the driver stays unseen is in test_driver_pixels.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm.video import VideoReader
from live.hotkeys import Command
from live.remote import Order, send
from tests.live.conftest import Screen
from tests.live.doubles import write_video

#: Of all threads and children; by --seccomp-bpf no other call stops for the watcher.
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o")


LIVE, FOMM = "from live.cli import main; main()", "from fomm.cli import main; main()"


def watched(log: Path, code: str, *arguments: str | Path) -> list[str | Path]:
    """The command line that runs some Python code and notes the network calls of all its threads and children."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, to see what native code does (Debian: apt install strace)")
    return [*STRACE, log, sys.executable, "-c", code, *arguments]


def outbound(log: Path) -> list[str]:
    """Calls that could leave the machine, or reach another program than a session of ours, the user's display or
    the system's list of users."""
    own = ("fomm-live", ".X11-unix", "/nscd/")
    lines = log.read_text().splitlines()
    return [
        line
        for line in lines
        if "AF_INET" in line or ("AF_UNIX" in line and not any(name in line for name in own))
    ]


def traced(tmp_path: Path, code: str, *arguments: str | Path, may_refuse: bool = False) -> list[str]:
    """The network calls that some Python code makes.

    Args:
        may_refuse: whether the code may end with another status than 0.
    """
    log = tmp_path / "calls.log"
    done = subprocess.run(
        watched(log, code, *arguments), cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    if "PTRACE" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("strace may not trace here (a container without the SYS_PTRACE capability)")
    assert done.returncode == 0 or may_refuse, done.stderr
    return outbound(log)


def test_a_session_with_mediapipe_connects_to_nothing(tmp_path: Path, avatar: Path) -> None:
    """With OpenVINO, the default, does the whole call below."""
    flags = ["--camera", "demo", "--no-pace", "--frames", "40", "--size", "256x256", "--sink", "o.mp4"]
    assert traced(tmp_path, LIVE, "--avatar", avatar, "--tracker", "mediapipe", *flags) == []


@pytest.mark.parametrize(
    "command", [["doctor"], ["setup-camera"], ["cameras"], ["avatars"], ["config", "show"]]
)
def test_looking_at_the_system_connects_to_nothing(tmp_path: Path, command: list[str]) -> None:
    # The doctor says by its status that something is missing.
    assert traced(tmp_path, LIVE, *command, may_refuse=command[0] == "doctor") == []


def test_a_whole_call_connects_to_nothing(
    tmp_path: Path, screen: Screen, clip: Path, home: dict[str, str]
) -> None:
    """With its window, commands from elsewhere, other avatars and sizes, a recording and a snapshot."""
    log, sent = tmp_path / "calls.log", tmp_path / "send.log"
    session = subprocess.Popen(
        watched(log, LIVE, "--camera", clip, "--loop", "--sink", "window", "--size", "256x256"),
        cwd=tmp_path,
        env=os.environ | home | {"DISPLAY": screen.name},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: any((Path(home["XDG_RUNTIME_DIR"]) / "fomm-live").glob("*.sock")), session)
        wait_for(lambda: screen.look().max() > 0, session)
        subprocess.run(watched(sent, LIVE, "send", "recalibrate"), check=True, timeout=120)
        for command, argument in [
            (Command.NEXT_AVATAR, ""),
            (Command.RECORD, ""),
            (Command.SIZE, "320x240"),
            (Command.PRIVACY_CARD, ""),
            (Command.SNAPSHOT, ""),
            (Command.RECORD, ""),
            (Command.RESCAN, ""),
            (Command.QUIT, ""),
        ]:
            time.sleep(0.5)
            ((_, answer),) = send(Order(command, argument))
            assert answer.done, answer.text
        assert session.wait(60) == 0
    finally:
        session.kill()
        session.communicate()
    assert outbound(log) == []
    assert outbound(sent) == []
    assert "fomm-live" in sent.read_text(), "the watch did see how send reaches the session"


def wait_for(happened: Callable[[], Any], session: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        if session.poll() is not None:
            assert session.stderr is not None
            said = session.stderr.read()
            if "PTRACE" in said or "Operation not permitted" in said:
                pytest.skip("strace may not trace here (a container without the SYS_PTRACE capability)")
            raise AssertionError(said)
        time.sleep(0.1)


@pytest.mark.parametrize("neural", [False, True], ids=["landmark-warp", "neural"])
def test_animating_a_file_connects_to_nothing(
    tmp_path: Path, avatar: Path, clip: Path, make_small_model: Callable[..., Any], neural: bool
) -> None:
    flags: list[str | Path] = ["--max-side", "256"]
    if neural:
        small = make_small_model("faces", face_crop=True)
        flags = ["--model", small.config, "--checkpoint", small.checkpoint, "--engine", "torch"]
    assert traced(tmp_path, FOMM, "animate", avatar, short(clip, tmp_path), "-o", "out.mp4", *flags) == []
    assert (tmp_path / "out.mp4").exists()


def short(clip: Path, folder: Path) -> Path:
    with VideoReader(clip) as reader:
        return write_video(
            folder / "short.mp4", [pixels for _, (pixels, _) in zip(range(8), reader, strict=False)]
        )


def test_the_watch_would_see_a_connection(tmp_path: Path) -> None:
    code = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 9))"
    assert len(traced(tmp_path, code)) == 1
