from __future__ import annotations

import time

import numpy as np
import pytest

from fomm.errors import ConfigError
from live.card import privacy_card
from live.frames import OutputFrame
from live.hotkeys import Command
from live.session import modes as modes_module
from live.session.confirmation import Confirmation
from live.session.modes import CONFIRMED, Modes

REST, LAST, REAL = (OutputFrame(np.full((64, 96, 3), value, np.uint8)) for value in (100, 130, 7))


class Clock:
    """A clock that the test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(modes_module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def modes() -> Modes:
    return Modes(lambda _: None, card_text="camera off")


def shown(modes: Modes, real: OutputFrame | None = REAL) -> str:
    cover = modes.cover(rest=REST, last=LAST, real=lambda: real)
    named = {id(None): "avatar", id(LAST): "last", id(REAL): "real"}
    return named.get(id(cover), "card")


def press(modes: Modes, command: Command) -> str:
    if command is Command.PASSTHROUGH:
        return modes.commands_with_argument[command]("")
    return modes.commands[command]()


def test_the_card_comes_and_goes(modes: Modes) -> None:
    assert shown(modes) == "avatar"
    press(modes, Command.PRIVACY_CARD)
    assert (shown(modes), modes.marks) == ("card", ("PRIVACY CARD",))
    press(modes, Command.PRIVACY_CARD)
    assert (shown(modes), modes.marks) == ("avatar", ())


def test_freezing_holds_what_was_sent_last(modes: Modes) -> None:
    press(modes, Command.FREEZE)
    assert (shown(modes), modes.marks) == ("last", ("FROZEN",))
    press(modes, Command.FREEZE)
    assert shown(modes) == "avatar"


def test_the_card_goes_before_what_is_frozen_and_ends_it(modes: Modes) -> None:
    press(modes, Command.FREEZE)
    press(modes, Command.PRIVACY_CARD)
    assert shown(modes) == "card"
    with pytest.raises(ConfigError, match="the privacy card is on"):
        press(modes, Command.FREEZE)
    press(modes, Command.PRIVACY_CARD)
    assert shown(modes) == "avatar"


def test_pausing_stops_what_follows_the_driver() -> None:
    told: list[bool] = []
    modes = Modes(told.append, card_text="")
    press(modes, Command.PAUSE)
    assert (modes.marks, shown(modes)) == (("PAUSED",), "avatar")
    press(modes, Command.PAUSE)
    assert told == [True, False]


def test_one_press_never_shows_the_real_face(modes: Modes, clock: Clock) -> None:
    with pytest.raises(ConfigError, match=r"REAL FACE would be sent.*press again within 5 seconds"):
        press(modes, Command.PASSTHROUGH)
    clock.now += 60
    assert modes.poll() == ""
    assert (shown(modes), modes.alarm) == ("avatar", "")


def test_two_presses_show_the_real_face_in_red_until_a_third(modes: Modes, clock: Clock) -> None:
    with pytest.raises(ConfigError):
        press(modes, Command.PASSTHROUGH)
    clock.now += 1
    press(modes, Command.PASSTHROUGH)
    assert shown(modes) == "avatar"
    clock.now += 0.5
    assert modes.poll().startswith("YOUR REAL FACE IS ON")
    assert (shown(modes), modes.alarm) == ("real", "YOUR REAL FACE IS ON")
    assert shown(modes, real=None) == "card", "a camera that stalls leaves no face standing"
    press(modes, Command.PASSTHROUGH)
    assert (shown(modes), modes.alarm) == ("avatar", "")


def test_a_key_that_is_held_shows_nothing(modes: Modes, clock: Clock) -> None:
    for step in (0.66, *[0.03] * 300):
        with pytest.raises(ConfigError):
            press(modes, Command.PASSTHROUGH)
        clock.now += step
        assert modes.poll() == ""
    clock.now += 10
    assert modes.poll() == ""
    assert shown(modes) == "avatar"


def test_what_was_sent_may_say_that_it_is_meant(modes: Modes) -> None:
    assert modes.commands_with_argument[Command.PASSTHROUGH](CONFIRMED).startswith("YOUR REAL FACE IS ON")
    assert shown(modes) == "real"
    with pytest.raises(ConfigError, match="--confirm"):
        modes.commands_with_argument[Command.PASSTHROUGH]("yes")


@pytest.mark.parametrize("command", [Command.PRIVACY_CARD, Command.PAUSE, None])
def test_card_pause_and_another_avatar_end_the_real_face(modes: Modes, command: Command | None) -> None:
    modes.commands_with_argument[Command.PASSTHROUGH](CONFIRMED)
    press(modes, Command.FREEZE)
    assert shown(modes) == "last"
    if command is None:
        modes.back_to_avatar()
    else:
        press(modes, command)
    assert not modes.real_face
    assert not modes.frozen, "what is frozen shows the real face"
    assert shown(modes) in ("avatar", "card")


@pytest.mark.parametrize(
    ("presses", "given"),
    [
        ([0.0], False),
        ([0.0, 1.0], True),
        ([0.0, 4.9], True),
        ([0.0, 5.1], False),
        ([0.0, 0.3], False),
        ([0.0, 1.8, 1.83, 1.86], False),  # held, with a long delay before it repeats
        ([0.0, 0.03, 0.06, 1.5], True),
    ],
)
def test_confirmation(presses: list[float], given: bool) -> None:
    confirmation = Confirmation()
    for number, at in enumerate(presses):
        confirmation.press(at)
        following = presses[number + 1] if number + 1 < len(presses) else at + 1
        early = min(at + 0.29, following)
        assert not confirmation.given(early)
    assert confirmation.given(presses[-1] + 0.4) == given
    assert not confirmation.given(presses[-1] + 0.5), "once"


def test_the_card_has_the_avatars_colours_and_nothing_to_recognise() -> None:
    rng = np.random.default_rng(0)
    portrait = rng.integers(0, 255, (360, 640, 3), np.uint8)
    portrait[:, :320, 0] = 250  # reddish on the left
    kept = portrait.copy()
    card = privacy_card(OutputFrame(portrait), "")
    assert (card.shape, card.dtype, card.flags["C_CONTIGUOUS"]) == ((360, 640, 3), np.uint8, True)
    assert (portrait == kept).all()
    assert card[:, :100, 0].mean() > card[:, -100:, 0].mean() + 30
    steps = np.abs(np.diff(card.astype(int), axis=1))
    assert steps.max() <= 4, "no edge is left"


@pytest.mark.parametrize("size", [(160, 120), (1280, 720), (720, 1280)])
def test_the_cards_text_fits(size: tuple[int, int]) -> None:
    rest = OutputFrame(np.full((size[1], size[0], 3), 90, np.uint8))
    for text in ("camera off", "back at three, after a rather long walk with the dog"):
        lettered = (privacy_card(rest, text) != privacy_card(rest, "")).any(axis=(0, 2))
        assert lettered.any()
        assert not lettered[: size[0] // 40].any()
        assert not lettered[-size[0] // 40 :].any()


def test_a_card_is_drawn_once() -> None:
    modes = Modes(lambda _: None, card_text="camera off")
    press(modes, Command.PRIVACY_CARD)
    began = time.perf_counter()
    first, again = (modes.cover(rest=REST, last=LAST, real=lambda: None) for _ in range(2))
    assert first is again
    assert time.perf_counter() - began < 5
