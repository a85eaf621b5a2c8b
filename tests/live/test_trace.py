"""The trace that a browser loads: its form, its bounds, and that it survives what ends a session."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm.errors import ConfigError
from live.trace import Trace
from tests.live.conftest import Finished, Running

FLAGS = ("--camera", "demo", "--sink", "null", "--size", "256x256")


def assert_valid(content: dict[str, Any]) -> list[dict[str, Any]]:
    """What chrome://tracing and Perfetto ask of the JSON object format."""
    assert content["displayTimeUnit"] == "ms"
    events = content["traceEvents"]
    for event in events:
        assert isinstance(event["name"], str)
        assert event["ph"] in {"M", "X", "s", "t", "f"}
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        if event["ph"] == "M":
            assert isinstance(event["args"]["name"], str)
            continue
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
        else:
            # Arrows begin and end inside a piece of work of their thread.
            assert any(
                one["tid"] == event["tid"] and one["ts"] <= event["ts"] <= one["ts"] + one["dur"]
                for one in events
                if one["ph"] == "X"
            )
    for frame in {event["id"] for event in events if "id" in event}:
        kinds = [event["ph"] for event in events if event.get("id") == frame]
        assert kinds == ["s", *["t"] * (len(kinds) - 2), "f"]
    return events


def test_a_frame_from_thread_to_thread() -> None:
    trace = Trace()
    trace.captured(time.monotonic(), 0.002, 7)

    def track() -> None:
        with trace.span("track", 7):
            time.sleep(0.003)

    thread = threading.Thread(target=track, name="tracking")
    thread.start()
    thread.join()
    with trace.span("drive", 7):
        time.sleep(0.002)
    with trace.span("idle"):
        pass
    events = assert_valid({"traceEvents": trace.events(), "displayTimeUnit": "ms"})
    work = {event["name"]: event for event in events if event["ph"] == "X"}
    assert list(work) == ["capture", "track", "drive", "idle"]
    assert work["track"]["dur"] >= 3000
    assert work["track"]["ts"] + work["track"]["dur"] <= work["drive"]["ts"]
    assert work["track"]["args"] == {"frame": 7}
    assert "args" not in work["idle"]
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert [names[one["tid"]] for one in work.values()] == ["capture", "tracking", "loop", "loop"]
    assert [event["ph"] for event in events if event.get("id") == 7] == ["s", "t", "f"]


def test_work_that_fails_is_noted_too() -> None:
    trace = Trace()
    with pytest.raises(ZeroDivisionError), trace.span("drive"):
        raise ZeroDivisionError
    assert [event["name"] for event in trace.events() if event["ph"] == "X"] == ["drive"]


def test_memory_is_bounded_and_the_latest_is_kept() -> None:
    trace = Trace(remembered=10)
    for frame in range(1000):
        with trace.span("drive", frame):
            pass
    kept = [event["args"]["frame"] for event in trace.events() if event["ph"] == "X"]
    assert kept == list(range(990, 1000))


def test_switched_off_it_remembers_nothing() -> None:
    trace = Trace(on=False)
    with trace.span("drive", 1):
        pass
    trace.captured(1.0, 0.1, 1)
    assert [event["ph"] for event in trace.events()] == ["M"]


def test_nothing_done_is_still_a_trace(tmp_path: Path) -> None:
    Trace().write(tmp_path / "t.json")
    assert_valid(json.loads((tmp_path / "t.json").read_text()))


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(
        ConfigError, match=r"the trace .*t\.json cannot be written \(No space left on device\)"
    ):
        Trace().write(tmp_path / "t.json")
    assert list(tmp_path.iterdir()) == [], "nothing half-written stays"


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two pieces of work, of a frame and of an earlier one, were done at the same time."""
    later = one["args"]["frame"] > other["args"]["frame"]
    return bool(later and one["ts"] < other["ts"] + other["dur"] and other["ts"] < one["ts"] + one["dur"])


def test_a_whole_session(fomm_live: Callable[..., Finished], tmp_path: Path) -> None:
    done = fomm_live(*FLAGS, "--no-pace", "--frames", "30", "--sink", "o.mp4", "--trace", "t.json")
    assert done.status == 0, done.stderr
    events = assert_valid(json.loads((tmp_path / "t.json").read_text()))
    names = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert names == {"capture", "tracking", "loop", "recorder"}
    done_work = [event["name"] for event in events if event["ph"] == "X"]
    for stage in ("capture", "track", "drive", "compose", "send to null", "encode"):
        # A queue that is full for a moment costs the recording a picture or two.
        assert done_work.count(stage) >= 25, stage
    tracked, driven = ([one for one in events if one["name"] == name] for name in ("track", "drive"))
    assert any(overlap(one, other) for one in tracked for other in driven), (
        "a frame is drawn, the next is tracked"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.mp4", "t.json"]


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals on this system")
def test_ctrl_c_leaves_a_trace(start: Callable[..., Running], tmp_path: Path) -> None:
    running = start(*FLAGS, "--loop", "--sink", "o.mp4", "--trace", "t.json")
    deadline = time.monotonic() + 40
    while not (tmp_path / "o.mp4").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    running.interrupt()
    assert running.finish().status == 130
    assert_valid(json.loads((tmp_path / "t.json").read_text()))


def test_a_bad_place_is_refused_before_anything_starts(fomm_live: Callable[..., Finished]) -> None:
    done = fomm_live(*FLAGS, "--trace", "there/t.json")
    assert done.status == 2
    assert "--trace there/t.json: the folder there does not exist; create it first" in done.stderr
