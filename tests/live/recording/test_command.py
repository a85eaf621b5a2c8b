"""Recordings made by the real command."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fomm.video import VideoReader
from tests.live.conftest import Finished, Running
from tests.live.recording.stand_ins import loudness

FLAGS = ("--camera", "demo", "--sink", "null", "--size", "128x128")
PORTAUDIO = str(Path(__file__).parent / "portaudio")

Start = Callable[..., Running]
FommLive = Callable[..., Finished]


def duration(path: Path) -> float:
    with VideoReader(path) as reader:
        return [timestamp for _, timestamp in reader][-1]


def wait_for(path: Path, running: Running) -> None:
    deadline = time.monotonic() + 40
    while not path.exists() or path.stat().st_size == 0:
        assert time.monotonic() < deadline
        assert running.process.poll() is None
        time.sleep(0.05)


def test_record_begins_with_the_session(fomm_live: FommLive, tmp_path: Path) -> None:
    done = fomm_live(*FLAGS, "--frames", "20", "--record", "talk.mp4")
    assert (done.status, done.stderr) == (0, "")
    with VideoReader(tmp_path / "talk.mp4") as reader:
        assert reader.size == (128, 128)
        assert reader.sound is None
        assert len(list(reader)) >= 15


def test_without_a_name_it_is_in_the_folder_of_videos(
    fomm_live: FommLive, home: dict[str, str], tmp_path: Path
) -> None:
    (Path(home["HOME"]) / "config").mkdir()
    (Path(home["HOME"]) / "config" / "user-dirs.dirs").write_text('XDG_VIDEOS_DIR="$HOME/Filme"\n')
    done = fomm_live(*FLAGS, "--record", "--frames", "10")
    assert (done.status, done.stderr) == (0, "")
    (path,) = (Path(home["HOME"]) / "Filme").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\w+\.mp4", path.name)
    assert duration(path) > 0.1
    assert list(tmp_path.iterdir()) == []


def test_a_microphone_is_heard_and_when_it_is_unplugged_the_recording_goes_on(
    fomm_live: FommLive, tmp_path: Path
) -> None:
    done = fomm_live(
        *(*FLAGS, "--loop", "--frames", "150", "--record", "talk.mp4", "--microphone", "stand-in"),
        PYTHONPATH=PORTAUDIO,
        STAND_IN_MICROPHONE="unplugged",
        STAND_IN_RECORDING="talk.mp4",
    )
    assert done.status == 0
    assert done.stderr == "note: talk.mp4 goes on without sound: Stand-in Microphone stopped delivering\n"
    length, loudest = loudness(tmp_path / "talk.mp4")
    assert length == pytest.approx(duration(tmp_path / "talk.mp4"), abs=0.3)
    assert loudest > 0.2


def test_the_running_session_records_and_takes_snapshots(
    start: Start, fomm_live: FommLive, home: dict[str, str], tmp_path: Path
) -> None:
    running = start(*FLAGS, "--loop", "--set", f"recording.folder={tmp_path / 'mine'}")
    folder = Path(home["XDG_RUNTIME_DIR"]) / "fomm-live"
    while not folder.is_dir() or not any(folder.glob("*.sock")):
        assert running.process.poll() is None
        time.sleep(0.05)
    begun = fomm_live("send", "record")
    assert begun.status == 0, begun.stderr
    path = Path(begun.stdout.removeprefix("recording: ").strip())
    taken = fomm_live("send", "snapshot")
    assert taken.status == 0, taken.stderr
    picture = Path(taken.stdout.removeprefix("snapshot: ").strip())
    ended = fomm_live("send", "record")
    assert re.fullmatch(rf"recorded 00:00:\d\d: {re.escape(str(path))}\n", ended.stdout)
    fomm_live("send", "quit")
    assert running.finish().status == 0
    assert sorted((tmp_path / "mine").iterdir()) == sorted([path, picture])
    assert duration(path) > 0.2
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals on this system")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_however_it_ends_it_plays(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    running = start(*FLAGS, "--loop", "--record", "talk.mp4", "--microphone", PYTHONPATH=PORTAUDIO)
    wait_for(tmp_path / "talk.mp4", running)
    recorded, lost = (5, 3.5) if number is signal.SIGKILL else (2, 0.5)
    time.sleep(recorded)
    running.process.send_signal(number)
    running.finish()
    assert duration(tmp_path / "talk.mp4") > recorded - lost
    length, loudest = loudness(tmp_path / "talk.mp4")
    assert length > recorded - lost
    assert loudest > 0.2


@pytest.mark.skipif(os.name == "nt", reason="no RLIMIT_FSIZE on this system")
def test_a_full_disk_ends_a_recording_with_sound_and_the_session_goes_on(
    home: dict[str, str], tmp_path: Path
) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    done = subprocess.run(
        [
            *(sys.executable, "-c", "from live.cli import main; main()", "--camera", "demo", "--loop"),
            *(
                "--sink",
                "null",
                "--size",
                "384x384",
                "--frames",
                "150",
                "--record",
                "talk.mp4",
                "--microphone",
            ),
        ],
        cwd=tmp_path,
        env=os.environ | home | {"PYTHONPATH": PORTAUDIO},
        capture_output=True,
        text=True,
        timeout=90,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "talk.mp4" in line]
    assert len(told) == 1, done.stderr
    assert "talk.mp4 was closed, the session goes on" in told[0]
    assert " FPS (384x384" in done.stdout
    assert duration(tmp_path / "talk.mp4") > 0.5
    assert loudness(tmp_path / "talk.mp4")[1] > 0.2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--record", "old.mp4"), r"old\.mp4 already exists; add --overwrite"),
        (("--record", "talk.avi"), r"talk\.avi: videos are written as \.mp4, \.m4v, \.mov;"),
        (("--record", "there/talk.mp4"), "the folder there does not exist"),
        (("--record", "--set", "recording.folder=old.mp4"), r"nothing can be saved in old\.mp4 \("),
        (("--audio-delay", "9999"), "--audio-delay: 9999 is out of range; give -2000 to 2000"),
    ],
)
def test_what_is_refused(fomm_live: FommLive, tmp_path: Path, flags: tuple[str, ...], told: str) -> None:
    (tmp_path / "old.mp4").write_text("precious")
    done = fomm_live(*FLAGS, *flags)
    assert done.status == 2
    assert re.search(told, done.stderr)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["old.mp4"]
    assert (tmp_path / "old.mp4").read_text() == "precious"
