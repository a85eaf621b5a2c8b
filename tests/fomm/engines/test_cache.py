"""What engines keep between starts: damaged entries are none, and what cannot be kept is done without."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm.engines import cache

ENTRY = {"engine": "torch", "notices": []}


def test_an_entry_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "entry.bin"
    assert cache.read_record(path) is None
    cache.write_record(path, ENTRY)
    assert cache.read_record(path) == ENTRY
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data[:30],
        lambda _: b"",
        lambda data: data + b"x",
        lambda data: data[:-5] + b"#" + data[-4:],
        lambda _: b"another program's file",
    ],
    ids=["cut by one", "cut", "empty", "longer", "changed", "another's"],
)
def test_a_damaged_entry_is_none_and_is_replaced(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "entry.bin"
    cache.write_record(path, ENTRY)
    path.write_bytes(spoil(path.read_bytes()))
    assert cache.read_record(path) is None
    cache.write_record(path, ENTRY)
    assert cache.read_record(path) == ENTRY


def test_whole_but_no_record(tmp_path: Path) -> None:
    path = tmp_path / "entry.bin"
    for content in (b"[1, 2]", b"\xff", b""):
        cache.write(path, content)
        assert cache.read(path) == content
        assert cache.read_record(path) is None


def test_on_a_full_disk_nothing_is_kept_and_nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    cache.write_record(tmp_path / "entry.bin", ENTRY)
    assert list(tmp_path.iterdir()) == []


def test_where_no_folder_can_be_made_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache.write_record(tmp_path / "file" / "entry.bin", ENTRY)
    assert cache.read_record(tmp_path / "file" / "entry.bin") is None
