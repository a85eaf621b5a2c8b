"""The real command, on the bundled picture and clip, as a user runs it."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm.animators.base import Frame
from fomm.video import VideoReader
from live import commands
from live.interrupts import Interrupts
from tests.live.conftest import Finished, Running
from tests.live.doubles import write_video

FomLive = Callable[..., Finished]
FRAMES = 40


def read(path: Path) -> tuple[list[Frame], list[float]]:
    with VideoReader(path) as reader:
        frames, times = zip(*reader, strict=True)
    return list(frames), list(times)


@pytest.fixture(scope="session")
def short(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the bundled clip, at 30 FPS."""
    with VideoReader(clip) as reader:
        frames = [pixels for _, (pixels, _) in zip(range(FRAMES), reader, strict=False)]
    return write_video(tmp_path_factory.mktemp("clip") / "short.mp4", frames)


def test_unpaced_every_frame_is_driven_and_recorded(
    fomm_live: FomLive, avatar: Path, short: Path, tmp_path: Path
) -> None:
    done = fomm_live(
        *("--avatar", avatar, "--camera", short, "--sink", "out.mp4", "--sink", "null"),
        *("--no-pace", "--size", "257x191", "--report", "r.json"),
    )
    report = done.report(tmp_path / "r.json")
    assert done.stderr == ""
    assert re.fullmatch(r"\d+\.\d FPS \(257x191, landmark-warp, cpu\)\n", done.stdout)
    assert (report["frames_in"], report["frames_out"], report["dropped"]) == (FRAMES, FRAMES, 0)
    assert (report["frames_repeated"], report["face_lost_frames"]) == (0, 0)
    assert (report["model"], report["engine"]) == ("landmark-warp", "cpu")
    assert report["fps"] > 0
    assert report["latency_ms"]["p50"] <= report["latency_ms"]["p95"] <= report["latency_ms"]["p99"]
    assert {"track", "drive", "compose", "send"} == report["stage_ms"].keys()
    assert report["start_to_first_frame_s"] > 0
    frames, times = read(tmp_path / "out.mp4")
    assert len(frames) == FRAMES
    assert frames[0].shape == (192, 258, 3), "odd sizes are padded by a pixel"
    assert np.allclose(times, np.arange(FRAMES) / 30, atol=0.002)
    assert report["peak_rss_mb"] <= 700


def test_paced_it_takes_the_clips_own_time(
    fomm_live: FomLive, avatar: Path, short: Path, tmp_path: Path
) -> None:
    done = fomm_live(
        *("--avatar", avatar, "--camera", short, "--sink", "null", "--size", "256x256", "--report", "r.json")
    )
    report = done.report(tmp_path / "r.json")
    assert report["frames_in"] == FRAMES
    assert report["frames_out"] + report["dropped"] + report["face_lost_frames"] == FRAMES
    assert report["fps"] < 33


def test_loop_goes_on_until_enough_frames(
    fomm_live: FomLive, avatar: Path, short: Path, tmp_path: Path
) -> None:
    done = fomm_live(
        *("--avatar", avatar, "--camera", short, "--sink", "o.mp4", "--size", "128x128", "--no-pace"),
        *("--loop", "--frames", "70", "--report", "r.json"),
    )
    assert done.report(tmp_path / "r.json")["frames_out"] == 70
    _, times = read(tmp_path / "o.mp4")
    assert np.allclose(np.diff(times), 1 / 30, atol=0.003), "time goes on growing over the seam"


def test_a_folder_drives_too(fomm_live: FomLive, avatar: Path, short: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for place, pixels in enumerate(read(short)[0][:6]):
        cv2.imwrite(str(folder / f"{place}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    done = fomm_live(
        *("--avatar", avatar, "--camera", folder, "--sink", "null", "--size", "128x128", "--no-pace"),
        *("--report", "r.json"),
    )
    assert done.report(tmp_path / "r.json")["frames_out"] == 6


def test_a_clip_that_begins_without_a_face(
    fomm_live: FomLive, avatar: Path, short: Path, tmp_path: Path
) -> None:
    frames, _ = read(short)
    empty = [np.full_like(frames[0], 90)] * 10
    clip = write_video(tmp_path / "late.mp4", empty + frames[:10])
    done = fomm_live(
        *("--avatar", avatar, "--camera", clip, "--sink", "o.mp4", "--size", "256x256", "--no-pace"),
        *("--report", "r.json"),
    )
    report = done.report(tmp_path / "r.json")
    assert (report["face_lost_frames"], report["frames_out"], report["frames_repeated"]) == (10, 10, 10)
    shown, _ = read(tmp_path / "o.mp4")
    assert len(shown) == 20
    for frame in shown[1:10]:
        assert np.abs(frame.astype(int) - shown[0]).mean() < 1, "the neutral portrait"


def test_the_demo(fomm_live: FomLive, clip: Path, tmp_path: Path) -> None:
    with VideoReader(clip) as reader:
        expected = reader.frame_count
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "demo.mp4").write_text("from an earlier run, to be replaced")
    done = fomm_live("demo", "--report", "r.json")
    assert done.status == 0, done.stderr
    assert re.fullmatch(
        r"\d+\.\d FPS \(512x512, landmark-warp, cpu\)\nThe video is out/demo\.mp4\n", done.stdout
    )
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames_out"] == expected
    assert report["face_lost_frames"] == 0
    frames, _ = read(tmp_path / "out" / "demo.mp4")
    assert len(frames) == expected
    assert frames[0].shape == (512, 512, 3)
    (tmp_path / "mine.mp4").write_text("precious")
    refused = fomm_live("demo", "--output", "mine.mp4")
    assert refused.status == 2
    assert "--overwrite" in refused.stderr
    assert (tmp_path / "mine.mp4").read_text() == "precious"


def test_torch_is_never_imported_and_nothing_connects(avatar: Path, short: Path, tmp_path: Path) -> None:
    code = """
import socket, sys
connected = []
original = socket.socket.connect
socket.socket.connect = lambda self, where: (connected.append(where), original(self, where))
sys.argv = ["fomm-live", *sys.argv[1:]]
from live.cli import main
try:
    main()
except SystemExit as ended:
    assert ended.code == 0, ended.code
assert "torch" not in sys.modules, "torch was imported"
assert not connected, connected
print("clean")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "--avatar", avatar, "--camera", short, "--sink", "null", "--no-pace"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.endswith("clean\n"), done.stderr


def tinted(frame: Frame, keep: np.ndarray) -> Frame:
    """Another driver in the same pose: everything but `keep` is changed, gently enough to track alike."""
    changed = cv2.convertScaleAbs(frame, alpha=0.97, beta=3)
    return np.where(keep[..., None], frame, changed)


@pytest.mark.parametrize("mouth", ["driver", "painted"])
def test_only_what_is_inside_the_lips_ever_comes_from_the_driver(
    fomm_live: FomLive, avatar: Path, short: Path, tmp_path: Path, mouth: str
) -> None:
    """A secret written into the driving frames, all around the face, is nowhere in the output."""
    frames, _ = read(short)
    pattern = np.random.default_rng(3).integers(0, 2, frames[0].shape[:2]).astype(bool)
    height, width = pattern.shape
    outside = np.ones((height, width), bool)
    outside[height // 6 : -height // 12, width // 6 : -width // 6] = False  # the head keeps its pixels
    marked = []
    for pixels in frames[:12]:
        secret = pixels.copy()
        secret[outside & pattern] = (255, 0, 255)
        secret[outside & ~pattern] = (0, 255, 0)
        marked.append(secret)
    clips = {"plain": frames[:12], "marked": marked}
    shown = {}
    for name, content in clips.items():
        clip = write_video(tmp_path / f"{name}.mp4", content)
        done = fomm_live(
            *("--avatar", avatar, "--camera", clip, "--sink", f"{name}_out.mp4", "--size", "256x256"),
            *("--no-pace", "--mouth", mouth, "--report", "r.json"),
        )
        assert done.report(tmp_path / "r.json")["frames_out"] == 12
        shown[name] = np.stack(read(tmp_path / f"{name}_out.mp4")[0]).astype(int)
    # Tracking differs by a hair; a leak of magenta and green noise would not.
    assert np.abs(shown["plain"] - shown["marked"]).mean() < 3
    red, green, blue = np.moveaxis(shown["marked"], -1, 0)
    assert not ((red > 200) & (green < 60) & (blue > 200)).any()
    assert not ((red < 60) & (green > 200) & (blue < 60)).any()


@pytest.mark.parametrize("after", [0.05, 0.4, 0.9, None])
def test_ctrl_c_at_any_moment(
    start: Callable[..., Running], avatar: Path, clip: Path, tmp_path: Path, after: float | None
) -> None:
    running = start(
        *("--avatar", avatar, "--camera", clip, "--loop", "--sink", "o.mp4", "--size", "256x256"),
        *("--report", "r.json"),
    )
    wait_for_python(running)
    if after is None:  # once it records, however slow the machine
        wait_for_bytes(tmp_path / "o.mp4", 20_000)
    else:
        time.sleep(after)
    running.interrupt()
    done = running.finish(timeout=20)
    assert done.status == 130
    assert done.stderr == ""
    if (tmp_path / "r.json").exists():
        frames_out = json.loads((tmp_path / "r.json").read_text())["frames_out"]
        # A few may be missing where the encoder was too slow, and the last one may be there twice.
        assert not frames_out or len(read(tmp_path / "o.mp4")[0]) >= 0.9 * frames_out
    if after is None:
        assert len(read(tmp_path / "o.mp4")[0]) > 5
        assert re.search(r"\d FPS \(256x256, landmark-warp, cpu\)", done.stdout)


def wait_for_bytes(path: Path, size: int, timeout: float = 60) -> None:
    """Until a file has grown to so many bytes."""
    deadline = time.monotonic() + timeout
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < deadline, f"{path.name} has not grown to {size} bytes"
        time.sleep(0.05)


def wait_for_python(running: Running) -> None:
    """Until the interpreter is up and has come to our code: before, a signal is the system's to handle."""
    caught = re.compile(r"SigCgt:\s+(\w+)")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        status = Path(f"/proc/{running.process.pid}/status")
        if not status.exists():
            time.sleep(0.3)
            return
        found = caught.search(status.read_text())
        if found and int(found[1], 16) & (1 << 14):  # SIGTERM, which Python alone does not catch
            return
        time.sleep(0.01)


def test_a_full_disk_ends_the_recording_and_the_session_goes_on(
    avatar: Path, clip: Path, tmp_path: Path
) -> None:
    """A file size limit stands in for the full disk: the kernel refuses to write on."""

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))

    code = "from live.cli import main; main()"
    done = subprocess.run(
        [
            *(sys.executable, "-c", code, "--avatar", avatar, "--camera", clip, "--no-pace"),
            *(
                "--sink",
                "o.mp4",
                "--sink",
                "null",
                "--size",
                "512x512",
                "--frames",
                "150",
                "--report",
                "r.json",
            ),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Face tracking, too, may miss a place to write to, and says so.
    told = [line for line in done.stderr.splitlines() if "o.mp4" in line]
    assert len(told) == 1, done.stderr
    assert "o.mp4" in done.stderr
    assert "the session goes on" in done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["frames_out"] == 150
    frames, _ = read(tmp_path / "o.mp4")
    assert len(frames) > 1, "what was recorded plays"


def no_face(path: Path) -> None:
    cv2.imwrite(str(path), np.full((300, 300, 3), 120, np.uint8))


def tiny(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((20, 20, 3), np.uint8))


def text(path: Path) -> None:
    path.write_text("not a picture")


def empty(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    from fomm import resources

    path.write_bytes((resources.CLIPS / "talking_head.mp4").read_bytes()[:2000])


def existing(path: Path) -> None:
    path.write_text("precious")


REFUSED: list[tuple[dict[str, Any], Callable[[Path], None] | None, str]] = [
    ({"--avatar": "missing.jpg"}, None, r"missing\.jpg.*the avatars in"),
    ({"--avatar": "text.jpg"}, text, r"text\.jpg"),
    ({"--avatar": "noface.png"}, no_face, r"noface\.png.*face"),
    ({"--avatar": "tiny.png"}, tiny, r"tiny\.png"),
    ({"--camera": "9"}, None, r"no camera 9|camera 9"),
    ({"--camera": "Nikon"}, None, r"Nikon.*neither a camera"),
    ({"--camera": "missing.mp4"}, None, r"missing\.mp4"),
    ({"--camera": "empty.mp4"}, empty, r"empty\.mp4"),
    ({"--camera": "cut.mp4"}, truncated, r"cut\.mp4"),
    ({"--camera": "text.mp4"}, text, r"text\.mp4"),
    ({"--sink": "absent/o.mp4"}, None, r"absent.*does not exist"),
    ({"--sink": "old.mp4"}, existing, r"old\.mp4.*--overwrite"),
    ({"--sink": "window"}, None, r"DISPLAY|no preview window"),
    ({"--sink": "o.avi"}, None, r"o\.avi.*none of vcam"),
    ({"--size": "12"}, None, r"--size"),
    ({"--fit": "stretch"}, None, r"--fit.*blur, pad, fill"),
    ({"--fps": "0"}, None, r"--fps"),
    ({"--frames": "0"}, None, r"--frames"),
    ({"--frames": "many"}, None, r"--frames"),
    ({"--neutral": "last"}, None, r"--neutral"),
    ({"--model": "vox"}, None, r"--model.*landmark-warp"),
    ({"--mouth": "wired"}, None, r"--mouth.*driver, painted"),
    ({"--report": "absent/r.json"}, None, r"--report.*does not exist"),
    ({"--report": "photo.png"}, existing, r"photo\.png.*\.json"),
    ({"--colour": "red"}, None, r"--colour"),
]


@pytest.mark.parametrize(
    ("flags", "make", "message"), REFUSED, ids=[" ".join(next(iter(case[0].items()))) for case in REFUSED]
)
def test_what_is_refused_is_told_in_one_line(
    fomm_live: FomLive,
    avatar: Path,
    short: Path,
    tmp_path: Path,
    flags: dict[str, Any],
    make: Callable[[Path], None] | None,
    message: str,
) -> None:
    if make is not None:
        make(tmp_path / next(iter(flags.values())))
    before = sorted(tmp_path.iterdir())
    chosen = {"--avatar": avatar, "--camera": short, "--sink": "o.mp4", "--size": "128x128"} | flags
    done = fomm_live("--no-pace", *(part for flag in chosen.items() for part in flag))
    assert done.status == 2
    assert done.stdout == ""
    assert re.search(message, done.stderr)
    assert done.stderr.startswith("fomm-live: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert sorted(tmp_path.iterdir()) == before, "nothing half-written is left"


def test_the_version_is_told(fomm_live: FomLive) -> None:
    import fomm

    done = fomm_live("--version")
    assert (done.status, done.stdout) == (0, f"fomm-live {fomm.__version__}\n")


def test_an_unusable_picture_is_left_out_where_there_are_others(
    fomm_live: FomLive, avatar: Path, short: Path, tmp_path: Path
) -> None:
    no_face(tmp_path / "noface.png")
    done = fomm_live(
        *("--avatar", "noface.png", "--avatar", avatar, "--camera", short, "--no-pace"),
        *("--sink", "null", "--size", "128x128", "--frames", "3"),
    )
    assert done.status == 0
    assert re.search(r"note: avatar left out: noface\.png.*no face", done.stderr)
    assert "128x128" in done.stdout


@pytest.mark.skipif(
    any(Path("/sys/class/video4linux").glob("*")), reason="this machine has cameras, maybe virtual ones"
)
@pytest.mark.parametrize("sinks", [["--sink", "vcam"], []])
def test_without_a_virtual_camera_the_way_to_one_is_told(
    fomm_live: FomLive, avatar: Path, short: Path, sinks: list[str]
) -> None:
    done = fomm_live("--avatar", avatar, "--camera", short, *sinks)
    assert done.status == 2
    assert "v4l2loopback" in done.stderr
    assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback(fomm_live: FomLive) -> None:
    done = fomm_live("--avatar", "missing.jpg", "--debug")
    assert done.status == 2
    assert "Traceback" in done.stderr
    assert "fomm-live: missing.jpg" in done.stderr


def test_a_picture_in_a_commands_place_is_told_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    for word, message in (
        ("her.jpg", "her.jpg is no command; if it is the picture to animate: fomm-live --avatar her.jpg\n"),
        ("docter", "No such command 'docter'. Did you mean 'doctor'?\n"),
    ):
        with Interrupts() as interrupts:
            assert commands.main([word], interrupts) == 2
        assert capsys.readouterr() == ("", f"fomm-live: {message}")


def test_keys_and_cameras_and_help(fomm_live: FomLive) -> None:
    keys = fomm_live("keys")
    assert (keys.status, keys.stderr) == (0, "")
    assert "recalibrate" in keys.stdout
    cameras = fomm_live("cameras")
    assert (cameras.status, cameras.stderr) == (0, "")
    shown = fomm_live("--help").stdout
    assert all(flag in shown for flag in ("--avatar", "--camera", "--sink", "--no-pace", "--report", "demo"))


@pytest.mark.parametrize(
    "flags", [("--config", "b.yaml"), ("--no-pace",), ("--avatar", "x", "--avatar", "y")]
)
def test_flags_in_front_of_a_subcommand_are_refused(fomm_live: FomLive, flags: tuple[str, ...]) -> None:
    done = fomm_live(*flags, "config", "show")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"fomm-live: {flags[0]} in front of config does nothing; write flags behind it"
    )
    assert done.stderr.count("\n") == 1


def test_a_user_sees_and_edits_their_settings(fomm_live: FomLive, home: dict[str, str]) -> None:
    path = Path(fomm_live("config", "edit-path").stdout.strip())
    assert path.is_relative_to(home["XDG_CONFIG_HOME"])
    text = path.read_text().replace("#  fit: blur", "  fit: pad").replace("#  rate: 30", "  fps: 25")
    path.write_text(text)
    shown = fomm_live("config", "show", "--set", "recording.microphone=USB")
    assert shown.status == 0
    assert "output.fps is now called output.rate; it is taken as that" in shown.stderr
    lines = {line.split(":")[0].strip(): line for line in shown.stdout.splitlines()}
    assert re.search(rf"fit: pad +# {re.escape(str(path))}", lines["fit"])
    assert re.search(r"microphone: USB +# --set", lines["microphone"])
    assert "  rate: 25.0" in shown.stdout
    path.write_text("output: {rate: fast}")
    refused = fomm_live("--camera", "demo", "--sink", "null")
    assert refused.status == 2
    assert refused.stderr == f"fomm-live: {path}: output.rate: expected a number, found 'fast'\n"
    assert "config" in fomm_live("config").stderr
