"""Pairs on disk: NumPy archives of some people each, and a note of how they were made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fomm.animators.base import Frame
from fomm.errors import ConfigError, VideoError
from fomm.synthetic.arrays import Array
from fomm.synthetic.pairs.making import Maker, Pair

NOTE = "synthetic.json"

#: Raised whenever the same plan gives other pictures.
VERSION = 4

#: Motion is kept in this part of a pixel.
_FRACTION = 64


@dataclass(frozen=True)
class Plan:
    """What shards of one folder have in common.

    Attributes:
        size: of the frames in pixels.
        seed: settles everybody.
        identities: people in a shard; shard k begins with number `k * identities`.
        pairs: of each person.
    """

    size: int = 256
    seed: int = 0
    identities: int = 20
    pairs: int = 4


def write_shards(
    folder: Path,
    plan: Plan,
    shards: Sequence[int],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Path]:
    """Make shards that are not there yet, one after another; each appears when it is whole.

    Args:
        folder: where; it is created.
        plan: must be that of the shards that are there.
        shards: their numbers. Several processes may write different ones into one folder.
        progress: called after each person with how many are done and how many there are to do.

    Yields:
        The path of each shard, once it is there.

    Raises:
        ConfigError: the folder's shards were made by another plan, or it cannot be written.
        ExtraError, EglError: see `Maker`.
    """
    missing = [number for number in shards if not shard_path(folder, number).exists()]
    check_note(folder, plan)
    total = len(missing) * plan.identities
    done = 0
    if missing:
        with Maker(size=plan.size, seed=plan.seed) as maker:
            for number in missing:
                pairs: list[Pair] = []
                for identity in range(number * plan.identities, (number + 1) * plan.identities):
                    pairs += maker.pairs(identity, plan.pairs)
                    done += 1
                    if progress is not None:
                        progress(done, total)
                write_pairs(shard_path(folder, number), pairs)
                yield shard_path(folder, number)


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard is, or will be."""
    return folder / f"shard-{number:05d}.npz"


def shards_in(folder: Path) -> list[Path]:
    """The shards that are there, in order."""
    return sorted(path for path in folder.glob("shard-*.npz") if path.stem[6:].isdecimal())


def check_note(folder: Path, plan: Any) -> None:
    """Hold a folder to the plan that its note tells, or make it with one.

    Args:
        folder: where.
        plan: a dataclass.

    Raises:
        ConfigError: it was made by another plan, or cannot be written.
    """
    note, now = folder / NOTE, {"version": VERSION, **asdict(plan)}
    if note.exists():
        try:
            before = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ConfigError(f"{note} cannot be read; choose another folder") from None
        changed = [
            f"{key} was {before.get(key)} and is {now[key]}" for key in now if before.get(key) != now[key]
        ]
        if changed:
            raise ConfigError(
                f"{folder} holds what was made otherwise: {', '.join(changed)}; choose another folder"
            )
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror}); choose another folder") from None


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write one shard; it appears when it is whole.

    Raises:
        ConfigError: it cannot be written.
    """
    packed = [_packed(picture) for pair in pairs for picture in (pair.source, pair.driving)]
    arrays = {
        "identity": np.array([pair.identity for pair in pairs], np.int64),
        "pictures": np.concatenate(packed),
        "picture_sizes": np.array([len(one) for one in packed], np.int64),
        "landmarks": np.stack([(pair.source_landmarks, pair.driving_landmarks) for pair in pairs]),
        "persons": np.stack([(pair.source_person, pair.driving_person) for pair in pairs]),
        "displacement": np.stack([displacement(pair.motion) for pair in pairs]),
        "visible": np.stack([np.packbits(pair.visible, axis=-1) for pair in pairs]),
    }
    unfinished = path.with_name(f".{path.stem}.part.npz")
    try:
        np.savez_compressed(unfinished, allow_pickle=False, **arrays)
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); make room") from None
    finally:
        unfinished.unlink(missing_ok=True)


def read_shard(path: Path | str) -> list[Pair]:
    """The pairs of a shard; motion as exact as 1/128 of a pixel.

    Raises:
        VideoError: it is no shard, or damaged.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        ends = np.cumsum(arrays["picture_sizes"])[:-1]
        pictures = [_unpacked(packed) for packed in np.split(arrays["pictures"], ends)]
        size = pictures[0].shape[0]
        return [
            Pair(
                int(identity),
                pictures[2 * index],
                pictures[2 * index + 1],
                arrays["landmarks"][index, 0],
                arrays["landmarks"][index, 1],
                arrays["persons"][index, 0],
                arrays["persons"][index, 1],
                motion_of(arrays["displacement"][index]),
                np.unpackbits(arrays["visible"][index], axis=-1, count=size).astype(bool),
            )
            for index, identity in enumerate(arrays["identity"])
        ]
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file; check the shard's path") from None
    except Exception as error:  # a damaged archive raises anything
        raise VideoError(f"{path} is no shard, or damaged ({error}); make it again") from None


def _packed(picture: Frame) -> Array:
    """A picture without loss, as WebP."""
    _, packed = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])
    return np.asarray(packed).ravel()


def _unpacked(packed: Array) -> Frame:
    picture = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("a picture cannot be decoded")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def displacement(motion: Array) -> Array:
    """`(S, S, 2)` int16: how far the source's point is from the driving pixel, in parts of a pixel."""
    size = len(motion)
    there = (motion + 1) / 2 * (size - 1)
    return np.clip(np.round((there - _pixels(size)) * _FRACTION), -(2**15), 2**15 - 1).astype(np.int16)


def motion_of(parts: Array) -> Array:
    """`Pair.motion` from what `displacement` made of it."""
    size = len(parts)
    there = _pixels(size) + parts.astype(np.float32) / _FRACTION
    return np.asarray(there / (size - 1) * 2 - 1, np.float32)


def _pixels(size: int) -> Array:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return np.stack([x, y], axis=-1)


def contact_sheet(pairs: Sequence[Pair], *, columns: int = 3) -> Frame:
    """Pairs to look at: source, driving frame, and the source moved into its place, black where it was hidden."""
    cells = []
    for pair in pairs:
        size = len(pair.source)
        there = ((pair.motion + 1) / 2 * (size - 1)).astype(np.float32)
        moved = cv2.remap(pair.source, there[..., 0], there[..., 1], cv2.INTER_LINEAR)
        moved[~pair.visible] = 0
        marked = []
        shown = ((pair.source, pair.source_landmarks), (pair.driving, pair.driving_landmarks))
        for picture, landmarks in ((picture.copy(), landmarks) for picture, landmarks in shown):
            for x, y, _ in landmarks[::6] if np.isfinite(landmarks).all() else ():
                cv2.circle(
                    picture, (round(float(x)), round(float(y))), max(size // 256, 1), (90, 255, 120), -1
                )
            marked.append(picture)
        cells.append(np.concatenate([*marked, moved], axis=1))
    while len(cells) % columns:
        cells.append(np.zeros_like(cells[0]))
    rows = [np.concatenate(cells[start : start + columns], axis=1) for start in range(0, len(cells), columns)]
    return np.concatenate(rows)
