"""Zoom, shift and size of the output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.arrangement import Arrangement
from live.composer import FITS, Fit, View, lay_out
from live.gallery import PreparedAvatar
from live.hotkeys import Command
from live.recording.recordings import Recordings
from live.requests import Answer, Request
from live.sinks import SinkOptions
from tests.live.doubles import SIZE, ShiftState
from tests.live.test_session import Stage, drivers, with_window


def picture(width: int = 300, height: int = 200) -> np.ndarray:
    """Grey, with a red square of 20 pixels in its middle."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[height // 2 - 10 : height // 2 + 10, width // 2 - 10 : width // 2 + 10] = (255, 0, 0)
    return pixels


def avatar(pixels: np.ndarray, size: tuple[int, int], fit: Fit = "blur") -> PreparedAvatar:
    layout = lay_out(pixels, size, fit)
    return PreparedAvatar(Path("a.png"), ShiftState(pixels), layout, layout.compose(pixels), ())


def square_in(frame: np.ndarray) -> tuple[float, float, float]:
    """Middle of the red square and its side, in pixels."""
    y, x = np.nonzero((frame[..., 0] > 190) & (frame[..., 1] < 64))
    return float(x.mean() + 0.5), float(y.mean() + 0.5), float(np.sqrt(len(x)))


def give(arrangement: Arrangement, command: Command, times: int = 1) -> str:
    told = ""
    for _ in range(times):
        told = arrangement.commands()[command]()
    return told


def test_untouched_nothing_is_computed_anew() -> None:
    shown = avatar(picture(), (300, 200))
    arrangement = Arrangement((300, 200), "blur")
    assert arrangement.of(shown).layout is shown.layout
    assert arrangement.of(shown).rest is shown.rest


def test_zooming_is_about_the_middle_and_comes_back_to_the_bit() -> None:
    shown = avatar(picture(), (300, 200))
    arrangement = Arrangement((300, 200), "blur")
    assert give(arrangement, Command.ZOOM_IN, 14) == "zoom 198%"
    x, y, side = square_in(arrangement.of(shown).rest)
    assert (x, y) == (pytest.approx(150, abs=1.5), pytest.approx(100, abs=1.5))
    assert side == pytest.approx(39.6, abs=2)
    give(arrangement, Command.ZOOM_OUT, 14)
    assert arrangement.of(shown).rest is shown.rest
    assert give(arrangement, Command.ZOOM_IN, 100) == "zoom 400%"
    assert give(arrangement, Command.ZOOM_OUT, 100) == "zoom 50%"


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    ("command", "by"),
    [
        (Command.SHIFT_RIGHT, (6, 0)),
        (Command.SHIFT_LEFT, (-6, 0)),
        (Command.SHIFT_DOWN, (0, 4)),
        (Command.SHIFT_UP, (0, -4)),
        (Command.SHIFT_RIGHT_FINE, (1.2, 0)),
        (Command.SHIFT_LEFT_FINE, (-1.2, 0)),
        (Command.SHIFT_DOWN_FINE, (0, 0.8)),
        (Command.SHIFT_UP_FINE, (0, -0.8)),
    ],
)
def test_shifts_go_where_they_say_mirrored_or_not(
    command: Command, by: tuple[float, float], mirrored: bool
) -> None:
    shown = avatar(picture(), (300, 200))
    arrangement = Arrangement((300, 200), "blur", mirrored=mirrored)
    give(arrangement, command, 5)
    x, y, _ = square_in(arrangement.of(shown).rest)
    assert (x, y) == (pytest.approx(150 + 5 * by[0], abs=1), pytest.approx(100 + 5 * by[1], abs=1))
    assert give(arrangement, Command.RESET_VIEW) == "zoom and shift undone"
    assert square_in(arrangement.of(shown).rest)[:2] == (150, 100)


def test_it_never_leaves_the_picture() -> None:
    shown = avatar(picture(), (300, 200))
    arrangement = Arrangement((300, 200), "pad")
    give(arrangement, Command.ZOOM_OUT, 50)
    give(arrangement, Command.SHIFT_RIGHT, 50)
    rest = arrangement.of(shown).rest
    assert (rest[70, 215:] == 128).all(), "a part of it is still there"
    assert (rest[:, :200] == 0).all(), "beside it is what the fit says"


def test_another_size_takes_the_whole_picture_at_once() -> None:
    shown = avatar(picture(), (300, 200))
    arrangement = Arrangement((300, 200), "fill")
    arrangement.size = (150, 150)
    rest = arrangement.of(shown).rest
    assert rest.shape == (150, 150, 3)
    assert square_in(rest)[2] == pytest.approx(15, abs=1)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(FITS),
    st.tuples(st.integers(20, 90), st.integers(20, 90)),
    st.tuples(st.integers(64, 120), st.integers(64, 120)),
    st.floats(0.5, 4),
    st.floats(-0.45, 0.45),
    st.floats(-0.45, 0.45),
)
def test_any_view_of_any_picture_is_whole(
    fit: Fit, shape: tuple[int, int], size: tuple[int, int], zoom: float, right: float, down: float
) -> None:
    pixels = np.full((*shape, 3), 200, np.uint8)
    layout = lay_out(pixels, size, fit).viewed(View(zoom, right, down), pixels, fit)
    frame = layout.compose(pixels)
    assert frame.shape == (size[1], size[0], 3)
    assert frame.flags.c_contiguous
    assert (frame == 200).any(), "the avatar is in sight"
    assert layout.place[0] + layout.place[2] <= size[0]
    assert layout.place[1] + layout.place[3] <= size[1]


@pytest.mark.parametrize("right", [0.004, -0.004, 0.02, -0.02, 0.3333])
def test_a_shift_alone_keeps_every_pixel_as_it_is(right: float) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (90, 161, 3), np.uint8)
    shifted = lay_out(pixels, (161, 90), "pad").viewed(View(1.0, right, 0.0), pixels, "pad").compose(pixels)
    by = round(right * 161)
    inner = shifted[:, by:] if by > 0 else shifted[:, :by]
    assert (inner == (pixels[:, :-by] if by > 0 else pixels[:, -by:])).all()


# In a session.


def ask(stage: Stage, script: dict[int, Request]) -> list[Answer]:
    """Requests after so many frames that were shown."""
    answers: list[Answer] = []

    class Script:
        def requests(self) -> list[Request]:
            due = script.pop(len(stage.sink.frames), None)
            return [] if due is None else [Request(due.command, due.argument, answers.append)]

    stage.session._sources = [Script()]
    return answers


def test_every_command_is_somebodys(tmp_path: Path) -> None:
    recordings = Recordings(None, SinkOptions(SIZE), print)
    assert Stage(tmp_path, recordings=recordings).session.dispatcher.known == set(Command)


def test_a_view_holds_while_the_avatar_moves_and_where_no_face_is_seen(tmp_path: Path) -> None:
    script = {3: [Command.SHIFT_RIGHT] * 10, 6: [Command.RESET_VIEW]}
    stage, window = with_window(tmp_path, script)
    bright = np.full((SIZE[1], SIZE[0], 3), 100, np.uint8)
    bright[:, :10] = 250
    stage.animator.drive = lambda *_: bright.copy()  # type: ignore[method-assign]
    stage.run(drivers(*[50] * 4, *[None] * 6))
    edges = [int(np.argmax(frame[30, :, 0] == 250)) for frame in window.frames]
    assert edges[:3] == [0, 0, 0]
    assert edges[3:6] == [19, 19, 19], "20 % of 96 pixels"
    assert edges[6] == 0


def test_the_size_changes_while_the_session_runs(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    asked = {
        3: Request(Command.SIZE, "128x80"),
        5: Request(Command.SIZE, "7"),
        6: Request(Command.FREEZE),
        7: Request(Command.SIZE, "64x64"),
    }
    answers = ask(stage, asked)
    resized: list[tuple[int, int]] = []
    stage.session._on_resize = resized.append
    stage.run(drivers(50, *[90] * 9))
    assert [frame.shape[1::-1] for frame in stage.sink.frames] == [SIZE] * 3 + [(128, 80)] * 4 + [
        (64, 64)
    ] * 3
    assert resized == [(128, 80), (64, 64)]
    assert answers[0] == Answer("the output is 128x80")
    assert not answers[1].done
    assert "7" in answers[1].text
    assert stage.session.report().size == (64, 64)


def test_avatars_are_prepared_anew_for_another_size(tmp_path: Path) -> None:
    stage = Stage(tmp_path, live=True)
    before = stage.gallery.current
    with stage.gallery:
        stage.gallery.poll()
        stage.gallery.prepare_anew()
        assert stage.gallery.current is before, "shown until the new one is there"
        for _ in range(200):
            if stage.gallery.poll():
                break
            stage.gallery._thread.join(0.02)
        assert stage.gallery.current is not before
        assert stage.gallery.current.ready
