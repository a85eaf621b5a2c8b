"""Every fault in docs/faults.md names the test that proves it; those tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = {
    path.relative_to(ROOT / "tests").as_posix(): path.read_text() for path in ROOT.glob("tests/**/test_*.py")
}


def rows() -> list[tuple[str, str]]:
    """The tables' rows: a fault, and what its last column says."""
    found = []
    for line in (ROOT / "docs/faults.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if (
            line.startswith("|")
            and len(cells) == 3
            and cells[0] != "fault"
            and not set(cells[0]) <= {"-", " "}
        ):
            found.append((cells[0], cells[2]))
    return found


@pytest.mark.parametrize(("fault", "proof"), rows())
def test_the_proof_of_a_fault_exists(fault: str, proof: str) -> None:
    named = re.findall(r"`([^`]+)`", proof)
    assert named or "test-vcam" in proof, f"{fault}: no test is named"
    for name in named:
        file, _, function = name.partition("::")
        file = file if file.endswith(".py") else f"{file}.py"
        texts = [text for path, text in TESTS.items() if path.endswith(f"/{file}")]
        assert texts, f"{fault}: there is no {file}"
        if function:
            assert any(re.search(rf"^ *(def|class) {re.escape(function)}\b", text, re.M) for text in texts), (
                name
            )


def test_there_are_rows() -> None:
    assert len(rows()) > 70
