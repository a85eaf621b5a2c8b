from __future__ import annotations

import os
from pathlib import Path

import pytest

from fomm import resources
from fomm.errors import ConfigError, ImageError
from live.gallery import Collection, bundled_avatars, gallery_folder, naming, resolve_avatars, user_folder
from live.gallery.folder import seed
from tests.live.gallery.test_gallery import save


def test_there_are_two_bundled_avatars_or_more() -> None:
    assert len(bundled_avatars()) >= 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery's folder with two pictures."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    save(folder / "Ada.jpg")
    save(folder / "grace.png")
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return save(tmp_path / "b.png")


def test_resolving_names(folder: Path, picture: Path, tmp_path: Path) -> None:
    ada, grace = folder / "Ada.jpg", folder / "grace.png"

    def resolved(*names: str) -> tuple[list[Path], list[Path]]:
        collection = resolve_avatars(names, folder)
        return collection.asked_for(), list(collection.scan())

    assert resolved() == ([ada, grace], [ada, grace])
    assert resolved("ada") == ([ada], [ada, grace])
    assert resolved("grace.png") == ([grace], [grace, ada])
    assert resolved(str(picture)) == ([picture], [picture, ada, grace])
    assert resolved(str(picture), "grace") == ([picture, grace], [picture, grace])
    assert resolved(str(folder)) == ([ada, grace], [ada, grace])
    bundled = bundled_avatars()[0]
    assert resolved(bundled.stem)[0] == [bundled]


def test_what_cannot_be_resolved_lists_the_known_names(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nobody: no such picture.*Ada, grace.*amara"):
        resolve_avatars(["nobody"], folder)
    with pytest.raises(ImageError, match='--avatar "" names nothing'):
        resolve_avatars([""], folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImageError, match="holds no picture"):
        resolve_avatars([str(empty)], folder)
    with pytest.raises(ImageError, match="holds no picture"):
        resolve_avatars([], empty)


def test_a_picture_is_listed_once_and_hidden_files_never(folder: Path) -> None:
    save(folder / ".half.png")
    (folder / "twin.png").symlink_to(folder / "grace.png")
    assert list(Collection([folder / "Ada.jpg", folder, folder]).scan()) == [
        folder / "Ada.jpg",
        folder / "grace.png",
    ]


def test_the_users_folder_is_seeded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name, **_: tmp_path / name)
    folder = gallery_folder(None, pytest.fail)
    assert folder == user_folder() == tmp_path / "fomm-live" / "avatars"
    names = [path.name for path in bundled_avatars()]
    assert [path.name for path in Collection([folder]).scan()] == names
    (folder / names[0]).unlink()
    own = save(folder / names[1])
    assert gallery_folder(None, pytest.fail) == folder
    assert [path.name for path in Collection([folder]).scan()] == names[1:], "what was thrown away stays away"
    assert own.stat().st_size != (resources.AVATARS / names[1]).stat().st_size, "and what was put there stays"


def test_what_a_later_version_bundles_is_added(tmp_path: Path) -> None:
    names = [path.name for path in bundled_avatars()]
    folder = tmp_path / "avatars"
    folder.mkdir()
    (folder / ".seeded").write_text("\n".join(names[1:]) + "\n")
    seed(folder)
    assert [path.name for path in Collection([folder]).scan()] == names[:1]
    assert not list(folder.glob("*.part"))


def test_a_damaged_record_of_what_was_seeded_gives_the_pictures_again(tmp_path: Path) -> None:
    folder = seed(tmp_path / "mine")
    (folder / ".seeded").write_bytes(b"\xa7\xff not text")
    (folder / "amara.jpg").unlink()
    assert (seed(folder) / "amara.jpg").is_file()
    (folder / "amara.jpg").unlink()
    assert not (seed(folder) / "amara.jpg").exists(), "deleted on purpose from now on"


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals on this system")
def test_where_no_folder_can_be_made_the_bundled_pictures_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fomm-live").write_text("a file in the way")
    monkeypatch.setattr("platformdirs.user_data_path", lambda name, **_: tmp_path / name)
    told: list[str] = []
    assert gallery_folder(None, told.append) == resources.AVATARS
    assert "cannot be made" in told[0]


def test_a_chosen_folder_must_be_one(tmp_path: Path, picture: Path) -> None:
    assert gallery_folder(str(tmp_path), pytest.fail) == tmp_path
    with pytest.raises(ConfigError, match="does not exist"):
        gallery_folder(str(tmp_path / "nowhere"), pytest.fail)
    with pytest.raises(ConfigError, match="is a file"):
        gallery_folder(str(picture), pytest.fail)


def test_naming_has_no_hidden_state() -> None:
    assert naming.bundled_avatars() == bundled_avatars()
