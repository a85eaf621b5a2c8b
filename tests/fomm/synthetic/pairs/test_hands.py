"""A hand at the face hides it, and has a motion of its own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.pairs.drawing import Drawn, Stage
from fomm.synthetic.pairs.hands import GESTURES, Hand
from tests.fomm.synthetic.pairs.people import SIZE, moved, plain
from tests.fomm.synthetic.rendering import needs_renderer

pytestmark = needs_renderer

UP, ELSEWHERE = Pose(hand=(1.0, 0.0, 0.0, 0.0)), Pose(hand=(1.0, 0.02, 0.03, 15.0), yaw=8)


def drawn(stage: Stage, heads: HeadFactory, source: Pose, driving: Pose, *, hand: bool = True) -> Drawn:
    held = Hand("mouth", left=True, size=1.0, bend=(0, 0, 0, 0), sleeve=0.2) if hand else None
    somebody = plain(heads, hand=held, skin=(0.1, 0.3, 0.9), mottle=0.0, height=0.36)
    return stage.pair(stage.actor(somebody), source, driving, np.full((SIZE, SIZE, 3), 0.5, np.float32))


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one - other).max(axis=-1) > 0.06


def test_one_that_comes_was_nowhere_in_the_source(heads: HeadFactory, stage: Stage) -> None:
    without, comes = (drawn(stage, heads, Pose(), UP, hand=hand) for hand in (False, True))
    assert np.abs(comes.source - without.source).max() < 1e-6
    hand = cv2.erode(changed(comes.driving, without.driving).astype(np.uint8), np.ones((3, 3))) > 0
    assert hand.sum() > 300
    assert comes.visible[hand].mean() < 0.02
    assert (comes.motion[hand][:, 1] > 1).mean() > 0.98  # below the picture


def test_one_that_goes_had_hidden_the_face(heads: HeadFactory, stage: Stage) -> None:
    without, goes = (drawn(stage, heads, UP, Pose(), hand=hand) for hand in (False, True))
    hand = cv2.erode(changed(goes.source, without.source).astype(np.uint8), np.ones((5, 5))) > 0
    was_there = without.visible & ~goes.visible
    assert goes.visible[hand & (goes.driving_person > 0.9)].mean() < 0.02
    assert was_there.sum() > 300
    assert np.abs(goes.motion - without.motion).max() < 1e-5


def test_one_that_stays_moves_by_itself(heads: HeadFactory, stage: Stage) -> None:
    without, stays = (drawn(stage, heads, UP, ELSEWHERE, hand=hand) for hand in (False, True))
    hand = [
        changed(getattr(stays, frame), getattr(without, frame)).astype(np.uint8)
        for frame in ("source", "driving")
    ]
    shown = (cv2.erode(hand[1], np.ones((3, 3))) > 0) & stays.visible
    assert shown.sum() > 200
    assert moved(hand[0] > 0, stays, shown).mean() > 0.9
    assert np.median(np.abs(stays.motion - without.motion)[shown]) > 2 / SIZE


@pytest.mark.parametrize("gesture", GESTURES)
def test_hands_are_whole_and_mirrored(heads: HeadFactory, stage: Stage, gesture: str) -> None:
    places = []
    for left in (True, False):
        hand = Hand(gesture, left=left, size=1.0, bend=(0, 5, 10, 15), sleeve=0.1)
        actor = stage.actor(plain(heads, hand=hand))
        places.append(actor.worn[-1].carrier(actor.pose(UP))[0])
        eyes = actor.middle
    assert np.abs(places[0] * [-1, 1, 1] - places[1]).max() < 0.004  # a head is not quite alike on both sides
    nearest = np.linalg.norm(places[0] - eyes, axis=1).min()
    assert nearest < 0.2
