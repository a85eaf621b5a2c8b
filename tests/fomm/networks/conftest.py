"""Prints the parity table at the end of the test output."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest


@dataclass
class ParityTable:
    """The largest absolute differences from the reference implementation."""

    rows: dict[tuple[str, bool], dict[str, float]] = field(default_factory=dict)

    def add(self, model: str, align_corners: bool, quantity: str, difference: float) -> None:
        self.rows.setdefault((model, align_corners), {})[quantity] = difference


_TABLE = ParityTable()


@pytest.fixture(scope="session")
def parity_table() -> ParityTable:
    return _TABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _TABLE.rows:
        return
    columns = list(next(iter(_TABLE.rows.values())))
    terminalreporter.section("parity with the reference implementation: largest absolute differences")
    terminalreporter.line(f"{'model':12} {'align_corners':13} " + " ".join(f"{c:>13}" for c in columns))
    for (model, align), cells in _TABLE.rows.items():
        numbers = " ".join(f"{cells[c]:13.1e}" for c in columns)
        terminalreporter.line(f"{model:12} {str(align).lower():13} {numbers}")
