"""How near two pictures are, in three numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fomm.engines.fidelity import BOUNDS, Fidelity


def test_what_pencil_and_paper_give() -> None:
    wanted = np.zeros((1, 2, 2, 3), np.uint8)
    wanted[:, 0] = 200
    made = wanted.copy()
    made[0, 0, 0, 0], made[0, 1, 1, 2] = 188, 5
    found = Fidelity.of(made, wanted)
    rms = math.sqrt((12**2 + 5**2) / 12)
    assert found.psnr_db == pytest.approx(20 * math.log10(255 / rms))
    assert found.error_over_std == pytest.approx(rms / 100)
    assert found.max_difference == 12


def test_equal_pictures_are_infinitely_near() -> None:
    grey = np.full((1, 4, 4, 3), 90, np.uint8)
    assert Fidelity.of(grey, grey) == Fidelity(math.inf, 0.0, 0)


def test_the_worse_of_two_is_the_worse_in_each_number() -> None:
    assert Fidelity(40.0, 0.1, 9).worse(Fidelity(50.0, 0.2, 7)) == Fidelity(40.0, 0.2, 9)


@pytest.mark.parametrize("precision", BOUNDS)
def test_both_bounds_count_and_no_number_is_within(precision: str) -> None:
    lowest, largest = BOUNDS[precision]
    assert Fidelity(lowest, largest, 0).within(precision)
    for psnr_db, error in ((lowest - 0.1, largest), (lowest, 1.1 * largest), (math.nan, math.nan)):
        assert not Fidelity(psnr_db, error, 0).within(precision)
