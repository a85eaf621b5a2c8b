from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fomm import resources
from fomm.animators.base import SourceImage
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.errors import NoFaceError
from live.composer import Fit
from live.gallery import THUMBNAIL_SIDE, AvatarLoader
from tests.live.doubles import ShiftAnimator, ShiftState
from tests.live.gallery.test_gallery import save


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


def test_what_is_shown_while_preparing_is_what_is_shown_at_rest(tmp_path: Path) -> None:
    picture = save(tmp_path / "a.png")
    loader = AvatarLoader((200, 100), "blur")
    rest = loader.prepare(ShiftAnimator(), picture).rest
    assert (loader.rest_frame(loader.load(picture)) == rest).all()


def test_a_look_shows_the_face_and_tells_pictures_without_one(tmp_path: Path) -> None:
    loader, animator = AvatarLoader((200, 100), "blur"), LandmarkWarp()
    seen = loader.examine(animator, resources.AVATARS / "amara.jpg")
    assert seen.thumbnail.shape == (THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3)
    assert seen.rest.shape == (100, 200, 3)
    whole = loader.load(resources.AVATARS / "amara.jpg").pixels
    assert np.abs(seen.thumbnail.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() > 10, (
        "cut around the face"
    )
    with pytest.raises(NoFaceError, match=r"fomm-live annotate wall\.png"):
        loader.examine(animator, save(tmp_path / "wall.png", 400, 400))
