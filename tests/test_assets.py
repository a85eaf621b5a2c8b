"""The bundled files are the ones the table describes, and MediaPipe finds the faces in them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fomm import resources
from fomm.faces import FaceLandmarker, face_box
from fomm.images import load_image
from fomm.video import VideoReader

LICENCES = {"CC0-1.0", "public domain", "Apache-2.0"}
CLIP = resources.CLIPS / "talking_head.mp4"


@dataclass(frozen=True)
class Row:
    what: str
    licence: str
    origin: str
    size: int
    sha256: str


def table() -> dict[str, Row]:
    rows = {}
    for line in (resources.ASSETS / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[0].startswith("`"):
            what, licence, origin, size, sha256 = cells[1:]
            rows[cells[0].strip("`")] = Row(
                what, licence, origin, int(size.replace(",", "")), sha256.strip("`")
            )
    return rows


def files() -> list[Path]:
    found = (path for path in resources.ASSETS.rglob("*") if path.is_file() and path.name != "README.md")
    return sorted(path for path in found if "__pycache__" not in path.parts)


AVATARS = sorted(path.name for path in resources.AVATARS.iterdir() if path.suffix != ".json")


def test_table_lists_exactly_the_bundled_files() -> None:
    assert sorted(table()) == [path.relative_to(resources.ASSETS).as_posix() for path in files()]


@pytest.mark.parametrize("name", sorted(table()))
def test_file_is_as_the_table_says(name: str) -> None:
    row, data = table()[name], (resources.ASSETS / name).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (row.size, row.sha256)
    assert row.licence in LICENCES
    assert row.what
    assert row.origin


def test_every_licence_is_explained() -> None:
    text = (resources.ASSETS / "README.md").read_text(encoding="utf-8")
    for licence in {row.licence for row in table().values()}:
        assert re.search(rf"^\*\*{re.escape(licence)}\*\*", text, re.MULTILINE | re.IGNORECASE), licence


def test_two_or_more_avatars() -> None:
    assert len(AVATARS) >= 2


@pytest.mark.parametrize("name", AVATARS)
def test_avatar_has_exactly_one_face(name: str) -> None:
    pixels = load_image(resources.AVATARS / name).pixels
    assert 512 <= max(pixels.shape[:2]) <= 1024
    assert (resources.AVATARS / name).stat().st_size < 300_000
    with FaceLandmarker(mode="image") as landmarker:
        faces = landmarker.detect(pixels)
    assert len(faces) == 1
    left, top, right, bottom = face_box(faces[0])
    assert right - left > 0.2 * pixels.shape[1]
    assert left > 0
    assert top > 0
    assert right < pixels.shape[1]
    assert bottom < pixels.shape[0]


def test_clip_is_small_and_short() -> None:
    assert CLIP.stat().st_size < 1_000_000
    with VideoReader(CLIP) as video:
        times = [timestamp for _, timestamp in video]
    assert 10 <= times[-1] <= 13
    assert np.allclose(np.diff(times), 0.04)


def test_face_is_tracked_in_every_frame_of_the_clip() -> None:
    counts, widths, gaps = [], [], []
    with VideoReader(CLIP) as video, FaceLandmarker(mode="video") as landmarker:
        for pixels, timestamp in video:
            assert pixels.shape == (512, 512, 3)
            faces = landmarker.detect(pixels, timestamp)
            counts.append(len(faces))
            left, _, right, _ = face_box(faces[0])
            widths.append(right - left)
            upper_lip, lower_lip = faces[0][13, :2], faces[0][14, :2]
            gaps.append(float(np.linalg.norm(upper_lip - lower_lip)) / (right - left))
    assert set(counts) == {1}
    assert min(widths) > 120
    assert max(gaps[:12]) < 0.02, "the clip begins with the mouth closed"
    assert max(gaps) > 0.15, "and opens it wide later on"
