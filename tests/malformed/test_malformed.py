"""Whatever is in a file, it works or is refused in one line: no traceback, no hang, no crash, no half-written one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.malformed.__main__ import PATIENCE_S
from tests.malformed.kinds import KINDS, ORDER

ROOT = Path(__file__).parents[2]

#: Inputs for each process: a crash ends no more than these.
BATCH = 500


def read_batch(first: int, count: int) -> list[dict[str, str]]:
    """What the process said of each input; the last one of a process that crashed or hung is wrong too."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.malformed", str(first), str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 30,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    results = [entry for entry in said if "outcome" in entry]
    if done.returncode != 0 or {"finished": count} not in said:
        begun = [entry for entry in said if "kind" in entry]
        last = begun[-1] if begun else {}
        results.append(last | {"outcome": "wrong", "wrong": f"ended with {done.returncode}: {done.stderr}"})
    return results


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(150, id="150"),
        pytest.param(10_000, id="10000", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
def test_it_works_or_is_refused_in_one_line(count: int) -> None:
    results = [
        result for first in range(0, count, BATCH) for result in read_batch(first, min(BATCH, count - first))
    ]
    wrong = [
        f"python -m tests.malformed {result.get('number')} 1: {result['wrong']}"
        for result in results
        if result["wrong"]
    ]
    assert not wrong, f"{len(wrong)} of {count}\n" + "\n".join(wrong[:20])
    outcomes = Counter(result["outcome"] for result in results)
    by_kind = Counter((ORDER[int(result["number"]) % 100], result["outcome"]) for result in results)
    print({f"{kind}: {outcome}": count for (kind, outcome), count in sorted(by_kind.items())})
    assert outcomes["refused"] > count / 5, "the inputs are malformed"
    assert outcomes["read"] > count / 20, "and not beyond all recognition"
    assert set(ORDER) == set(KINDS)
