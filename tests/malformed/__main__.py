"""Read malformed inputs FIRST, FIRST + 1, ...: one line of JSON on stdout before each, and what was wrong after."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np

#: Seconds for one input; after that the stack is printed and the process ends.
PATIENCE_S = 60


def main() -> None:
    first, count = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as home:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = str(Path(home) / name.lower())
        from live.quiet import quiet_native_libraries

        quiet_native_libraries()
        import tests.malformed.kinds  # noqa: F401 - imports may take long, and are not what is timed

        for number in range(first, first + count):
            faulthandler.dump_traceback_later(PATIENCE_S, exit=True, file=sys.stderr)
            read(number)
        faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"finished": count}), flush=True)


def read(number: int) -> None:
    """Make one input, read it, and say what was wrong about that, if anything."""
    from fomm.errors import FommError
    from tests.malformed.kinds import KINDS, LONGEST_MESSAGE, ORDER

    kind_name = ORDER[number % len(ORDER)]
    kind, random = KINDS[kind_name], np.random.default_rng([number, 2026])
    good = kind.good()
    name = sorted(good)[random.integers(len(good))]
    print(json.dumps({"number": number, "kind": kind_name, "name": name}), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(kind.spoil(good[name], list(good.values()), random))
        outcome, wrong = "read", ""
        warned: list[str] = []
        warnings.showwarning = lambda message, *_, **__: warned.append(f"Python warns: {message}")
        try:
            told = kind.read(path)
        except FommError as error:
            outcome, told = "refused", [str(error)]
        except BaseException:
            outcome, told, wrong = "wrong", [], traceback.format_exc()
        for message in told:
            if not message.strip() or "\n" in message.strip() or len(message) > LONGEST_MESSAGE:
                wrong = wrong or f"no line for a user: {message!r}"
        wrong = wrong or "; ".join(warned)
        left = {file.name for file in Path(folder).iterdir()} - {name, *kind.keeps}
        if left:
            wrong = wrong or f"left behind: {sorted(left)}"
    print(json.dumps({"number": number, "outcome": outcome, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main()
