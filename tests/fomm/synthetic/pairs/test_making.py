"""Real pairs, where anny and EGL are at hand; the standard test environment has neither."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm import cli_errors, commands
from fomm.faces import FaceLandmarker
from fomm.synthetic.pairs import Maker, Pair, read_clip, read_shard, stream
from tests.fomm.synthetic.rendering import needs_renderer

pytestmark = needs_renderer

SIZE = 128


@pytest.fixture(scope="module")
def maker() -> Iterator[Maker]:
    with Maker(size=SIZE, seed=3) as made:
        yield made


@pytest.fixture(scope="module")
def pairs(maker: Maker) -> list[Pair]:
    return [pair for identity in range(6) for pair in maker.pairs(identity, 2)]


def _moved(pair: Pair) -> np.ndarray:
    there = (pair.motion + 1) / 2 * (SIZE - 1)
    return cv2.remap(pair.source, there[..., 0], there[..., 1], cv2.INTER_LINEAR)


def test_shapes_and_ranges(pairs: list[Pair]) -> None:
    assert [pair.identity for pair in pairs] == [identity for identity in range(6) for _ in range(2)]
    for pair in pairs:
        assert pair.source.shape == pair.driving.shape == (SIZE, SIZE, 3)
        assert pair.source_landmarks.shape == (478, 3)
        assert pair.source_person.dtype == np.uint8
        assert 0.1 < (pair.driving_person > 127).mean() < 0.95
        assert pair.motion.shape == (SIZE, SIZE, 2)
        assert 0.5 < pair.visible.mean() < 1


def test_the_motion_is_exact(pairs: list[Pair]) -> None:
    """Where the source shows it, the moved source is the driving frame, but for light; noise is averaged out.

    Looked at where the frames differ: plain walls and cheeks are alike wherever they move.
    """
    ratios = []
    for pair in pairs:
        seen = cv2.erode(pair.visible.astype(np.uint8), np.ones((5, 5))) > 0
        moved, still, there = (
            cv2.GaussianBlur(one.astype(np.float32), (0, 0), 1.5)
            for one in (_moved(pair), pair.source, pair.driving)
        )
        seen &= np.abs(still - there).max(axis=-1) > 15
        ratios.append(np.abs(moved - there)[seen].mean() / np.abs(still - there)[seen].mean())
    assert max(ratios) < 0.8
    assert np.median(ratios) < 0.45
    hidden = [np.abs(_moved(p).astype(int) - p.driving)[~p.visible].mean() for p in pairs]
    shown = [np.abs(_moved(p).astype(int) - p.driving)[p.visible].mean() for p in pairs]
    assert np.median(hidden) > 3 * np.median(shown)


def test_motion_takes_driving_landmarks_to_source_landmarks(pairs: list[Pair]) -> None:
    """Two ways of knowing where a nose went: the renderer's, and the face tracker's."""
    fixed = [1, 4, 5, 6, 168, 195, 197, 133, 362]
    errors = []
    for pair in pairs:
        there = (pair.motion + 1) / 2 * (SIZE - 1)
        for x, y in pair.driving_landmarks[fixed, :2]:
            column, row = (int(np.clip(round(float(v)), 0, SIZE - 1)) for v in (x, y))
            errors.append(there[row, column])
    expected = np.concatenate([pair.source_landmarks[fixed, :2] for pair in pairs])
    assert np.median(np.linalg.norm(np.array(errors) - expected, axis=1)) < 2.5


def test_nobody_depends_on_who_was_drawn_before(maker: Maker, pairs: list[Pair]) -> None:
    (again, *_) = maker.pairs(4, 1)
    first = next(pair for pair in pairs if pair.identity == 4)
    for name in ("source", "driving", "motion", "visible", "driving_landmarks"):
        assert np.array_equal(getattr(again, name), getattr(first, name)), name


def test_a_stream_is_endless_and_shared_by_processes() -> None:
    made = list(islice(stream(size=SIZE, seed=3, first=1, step=2, count=1), 3))
    assert [pair.identity for pair in made] == [1, 3, 5]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*options: str) -> int:
        arguments = ["synthesize", str(tmp_path / "out"), "--identities", "2", "--pairs", "1", *options]
        return cli_errors.run(commands.app, arguments, program="fomm")

    sheet = tmp_path / "sheet.png"
    assert call("--shards", "1", "--size", "96", "--sheet", str(sheet)) == 0
    assert len(read_shard(tmp_path / "out" / "shard-00000.npz")) == 2
    assert sheet.is_file()
    assert call("--shards", "1", "--size", "96") == 0
    assert "Already there: 1 of 1 shard." in capsys.readouterr().out
    assert call("--shards", "1", "--size", "128") == cli_errors.REFUSED
    assert "size was 96 and is 128" in capsys.readouterr().err


def test_faces_are_found_again(pairs: list[Pair]) -> None:
    with FaceLandmarker(mode="image", max_faces=1) as landmarker:
        assert all(landmarker.detect(pair.driving) for pair in pairs)


def test_a_sequence_is_smooth_and_its_motion_leads_to_the_first_frame(
    maker: Maker, pairs: list[Pair]
) -> None:
    clip = list(maker.sequence(4, 12, fps=25))
    assert len(clip) == 12
    (same, *_) = (pair for pair in pairs if pair.identity == 4)
    assert clip[0].driving.shape == same.source.shape
    assert all(pair.source is clip[0].driving for pair in clip)
    still = np.stack(np.meshgrid(*[np.linspace(-1, 1, SIZE)] * 2), axis=-1)
    assert np.abs(clip[0].motion - still)[clip[0].visible].max() < 1e-4
    assert clip[0].visible.mean() > 0.98
    steps = [np.abs(b.motion - a.motion).max(axis=-1) for a, b in pairwise(clip)]
    assert max(np.median(step) for step in steps) < 6 * 2 / SIZE
    again = list(islice(maker.sequence(4, 12, fps=25), 12))
    assert all(np.array_equal(one.driving, other.driving) for one, other in zip(clip, again, strict=True))


def test_the_command_writes_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["synthesize", str(tmp_path / "out"), "--sequences", "1", "--frames", "3", "--size", "96"]
    sheet = tmp_path / "sheet.png"
    assert cli_errors.run(commands.app, [*options, "--sheet", str(sheet)], program="fomm") == 0
    assert "person-00000: 3 frames" in capsys.readouterr().out
    assert len(read_clip(tmp_path / "out" / "person-00000")) == 3
    assert sheet.is_file()
    assert cli_errors.run(commands.app, options, program="fomm") == 0
    assert "Already there: 1 of 1 clip." in capsys.readouterr().out


def test_two_makers_take_turns(pairs: list[Pair], maker: Maker) -> None:
    with Maker(size=64, seed=1) as other:
        turns = zip(maker.pairs(2, 2), other.pairs(2, 2), strict=True)
        for (mine, theirs), expected in zip(turns, pairs[4:6], strict=True):
            assert np.array_equal(mine.driving, expected.driving)
            assert theirs.driving.shape == (64, 64, 3)
    (after, *_) = maker.pairs(2, 1)
    assert np.array_equal(after.motion, pairs[4].motion)
