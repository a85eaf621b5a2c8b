from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm.annotation import (
    Annotation,
    annotation_path,
    fit_face,
    load_source,
    read_annotation,
    write_annotation,
)
from fomm.errors import ConfigError, ImageError
from fomm.faces import source_face
from fomm.synthetic.drawings import fox
from tests.fomm.annotation.test_fitting import key_points


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    cv2.imwrite(str(path), np.full((800, 900, 3), 90, np.uint8))
    return path


def test_an_annotation_is_used_instead_of_the_detector(picture: Path) -> None:
    points = key_points()
    path = write_annotation(picture, Annotation((900, 800), points))
    assert path == picture.with_name("cat.png.face.json")
    source = load_source(picture)
    assert source.landmarks is not None
    assert np.allclose(source.landmarks, fit_face(points).landmarks, atol=0.1)
    landmarks, notices = source_face(source)
    assert landmarks is source.landmarks
    assert notices == ()
    half = load_source(picture, max_side=450)
    assert half.pixels.shape == (400, 450, 3)
    assert half.landmarks is not None
    assert np.allclose(half.landmarks * 2, source.landmarks, atol=0.1)
    assert sorted(file.name for file in picture.parent.iterdir()) == ["cat.png", "cat.png.face.json"]


def test_a_picture_without_one_has_no_landmarks(picture: Path) -> None:
    assert read_annotation(picture) is None
    assert load_source(picture).landmarks is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("format"), "does not say"),
        (lambda content: content.update(version=2), "newer"),
        (lambda content: content.update(version="1"), "version is no number"),
        (lambda content: content.pop("points"), "missing"),
        (lambda content: content["points"].pop("chin"), "chin"),
        (lambda content: content["points"].update(chin=[1]), "chin is no place"),
        (lambda content: content["points"].update(chin=["a", "b"]), "chin is no place"),
        (lambda content: content["points"].update(chin=[400, 1e7]), "far outside"),
        (lambda content: content["picture"].update(width=0), "no size"),
        (lambda content: content["picture"].update(height=300), "another shape"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(picture: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    path = write_annotation(picture, Annotation((900, 800), key_points()))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ImageError, match=message) as caught:
        load_source(picture)
    assert "cat.png.face.json" in str(caught.value)
    assert "annotate" in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00", b"[]", b"{", b"[" * 50_000, b" " * 200_000])
def test_rubbish_is_no_annotation(picture: Path, text: bytes) -> None:
    annotation_path(picture).write_bytes(text)
    with pytest.raises(ImageError, match="no face annotation"):
        read_annotation(picture)


def test_nothing_is_written_where_it_cannot_be(picture: Path) -> None:
    with pytest.raises(ConfigError, match="not placed yet"):
        write_annotation(picture, Annotation((900, 800), {"chin": (1, 2)}))
    assert not annotation_path(picture).exists()
    with pytest.raises(ImageError, match="copy the picture"):
        write_annotation(picture.parent / "gone" / "cat.png", Annotation((900, 800), key_points()))


def test_the_drawn_foxs_points_fit_without_a_fold() -> None:
    pixels, points = fox()
    fitted = fit_face(points)
    assert len(fitted.folded) == 0
    low, high = fitted.landmarks[:, :2].min(axis=0), fitted.landmarks[:, :2].max(axis=0)
    assert (low > 0).all()
    assert (high < pixels.shape[0]).all()
