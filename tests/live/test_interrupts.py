from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from live import commands
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
def test_what_swallows_errors_does_not_swallow_an_interrupt() -> None:
    with Interrupts() as interrupts:
        interrupts.immediate = True
        # Checks suppress whatever a library raises.
        with pytest.raises(Interrupted), contextlib.suppress(Exception):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill with SIGINT")
@pytest.mark.parametrize("arguments", [["doctor"], ["--camera", "demo", "--sink", "null"]])
def test_a_signal_while_the_program_loads_ends_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert commands.main(arguments, interrupts) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill with SIGINT")
def test_a_second_signal_ends_at_once() -> None:
    code = (
        "import os; from live.interrupts import Interrupts\n"
        "with Interrupts(): [os.kill(os.getpid(), 2) for _ in range(2)]; print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 130
    assert done.stdout == b""
