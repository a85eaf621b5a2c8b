from __future__ import annotations

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm.animators.base import SourceImage
from fomm.errors import ImageError, NoFaceError
from live.composer import Fit
from live.gallery import (
    AvatarLoader,
    Gallery,
    PreparedAvatar,
    bundled_avatars,
    naming,
    resolve_avatars,
    with_company,
)
from tests.live.doubles import ShiftAnimator, ShiftState


def save(path: Path, width: int = 96, height: int = 64, value: int = 100) -> Path:
    cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [save(tmp_path / f"{name}.png", value=value) for name, value in (("a", 10), ("b", 20), ("c", 30))]


class Shelf:
    """A gallery whose preparations the test lets go one by one."""

    def __init__(self, paths: list[Path]) -> None:
        self.loader = AvatarLoader((96, 64), "blur")
        self.animator = ShiftAnimator()
        self.notices: list[str] = []
        self.prepared: list[str] = []
        self.go = threading.Event()
        self.go.set()
        self.gallery = Gallery(
            paths, self.loader.prepare(self.animator, paths[0]), self.prepare, self.notices.append
        )

    def prepare(self, path: Path) -> PreparedAvatar:
        self.go.wait(5)
        self.prepared.append(path.stem)
        return self.loader.prepare(self.animator, path)

    def settle(self) -> str:
        """Poll until nothing is on its way; the current avatar's name."""
        deadline = time.monotonic() + 5
        while self.gallery.busy and time.monotonic() < deadline:
            self.gallery.poll()
            time.sleep(0.005)
        return self.gallery.current.path.stem


def test_stepping_goes_round_both_ways(pictures: list[Path]) -> None:
    shelf = Shelf(pictures)
    seen = []
    for by in (1, 1, 1, -1, -1):
        shelf.gallery.step(by)
        seen.append(shelf.settle())
    assert seen == ["b", "c", "a", "c", "b"]
    assert shelf.prepared == ["b", "c"]  # the rest was kept


def test_the_current_avatar_stays_until_the_next_is_ready(pictures: list[Path]) -> None:
    shelf = Shelf(pictures)
    shelf.go.clear()
    began = time.monotonic()
    shelf.gallery.step(1)
    assert not shelf.gallery.poll()
    assert time.monotonic() - began < 0.5
    assert shelf.gallery.current.path.stem == "a"
    shelf.gallery.step(1)  # a second press while the first is on its way changes nothing
    shelf.go.set()
    assert shelf.settle() == "b"


def test_pictures_that_cannot_be_used_are_left_out(pictures: list[Path]) -> None:
    pictures[1].write_text("broken")
    shelf = Shelf(pictures)
    shelf.gallery.step(1)
    assert shelf.settle() == "c"
    shelf.gallery.step(-1)
    assert shelf.settle() == "a"
    assert len(shelf.notices) == 1
    assert "b.png" in shelf.notices[0]


def test_where_no_other_can_be_used_the_current_one_stays(pictures: list[Path]) -> None:
    for picture in pictures[1:]:
        picture.write_text("broken")
    shelf = Shelf(pictures)
    shelf.gallery.step(-1)
    assert shelf.settle() == "a"
    assert len(shelf.notices) == 2
    assert "only this avatar" in shelf.gallery.step(1)
    assert shelf.settle() == "a"


def test_only_the_latest_few_are_kept(tmp_path: Path) -> None:
    shelf = Shelf([save(tmp_path / f"{place}.png") for place in range(6)])
    for _ in range(6):
        shelf.gallery.step(1)
        shelf.settle()
    assert shelf.prepared == ["1", "2", "3", "4", "5", "0"]


@pytest.mark.parametrize(
    ("picture", "output", "fit", "expected"),
    [
        ((2000, 1000), (512, 512), "blur", (512, 256)),
        ((2000, 1000), (512, 512), "fill", (1024, 512)),
        ((300, 200), (1280, 720), "blur", (300, 200)),
        ((3000, 3000), (4096, 4096), "blur", (1920, 1920)),
        ((601, 601), (1280, 720), "pad", (601, 601)),
    ],
)
def test_no_more_pixels_are_animated_than_the_output_shows(
    tmp_path: Path, picture: tuple[int, int], output: tuple[int, int], fit: Fit, expected: tuple[int, int]
) -> None:
    path = save(tmp_path / "picture.png", *picture)
    prepared = AvatarLoader(output, fit).prepare(ShiftAnimator(), path)
    assert prepared.state.portrait.shape[1::-1] == expected
    assert prepared.rest.shape[1::-1] == output


def test_a_face_too_small_at_the_outputs_size_is_animated_larger(tmp_path: Path) -> None:
    class LargeOnly(ShiftAnimator):
        tried: list[int] = []  # noqa: RUF012

        def prepare(self, source: SourceImage) -> ShiftState:
            self.tried.append(source.pixels.shape[1])
            if self.tried[-1] < smallest:
                raise NoFaceError("too small")
            return super().prepare(source)

    smallest = 400
    animator = LargeOnly()
    loader = AvatarLoader((128, 128), "blur")
    path = save(tmp_path / "crowd.png", 1000, 500)
    assert loader.prepare(animator, path).rest.shape == (128, 128, 3)
    assert animator.tried == [128, 256, 512]
    smallest = 9999
    with pytest.raises(NoFaceError):
        loader.prepare(animator, path)
    assert animator.tried[-1] == 1000


def test_what_is_shown_while_preparing_is_what_is_shown_at_rest(pictures: list[Path]) -> None:
    loader = AvatarLoader((200, 100), "blur")
    rest = loader.prepare(ShiftAnimator(), pictures[0]).rest
    assert (loader.rest_frame(loader.load(pictures[0])) == rest).all()


def test_there_are_two_bundled_avatars_or_more() -> None:
    assert len(bundled_avatars()) >= 2


@pytest.fixture
def two_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folder = tmp_path / "bundled"
    folder.mkdir()
    found = [save(folder / "Ada.jpg"), save(folder / "grace.png")]
    monkeypatch.setattr(naming, "bundled_avatars", lambda: found)
    return found


def test_resolving_names(tmp_path: Path, two_bundled: list[Path], pictures: list[Path]) -> None:
    ada, grace = two_bundled
    assert resolve_avatars(()) == [ada, grace]
    assert resolve_avatars(["ada"]) == [ada]
    assert with_company(resolve_avatars(["grace.png"])) == [grace, ada]
    assert with_company(resolve_avatars([str(pictures[1])])) == [pictures[1], ada, grace]
    assert with_company([grace, ada]) == [grace, ada]
    assert resolve_avatars([str(pictures[1]), "grace"]) == [pictures[1], grace]
    assert resolve_avatars([str(tmp_path)]) == pictures


def test_what_cannot_be_resolved_lists_the_bundled_names(tmp_path: Path, two_bundled: list[Path]) -> None:
    with pytest.raises(ImageError, match=r"nobody: no such picture.*Ada, grace"):
        resolve_avatars(["nobody"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImageError, match="holds no picture"):
        resolve_avatars([str(empty)])
