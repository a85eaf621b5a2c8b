"""One renderer for all tests of what people wear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.pairs.drawing import EXTRA_PARTS, Stage
from tests.fomm.synthetic.pairs.people import SIZE


@pytest.fixture(scope="package")
def heads() -> HeadFactory:
    return HeadFactory(levels=0, extra=EXTRA_PARTS)


@pytest.fixture(scope="package")
def stage(heads: HeadFactory) -> Iterator[Stage]:
    with Stage(heads, size=SIZE) as made:
        yield made
