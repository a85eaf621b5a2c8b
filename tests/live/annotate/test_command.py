from __future__ import annotations

import functools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm.annotation import KEY_POINTS, load_source, read_annotation
from fomm.synthetic import drawings
from fomm.video import VideoReader
from live.annotate.drawing import shown_scale
from tests.fomm.annotation.test_fitting import key_points

#: Drawn once: that takes seconds.
fox = functools.cache(drawings.fox)


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    path = tmp_path / "fox.png"
    cv2.imwrite(str(path), cv2.cvtColor(fox()[0], cv2.COLOR_RGB2BGR))
    return path


def test_points_from_a_file_and_from_options(
    drawing: Path, tmp_path: Path, fomm_live: Callable[..., Any]
) -> None:
    points = fox()[1]
    (tmp_path / "points.json").write_text(
        json.dumps({name: place for name, place in points.items() if name != "chin"})
    )
    x, y = points["chin"]
    done = fomm_live("annotate", drawing, "--points", tmp_path / "points.json", "--point", f"chin={x},{y}")
    assert (done.status, done.stderr) == (0, "")
    assert "fox.png.face.json" in done.stdout
    annotation = read_annotation(drawing)
    assert annotation is not None
    assert annotation.points == points


def test_the_marked_face_is_animated_its_eyes_shut_and_its_mouth_opens(
    drawing: Path, tmp_path: Path, fomm_live: Callable[..., Any]
) -> None:
    pixels, points = fox()
    (tmp_path / "points.json").write_text(json.dumps(points))
    assert fomm_live("annotate", drawing, "--points", tmp_path / "points.json").status == 0
    done = fomm_live(
        "--avatar", drawing, "--camera", "demo", "--no-pace", "--size", "384x384", "--mouth", "painted",
        "--sink", "out.mp4", "--set", "tracking.smooth=0",
    )  # fmt: skip
    assert done.status == 0, done.stderr
    scale = 384 / pixels.shape[0]
    (px, py), (mx, my) = points["right_pupil"], points["lip_upper"]
    with VideoReader(tmp_path / "out.mp4") as reader:
        frames = [frame.copy() for frame, _ in reader]
    eye = [frame[round(py * scale), round(px * scale)].astype(int) for frame in frames]
    assert max(pixel[0] - pixel[2] for pixel in eye) > 120, "at some time orange fur covers the pupil"
    assert min(pixel.max() for pixel in eye) < 90, "at others it is seen"
    below = [frame[round((my + 14) * scale), round(mx * scale)].astype(int).sum() for frame in frames]
    assert min(below) < 0.7 * max(below), "the white chin gives way to an open mouth"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.png", "--point", "chin=1,2"], "no such file"),
        (["fox.png", "--point", "chin=1"], "NAME=X,Y"),
        (["fox.png", "--point", "tail=1,2"], '"tail" is no point'),
        (["fox.png", "--point", "chin=1,2"], "not placed yet"),
        (["fox.png", "--points", "gone.json"], "cannot be read"),
        (["fox.png", "--points", "fox.png"], "holds no points"),
        (["fox.png"], "no window: no display"),
        ([], "name a picture"),
    ],
)
def test_what_is_wrong_is_one_line(
    drawing: Path, fomm_live: Callable[..., Any], arguments: list[str], message: str
) -> None:
    done = fomm_live("annotate", *arguments)
    assert done.status == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(drawing.parent.glob("*.face.json*"))


def test_the_gallery_lists_what_is_marked_and_what_cannot_be_used(
    drawing: Path, tmp_path: Path, fomm_live: Callable[..., Any]
) -> None:
    (tmp_path / "points.json").write_text(json.dumps(fox()[1]))
    fomm_live("annotate", drawing, "--points", tmp_path / "points.json")
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((300, 300, 3), 90, np.uint8))
    done = fomm_live("avatars", "--avatars", tmp_path)
    assert done.status == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == str(tmp_path)
    assert "fox.png  (face marked by hand)" in lines[1]
    assert "wall.png  cannot be used" in lines[2]
    assert "fomm-live annotate wall.png" in lines[2]
    assert "amara.jpg" in fomm_live("avatars").stdout, "the user's own folder is made and seeded"


@pytest.fixture
def display() -> Iterator[str]:
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        pytest.skip("needs Xvfb")
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    yield f":{server.stdout.readline().strip()}"
    server.terminate()
    server.wait()


def test_a_hand_places_the_points_drags_one_and_saves(
    tmp_path: Path, display: str, start: Callable[..., Any]
) -> None:
    picture = tmp_path / "statue.png"
    cv2.imwrite(str(picture), np.full((700, 800, 3), 150, np.uint8))
    scale = shown_scale(800, 700)
    command = start("annotate", picture, DISPLAY=display)

    def xdotool(*arguments: str) -> str:
        return subprocess.run(
            ["xdotool", *arguments], env={"DISPLAY": display}, capture_output=True, text=True, check=False
        ).stdout

    deadline = time.monotonic() + 40
    while not (found := xdotool("search", "--class", "fomm-live").split()):
        assert time.monotonic() < deadline, command.process.poll()
        time.sleep(0.2)
    time.sleep(1.0)
    window = found[-1]

    def at(place: tuple[float, float]) -> list[str]:
        return ["mousemove", "--window", window, str(round(place[0] * scale)), str(round(place[1] * scale))]

    for point in KEY_POINTS:
        xdotool(*at(key_points()[point.name]), "sleep", "0.1", "click", "1", "sleep", "0.1")
    x, y = key_points()["chin"]
    xdotool(
        *at((x, y)), "sleep", "0.1", "mousedown", "1", "sleep", "0.1", *at((x + 5, y + 20)), "sleep", "0.1",
        *at((x + 10, y + 40)), "sleep", "0.2", "mouseup", "1", "sleep", "0.2",
    )  # fmt: skip
    xdotool("windowfocus", window, "sleep", "0.1", "key", "Return")
    done = command.finish(20)
    assert done.status == 0, done.stderr
    annotation = read_annotation(picture)
    assert annotation is not None
    for name, place in {**key_points(), "chin": (x + 10, y + 40)}.items():
        assert annotation.points[name] == pytest.approx(place, abs=2), name
    assert load_source(picture).landmarks is not None
