"""Every key of the table, pressed in the real window of the real command: what is seen then, and what is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm import resources
from live.hotkeys import AVATARS, HOTKEYS, Command
from live.window.labels import block, pill
from live.window.panels import Panel
from live.window.strip import height_of
from live.window.style import ACCENT, TONES, Measures
from tests.live.conftest import Running, Screen

#: The window as it opens, its type, and how much of its height the gallery leaves.
WIDTH, HEIGHT = 1280, 500
MEASURES = Measures.of(HEIGHT)
FOOT = HEIGHT - height_of(MEASURES)

#: Avatars fill the output, which fills the right half of the window: a patch at the left tells which one is shown,
#: and where.
OUTPUT = (640, 360)
PATCH = (20, 130, 110, 220)
COLOURS = [
    (230, 20, 20), (20, 200, 20), (30, 40, 230), (230, 220, 20), (20, 210, 220), (220, 30, 210), (240, 130, 20),
    (120, 20, 200), (20, 110, 90),
]  # fmt: skip

#: What xdotool calls keys.
SPELT = {"?": "question", "[": "bracketleft", "]": "bracketright", "Space": "space", "Esc": "Escape"}


def portrait(folder: Path, number: int) -> None:
    """Avatar `number`, from 1: the same face before a grey wall with a patch of a colour of its own."""
    face = cv2.imread(str(resources.AVATARS / "amara.jpg"))
    picture = np.full((OUTPUT[1], OUTPUT[0], 3), 90, np.uint8)
    picture[:, 140:500] = cv2.resize(face, (360, 360), interpolation=cv2.INTER_AREA)
    left, top, right, bottom = PATCH
    picture[top:bottom, left:right] = COLOURS[number - 1][::-1]
    cv2.imwrite(str(folder / f"{number}.png"), picture)


@dataclass(frozen=True)
class Patch:
    """The patch as it is seen: whose, and where in the right half of the window."""

    number: int
    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left


def alike(picture: np.ndarray, colour: tuple[int, int, int], *, within: int) -> np.ndarray:
    """Where a picture has a colour, `(H, W)`, not 0."""
    lowest, highest = ([min(max(part + by, 0), 255) for part in colour] for by in (-within, within))
    return np.asarray(cv2.inRange(np.ascontiguousarray(picture), np.array(lowest), np.array(highest)))


class Seen:
    """What the window shows at one moment."""

    def __init__(self, picture: np.ndarray) -> None:
        self.camera = picture[:FOOT, : WIDTH // 2]
        self.result = picture[:FOOT, WIDTH // 2 : WIDTH]
        self.whole = picture[:HEIGHT, :WIDTH]

    @property
    def patch(self) -> Patch | None:
        for number, colour in enumerate(COLOURS, 1):
            rows, columns = np.nonzero(alike(self.result, colour, within=6))
            if len(rows) > 2000:
                edges = [
                    float(np.percentile(places, share)) for share in (1, 99) for places in (columns, rows)
                ]
                return Patch(number, *(round(edge) for edge in edges))
        return None

    def says(self, text: str) -> bool:
        """Whether this is what the session said last."""
        panel = block(((text, TONES["plain"]),), MEASURES, WIDTH // 2 - 2 * MEASURES.gap)
        return self._shows(panel, MEASURES.gap, FOOT - MEASURES.gap - panel.size[1])

    def marked(self, text: str) -> bool:
        """Whether this stands over the result, in the upper right corner."""
        panel = pill(text, "attention", MEASURES, WIDTH // 4)
        return self._shows(panel, WIDTH // 2 - MEASURES.gap - panel.size[0], MEASURES.gap)

    def count(self, colour: tuple[int, int, int], where: np.ndarray) -> int:
        return int(np.count_nonzero(alike(where, colour, within=12)))

    def _shows(self, panel: Panel, left: int, top: int) -> bool:
        width, height = panel.size
        shown = self.result[top : top + height, left : left + width]
        letters = panel.colours.max(axis=2) > 180
        if shown.shape[:2] != letters.shape:
            return False
        bright = shown.max(axis=2) > 150
        return bool(bright[letters].mean() > 0.97 and bright[~letters].mean() < 0.12)


class Desk:
    """A session in its window, and somebody at the keyboard."""

    def __init__(self, screen: Screen, session: Running, folder: Path) -> None:
        self.screen, self.session, self.folder = screen, session, folder
        self._environment = os.environ | {"DISPLAY": screen.name}

    def focus(self) -> None:
        self._xdotool("search", "--sync", "--class", "fomm-live", "windowfocus", "--sync")

    def press(self, key: str) -> None:
        self._xdotool("key", SPELT.get(key, key.replace("Shift-", "")))

    def look(self) -> Seen:
        return Seen(self.screen.look())

    def until(self, what: Callable[[Seen], Any], timeout: float = 60) -> Seen:
        """The first moment of which `what` is true."""
        return Seen(self.screen.wait_for(lambda picture: what(Seen(picture)), timeout, every=0.03))

    def home(self) -> Seen:
        """Avatar 1, where it belongs."""
        return self.until(lambda seen: near(seen.patch, HOME))

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self._environment, timeout=60, check=True)


#: Where the patch of avatar 1 is at first: the result is shown as large as it is, in the middle of its half.
MARGIN = (FOOT - OUTPUT[1]) // 2
HOME = Patch(1, PATCH[0], PATCH[1] + MARGIN, PATCH[2] - 1, PATCH[3] + MARGIN - 1)


def near(one: Patch | None, other: Patch, within: int = 2) -> bool:
    if one is None or one.number != other.number:
        return False
    sides = ("left", "top", "right", "bottom")
    return all(abs(getattr(one, side) - getattr(other, side)) <= within for side in sides)


# What each key does -----------------------------------------------------------------------------------------------


def shows_avatar(number: int) -> Callable[[Desk, str], None]:
    def check(desk: Desk, key: str) -> None:
        if number == 1:
            desk.press("2")
            desk.until(lambda seen: seen.patch is not None and seen.patch.number == 2)
        desk.press(key)
        desk.until(lambda seen: seen.patch is not None and seen.patch.number == number)
        desk.press("1")

    return check


def steps_to(number: int) -> Callable[[Desk, str], None]:
    def check(desk: Desk, key: str) -> None:
        desk.press(key)
        desk.until(lambda seen: seen.patch is not None and seen.patch.number == number)
        desk.press("1")

    return check


def says(text: str) -> Callable[[Desk, str], None]:
    def check(desk: Desk, key: str) -> None:
        desk.press(key)
        desk.until(lambda seen: seen.says(text))

    return check


def moves(right: int, down: int) -> Callable[[Desk, str], None]:
    """By so many pixels."""

    def check(desk: Desk, key: str) -> None:
        there = Patch(1, HOME.left + right, HOME.top + down, HOME.right + right, HOME.bottom + down)
        desk.press(key)
        desk.until(lambda seen: near(seen.patch, there, within=1))
        desk.press("Shift-Z")

    return check


def zooms(larger: bool) -> Callable[[Desk, str], None]:
    def check(desk: Desk, key: str) -> None:
        desk.press(key)
        text = "zoom 105%" if larger else "zoom 95%"
        desk.until(
            lambda seen: (
                seen.says(text) and seen.patch is not None and (seen.patch.width > HOME.width) == larger
            )
        )
        desk.press("Shift-Z")

    return check


def undoes_zoom_and_shift(desk: Desk, key: str) -> None:
    desk.press("w")
    desk.press("u")
    desk.until(lambda seen: seen.patch is not None and not near(seen.patch, HOME))
    desk.press(key)
    desk.until(lambda seen: seen.says("zoom and shift undone") and near(seen.patch, HOME))


def mirrors(on: str, off: str) -> Callable[[Desk, str], None]:
    def check(desk: Desk, key: str) -> None:
        there = Patch(1, OUTPUT[0] - 1 - HOME.right, HOME.top, OUTPUT[0] - 1 - HOME.left, HOME.bottom)
        desk.press(key)
        desk.until(lambda seen: seen.says(on) and near(seen.patch, there))
        desk.press(key)
        desk.until(lambda seen: seen.says(off) and near(seen.patch, HOME))

    return check


def marks(text: str) -> Callable[[Desk, str], None]:
    def check(desk: Desk, key: str) -> None:
        desk.press(key)
        desk.until(lambda seen: seen.marked(text))
        if text == "FROZEN":
            first = desk.look().result[100:FOOT]  # below the numbers
            time.sleep(0.3)
            assert (desk.look().result[100 : FOOT - 60] == first[:-60]).all(), "nothing moves"
        desk.press(key)
        desk.until(lambda seen: not seen.marked(text))

    return check


def shows_the_card(desk: Desk, key: str) -> None:
    desk.press(key)
    desk.until(lambda seen: seen.marked("PRIVACY CARD") and seen.patch is None)
    desk.press(key)


def shows_the_real_face_when_pressed_again(desk: Desk, key: str) -> None:
    def alarmed(seen: Seen) -> bool:
        return seen.count(TONES["alarm"], seen.result) > 3000

    desk.press(key)
    desk.until(
        lambda seen: seen.says(
            "your REAL FACE would be sent instead of the avatar: press again within 5 seconds if you mean it "
            "(or: fomm-live send passthrough --confirm)"
        )
    )
    assert not alarmed(desk.look())
    time.sleep(0.8)  # sooner it is a key that is held
    desk.press(key)
    seen = desk.until(alarmed)
    assert seen.patch is None, "the avatar is not shown"
    desk.press(key)
    desk.until(lambda seen: not alarmed(seen))


def searches(desk: Desk, key: str) -> None:
    def bar(seen: Seen) -> bool:
        return seen.count(ACCENT, seen.camera) > 400

    assert not bar(desk.look())
    desk.press(key)
    desk.until(
        lambda seen: (
            bar(seen)
            and seen.says("searching the neutral pose: look into the camera, eyes open, mouth closed")
        )
    )
    desk.press(key)
    desk.until(lambda seen: not bar(seen))


def overlays(desk: Desk, key: str) -> None:
    if key == "z":
        desk.press("c")
    shown = "avatar over the camera: 10%" if key == "c" else "avatar over the camera: 0%"
    desk.press(key)
    desk.until(lambda seen: seen.says(shown))
    if key == "c":
        desk.press("z")


def shows_landmarks(desk: Desk, key: str) -> None:
    def dots(seen: Seen) -> bool:
        return seen.count((210, 214, 220), seen.camera) > 100

    assert not dots(desk.look())
    desk.press(key)
    desk.until(dots)
    desk.press(key)
    desk.until(lambda seen: not dots(seen))


def hides_the_numbers(desk: Desk, key: str) -> None:
    def numbers(seen: Seen) -> bool:
        return seen.count((255, 255, 255), seen.result[:60, :300]) > 50

    desk.until(numbers)
    desk.press(key)
    desk.until(lambda seen: not numbers(seen))
    desk.press(key)
    desk.until(numbers)


def shows_the_help(desk: Desk, key: str) -> None:
    def helps(seen: Seen) -> bool:
        return seen.count(ACCENT, seen.whole[:FOOT]) > 600

    assert not helps(desk.look())
    desk.press(key)
    desk.until(helps)
    desk.press(key)
    desk.until(lambda seen: not helps(seen))


def records(desk: Desk, key: str) -> None:
    desk.press(key)
    desk.until(lambda seen: seen.count((255, 60, 56), seen.result) > 30)  # the red dot
    time.sleep(0.5)
    desk.press(key)
    desk.until(lambda seen: seen.count((255, 60, 56), seen.result) == 0)
    (film,) = desk.folder.glob("recordings/*.mp4")
    assert cv2.VideoCapture(str(film)).read()[1].shape == (OUTPUT[1], OUTPUT[0], 3)


def saves_a_snapshot(desk: Desk, key: str) -> None:
    desk.press(key)
    deadline = time.monotonic() + 60
    while not (found := list(desk.folder.glob("recordings/*.png"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert cv2.imread(str(found[0])).shape == (OUTPUT[1], OUTPUT[0], 3)


COARSE_X, COARSE_Y = round(0.02 * OUTPUT[0]), round(0.02 * OUTPUT[1])
FINE_X, FINE_Y = round(0.004 * OUTPUT[0]), round(0.004 * OUTPUT[1])

#: A command that is not here fails.
DOES: Mapping[Command, Callable[[Desk, str], None]] = {
    Command.RECALIBRATE: says("recalibrating: your pose now becomes the neutral pose"),
    Command.SEARCH: searches,
    **{command: shows_avatar(number) for number, command in enumerate(AVATARS, 1)},
    Command.PREVIOUS_AVATAR: steps_to(9),
    Command.NEXT_AVATAR: steps_to(2),
    Command.RESCAN: says("looking for pictures in mine"),
    Command.PRIVACY_CARD: shows_the_card,
    Command.FREEZE: marks("FROZEN"),
    Command.PAUSE: marks("PAUSED"),
    Command.ZOOM_IN: zooms(larger=True),
    Command.ZOOM_OUT: zooms(larger=False),
    Command.SHIFT_UP: moves(0, -COARSE_Y),
    Command.SHIFT_DOWN: moves(0, COARSE_Y),
    Command.SHIFT_LEFT: moves(-COARSE_X, 0),
    Command.SHIFT_RIGHT: moves(COARSE_X, 0),
    Command.SHIFT_UP_FINE: moves(0, -FINE_Y),
    Command.SHIFT_DOWN_FINE: moves(0, FINE_Y),
    Command.SHIFT_LEFT_FINE: moves(-FINE_X, 0),
    Command.SHIFT_RIGHT_FINE: moves(FINE_X, 0),
    Command.RESET_VIEW: undoes_zoom_and_shift,
    Command.MIRROR_OUTPUT: mirrors("the output is mirrored", "the output is not mirrored"),
    Command.MIRROR_PREVIEW: mirrors("the preview is mirrored", "the preview is not mirrored"),
    Command.OVERLAY_MORE: overlays,
    Command.OVERLAY_LESS: overlays,
    Command.LANDMARKS: shows_landmarks,
    Command.STATS: hides_the_numbers,
    Command.RECORD: records,
    Command.SNAPSHOT: saves_a_snapshot,
    Command.PASSTHROUGH: shows_the_real_face_when_pressed_again,
    Command.HELP: shows_the_help,
}

KEYS = [(hotkey.command, key) for hotkey in HOTKEYS for key in hotkey.keys]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Desk]]:
    """Open a session in a window; what is open at the end is ended."""
    for tool, package in (("Xvfb", "xvfb"), ("xdotool", "xdotool")):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} (Debian: apt install {package})")
    screen = Screen(tmp_path_factory.mktemp("screen"), (WIDTH, HEIGHT))
    folder = tmp_path_factory.mktemp("session")
    (folder / "mine").mkdir()
    (folder / "run").mkdir(mode=0o700)
    for number in range(1, 10):
        portrait(folder / "mine", number)
    own = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    environment = os.environ | own | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}
    sessions: list[Running] = []

    def open_one(*settings: str) -> Desk:
        sessions.append(
            Running(
                *("--avatars", "mine", "--camera", resources.CLIPS / "talking_head.mp4", "--loop"),
                *("--sink", "window", "--size", f"{OUTPUT[0]}x{OUTPUT[1]}"),
                *("--set", f"recording.folder={folder / 'recordings'}"),
                *(part for setting in settings for part in ("--set", setting)),
                cwd=folder,
                env=environment | screen.environment,
            )
        )
        desk = Desk(screen, sessions[-1], folder)
        desk.focus()
        return desk

    yield open_one
    for session in sessions:
        if session.process.poll() is None:
            session.process.kill()
        session.process.communicate()
    screen.close()


@pytest.fixture(scope="module")
def desk(opened: Callable[..., Desk]) -> Desk:
    """One session for all keys but those that end it."""
    return opened()


@pytest.mark.parametrize(("command", "key"), [pair for pair in KEYS if pair[0] is not Command.QUIT], ids=str)
def test_the_key_does_what_the_table_says(desk: Desk, command: Command, key: str) -> None:
    desk.home()
    assert command in DOES, "say here what is seen when this key is pressed"
    DOES[command](desk, key)


@pytest.mark.parametrize("key", [key for command, key in KEYS if command is Command.QUIT])
def test_the_key_ends_the_session(opened: Callable[..., Desk], desk: Desk, key: str) -> None:
    own = desk.session.process.poll() is not None  # another key has ended the one for all
    if own:
        desk = opened("hotkeys.freeze=[F5]", "hotkeys.mirror-output=[Space]")
    desk.home()
    if own:
        marks("FROZEN")(desk, "F5")
        DOES[Command.MIRROR_OUTPUT](desk, "Space")
    desk.press(key)
    assert desk.session.finish().status == 0
