from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fomm.animators.base import Frame
from live.gallery import Thumbnail
from live.window import Camera, Ghost, Mark, Search, Status, View
from live.window.drawing import Painter
from live.window.panels import Panel, rounded
from live.window.style import ACCENT, TONES
from tests.live.doubles import face_at

SIZE = (1280, 500)
ROWS = [(key, f"does what {key} does") for key in "qwertzuiopasdfghjklyxcvbnm"]


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (640, 360)) -> Frame:
    return np.full((size[1], size[0], 3), colour, np.uint8)


RESULT, DRIVER = plain((0, 0, 200)), plain((0, 120, 0))
FACE = face_at(320, 180) * [4, 4, 1] - [960, 540, 0]


def paint(view: View, size: tuple[int, int] = SIZE, result: Frame = RESULT) -> Frame:
    return Painter().paint(result, view, size).copy()


def status(fps: float = 58.3, idle_gpu: str | None = None) -> Status:
    return Status("landmark-warp", "cpu", "CPU", fps, 15.0, idle_gpu)


def count(picture: Frame, colour: tuple[int, int, int], within: int = 12) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=2) <= within).sum())


def changed(one: Frame, other: Frame) -> np.ndarray:
    """Where two pictures differ."""
    return np.argwhere((one != other).any(axis=2))


def thumbnails(states: list[str], current: int = 0, name: str = "avatar") -> list[Thumbnail]:
    return [
        Thumbnail(
            f"{name} {place + 1}",
            place + 1,
            None if state == "waiting" else plain((90, 160, 220), (96, 96)),
            state,  # type: ignore[arg-type]
            "no face was found" if state == "unusable" else "",
            place == current,
        )
        for place, state in enumerate(states)
    ]


def test_the_driver_is_on_the_left_and_the_result_on_the_right() -> None:
    shown = paint(View(Camera(DRIVER)))
    assert tuple(shown[250, 320]) == (0, 120, 0)
    assert tuple(shown[250, 960]) == (0, 0, 200)
    assert count(shown[:, :640], (0, 0, 200)) == 0


def test_in_a_tall_window_they_are_one_above_the_other() -> None:
    shown = paint(View(Camera(DRIVER)), (500, 700))
    assert tuple(shown[175, 250]) == (0, 120, 0)
    assert tuple(shown[525, 250]) == (0, 0, 200)


def test_the_result_is_never_drawn_into() -> None:
    result, driver = RESULT.copy(), DRIVER.copy()
    paint(everything(driver), result=result)
    paint(everything(driver), size=(640, 360), result=result)
    assert (result == RESULT).all()
    assert (driver == DRIVER).all()


def everything(driver: Frame = DRIVER, name: str = "avatar") -> View:
    return View(
        camera=Camera(driver, FACE, ("move closer", "too dark", "face the camera")),
        ghost=Ghost(plain((255, 200, 150), (300, 400)), face_at(150, 200), 0.5),
        search=Search(0.4, 0.8),
        status=status(idle_gpu="NVIDIA GeForce RTX 3060 is idle: torch is the CPU build"),
        alarm="YOUR REAL FACE IS SENT",
        marks=(Mark("FROZEN", "attention"), Mark("PAUSED")),
        recording_s=3725,
        thumbnails=thumbnails(["ready", "waiting", "still", "preparing", "unusable"] * 4, 9, name),
        notices=("recording into a file with a rather long name in some folder",),
        landmarks=True,
        mirrored=True,
        keys=ROWS,
    )


sides = st.integers(64, 900)


@settings(deadline=None, max_examples=40)
@given(sides, sides, sides, sides, sides, sides, st.text(max_size=60))
def test_everything_is_drawn_at_every_size(
    width: int, height: int, result_width: int, result_height: int, wide: int, high: int, name: str
) -> None:
    result, driver = plain((1, 2, 3), (result_width, result_height)), plain((4, 5, 6), (wide, high))
    shown = Painter().paint(result, everything(driver, name), (width, height))
    assert shown.shape == (height, width, 3)
    assert shown.dtype == np.uint8


def test_a_good_face_has_green_corners_and_one_with_hints_has_yellow_ones() -> None:
    good = paint(View(Camera(DRIVER, FACE)))
    assert count(good, TONES["good"]) > 200
    assert count(good, TONES["attention"]) == 0
    hinted = paint(View(Camera(DRIVER, FACE, ("move closer",))))
    assert count(hinted, TONES["attention"]) > 300
    assert count(hinted, TONES["good"]) == 0
    assert count(paint(View(Camera(DRIVER))), TONES["good"]) == 0


def test_the_corners_are_where_the_face_is_and_on_the_other_side_in_a_mirror() -> None:
    face = face_at(100, 180)
    for mirrored in (False, True):
        shown = paint(View(Camera(DRIVER, face), mirrored=mirrored))
        where = np.argwhere(np.abs(shown[:, :640].astype(int) - TONES["good"]).max(axis=2) < 12)
        left = 640 - 100 if mirrored else 100
        assert abs(where[:, 1].mean() - left) < 15


@pytest.mark.parametrize("light", [(255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_words_are_legible_over_any_picture(light: tuple[int, int, int]) -> None:
    """White letters on a ground that is dark whatever is behind it."""
    shown = paint(View(status=status()), result=plain(light))
    panel = shown[12:30, 652:900]
    assert count(panel, (255, 255, 255)) > 50
    assert np.percentile(panel.mean(axis=2), 10) < 90


def test_the_numbers_can_be_hidden_but_an_idle_gpu_stays_in_red() -> None:
    idle = status(idle_gpu="RTX is idle")
    assert count(paint(View(status=idle)), TONES["alarm"]) > 60
    hidden = paint(View(status=idle, numbers=False))
    assert count(hidden, TONES["alarm"]) > 60
    assert count(hidden, (255, 255, 255)) == 0
    assert len(changed(paint(View(status=status(), numbers=False)), paint(View()))) == 0
    assert count(paint(View(status=status())), TONES["alarm"]) == 0


def test_only_the_numbers_change_with_the_numbers() -> None:
    where = changed(
        paint(View(Camera(DRIVER), status=status(58))), paint(View(Camera(DRIVER), status=status(31)))
    )
    assert len(where) > 0
    assert where[:, 0].max() < 40
    assert where[:, 1].min() > 640


def test_the_landmarks_come_and_go() -> None:
    without, with_them = (paint(View(Camera(DRIVER, FACE), landmarks=on)) for on in (False, True))
    assert count(without, (210, 214, 220)) == 0
    assert count(with_them, (210, 214, 220)) > 300


def test_the_avatar_over_the_camera_is_as_strong_as_told() -> None:
    def strength(opacity: float) -> float:
        ghost = Ghost(plain((250, 120, 0), (300, 400)), face_at(150, 200), opacity)
        return float(paint(View(Camera(DRIVER), ghost=ghost))[250, 320, 0])

    levels = [strength(opacity) for opacity in (0.0, 0.1, 0.5, 1.0)]
    assert levels[0] == 0
    assert np.allclose(levels, [0, 25, 125, 250], atol=4)


def test_the_avatars_face_is_laid_over_the_middle_whatever_its_place_in_the_picture() -> None:
    portrait = plain((0, 0, 0), (400, 600))
    portrait[80:120, 280:320] = (255, 0, 0)
    shown = paint(View(Camera(DRIVER), ghost=Ghost(portrait, face_at(300, 100), 1.0)))
    where = np.argwhere((shown[:, :640, 0] > 200) & (shown[:, :640, 1] < 30))
    assert np.allclose(where.mean(axis=0), (250, 320), atol=20)


def test_recording_marks_and_alarm_are_seen() -> None:
    quiet = paint(View())
    assert count(paint(View(recording_s=0.0)), (255, 60, 56)) > 30
    frozen = changed(paint(View(marks=(Mark("FROZEN", "attention"),))), quiet)
    assert frozen[:, 1].min() > 1000
    alarmed = paint(View(alarm="YOUR REAL FACE IS SENT"))
    assert count(alarmed, TONES["alarm"]) > 4000, "a frame around the result"
    assert count(alarmed[:, :640], TONES["alarm"]) == 0


def test_the_search_has_a_score_that_grows() -> None:
    bars = [count(paint(View(Camera(DRIVER), search=Search(now, 0.9))), ACCENT) for now in (0.0, 0.3, 0.8)]
    assert bars[0] < bars[1] < bars[2]


def test_the_gallery_shows_the_current_one_and_what_is_left_out() -> None:
    few = paint(View(thumbnails=thumbnails(["ready", "unusable", "ready"])))
    assert count(few, ACCENT) > 200
    assert count(few, TONES["alarm"], 60) > 30, "a red cross"
    assert count(few[470:], TONES["attention"], 40) > 60, "the reason"
    assert count(paint(View(thumbnails=thumbnails(["ready"]))), ACCENT) == 0, "one avatar needs no strip"


def test_of_many_avatars_the_current_one_is_always_in_sight() -> None:
    painter = Painter()
    for current in range(20):
        shown = painter.paint(RESULT, View(thumbnails=thumbnails(["ready"] * 20, current)), (640, 360))
        assert count(shown, ACCENT) > 100


def test_a_kept_strip_is_drawn_anew_when_something_in_it_changes() -> None:
    painter = Painter()
    before = painter.paint(RESULT, View(thumbnails=thumbnails(["ready", "preparing"])), SIZE).copy()
    after = painter.paint(RESULT, View(thumbnails=thumbnails(["ready", "ready"])), SIZE).copy()
    assert len(changed(before, after)) > 100


def test_the_help_holds_every_row_at_the_smallest_size() -> None:
    shown = paint(View(keys=ROWS), (640, 360))
    without = paint(View(keys=ROWS[:-1]), (640, 360))
    assert len(changed(shown, without)) > 10
    assert count(shown, ACCENT, 60) > 100


def test_a_panel_is_cut_off_at_the_edges() -> None:
    panel = Panel.of(rounded((20, 10), 0, (255, 0, 0)))
    canvas = np.zeros((30, 30, 3), np.uint8)
    for left, top in ((-10, -5), (25, 25), (-30, 0), (0, 40)):
        panel.paste(canvas, left, top)
    assert count(canvas, (255, 0, 0)) == 10 * 5 + 5 * 5
