"""The lost-face policy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fomm.presence import Presence


def present(at: float = 0.0) -> Presence:
    presence = Presence()
    presence.update(at, face=True)
    presence.begin()
    return presence


def test_a_face_that_stays_is_shown_in_full() -> None:
    presence = present()
    assert all(presence.update(frame / 30, face=True) == 1 for frame in range(30))


def test_a_lost_face_is_held_then_eased_out_within_a_second() -> None:
    presence = present()
    strengths = [presence.update(1 + frame / 30, face=False) for frame in range(31)]
    assert strengths[:9] == [1.0] * 9
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[-1] == 0
    assert any(0.2 < strength < 0.8 for strength in strengths)


def test_a_single_missed_frame_changes_nothing() -> None:
    presence = present()
    assert presence.update(0.033, face=False) == 1
    assert presence.holding
    assert presence.update(0.066, face=True) == 1
    assert not presence.holding


def test_a_face_that_returns_is_eased_in() -> None:
    presence = present()
    for frame in range(60):
        presence.update(frame / 30, face=False)
    strengths = [presence.update(2 + frame / 30, face=True) for frame in range(20)]
    assert strengths == sorted(strengths)
    assert strengths[0] < 0.1
    assert strengths[-1] == 1


def test_a_dip_goes_to_zero_and_back() -> None:
    presence = present()
    presence.dip()
    strengths = [presence.update(frame / 30, face=True) for frame in range(45)]
    lowest = strengths.index(0.0)
    assert strengths[:lowest] == sorted(strengths[:lowest], reverse=True)
    assert strengths[lowest:] == sorted(strengths[lowest:])
    assert strengths[-1] == 1


@given(
    st.lists(st.tuples(st.floats(-0.05, 0.2), st.booleans(), st.integers(0, 20)), max_size=80),
)
def test_it_never_jumps_and_stays_in_range(steps: list[tuple[float, bool, int]]) -> None:
    presence = present()
    now, latest, before = 0.0, 0.0, 1.0
    for elapsed, face, dip in steps:
        now += elapsed
        if dip == 0:
            presence.dip()
        strength = presence.update(now, face=face)
        assert 0 <= strength <= 1
        # Smoothstep's slope is at most 1.5.
        assert abs(strength - before) <= 1.5 * max(0.0, now - latest) / 0.4 + 1e-9
        before, latest = strength, max(latest, now)
