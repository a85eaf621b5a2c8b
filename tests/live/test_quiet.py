from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr


def test_native_chatter_goes_nowhere_and_our_messages_arrive() -> None:
    code = """
import os, sys
from live.quiet import quiet_native_libraries
quiet_native_libraries()
os.write(2, b"chatter")
print("ours", file=sys.stderr)
"""
    assert run(code) == "ours\n"


def test_threads_that_silence_at_once_leave_stderr_open() -> None:
    code = """
import os, threading, time
from fomm.native_stderr import quiet_native_stderr

def work():
    for _ in range(50):
        with quiet_native_stderr():
            os.write(2, b"chatter")
            time.sleep(0.0002)

threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
os.write(2, b"still here")
"""
    assert run(code) == "still here"
