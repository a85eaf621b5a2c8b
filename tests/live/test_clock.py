from __future__ import annotations

import subprocess
import sys
import time


def test_process_age_counts_from_the_start_of_the_process() -> None:
    began = time.monotonic()
    code = "import time; time.sleep(0.5); from live.clock import process_age; print(process_age())"
    age = float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 0.5 <= age <= time.monotonic() - began + 0.02  # the kernel counts in hundredths
