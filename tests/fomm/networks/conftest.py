"""Notes for the parity table, which `tests/conftest.py` prints at the end of the test output."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def note_parity(record_property: Callable[[str, object], None]) -> Callable[[str, bool, str, float], None]:
    """Called with a model, align_corners, a quantity and its largest difference from the reference implementation."""

    def note(model: str, align_corners: bool, quantity: str, difference: float) -> None:
        record_property("parity", [model, align_corners, quantity, difference])

    return note
