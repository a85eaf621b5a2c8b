"""The real command, while pictures appear in its folder, vanish and break."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fomm import resources


def test_the_folder_changes_while_a_session_runs(tmp_path: Path, start: Callable[..., Any]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(resources.AVATARS / "amara.jpg", folder / "amara.jpg")
    session = start(
        "--avatars", folder, "--camera", "demo", "--loop", "--size", "256x256", "--sink", "talk.mp4",
        "--frames", "500",
    )  # fmt: skip
    time.sleep(6)
    shutil.copy(resources.AVATARS / "henrik.jpg", folder / "henrik.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n rest is missing")
    time.sleep(5)
    (folder / "amara.jpg").unlink()
    done = session.finish(90)
    assert done.status == 0, done.stderr
    assert "new avatar" in done.stderr
    assert "henrik" in done.stderr
    assert "avatar left out" in done.stderr
    assert "broken.png" in done.stderr
    assert "amara.jpg is no longer there" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "talk.mp4").stat().st_size > 10_000
