"""Characters by chance; visibility from depth; shards. What needs no renderer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from fomm import cli_errors, commands
from fomm.errors import ConfigError, VideoError
from fomm.synthetic.pairs import Pair, Plan, contact_sheet, read_shard, shards
from fomm.synthetic.pairs.characters import MAX_PITCH, MAX_ROLL, MAX_YAW, Character, acting
from fomm.synthetic.pairs.drawing import trace

CHANGES = [
    f"{part}-{number}" for part in ("nose", "cheek", "mouth", "l-eye", "torso") for number in range(15)
]
ACTIONS = [
    "jawOpen",
    "mouthSmileLeft",
    "mouthSmileRight",
    "tongueOut",
    "eyeBlinkLeft",
    "browInnerUp",
    "cheekPuff",
]


def test_characters_are_many_and_settled_by_their_seed() -> None:
    def draw(seed: int) -> Character:
        return Character.draw(np.random.default_rng(seed), CHANGES)

    people = [draw(seed) for seed in range(40)]
    assert people[3] == draw(3)
    assert len({person.skin for person in people}) == 40
    for person in people:
        assert not any(name.startswith("torso") for name in person.shape.local_changes)
        assert sum(
            person.shape.phenotypes[name] for name in ("african", "asian", "caucasian")
        ) == pytest.approx(1)
        for colour in (person.skin, person.lips, person.hair, person.iris, person.cloth, person.sky):
            assert 0 <= min(colour) <= max(colour) <= 1
        assert np.linalg.norm(person.key[0]) == pytest.approx(1)
    assert (
        {person.style.count > 0 for person in people} == {person.shell for person in people} == {True, False}
    )


def test_acting_turns_blinks_and_speaks_within_limits() -> None:
    rng = np.random.default_rng(2)
    wild = [acting(rng, ACTIONS, calm=False) for _ in range(300)]
    calm = [acting(rng, ACTIONS, calm=True) for _ in range(300)]
    for pose in wild + calm:
        assert abs(pose.yaw) <= MAX_YAW
        assert abs(pose.pitch) <= MAX_PITCH
        assert abs(pose.roll) <= MAX_ROLL
        assert all(0 <= strength <= 1 for strength in pose.expression.values())
        assert "tongueOut" not in pose.expression
    assert max(abs(pose.yaw) for pose in wild) > 30
    assert np.std([pose.yaw for pose in calm]) < 0.4 * np.std([pose.yaw for pose in wild])
    assert 0.05 < np.mean([pose.expression.get("eyeBlinkLeft", 0) > 0.9 for pose in wild]) < 0.5
    assert not any(pose.expression.get("eyeBlinkLeft") for pose in calm)


def _measured(size: int) -> np.ndarray:
    """A flat person over the whole picture, one metre away, that did not move."""
    column, row = np.meshgrid(np.arange(size), np.arange(size))
    x, y = (column + 0.5) / size * 2 - 1, 1 - (row + 0.5) / size * 2
    return np.stack([x, y, np.ones_like(x), np.ones_like(x)], axis=-1).astype(np.float32)


def _identity(size: int) -> np.ndarray:
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis), axis=-1)


class TestTrace:
    def test_what_did_not_move(self) -> None:
        motion, visible = trace(_measured(9), np.ones((9, 9), np.float32))
        assert np.allclose(motion, _identity(9), atol=1e-6)
        assert visible.all()

    def test_what_moved(self) -> None:
        measured = _measured(9)
        measured[..., 0] += (
            2 * 2 / 9
        )  # everything was two pixels further right, and so left the picture there
        motion, visible = trace(measured, np.ones((9, 9), np.float32))
        assert np.allclose(motion[..., 0], _identity(9)[..., 0] + 2 * 2 / 8, atol=1e-5)
        assert np.allclose(motion[..., 1], _identity(9)[..., 1], atol=1e-6)
        assert visible[:, :7].all()
        assert not visible[:, 7:].any()

    def test_what_something_nearer_hid(self) -> None:
        depth = np.ones((9, 9), np.float32)
        depth[2:7, 2:7] = 0.9
        _, visible = trace(_measured(9), depth)
        assert not visible[3:6, 3:6].any()
        assert visible[:2].all()

    def test_behind_the_person(self) -> None:
        measured, depth = np.zeros((9, 9, 4), np.float32), np.zeros((9, 9), np.float32)
        depth[:, :4] = 1
        motion, visible = trace(measured, depth)
        assert np.allclose(motion, _identity(9), atol=1e-6)
        assert np.array_equal(visible, depth == 0)


def _pair(identity: int, size: int = 48) -> Pair:
    rng = np.random.default_rng(identity)
    return Pair(
        identity,
        *rng.integers(0, 256, (2, size, size, 3), dtype=np.uint8),
        *rng.normal(size=(2, 478, 3)).astype(np.float32),
        *rng.integers(0, 256, (2, size, size), dtype=np.uint8),
        (_identity(size) + rng.normal(0, 0.2, (size, size, 2))).astype(np.float32),
        rng.random((size, size)) < 0.7,
    )


class Someone:
    """A maker without a renderer."""

    made: ClassVar[list[int]] = []

    def __init__(self, *, size: int, seed: int) -> None:
        self.size = size

    def __enter__(self) -> Someone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def pairs(self, identity: int, count: int) -> list[Pair]:
        Someone.made.append(identity)
        return [_pair(identity, self.size) for _ in range(count)]


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    Someone.made = []
    monkeypatch.setattr(shards, "Maker", Someone)


@pytest.mark.usefixtures("someone")
class TestShards:
    PLAN = Plan(size=48, identities=2, pairs=2)

    def test_they_come_back_as_they_were(self, tmp_path: Path) -> None:
        (path,) = shards.write_shards(tmp_path / "new", self.PLAN, [1])
        pairs = read_shard(path)
        assert [pair.identity for pair in pairs] == [2, 2, 3, 3]
        for pair in pairs:
            made = _pair(pair.identity)
            for name in ("source", "driving", "source_landmarks", "driving_landmarks", "source_person",
                         "driving_person", "visible"):  # fmt: skip
                assert np.array_equal(getattr(pair, name), getattr(made, name)), name
                assert getattr(pair, name).dtype == getattr(made, name).dtype
            assert np.abs(pair.motion - made.motion).max() * 47 / 2 <= 1 / 127

    def test_those_that_are_there_are_left(self, tmp_path: Path) -> None:
        list(shards.write_shards(tmp_path, self.PLAN, [0]))
        before = (tmp_path / "shard-00000.npz").stat().st_mtime_ns
        made = list(shards.write_shards(tmp_path, self.PLAN, range(2)))
        assert [path.name for path in made] == ["shard-00001.npz"]
        assert Someone.made == [0, 1, 2, 3]
        assert (tmp_path / "shard-00000.npz").stat().st_mtime_ns == before

    def test_another_plan_is_refused(self, tmp_path: Path) -> None:
        list(shards.write_shards(tmp_path, self.PLAN, [0]))
        with pytest.raises(ConfigError, match="made otherwise: size was 48 and is 64, seed was 0 and is 5"):
            list(shards.write_shards(tmp_path, Plan(size=64, seed=5, identities=2, pairs=2), [1]))

    def test_nothing_half_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(np, "savez_compressed", full)
        with pytest.raises(ConfigError, match=r"shard-00000\.npz cannot be written \(No space"):
            list(shards.write_shards(tmp_path, self.PLAN, [0]))
        assert [path.name for path in tmp_path.iterdir()] == [shards.NOTE]

    def test_what_is_no_shard(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match="no such file"):
            read_shard(tmp_path / "absent.npz")
        (path,) = shards.write_shards(tmp_path, self.PLAN, [0])
        whole = path.read_bytes()
        for spoilt in (
            b"",
            whole[:2000],
            *(whole[:at] + bytes(40) + whole[at + 40 :] for at in (40, 400, 4000)),
        ):
            path.write_bytes(spoilt)
            with pytest.raises(VideoError, match="no shard, or damaged"):
                read_shard(path)

    def test_a_sheet_shows_what_moved(self) -> None:
        still = _pair(0)
        still = Pair(
            **{**still.__dict__, "motion": _identity(48), "source_landmarks": np.zeros((478, 3), np.float32)}
        )
        sheet = contact_sheet([still, still], columns=3)
        assert sheet.shape == (48, 9 * 48, 3)
        moved = sheet[:, 96:144]
        assert np.abs(moved[still.visible].astype(int) - still.source[still.visible]).max() <= 1
        assert not moved[~still.visible].any()
        assert not sheet[:, 6 * 48 :].any()


def test_the_command_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    status = cli_errors.run(commands.app, ["synthesize", str(tmp_path / "out")], program="fomm")
    error = capsys.readouterr().err
    assert status == cli_errors.REFUSED
    assert "pip install 'fomm-live[synthetic]'" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
