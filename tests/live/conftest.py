"""The real command in a process of its own, and what it is tried on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
