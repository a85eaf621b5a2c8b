"""Glasses and hats sit where they should, and go with the head as one piece."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.pairs.accessories import HATS, Glasses, Hat
from fomm.synthetic.pairs.characters import Character
from fomm.synthetic.pairs.drawing import Actor, Stage
from tests.fomm.synthetic.pairs.people import SIZE, TURNED, moved, pair, plain
from tests.fomm.synthetic.rendering import needs_renderer

pytestmark = needs_renderer


def glasses(**other: object) -> Glasses:
    drawn = Glasses.draw(np.random.default_rng(0))
    return replace(drawn, **{"thick": 0.002, "dark": 0.0, "rimless_below": False, **other})


def _rigid_error(actor: Actor, kind: str) -> float:
    """How far distances within a mesh change when the head turns, metres."""
    (worn,) = (one for one in actor.worn if one.kind == kind)
    still, turned = (worn.carrier(actor.pose(pose))[0] for pose in (Pose(), TURNED))
    apart = [np.linalg.norm(one - one[len(one) // 2], axis=1) for one in (still, turned)]
    return float(np.abs(apart[0] - apart[1]).max())


def test_glasses_are_rigid_and_before_the_eyes(heads: HeadFactory, stage: Stage) -> None:
    for seed in range(5):
        actor = stage.actor(replace(plain(heads, seed), glasses=glasses()))
        assert _rigid_error(actor, "HARD") < 1e-6
        (lens,) = (one for one in actor.worn if one.kind == "LENS")
        eye = actor.head.rest[np.unique(actor.head.topology.parts["eye_l"])]
        assert lens.rest[:, 1].max() < eye[:, 1].min()
        assert eye[:, 1].min() - lens.rest[:, 1].min() < 0.04
        left = lens.rest[lens.rest[:, 0] > 0]
        assert (left.min(axis=0)[[0, 2]] < eye.mean(axis=0)[[0, 2]]).all()
        assert (left.max(axis=0)[[0, 2]] > eye.mean(axis=0)[[0, 2]]).all()


def test_clear_lenses_leave_motion_and_masks_alone(heads: HeadFactory, stage: Stage) -> None:
    """What a lens mirrors is in the picture; what is seen through it is what moves."""
    clear = glasses(thick=1e-5)
    without, with_lenses = (
        pair(stage, replace(plain(heads), glasses=one, glare=0.5)) for one in (None, clear)
    )
    assert np.abs(with_lenses.driving - without.driving).max() > 0.05
    assert (np.abs(with_lenses.motion - without.motion).max(axis=-1) > 1e-4).mean() < 0.004
    assert np.abs(with_lenses.driving_person - without.driving_person).mean() < 0.001


def test_frames_move_as_the_head_does(heads: HeadFactory, stage: Stage) -> None:
    """Sunglasses' pixels, moved from the source, are sunglasses again."""
    dark = replace(plain(heads), glasses=glasses(dark=1.0, colour=(0.02, 0.02, 0.02)))
    without, drawn = pair(stage, replace(dark, glasses=None)), pair(stage, dark)
    changed = [
        np.abs(getattr(drawn, n) - getattr(without, n)).max(axis=-1) > 0.15 for n in ("source", "driving")
    ]
    assert changed[1].sum() > 150
    inner = cv2.erode(changed[1].astype(np.uint8), np.ones((3, 3))) > 0  # edges are mixed with what is behind
    assert moved(changed[0], drawn, inner & drawn.visible).mean() > 0.97
    # What they hid in the source alone is not visible there, and nothing else is changed.
    uncovered = without.visible & ~drawn.visible
    assert uncovered.sum() > 30
    assert moved(changed[0], drawn, uncovered).mean() >= 0.8


@pytest.mark.parametrize("kind", HATS)
def test_hats_are_over_the_skull(heads: HeadFactory, stage: Stage, kind: str) -> None:
    hat = replace(Hat.draw(np.random.default_rng(1)), kind=kind, tilt=0.0, high=0.0)
    actor = stage.actor(replace(plain(heads), hat=hat))
    crown = actor.head.rest[(stage.regions.p[:, 2] > 0.83) & (stage.regions.body > 0)]
    top = max(worn.rest[:, 1].max() if worn.kind == "CLOTH" else worn.rest[:, 2].max() for worn in actor.worn)
    if kind == "band":
        assert top < crown[:, 2].max()
    else:
        assert 0.001 < top - crown[:, 2].max() < 0.05
    eyes = actor.head.rest[np.unique(actor.head.topology.parts["eye_l"])].mean(axis=0)
    vertices = np.concatenate([worn.carrier(actor.pose(Pose()))[0] for worn in actor.worn])
    before_the_eyes = (np.abs(vertices[:, 0]) < 0.045) & (np.abs(vertices[:, 2] - eyes[2]) < 0.012)
    assert not (before_the_eyes & (vertices[:, 1] < -0.1)).any()


def test_a_hat_hides_the_hair_over_its_edge(heads: HeadFactory, stage: Stage) -> None:
    grown = replace(plain(heads), shell=True, cut=0.6, hair=(0.0, 1.0, 0.0), eyes_at=(0.5, 0.6))
    hat = replace(
        Hat.draw(np.random.default_rng(1)),
        kind="beanie",
        colour=(1, 0, 0),
        trim=(1, 0, 0),
        high=0.0,
        tilt=0.0,
    )

    def green(character: Character) -> np.ndarray:
        picture = pair(stage, character, Pose()).source
        return picture[..., 1] > picture[..., 0] + 0.15

    bare, hatted = green(grown), green(replace(grown, hat=hat))
    assert bare[: SIZE // 3].sum() > 500
    assert hatted[: SIZE // 3].sum() < 20
    assert hatted[SIZE // 2 :].sum() > 50
