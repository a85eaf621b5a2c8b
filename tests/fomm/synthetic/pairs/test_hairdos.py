"""Hair that stands off the skin: where it may be, and how it goes with the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.pairs.drawing import Stage
from fomm.synthetic.pairs.hairdos import BEARDS, Hairdo, beard
from fomm.synthetic.people import Hair
from tests.fomm.synthetic.pairs.people import TURNED, moved, pair, plain
from tests.fomm.synthetic.rendering import needs_renderer

pytestmark = needs_renderer

GREEN = (0.05, 1.0, 0.05)


def hairdo(seed: int = 0, **other: object) -> Hairdo:
    drawn = replace(Hairdo.draw(np.random.default_rng(seed)), bangs=False, length=0.2, curl=0.25, volume=0.01)
    return replace(drawn, **other)


def green(picture: np.ndarray) -> np.ndarray:
    return picture[..., 1] > picture[..., 0] + 0.08


@pytest.mark.parametrize("curl", [0.0, 0.25, 0.6, 1.0])
def test_locks_leave_the_face_free_and_hang_from_the_head(
    heads: HeadFactory, stage: Stage, curl: float
) -> None:
    for seed in range(2):
        actor = stage.actor(
            plain(heads, seed, hairdo=hairdo(seed, kind="locks", curl=curl), style=Hair(count=1))
        )
        (locks,) = (one for one in actor.worn if one.kind == "LOCK")
        still, turned = (locks.carrier(actor.pose(pose))[0] for pose in (Pose(), TURNED))
        face = (np.abs(still[:, 0]) < 0.035) & (still[:, 1] < -0.09) & (np.abs(still[:, 2] - 0.70) < 0.04)
        assert face.mean() < 0.01
        high, low = still[:, 2] > 0.75, still[:, 2] < 0.55
        apart = [np.linalg.norm(one[high] - one[high][0], axis=1) for one in (still, turned)]
        assert np.abs(apart[0] - apart[1]).max() < 1e-6
        assert low.any()
        sway = np.array([TURNED.sway[0], 0, TURNED.sway[1]])
        assert np.allclose(turned[low], still[low] + sway, atol=1e-6)


@pytest.mark.parametrize("kind", ["layers", "locks", "tied"])
def test_hair_is_where_the_motion_says(heads: HeadFactory, stage: Stage, kind: str) -> None:
    chosen = hairdo(kind=kind, tail=True, knot=(0.12, 0.03, 0.03))
    drawn = pair(stage, plain(heads, hairdo=chosen, hair=GREEN, style=Hair(count=1), brow=(0.2, 0.1, 0.1)))
    hair = green(drawn.source), green(drawn.driving)
    shown = hair[1] & drawn.visible
    assert shown.sum() > 300
    assert moved(hair[0], drawn, shown).mean() > 0.9


def test_volume_is_seen(heads: HeadFactory, stage: Stage) -> None:
    flat, full = (
        pair(
            stage, plain(heads, hairdo=hairdo(kind="layers", volume=volume), style=Hair(count=1))
        ).source_person.sum()
        for volume in (0.004, 0.03)
    )
    assert full > 1.05 * flat


def test_beards_are_parts_of_a_full_one(stage: Stage) -> None:
    masks = {shape: beard(stage.regions, shape) for shape in BEARDS}
    assert sum(BEARDS.values()) == pytest.approx(1)
    for shape, mask in masks.items():
        assert (mask <= masks["full"]).all()
        assert mask.sum() > 3
        assert shape == "full" or mask.sum() < 0.8 * masks["full"].sum()
    assert (masks["moustache"] * masks["chin"]).max() < 0.1


def test_a_bushy_beard_goes_with_the_jaw(heads: HeadFactory, stage: Stage) -> None:
    bearded = plain(heads, stubble=0.9, beard="full", bushy=0.02, hair=GREEN, style=Hair(count=0))
    drawn = pair(stage, bearded, Pose({"jawOpen": 0.7}))
    hair = green(drawn.source), green(drawn.driving)
    shown = hair[1] & drawn.visible
    assert shown.sum() > 300
    assert moved(hair[0], drawn, shown).mean() > 0.9
    still = (hair[0] & shown).sum() / shown.sum()
    assert moved(hair[0], drawn, shown).mean() > still
