"""The real command in a process of its own, and what it is tried on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm import resources
from tests.fomm.conftest import make_small_model, recipe  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def clip() -> Path:
    """The bundled driving clip."""
    return resources.CLIPS / "talking_head.mp4"


@pytest.fixture(scope="session")
def avatar() -> Path:
    """The first bundled avatar."""
    return sorted(path for path in resources.AVATARS.iterdir() if path.suffix in (".jpg", ".png"))[0]


@dataclass
class Finished:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    def report(self, path: Path) -> dict[str, Any]:
        assert self.status in (0, 130), self.stderr
        return json.loads(path.read_text())


class Screen:
    """An X server without a screen to look at, whose picture can be read.

    Attributes:
        name: what `DISPLAY` is set to.
        environment: what a program needs that is to show its window in the upper left corner.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1600, 900)) -> None:
        read, write = os.pipe()
        self._framebuffer = folder / "Xvfb_screen0"
        self._server = subprocess.Popen(
            [
                "Xvfb",
                "-displayfd",
                str(write),
                "-screen",
                "0",
                f"{size[0]}x{size[1]}x24",
                "-fbdir",
                str(folder),
            ],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as answer:
            self.name = f":{answer.readline().strip()}"
        self.environment = {"DISPLAY": self.name, "SDL_VIDEO_WINDOW_POS": "0,0"}

    def look(self) -> np.ndarray:
        """What is on it now, `(H, W, 3)` uint8 RGB."""
        dump = self._framebuffer.read_bytes()  # X11's own window dump
        header = struct.unpack(">25I", dump[:100])
        width, height, row = header[4], header[5], header[12]
        pixels = np.frombuffer(dump, np.uint8, row * height, header[0] + 12 * header[19])
        return pixels.reshape(height, row // 4, 4)[:, :width, 2::-1].copy()

    def wait_for(
        self, seen: Callable[[np.ndarray], Any], timeout: float = 30, every: float = 0.1
    ) -> np.ndarray:
        """The first picture of which `seen` is true; one is looked at `every` so many seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            picture = self.look()
            if seen(picture):
                return picture
            time.sleep(every)
        raise AssertionError("what was waited for never came to be seen")

    def press(self, *keys: str) -> None:
        """Type keys into the only window there is, spelt as xdotool does.

        The window may go when a key is pressed, before xdotool lets it go again.
        """
        if shutil.which("xdotool") is None:
            pytest.skip("needs xdotool, which presses keys (Debian: apt install xdotool)")
        done = subprocess.run(
            [
                "xdotool",
                "search",
                "--class",
                "fomm-live",
                "windowfocus",
                "--sync",
                "key",
                "--delay",
                "60",
                *keys,
            ],
            env=os.environ | {"DISPLAY": self.name},
            timeout=30,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or "X_SendEvent" in done.stderr, done.stderr

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()


@pytest.fixture
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """A display of its own for a test."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb, a display without a screen (Debian: apt install xvfb)")
    shown = Screen(tmp_path_factory.mktemp("screen"))
    yield shown
    shown.close()


class Running:
    """`fomm-live` in a process of its own."""

    def __init__(self, *arguments: str | Path, cwd: Path, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from live.cli import main; main()", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=env,
        )

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def finish(self, timeout: float = 60) -> Finished:
        stdout, stderr = self.process.communicate(timeout=timeout)
        return Finished(self.process.returncode, stdout, stderr)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a user of whom nothing is stored yet: no settings, no state, no videos. In force."""
    folder = tmp_path_factory.mktemp("home")
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    environment = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_RUNTIME_DIR": str(runtime),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.fixture
def start(tmp_path: Path, home: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Start `fomm-live` with arguments, in an empty folder, without a display; what still runs is ended."""
    running: list[Running] = []

    def start(*arguments: str | Path, **environment: str) -> Running:
        env = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
        env |= home | environment
        running.append(Running(*arguments, cwd=tmp_path, env=env))
        return running[-1]

    yield start
    for command in running:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()


@pytest.fixture
def fomm_live(start: Callable[..., Running]) -> Callable[..., Finished]:
    """Run `fomm-live` to its end."""

    def run(*arguments: str | Path, **environment: str) -> Finished:
        return start(*arguments, **environment).finish()

    return run
