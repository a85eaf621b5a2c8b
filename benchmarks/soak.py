"""Whether a session can go on for hours: the real command at full speed, with everything a user does meanwhile.

    python benchmarks/soak.py [--minutes 30] [--sink null --sink window] [--output FILE.json]

The driving clip is played at 120 frames a second, faster than the machine can follow, so that the loop never waits;
in a part of it there is no face. Meanwhile avatars, sizes, modes and the neutral pose are changed, and recordings and
snapshots made, through the session's socket. Memory, threads and open files are read from outside, and once more by
the process itself at last.

With a window, the toolkit's connection to the display lives as long as the process and is left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fomm import resources
from fomm.errors import ConfigError
from fomm.video import VideoReader, VideoWriter
from live.hotkeys import Command
from live.remote import Order, send
from live.sources import demo_clip

RESULTS = Path(__file__).parent / "results"

#: Memory may grow by so many MiB, from when everything was used once to the end.
MEMORY_TARGET = 20.0

#: What is done again and again, one order every `ORDER_S` seconds.
ORDERS = (
    Order(Command.NEXT_AVATAR),
    Order(Command.SIZE, "640x480"),
    Order(Command.RECALIBRATE),
    Order(Command.RECORD),
    Order(Command.PRIVACY_CARD),
    Order(Command.PRIVACY_CARD),
    Order(Command.ZOOM_IN),
    Order(Command.SNAPSHOT),
    Order(Command.NEXT_AVATAR),
    Order(Command.FREEZE),
    Order(Command.FREEZE),
    Order(Command.SIZE, "512x512"),
    Order(Command.MIRROR_OUTPUT),
    Order(Command.RECORD),
    Order(Command.RESET_VIEW),
    Order(Command.SEARCH),
    Order(Command.PREVIOUS_AVATAR),
    Order(Command.SEARCH),
    Order(Command.RESCAN),
    Order(Command.PAUSE),
    Order(Command.PAUSE),
)
ORDER_S = 2.0

#: Warm is a session after this share of its time, and its memory is the mean over this share, in whole rounds of
#: orders: a recording alone takes 30 MiB while it runs.
WARM, WINDOW = 0.2, 0.1

#: What the window's toolkit keeps open.
DISPLAY = ("socket:", "anon_inode:[eventfd]")

#: The process's own last words. `fomm-live` ends at once, without them, where a thread of it is left.
LAST_WORDS = """
import gc, json, os, sys, threading
from pathlib import Path
target = sys.argv.pop(1)
from live.cli import main
try:
    main()
finally:
    gc.collect()
    listed = [int(number) for number in os.listdir("/proc/self/fd")]
    # The listing itself is closed by now; where stderr is led to is meant to stay.
    files = [os.readlink(f"/proc/self/fd/{n}") for n in listed if n > 2 and os.path.exists(f"/proc/self/fd/{n}")]
    files.remove(os.readlink(f"/proc/self/fd/{sys.stderr.fileno()}"))
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    Path(target).write_text(json.dumps({"threads_left": threads, "files_left": files}))
"""


@dataclass(frozen=True)
class Sample:
    """What the process held at a moment.

    Attributes:
        at: seconds since the first sample.
        memory_mb: resident.
        threads, files: how many, native threads among them.
    """

    at: float
    memory_mb: float
    threads: int
    files: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--sink", action="append", help="null by default")
    parser.add_argument("--output", type=Path, default=RESULTS / "soak.json")
    options = parser.parse_args()
    results = soak(60 * options.minutes, options.sink or ["null"])
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps({name: value for name, value in results.items() if name != "samples"}, indent=2))
    print(f"Written to {options.output}")
    if results["growth_mb"] >= MEMORY_TARGET or results["threads_left"] or results["files_left"]:
        sys.exit("a session does not end as it began")


def soak(seconds: float, sinks: Sequence[str] = ("null",)) -> dict[str, Any]:
    """A session of so many seconds; what it did, and what it held.

    Raises:
        RuntimeError: it ended of itself, or did not end well.
    """
    with tempfile.TemporaryDirectory() as name, _home(Path(name)) as home:
        clip = fast(demo_clip(), home / "fast.mp4")
        report, words = home / "report.json", home / "words.json"
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", LAST_WORDS, words),
                *("--avatars", resources.AVATARS, "--camera", clip, "--loop", "--size", "512x512"),
                *itertools.chain.from_iterable(("--sink", sink) for sink in sinks),
                *("--report", report),
            ],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        try:
            samples, answered = _live_through(process, seconds)
            send(Order(Command.QUIT))
            _, notes = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0 or not words.exists():
            raise RuntimeError(f"it ended with {process.returncode}, or a thread was left: {notes}")
        last = json.loads(words.read_text())
        if "window" in sinks:
            last["files_left"] = [file for file in last["files_left"] if not file.startswith(DISPLAY)]
        return {"sinks": list(sinks)} | _sum_up(
            samples, answered, notes, json.loads(report.read_text()), last
        )


def fast(clip: Path, copy: Path) -> Path:
    """The clip twice at 120 frames a second, followed by a second without a face."""
    with VideoReader(clip) as reader:
        frames = [pixels for pixels, _ in reader]
        size = reader.size
    with VideoWriter(copy, size=size, rate=120) as writer:
        for pixels in (*frames, *frames, *[np.full_like(frames[0], 90)] * 120):
            writer.write(pixels)
    return copy


def _live_through(process: subprocess.Popen[str], seconds: float) -> tuple[list[Sample], int]:
    """Give the orders until the time is over; what was seen meanwhile, and how many orders were carried out."""
    _wait_for_session(process)
    began = time.monotonic()
    samples, answered = [], 0
    for order in itertools.cycle(ORDERS):
        at = time.monotonic() - began
        if at >= seconds:
            return samples, answered
        if process.poll() is not None:
            raise RuntimeError(f"it ended of itself after {at:.0f} s")
        samples.append(_look(process.pid, at))
        # Such as recalibrating while no face is there: an answer is an answer.
        answered += sum(answer.done for _, answer in send(order, session=process.pid))
        time.sleep(min(ORDER_S, max(0.0, seconds - at)))
    raise AssertionError("unreachable")


def _wait_for_session(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            send(Order(Command.RESET_VIEW), session=process.pid)
            return
        except ConfigError:
            time.sleep(0.2)
    process.kill()
    raise RuntimeError(f"the session did not begin: {process.communicate()[1].strip()}")


def _look(pid: int, at: float) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    values = {name: int(value) for name, value in re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.M)}
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(round(at, 1), round(values["VmRSS"] / 1024, 1), values["Threads"], files)


def _sum_up(
    samples: list[Sample], answered: int, notes: str, report: dict[str, Any], words: dict[str, Any]
) -> dict[str, Any]:
    whole = samples[-1].at
    rounds = max(1, round(WINDOW * len(samples) / len(ORDERS)))
    window = min(rounds * len(ORDERS), len(samples) // 3)
    later = samples[round(WARM * len(samples)) :]
    warm, last = later[:window], later[-window:]
    slope = np.polyfit([sample.at for sample in later], [sample.memory_mb for sample in later], 1)[0]
    return {
        "minutes": round(whole / 60, 1),
        "load": os.getloadavg()[0],
        "fps": report["fps"],
        "frames_out": report["frames_out"],
        "dropped": report["dropped"],
        "face_lost_frames": report["face_lost_frames"],
        "orders_carried_out": answered,
        "memory_warm_mb": _mean(warm, "memory_mb"),
        "memory_end_mb": _mean(last, "memory_mb"),
        "growth_mb": round(_mean(last, "memory_mb") - _mean(warm, "memory_mb"), 1),
        "slope_mb_per_hour": round(float(slope) * 3600, 1),
        "peak_rss_mb": report["peak_rss_mb"],
        "threads_warm_end": [_mean(warm, "threads"), _mean(last, "threads")],
        "files_warm_end": [_mean(warm, "files"), _mean(last, "files")],
        **words,
        "notes": sorted(set(notes.splitlines())),
        "samples": [[sample.at, sample.memory_mb, sample.threads, sample.files] for sample in samples[::15]],
    }


def _mean(samples: list[Sample], name: str) -> float:
    return round(float(np.mean([getattr(sample, name) for sample in samples])), 1)


@contextmanager
def _home(folder: Path) -> Iterator[Path]:
    """A home of its own for the session and for who sends it orders."""
    own = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    own |= {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}
    (folder / "run").mkdir(mode=0o700)
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield folder
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


if __name__ == "__main__":
    main()
