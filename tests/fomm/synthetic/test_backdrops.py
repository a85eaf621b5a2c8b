from collections.abc import Callable

import numpy as np
import pytest

from fomm.synthetic import backdrops


@pytest.mark.parametrize("paint", [backdrops.studio, backdrops.window, backdrops.shelves])
@pytest.mark.parametrize("size", [64, 201])
def test_backdrop_is_a_picture_and_the_same_every_time(paint: Callable[[int], np.ndarray], size: int) -> None:
    picture = paint(size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 5
    assert np.array_equal(picture, paint(size))
