"""Clips on disk, without a renderer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fomm.config import DatasetParams
from fomm.errors import ConfigError, VideoError
from fomm.synthetic.pairs import ClipPlan, Pair, clips, read_clip, write_clips
from fomm.training import dataset

SIZE = 64


def _clip(identity: int, frames: int) -> list[Pair]:
    rng = np.random.default_rng(identity)
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    pictures = rng.integers(0, 256, (frames, SIZE, SIZE, 3), dtype=np.uint8)
    landmarks = rng.normal(size=(frames, 478, 3)).astype(np.float32)
    landmarks[-1] = np.nan
    persons = rng.integers(0, 256, (frames, SIZE, SIZE), dtype=np.uint8)
    return [
        Pair(
            identity,
            pictures[0],
            pictures[k],
            landmarks[0],
            landmarks[k],
            persons[0],
            persons[k],
            (np.stack(np.meshgrid(axis, axis), -1) + rng.normal(0, 0.1, (SIZE, SIZE, 2))).astype(np.float32),
            rng.random((SIZE, SIZE)) < 0.7,
        )
        for k in range(frames)
    ]


class Someone:
    """A maker without a renderer."""

    def __init__(self, *, size: int, seed: int) -> None:
        assert size == SIZE

    def __enter__(self) -> Someone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sequence(self, identity: int, frames: int, fps: float) -> Iterator[Pair]:
        yield from _clip(identity, frames)


@pytest.fixture(autouse=True)
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "Maker", Someone)


PLAN = ClipPlan(size=SIZE, frames=12)


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    first, second = write_clips(tmp_path / "new", PLAN, [3, 7])
    assert [path.name for path in (first, second)] == ["person-00003", "person-00007"]
    read, made = read_clip(second), _clip(7, 12)
    assert len(read) == 12
    for back, pair in zip(read, made, strict=True):
        assert back.identity == 7
        for name in ("source", "driving", "source_person", "driving_person", "visible"):
            assert np.array_equal(getattr(back, name), getattr(pair, name)), name
        for name in ("source_landmarks", "driving_landmarks"):
            assert np.array_equal(getattr(back, name), getattr(pair, name), equal_nan=True)
        assert np.abs(back.motion - pair.motion).max() * (SIZE - 1) / 2 <= 1 / 127


def test_training_reads_them(tmp_path: Path) -> None:
    list(write_clips(tmp_path, PLAN, range(5)))
    found = dataset.find(DatasetParams(root_dir=str(tmp_path), frame_shape=(SIZE, SIZE, 3)))
    assert len(found.train) == 4
    assert len(found.test) == 1
    assert not found.skipped
    clip = found.train[0]
    assert clip.length == 12
    (frame,) = clip.pick([11])
    assert np.array_equal(frame, read_clip(tmp_path / clip.name)[11].driving)


def test_what_is_there_is_left_and_another_plan_refused(tmp_path: Path) -> None:
    list(write_clips(tmp_path, PLAN, [0]))
    assert [path.name for path in write_clips(tmp_path, PLAN, [0, 1])] == ["person-00001"]
    with pytest.raises(ConfigError, match="frames was 12 and is 20"):
        list(write_clips(tmp_path, ClipPlan(size=SIZE, frames=20), [2]))


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(ConfigError, match=r"person-00000 cannot be written \(No space"):
        list(write_clips(tmp_path, PLAN, [0]))
    assert [path.name for path in tmp_path.iterdir()] == ["synthetic.json"]


def test_what_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        read_clip(tmp_path / "absent")
    (path,) = write_clips(tmp_path, PLAN, [0])
    (path / "000011.png").unlink()
    with pytest.raises(VideoError, match="12 frames were made, 11 are there"):
        read_clip(path)
    truth = path / clips.TRUTH
    truth.write_bytes(truth.read_bytes()[:500])
    with pytest.raises(VideoError, match="no clip of ours, or damaged"):
        read_clip(path)
