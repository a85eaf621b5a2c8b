"""What is painted on people without being geometry."""

from __future__ import annotations

import numpy as np

from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.pairs.drawing import Stage
from tests.fomm.synthetic.pairs.people import SIZE, pair, plain
from tests.fomm.synthetic.rendering import needs_renderer

pytestmark = needs_renderer


def test_wrinkles_come_with_age_and_expression_and_leave_the_motion_alone(
    heads: HeadFactory, stage: Stage
) -> None:
    brows = Pose({"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0})
    young, old = (pair(stage, plain(heads, lines=lines, mottle=0.0), brows) for lines in (0.0, 1.0))
    assert np.array_equal(young.motion, old.motion)
    assert np.array_equal(young.visible, old.visible)
    row, column = SIZE // 2, slice(SIZE // 2 - 10, SIZE // 2 + 10)
    forehead = slice(row - 32, row - 16)

    def folds(picture: np.ndarray) -> float:
        """How much brightness goes up and down along the forehead's height."""
        return float(np.abs(np.diff(picture[forehead, column].mean(axis=-1), n=2, axis=0)).mean())

    assert folds(young.driving) > 1.3 * folds(young.source)
    assert folds(old.source) > 1.3 * folds(young.source)
    assert folds(old.driving) > 1.1 * folds(young.driving)
