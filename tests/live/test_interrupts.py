from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from live.interrupts import Interrupted, Interrupts


@pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill with SIGINT")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_check(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        interrupts.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted) as interrupted:
            interrupts.check()
    assert interrupted.value.status == 128 + number
    assert signal.getsignal(number) is before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill with SIGINT")
def test_a_second_signal_ends_at_once() -> None:
    code = (
        "import os; from live.interrupts import Interrupts\n"
        "with Interrupts(): [os.kill(os.getpid(), 2) for _ in range(2)]; print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 130
    assert done.stdout == b""
