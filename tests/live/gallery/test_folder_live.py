"""The real command, while pictures appear in its folder, vanish and break."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fomm import resources
from tests.live.conftest import Running


def test_the_folder_changes_while_a_session_runs(tmp_path: Path, start: Callable[..., Running]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(resources.AVATARS / "amara.jpg", folder / "amara.jpg")
    session = start(
        *("--avatars", folder, "--camera", "demo", "--loop", "--size", "256x256", "--sink", "talk.mp4")
    )
    told: list[str] = []
    stderr = session.process.stderr
    assert stderr is not None
    reader = threading.Thread(target=lambda: told.extend(iter(stderr.readline, "")), daemon=True)
    reader.start()

    def until(what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not what():
            assert session.process.poll() is None, told
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    def says(*parts: str) -> Callable[[], bool]:
        return lambda: any(all(part in line for part in parts) for line in list(told))

    until(lambda: (tmp_path / "talk.mp4").exists() and (tmp_path / "talk.mp4").stat().st_size > 1000)
    shutil.copy(resources.AVATARS / "henrik.jpg", folder / "henrik.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n rest is missing")
    until(says("new avatar", "henrik"))
    until(says("avatar left out", "broken.png"))
    (folder / "amara.jpg").unlink()
    until(says("amara.jpg is no longer there"))
    before = (tmp_path / "talk.mp4").stat().st_size
    until(lambda: (tmp_path / "talk.mp4").stat().st_size > before)  # and goes on being shown
    session.interrupt()
    assert session.process.wait(60) == 130
    reader.join(10)
    assert not says("Traceback")()
