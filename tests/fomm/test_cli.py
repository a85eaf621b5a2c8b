"""`fomm` as a user meets it: what it prints, where it prints it, and the exit status."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fomm
from fomm import cli_errors, commands, resources
from fomm.commands import find_avatar
from fomm.video import VideoReader, VideoWriter

CLIP = resources.CLIPS / "talking_head.mp4"
PICTURE = resources.AVATARS / "eileen-collins.jpg"
COMMAND = [sys.executable, "-c", "from fomm.cli import main; main()"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a small picture and a short clip, and things that are neither."""
    with Image.open(PICTURE) as picture:
        picture.resize((200, 200)).save(tmp_path / "her.jpg")
    with VideoReader(CLIP) as reader, VideoWriter(tmp_path / "clip.mp4", size=reader.size) as clip:
        for pixels, _ in islice(reader, 8):
            clip.write(pixels)
    with VideoWriter(tmp_path / "wall.mp4", size=(160, 120)) as wall:
        for _ in range(5):
            wall.write(np.full((120, 160, 3), 90, np.uint8))
    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "wall.png")
    Image.new("RGB", (20, 20)).save(tmp_path / "tiny.png")
    (tmp_path / "notes.txt").write_text("no picture, no video")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "taken.mp4").write_bytes(b"precious")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_version() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"fomm {fomm.__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_the_commands(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.returncode == 0
    assert "animate" in result.stdout


def test_animate(folder: Path) -> None:
    result = run("animate", "her.jpg", "clip.mp4", "-o", "out.mp4", "--mouth", "painted")
    assert (result.returncode, result.stderr) == (0, ""), "no native chatter, and no bar away from a terminal"
    assert re.fullmatch(r"out\.mp4: 8 frames in \d+\.\d+ s \(200x200, landmark-warp, cpu\)\n", result.stdout)
    with VideoReader("out.mp4") as reader:
        assert (reader.size, reader.rate, reader.frame_count) == ((200, 200), 30, 8)


def test_a_clip_of_one_frame_is_one_frame_and_has_no_rate(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with VideoReader("clip.mp4") as reader, VideoWriter("one.mp4", size=reader.size) as clip:
        clip.write(next(iter(reader))[0])
    assert animate("her.jpg", "one.mp4", "-o", "out.mp4") == 0
    said = capsys.readouterr().out
    assert re.fullmatch(r"out\.mp4: 1 frame in \d+\.\d+ s \(200x200, landmark-warp, cpu\)\n", said)


@pytest.mark.skipif(os.name == "nt", reason="names cannot have colons on this system")
@pytest.mark.parametrize("ending", ["mp4", "gif", "webm"])
def test_names_with_times_in_them(folder: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    """What stands before a colon is no protocol of FFmpeg's."""
    with VideoReader("clip.mp4") as reader, VideoWriter("10:30 call.mp4", size=reader.size) as clip:
        clip.write(next(iter(reader))[0])
    assert animate("her.jpg", "10:30 call.mp4", "-o", f"10:31 me.{ending}") == 0
    assert capsys.readouterr().out.startswith(f"10:31 me.{ending}: 1 frame in ")
    assert (folder / f"10:31 me.{ending}").stat().st_size


@pytest.mark.parametrize("name", ["Ünï cödé ❤ and spaces.mp4", f"{'x' * 240}.mp4"])
def test_unusual_names(folder: Path, name: str) -> None:
    with VideoReader("clip.mp4") as reader, VideoWriter("one.mp4", size=reader.size) as clip:
        clip.write(next(iter(reader))[0])
    assert animate("her.jpg", "one.mp4", "-o", name) == 0
    assert (folder / name).stat().st_size
    assert not list(folder.glob(".*"))


def test_bundled_avatar_and_frames_without_a_face(folder: Path) -> None:
    with VideoReader("clip.mp4") as reader, VideoWriter("gap.mp4", size=reader.size) as clip:
        width, height = reader.size
        clip.write(np.full((height, width, 3), 90, np.uint8))
        for pixels, _ in islice(reader, 3):
            clip.write(pixels)
    result = run("animate", "eileen-collins", "gap.mp4", "-o", "taken.mp4", "--overwrite", "--neutral", "2")
    assert (result.returncode, result.stderr) == (0, "")
    assert "1 of 4 driving frames shows no face." in result.stdout
    with Image.open(PICTURE) as picture, VideoReader("taken.mp4") as reader:
        assert reader.size == picture.size


def test_several_faces_are_told(folder: Path) -> None:
    with Image.open(PICTURE) as picture:
        couple = Image.new("RGB", (640, 320))
        couple.paste(picture.crop((160, 0, 480, 320)), (0, 0))
        couple.paste(picture.crop((160, 0, 480, 320)).resize((280, 280)), (320, 0))
    couple.save("couple.png")
    result = run("animate", "couple.png", "clip.mp4", "-o", "out.mp4")
    assert result.returncode == 0
    assert result.stdout.startswith("couple.png: 2 faces found, the largest one is animated.")


def test_demo_is_the_bundled_clip(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resources, "CLIPS", folder)
    (folder / "clip.mp4").rename(folder / "talking_head.mp4")
    assert cli_errors.run(commands.app, ["animate", "her.jpg", "demo", "-o", "out.mp4"], program="fomm") == 0
    assert capsys.readouterr().out.startswith("out.mp4: 8 frames")


def animate(*arguments: str) -> int:
    return cli_errors.run(commands.app, ["animate", *arguments], program="fomm")


def test_several_clips(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One that cannot be used stops none of the others, and is told of in the end."""
    (folder / "clips").mkdir()
    for name in ("clip.mp4", "wall.mp4", "empty.mp4"):
        (folder / name).rename(folder / "clips" / name)
    (folder / "clips" / "again.mp4").write_bytes((folder / "clips" / "clip.mp4").read_bytes())
    assert animate("her.jpg", "clips", "-o", "results/") == 2
    out, err = capfd.readouterr()
    assert [line.split(":")[0] for line in out.splitlines()] == ["results/again.mp4", "results/clip.mp4"]
    first, second, last = err.splitlines()
    assert first.startswith("fomm: clips/empty.mp4 is empty")
    assert second.startswith("fomm: clips/wall.mp4: no face in any frame")
    assert last == "2 of 4 clips could not be used."
    assert sorted(path.name for path in (folder / "results").iterdir()) == ["again.mp4", "clip.mp4"]


def test_a_name_for_each_of_several_clips(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "b.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    assert animate("her.jpg", "clip.mp4", "b.mp4", "-o", "her {clip}.gif", "--max-side", "190") == 0
    assert capsys.readouterr().out.count("her.jpg: 200x200 is animated at 190x190") == 1
    for name in ("her clip.gif", "her b.gif"):
        with VideoReader(name) as reader:
            assert len(list(reader)) == 8


def test_pictures(folder: Path) -> None:
    assert animate("her.jpg", "clip.mp4", "-o", "frames/") == 0
    assert len(list((folder / "frames").glob("?????.png"))) == 8
    with Image.open(folder / "frames" / "00007.png") as picture:
        assert picture.size == (200, 200)
    times = (folder / "frames" / "timestamps.txt").read_text().split("\n")
    assert times[0] == "# timestamp format v2"
    assert [float(time) for time in times[1:-1]] == pytest.approx(
        [1000 * index / 30 for index in range(8)], abs=0.01
    )


def test_best_frame_crops_and_layouts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--best-frame", "--crop", "both", "--paste-back", "--side-by-side", "--max-side", "190")
    assert animate("her.jpg", "clip.mp4", "-o", "out.webm", *options) == 0
    notices = capsys.readouterr().out.splitlines()
    assert notices[0] == "her.jpg: 200x200 is animated at 190x190; --max-side changes that."
    assert "is most like the picture, and the neutral pose." in notices[1]
    with VideoReader("out.webm") as reader:
        assert reader.size == (570, 190)
        assert len(list(reader)) == 8


def test_a_model_of_ones_own(
    folder: Path, make_small_model: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    own = make_small_model("own", face_crop=True)
    options = ("--model", str(own.config), "--checkpoint", str(own.checkpoint), "--device", "cpu")
    assert animate("her.jpg", "clip.mp4", "-o", "out.mp4", *options, "--batch", "3", "--absolute") == 0
    ran = "torch fp32 on CPU (FOMM_ENGINE says so)"
    assert capsys.readouterr().out.endswith(f" s (64x64, {own.config}, {ran})\n")
    with VideoReader("out.mp4") as reader:
        assert (reader.size, reader.frame_count) == ((64, 64), 8)


@pytest.mark.skipif(os.name != "posix", reason="no pseudo-terminal on this system")
def test_progress_on_a_terminal(folder: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "animate", "her.jpg", "clip.mp4", "-o", "out.mp4"], stderr=theirs, stdout=subprocess.PIPE
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += (part := os.read(ours, 4096))
            except OSError:  # how Linux reports that the other side has closed
                break
            if not part:
                break
        assert process.wait(60) == 0
    os.close(ours)
    assert b"8/8" in shown


GOOD = ("animate", "her.jpg", "clip.mp4", "-o", "out.mp4")

# What is asked for, and what the one line must name.
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "picture missing": (("animate", "nobody.jpg", *GOOD[2:]), "nobody.jpg: no such file"),
    "picture misspelt": (
        ("animate", "henrick", *GOOD[2:]),
        "henrick: no such file, and no bundled picture is called so (did you mean henrik?); give a",
    ),
    "picture is a folder": (("animate", ".", *GOOD[2:]), "is a folder; name a picture"),
    "picture is text": (("animate", "notes.txt", *GOOD[2:]), "notes.txt is not a picture"),
    "picture is empty": (("animate", "empty.mp4", *GOOD[2:]), "empty.mp4 is empty; use another"),
    "picture's name is empty": (("animate", "", *GOOD[2:]), "SOURCE: it is empty"),
    "picture's name is too long": (
        ("animate", "x" * 300, *GOOD[2:]),
        f"{'x' * 40}...: this name is too long",
    ),
    "video's name is empty": (("animate", "her.jpg", "", "-o", "out.mp4"), "DRIVING: it is empty"),
    "video's name is too long": (("animate", "her.jpg", "x" * 300, "-o", "out.mp4"), "this name is too long"),
    "video is on the net": (("animate", "her.jpg", "http://x.org/a.mp4", "-o", "out.mp4"), "no such file"),
    "picture is tiny": (("animate", "tiny.png", *GOOD[2:]), "tiny.png is only 20x20 pixels"),
    "picture without a face": (("animate", "wall.png", *GOOD[2:]), "wall.png: no face found. Choose"),
    "video missing": (("animate", "her.jpg", "gone.mp4", "-o", "out.mp4"), "gone.mp4: no such file"),
    "folder without videos": (
        ("animate", "her.jpg", "bare", "-o", "out.mp4"),
        "bare is a folder without a video",
    ),
    "several videos, one name": (
        ("animate", "her.jpg", "clip.mp4", "wall.mp4", "-o", "out.mp4"),
        "out.mp4 is one name for several clips; give a folder ending in /",
    ),
    "several videos of one name": (
        ("animate", "her.jpg", "clip.mp4", "bare/../clip.mp4", "-o", "{clip}.gif"),
        "would both become clip.gif; rename one of them",
    ),
    "video is text": (("animate", "her.jpg", "notes.txt", "-o", "out.mp4"), "notes.txt cannot be read"),
    "video is empty": (
        ("animate", "her.jpg", "empty.mp4", "-o", "out.mp4"),
        "empty.mp4 is empty; use another",
    ),
    "video without a face": (("animate", "her.jpg", "wall.mp4", "-o", "out.mp4"), "no face in any frame"),
    "output's name is empty": ((*GOOD[:3], "-o", "", "--overwrite"), "--output: it is empty"),
    "output's name is too long": ((*GOOD[:3], "-o", f"{'x' * 300}.mp4"), "this name is too long"),
    "output exists": ((*GOOD[:3], "-o", "taken.mp4"), "taken.mp4 already exists; add --overwrite"),
    "output is the driving video": (
        (*GOOD[:3], "-o", "bare/../clip.mp4", "--overwrite"),
        "clip.mp4 is itself what is animated from",
    ),
    "output in no folder": ((*GOOD[:3], "-o", "no/where.mp4"), "the folder no does not exist"),
    "output of another kind": ((*GOOD[:3], "-o", "out.avi"), "out.avi: videos are written as .mp4"),
    "output is a folder": ((*GOOD[:3], "-o", "folder.mp4"), "folder.mp4 is a folder"),
    "output without an ending": ((*GOOD[:3], "-o", "out"), "out: videos are written as .mp4"),
    "pictures without a number": ((*GOOD[:3], "-o", "out.png"), "out.png: pictures need a number"),
    "folder of pictures is taken": ((*GOOD[:3], "-o", "."), ". is not empty; add --overwrite"),
    "output not told": (GOOD[:3], "Missing option '--output' / '-o'; see fomm animate --help"),
    "driving not told": (("animate", "her.jpg", "-o", "out.mp4"), "Missing argument"),
    "unknown model": ((*GOOD, "--model", "magic"), "unknown model 'magic'; choose one of: landmark-warp"),
    "unknown mouth": ((*GOOD, "--mouth", "magic"), "'--mouth': 'magic' is not one of 'driver', 'painted'"),
    "neutral is a word": ((*GOOD, "--neutral", "calm"), "'calm' is neither 'first' nor 'best' nor a frame's"),
    "neutral is negative": ((*GOOD, "--neutral", "-1"), "'-1' is neither 'first' nor"),
    "neutral beyond the end": ((*GOOD, "--neutral", "8"), "clip.mp4 has no frame 8"),
    "option of another model": (
        (*GOOD, "--engine", "torch"),
        "landmark-warp does not take the option 'engine'; leave it out",
    ),
    "crop of another kind": ((*GOOD, "--crop", "face"), "'face' is not one of 'none', 'source'"),
    "absolute motion of the bundled model": (
        (*GOOD, "--absolute"),
        "landmark-warp does not take the option 'relative'; leave it out",
    ),
    "batches of the bundled model": ((*GOOD, "--batch", "4"), "landmark-warp makes one frame at a time"),
    "config not there": ((*GOOD, "--model", "mine.yaml"), "mine.yaml"),
    "weights not there": (
        (*GOOD, "--model", "vox-256", "--checkpoint", "w.tar"),
        "w.tar: no such file",
    ),
    "unknown option": ((*GOOD, "--magic"), "No such option"),
    "unknown command": (("conjure",), "No such command 'conjure'; see fomm --help"),
    "mistyped command": (("animte",), "No such command 'animte'. Did you mean 'animate'?\n"),
    "weights of face-lite not there": (
        (*GOOD, "--model", "face-lite", "--checkpoint", "none"),
        "none cannot be read (No such file or directory); name weights that `fomm train face-lite` made",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(folder: Path, capfd: pytest.CaptureFixture[str], case: str) -> None:
    arguments, message = REFUSED[case]
    (folder / "folder.mp4").mkdir()
    (folder / "bare").mkdir()
    before = sorted(path.name for path in folder.iterdir())
    assert cli_errors.run(commands.app, arguments, program="fomm") == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("fomm: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(path.name for path in folder.iterdir()) == before, "nothing is left behind"
    assert (folder / "taken.mp4").read_bytes() == b"precious"


def test_a_group_without_a_command_explains_itself(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli_errors.run(commands.app, ["models"], program="fomm") == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Usage: fomm models")
    assert "pull" in err


def test_refused_as_a_process(folder: Path) -> None:
    result = run("animate", "wall.png", "clip.mp4", "-o", "out.mp4")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("fomm: wall.png: no face found.")
    assert result.stderr.count("\n") == 1


def test_debug_shows_the_traceback(folder: Path) -> None:
    result = run("animate", "nobody.jpg", "clip.mp4", "-o", "out.mp4", "--debug")
    assert result.returncode == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("fomm: nobody.jpg")


@pytest.mark.skipif(os.name != "posix", reason="no POSIX signals on this system")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_writing(folder: Path, number: int, status: int) -> None:
    with subprocess.Popen(
        [*COMMAND, "animate", "her.jpg", str(CLIP), "-o", "out.mp4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not any(path.stat().st_size for path in folder.glob(".out.*.part.mp4")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (status, "", "")
    assert not [path.name for path in folder.iterdir() if "out" in path.name]


@pytest.mark.skipif(os.name != "posix", reason="no POSIX signals on this system")
def test_interrupted_while_starting(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", *COMMAND[1:], *GOOD],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while "typer" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["henrik", "Henrik", "henrik.jpg"])
def test_bundled_avatars_are_found_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_avatar(name) == resources.AVATARS / "henrik.jpg"
    Path(name).touch()
    assert find_avatar(name) == Path(name), "a file of one's own comes first"
