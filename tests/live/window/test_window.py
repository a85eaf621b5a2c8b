"""The real command with its real window, on a display without a screen."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from live.window.style import ACCENT, TONES
from tests.live.conftest import Running, Screen


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=2) <= 12).sum())


def test_the_window_shows_the_driver_the_result_and_the_help(
    start: Callable[..., Running], screen: Screen, avatar: Path, clip: Path
) -> None:
    running = start(
        *("--avatar", avatar, "--camera", clip, "--loop", "--sink", "window"), **screen.environment
    )
    driven = screen.wait_for(lambda seen: count(seen[:, :640], TONES["good"]) > 150)
    assert count(driven[:60, 640:1280], (255, 255, 255)) > 50, "the numbers"
    assert count(driven[:400, 640:1280], TONES["good"]) < 50, "no corners over the result"
    before = count(driven, ACCENT)
    screen.press("question")
    screen.wait_for(lambda seen: count(seen, ACCENT) > before + 300)
    screen.press("q")
    assert running.finish().status == 0


def test_without_a_display_the_window_is_refused(
    fomm_live: Callable[..., object], avatar: Path, clip: Path
) -> None:
    done = fomm_live("--avatar", avatar, "--camera", clip, "--sink", "window")
    assert done.status == 2  # type: ignore[attr-defined]
    assert "no preview window" in done.stderr  # type: ignore[attr-defined]


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent of Xlib.h, as long as an XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 12),
    )


def ask_to_close(display_name: str, window: int) -> None:
    """What a window manager sends when the cross is clicked."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(display_name.encode()))
    atoms = [x11.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
    message = ClientMessage(33, 0, 1, display, window, atoms[0], 32, (ctypes.c_long * 5)(atoms[1]))
    assert x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    x11.XCloseDisplay(display)


def test_closing_the_window_ends_the_session(
    start: Callable[..., Running], screen: Screen, avatar: Path, clip: Path, tmp_path: Path
) -> None:
    if shutil.which("xdotool") is None:
        pytest.skip("needs xdotool, which presses keys (Debian: apt install xdotool)")
    running = start(
        *("--avatar", avatar, "--camera", clip, "--loop", "--sink", "window", "--report", "r.json"),
        DISPLAY=screen.name,
    )
    screen.wait_for(lambda seen: count(seen[:, :640], TONES["good"]) > 150)
    found = subprocess.run(
        ["xdotool", "search", "--sync", "--class", "fomm-live"],
        env=os.environ | {"DISPLAY": screen.name},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    ask_to_close(screen.name, int(found.stdout.split()[-1]))
    done = running.finish()
    assert (done.status, done.stderr) == (0, "")
    assert done.report(tmp_path / "r.json")["frames_out"] > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 displays are looked for on Linux only")
def test_a_display_that_goes_takes_the_window_with_it_and_not_the_session(
    start: Callable[..., Running], screen: Screen, clip: Path, tmp_path: Path
) -> None:
    running = start(
        *("--camera", clip, "--loop", "--sink", "window", "--sink", "talk.mp4", "--size", "256x256"),
        **screen.environment,
    )
    screen.wait_for(lambda seen: count(seen[:, :640], TONES["good"]) > 150, 60)
    screen.close()
    time.sleep(1)
    before = (tmp_path / "talk.mp4").stat().st_size
    deadline = time.monotonic() + 60
    while (tmp_path / "talk.mp4").stat().st_size == before:
        assert running.process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running.interrupt()
    done = running.finish()
    assert done.status == 130, done.stderr
    assert "the display is gone; window was closed, the session goes on" in done.stderr
