from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.window.text import line, line_height, shortened, width_of, wrapped


def ink(text: str, size: int = 20) -> np.ndarray:
    return np.asarray(line(text, size).getchannel("A"))


def test_a_line_is_as_wide_as_measured_and_as_high_as_every_other() -> None:
    for text in ("il", "WWW gjpq", "58 FPS"):
        picture = line(text, 17)
        assert picture.height == line_height(17)
        assert abs(picture.width - width_of(text, 17)) <= 2
        assert ink(text).max() > 200


@pytest.mark.parametrize("letter", "éüßøŁ")
def test_letters_beyond_ascii_are_shown(letter: str) -> None:
    assert (ink(letter).shape != ink("?").shape) or (ink(letter) != ink("?")).any()


@pytest.mark.parametrize("letter", ["\u0378", "\udcff", "\x07"])
def test_what_is_no_letter_is_a_question_mark_and_never_an_empty_box(letter: str) -> None:
    assert (ink(f"a{letter}b") == ink("a?b")).all()


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=40), st.integers(9, 40), st.floats(1, 300))
def test_any_text_fits_where_it_is_told_to(text: str, size: int, width: float) -> None:
    short = shortened(text, size, width)
    assert width_of(short, size) <= width or short == "…"
    assert line(short, size).height == line_height(size)
    for part in wrapped(text, size, width):
        assert width_of(part, size) <= width or part == "…"


def test_both_ends_of_a_long_name_stay() -> None:
    short = shortened("holiday pictures 2026 (copy 12) final.jpg", 14, 160)
    assert short.startswith("holiday")
    assert short.endswith("final.jpg")
    assert "…" in short


def test_words_are_wrapped_and_none_is_lost() -> None:
    text = "a notice of many words that does not fit into one line of the window"
    lines = wrapped(text, 14, 200)
    assert len(lines) > 1
    assert " ".join(lines) == text
