"""Standard output and error that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs bash")

FOMM = "from fomm.cli import main; main()"
LIVE = "from live.cli import main; main()"


def run(redirected: str, code: str, arguments: Sequence[str | Path], folder: Path) -> tuple[int, str]:
    """The command's status, and what it said on standard error."""
    script = f'{{ "$0" -c "$1" "${{@:2}}"; echo $? > status; }} {redirected}'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, code, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return int((folder / "status").read_text()), done.stderr


@pytest.mark.parametrize(("code", "arguments"), [(FOMM, ["models", "list"]), (LIVE, ["keys"])])
def test_a_reader_that_has_gone_ends_a_command_without_a_word(
    tmp_path: Path, code: str, arguments: list[str]
) -> None:
    status, said = run("| true", code, arguments, tmp_path)
    assert (status, said) == (1, "")


@pytest.mark.parametrize(("code", "arguments"), [(FOMM, ["models", "list"]), (LIVE, ["keys"])])
def test_a_full_disk_is_one_line(tmp_path: Path, code: str, arguments: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    status, said = run("> /dev/full", code, arguments, tmp_path)
    assert status == 2
    assert said.count("\n") == 1
    assert "the output cannot be written (No space left on device)" in said


@pytest.mark.parametrize("redirected", ["2>&1 | true", "<&- >&- 2>&-"], ids=["terminal gone", "none"])
def test_a_session_goes_on_without_anybody_to_tell(tmp_path: Path, redirected: str, avatar: Path) -> None:
    flags = ("--camera", "demo", "--no-pace", "--frames", "40", "--size", "128x128", "--report", "r.json")
    odd = tmp_path / "pictures"
    odd.mkdir()
    (odd / "a.png").write_bytes(b"no picture: a notice that nobody reads")
    (odd / "b.jpg").write_bytes(avatar.read_bytes())
    status, _ = run(redirected, LIVE, ["--avatar", odd, *flags, "--sink", "o.mp4"], tmp_path)
    assert status == 0
    assert (tmp_path / "r.json").exists()
    assert (tmp_path / "o.mp4").stat().st_size > 1000
