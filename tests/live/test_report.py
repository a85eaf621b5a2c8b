from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from fomm.errors import ConfigError
from live.json_files import check_json
from live.report import Meter, Report, peak_rss_mb

KEYS = {
    *("model", "engine", "fps", "latency_ms", "stage_ms", "peak_rss_mb", "start_to_first_frame_s"),
    *("frames_in", "frames_out", "dropped", "face_lost_frames", "frames_repeated"),
}


def measured() -> Report:
    meter = Meter()
    for _ in range(5):
        meter.taken += 1
        meter.stage("drive", 0.010)
        time.sleep(0.02)
        meter.hand_over(time.monotonic() - 0.03, process_age=1.25)
    return meter.report(model="m", engine="cpu", size=(512, 256), dropped=2)


def test_what_a_report_says(tmp_path: Path) -> None:
    measured().write(tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report.keys() >= KEYS
    assert (report["frames_in"], report["frames_out"], report["dropped"]) == (7, 5, 2)
    assert 25 < report["fps"] < 51
    assert report["stage_ms"] == {"drive": {"p50": 10.0, "p95": 10.0}}
    assert report["latency_ms"].keys() == {"p50", "p95", "p99"}
    assert 30 <= report["latency_ms"]["p50"] < 60
    assert report["start_to_first_frame_s"] == 1.25
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_the_line() -> None:
    assert measured().line().endswith(" FPS (512x256, m, cpu)")


@pytest.mark.parametrize(("frames", "said"), [(0, "0 animated frames"), (1, "1 animated frame")])
def test_fewer_than_two_frames_have_no_rate(frames: int, said: str) -> None:
    meter = Meter()
    for _ in range(frames):
        meter.hand_over(time.monotonic(), process_age=1.0)
    assert meter.report(model="m", engine="cpu", size=(8, 8), dropped=0).line() == f"{said} (8x8, m, cpu)"


def test_nothing_measured_is_nothing_claimed() -> None:
    report = Meter().report(model="m", engine="cpu", size=(1, 1), dropped=0)
    assert report.fps == 0
    assert report.latency_ms == {"p50": None, "p95": None, "p99": None}
    assert report.start_to_first_frame_s is None
    assert Meter().recent_fps is None
    assert Meter().recent_latency_ms is None


class Driven:
    """A meter, and a clock that the test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.meter = 1000.0, Meter()
        monkeypatch.setattr("live.report.time.monotonic", lambda: self.now)

    def frames(self, count: int, fps: float) -> None:
        for _ in range(count):
            self.now += 1 / fps
            self.meter.hand_over(self.now - 0.02, process_age=1.0)

    @property
    def reported(self) -> float:
        return self.meter.report(model="m", engine="cpu", size=(8, 8), dropped=0).fps


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> Driven:
    return Driven(monkeypatch)


def test_after_a_pause_the_rate_begins_anew(driven: Driven) -> None:
    driven.frames(90, fps=30)
    assert driven.meter.recent_fps == pytest.approx(30)
    driven.meter.rest()
    assert (driven.meter.recent_fps, driven.meter.recent_latency_ms) == (None, None)
    driven.now += 60
    driven.frames(2, fps=30)
    assert driven.meter.recent_fps is None, "a rate of two frames would jump about"
    driven.frames(10, fps=30)
    assert driven.meter.recent_fps == pytest.approx(30)
    assert driven.meter.recent_latency_ms == pytest.approx(20)
    assert driven.reported == pytest.approx(30, abs=0.01), "a minute's pause is no slowness"


def test_the_rate_in_the_window_is_that_of_the_last_seconds(driven: Driven) -> None:
    driven.frames(100, fps=30)
    driven.frames(25, fps=10)
    assert driven.meter.recent_fps == pytest.approx(10)
    driven.frames(3, fps=0.4)
    assert driven.meter.recent_fps == pytest.approx(0.4), "so slow that there is one frame in seconds"


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_rss_mb()
    assert before is not None
    held = np.ones(80_000_000, np.uint8)
    after = peak_rss_mb()
    assert after is not None
    assert after >= before
    assert after > held.nbytes / 2**20


@pytest.mark.parametrize("place", [".", "absent/r.json"])
def test_bad_places_are_refused_before_the_session(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match="--report"):
        check_json("--report", tmp_path / place)


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        measured().write(tmp_path / "r.json")
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
