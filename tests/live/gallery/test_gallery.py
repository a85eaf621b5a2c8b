from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm.animators.base import SourceImage
from fomm.annotation import Annotation, write_annotation
from fomm.errors import ConfigError, ImageError, NoFaceError
from live.gallery import AvatarLoader, Collection, Examined, Gallery, PreparedAvatar
from tests.fomm.annotation.test_fitting import key_points
from tests.live.doubles import ShiftAnimator


def save(path: Path, width: int = 96, height: int = 64, value: int = 100) -> Path:
    cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("a", 10), ("b", 20), ("c", 30), ("d", 40), ("e", 50)):
        save(tmp_path / f"{name}.png", value=value)
    return tmp_path


class Shelf:
    """A gallery whose preparations the test lets go."""

    def __init__(self, folder: Path, *, head_start: float = 0.0) -> None:
        self.loader, self.animator = AvatarLoader((96, 64), "blur"), ShiftAnimator()
        self.notices: list[str] = []
        self.examined: list[str] = []
        self.prepared: list[str] = []
        self.go = threading.Event()
        self.go.set()
        collection = Collection([folder])
        first = self.loader.prepare(self.animator, next(iter(collection.scan())))
        self.gallery = Gallery(
            collection,
            first,
            examine=self.examine,
            prepare=self.prepare,
            notify=self.notices.append,
            head_start=head_start,
            look_s=0.1,
        )

    def examine(self, path: Path) -> Examined:
        self.examined.append(path.stem)
        return self.loader.examine(self.animator, path)

    def prepare(self, path: Path) -> PreparedAvatar:
        self.go.wait(5)
        self.prepared.append(path.stem)
        return self.loader.prepare(self.animator, path)

    def until(self, there: Callable[[], bool], timeout: float = 8.0) -> None:
        deadline = time.monotonic() + timeout
        while not there():
            assert time.monotonic() < deadline, (self.states(), self.notices)
            self.gallery.poll()
            time.sleep(0.005)

    def settle(self) -> str:
        """Poll until everything is ready; the current avatar's name."""
        self.until(lambda: self.gallery.idle)
        return self.gallery.current.path.stem

    def states(self) -> dict[str, str]:
        return {thumbnail.name: thumbnail.state for thumbnail in self.gallery.thumbnails()}


@pytest.fixture
def shelf(folder: Path) -> Iterator[Shelf]:
    shelf = Shelf(folder)
    yield shelf
    shelf.go.set()
    shelf.gallery.close()
    assert not any(thread.name == "gallery" for thread in threading.enumerate())


def test_the_nearest_are_made_ready_first_and_the_rest_is_looked_at(shelf: Shelf) -> None:
    shelf.settle()
    assert shelf.prepared == ["b", "e"], "the neighbours, and no more: memory is bounded"
    assert shelf.examined[:2] == ["b", "e"]
    assert sorted(shelf.examined) == ["a", "b", "c", "d", "e"]
    assert shelf.states() == {"a": "ready", "b": "ready", "c": "still", "d": "still", "e": "ready"}
    thumbnails = shelf.gallery.thumbnails()
    assert [thumbnail.number for thumbnail in thumbnails] == [1, 2, 3, 4, 5]
    assert [thumbnail.current for thumbnail in thumbnails] == [True, False, False, False, False]
    assert all(thumbnail.pixels is not None for thumbnail in thumbnails)
    assert shelf.gallery.thumbnails() is thumbnails, "the same as long as nothing changes"


def test_a_ready_avatar_is_current_at_the_next_poll(shelf: Shelf) -> None:
    shelf.settle()
    shelf.go.clear()
    assert shelf.gallery.step(1) == "avatar: b"
    assert shelf.gallery.poll()
    assert shelf.gallery.current.path.stem == "b"
    assert shelf.gallery.current.ready


def test_one_that_is_not_ready_is_shown_at_rest_at_the_next_poll(shelf: Shelf) -> None:
    shelf.settle()
    shelf.go.clear()
    assert shelf.gallery.choose(3) == "avatar: c"
    assert shelf.gallery.poll()
    current = shelf.gallery.current
    assert (current.path.stem, current.ready) == ("c", False)
    assert abs(int(current.rest.mean()) - 30) <= 1
    assert shelf.gallery.busy
    shelf.go.set()
    shelf.settle()
    assert (shelf.gallery.current.path.stem, shelf.gallery.current.ready) == ("c", True)


def test_going_round_both_ways(shelf: Shelf) -> None:
    seen = []
    for by in (1, 1, -1, -1, -1):
        shelf.gallery.step(by)
        seen.append(shelf.settle())
    assert seen == ["b", "c", "b", "a", "e"]


def test_a_key_held_down_prepares_what_it_stops_at(shelf: Shelf) -> None:
    shelf.settle()
    shelf.go.clear()
    for _ in range(7):
        shelf.gallery.step(1)
        shelf.gallery.poll()
    shelf.go.set()
    assert shelf.settle() == "c"
    assert shelf.prepared.count("d") <= 1


def test_no_more_than_a_few_are_kept(shelf: Shelf) -> None:
    for _ in range(12):
        shelf.gallery.step(1)
        shelf.settle()
        assert list(shelf.states().values()).count("ready") <= 4


def test_numbers_that_are_none_say_so(shelf: Shelf) -> None:
    with pytest.raises(ConfigError, match="no avatar 7; the gallery holds 5"):
        shelf.gallery.choose(7)


def test_unusable_pictures_are_listed_with_the_reason_and_stepped_over(folder: Path) -> None:
    (folder / "b.png").write_text("broken")
    shelf = Shelf(folder)
    with shelf.gallery:
        shelf.settle()
        assert shelf.states()["b"] == "unusable"
        assert "not a picture" in shelf.gallery.thumbnails()[1].reason
        shelf.until(lambda: bool(shelf.notices))
        assert shelf.notices == ["1 picture of the gallery cannot be used: b.png; fomm-live avatars says why"]
        shelf.gallery.step(1)
        assert shelf.settle() == "c"
        with pytest.raises(ImageError, match="not a picture"):
            shelf.gallery.choose(2)
        assert shelf.settle() == "c"


def test_one_that_turns_out_unusable_is_skipped_in_the_same_direction(folder: Path) -> None:
    shelf = Shelf(folder, head_start=60)
    with shelf.gallery:
        (folder / "e.png").write_text("broken")
        shelf.gallery.poll()
        shelf.gallery.step(-1)
        shelf.until(lambda: not shelf.gallery.busy)
        assert shelf.gallery.current.path.stem == "d"
        assert any("avatar left out" in notice and "e.png" in notice for notice in shelf.notices)


def test_a_picture_that_only_preparing_finds_out_about_does_not_stay_on_screen(shelf: Shelf) -> None:
    prepare = shelf.loader.prepare

    def fails(animator: ShiftAnimator, path: Path) -> PreparedAvatar:
        if path.stem == "c":
            raise RuntimeError("out of memory")
        return prepare(animator, path)

    shelf.loader.prepare = fails  # type: ignore[method-assign]
    shelf.settle()
    shelf.gallery.choose(3)
    assert shelf.settle() == "d"
    assert shelf.states()["c"] == "unusable"
    assert "out of memory" in shelf.gallery.thumbnails()[2].reason


def test_where_no_other_can_be_used_the_current_one_stays(folder: Path) -> None:
    for name in "bcde":
        (folder / f"{name}.png").write_text("broken")
    shelf = Shelf(folder)
    with shelf.gallery:
        assert shelf.settle() == "a"
        with pytest.raises(ConfigError, match="only this avatar"):
            shelf.gallery.step(1)
        assert shelf.settle() == "a"


def test_pictures_that_appear_are_shown_and_told(shelf: Shelf, folder: Path) -> None:
    shelf.settle()
    save(folder / "bb.png", value=70)
    shelf.until(lambda: shelf.states().get("bb") in ("still", "ready"))
    assert list(shelf.states()) == ["a", "b", "bb", "c", "d", "e"]
    assert shelf.notices == ["new avatar 3: bb"]
    shelf.gallery.choose(3)
    assert shelf.settle() == "bb"


def test_a_rescan_looks_at_once_and_gives_unusable_ones_another_chance(folder: Path) -> None:
    found = [False]
    shelf = Shelf(folder)

    def look(path: Path) -> Examined:
        if path.stem == "b" and not found[0]:
            raise NoFaceError("b.png: no face found")
        return shelf.loader.examine(shelf.animator, path)

    shelf.gallery._examine = look
    with shelf.gallery:
        shelf.settle()
        assert shelf.states()["b"] == "unusable"
        found[0] = True
        assert "looking for pictures" in shelf.gallery.rescan()
        shelf.until(lambda: shelf.states()["b"] == "ready")


def test_a_half_copied_picture_is_tried_again_once_it_is_whole(shelf: Shelf, folder: Path) -> None:
    shelf.settle()
    rng = np.random.default_rng(3)
    whole = cv2.imencode(".png", rng.integers(0, 255, (200, 300, 3), np.uint8))[1].tobytes()
    path = folder / "f.png"
    path.write_bytes(whole[: len(whole) // 2])
    shelf.until(lambda: shelf.states().get("f") == "unusable")
    assert "damaged or incomplete" in shelf.gallery.thumbnails()[5].reason
    path.write_bytes(whole)
    shelf.until(lambda: shelf.states()["f"] in ("still", "ready"))
    assert any("new avatar 6: f" in notice for notice in shelf.notices)


def test_a_growing_file_is_left_alone_until_it_stops(shelf: Shelf, folder: Path) -> None:
    shelf.settle()
    rng = np.random.default_rng(3)
    whole = cv2.imencode(".png", rng.integers(0, 255, (200, 300, 3), np.uint8))[1].tobytes()
    path = folder / "f.png"
    with path.open("wb") as file:
        for start in range(0, len(whole), len(whole) // 20):
            file.write(whole[start : start + len(whole) // 20])
            file.flush()
            shelf.gallery.poll()
            time.sleep(0.1)
    shelf.until(lambda: shelf.states().get("f") in ("still", "ready"))
    assert not any("left out" in notice for notice in shelf.notices)


def test_an_avatar_deleted_while_shown_goes_on(shelf: Shelf, folder: Path) -> None:
    shelf.gallery.step(1)
    assert shelf.settle() == "b"
    (folder / "b.png").unlink()
    shelf.until(lambda: any("b.png is no longer there" in notice for notice in shelf.notices))
    assert shelf.settle() == "b"
    assert shelf.gallery.current.ready
    assert list(shelf.states()) == ["a", "b", "c", "d", "e"]
    shelf.gallery.step(1)
    assert shelf.settle() == "c"
    assert list(shelf.states()) == ["a", "c", "d", "e"]
    shelf.gallery.step(-1)
    assert shelf.settle() == "a"


def test_a_folder_that_vanishes_leaves_the_current_avatar(tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    for name in "abc":
        save(folder / f"{name}.png")
    shelf = Shelf(folder)
    with shelf.gallery:
        shelf.settle()
        folder.rename(tmp_path / "unplugged")
        shelf.until(lambda: list(shelf.states()) == ["a"])
        with pytest.raises(ConfigError, match="only this avatar"):
            shelf.gallery.step(1)
        (tmp_path / "unplugged").rename(folder)
        shelf.until(lambda: list(shelf.states()) == ["a", "b", "c"])
        shelf.gallery.step(1)
        assert shelf.settle() == "b"


def test_a_picture_that_is_edited_is_made_ready_again(shelf: Shelf, folder: Path) -> None:
    shelf.settle()
    save(folder / "a.png", value=200)
    shelf.until(lambda: int(shelf.gallery.current.rest.mean()) == 200)
    assert shelf.gallery.current.ready


def test_an_annotation_that_appears_makes_the_picture_usable(shelf: Shelf, folder: Path) -> None:
    def look(source: SourceImage) -> None:
        if source.landmarks is None and source.name == "c.png":
            raise NoFaceError("c.png: no face found")

    shelf.animator.look = look  # type: ignore[method-assign]
    shelf.settle()
    assert shelf.states()["c"] == "unusable"
    write_annotation(folder / "c.png", Annotation((96, 64), key_points(scale=40, at=(48, 30))))
    shelf.until(lambda: shelf.states()["c"] == "still")


def test_nothing_is_done_ahead_of_the_head_start(folder: Path) -> None:
    shelf = Shelf(folder, head_start=60)
    with shelf.gallery:
        for _ in range(30):
            shelf.gallery.poll()
            time.sleep(0.01)
        assert shelf.examined == shelf.prepared == []
        shelf.gallery.step(1)
        shelf.until(lambda: not shelf.gallery.busy)
        assert shelf.prepared == ["b"]
