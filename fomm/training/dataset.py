"""Pairs of frames to train on, from clips as the reference implementation lays them out.

A data set is a folder of clips, or has such a folder called `train` inside (and one called `test`); a clip is a
folder of pictures or a video. With `id_sampling`, clips whose names agree up to `#` are one identity, and an epoch
passes over identities. What is drawn depends on the seed, the epoch and the place in the epoch alone, so that a
training that was interrupted goes on with the very pairs it would have had.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fomm.animators.base import Frame
from fomm.config import Config, DatasetParams
from fomm.errors import ConfigError, FommError, VideoError
from fomm.evaluation.dataset import Clip, find_clips
from fomm.images import load_image
from fomm.training import augmentation
from fomm.video import VideoReader
from fomm.wording import counted

#: Without a `train` folder, one clip in so many is kept for testing.
_TEST_SHARE = 5

#: A clip that cannot be read is replaced by another, this often at most.
_ATTEMPTS = 20


class Skipped(NamedTuple):
    """A clip that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class TrainingClip:
    """A clip whose frames can be picked by number.

    Attributes:
        clip: where it is.
        length: frames.
    """

    clip: Clip
    length: int

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.clip.name

    @property
    def identity(self) -> str:
        """Who it shows: its name up to the first `#`, or up to its extension."""
        return Path(self.name).stem.split("#")[0] if "#" not in self.name else self.name.split("#")[0]

    def pick(self, indices: Sequence[int]) -> list[Frame]:
        """Frames by number, `(H, W, 3)` uint8 RGB.

        Raises:
            VideoError, ImageError: one cannot be read.
        """
        if self.clip.path.is_dir():
            pictures = self.clip.pictures()
            return [load_image(pictures[index]).pixels for index in indices]
        found: dict[int, Frame] = {}
        with VideoReader(self.clip.path) as reader:
            for number, (pixels, _) in enumerate(reader):
                if number in indices:
                    found[number] = pixels
                if number >= max(indices):
                    break
        if len(found) < len(set(indices)):
            raise VideoError(f"{self.clip.path} ends before frame {max(indices)}; it may be truncated")
        return [found[index] for index in indices]


class Clips(NamedTuple):
    """What a data set holds."""

    train: tuple[TrainingClip, ...]
    test: tuple[TrainingClip, ...]
    skipped: tuple[Skipped, ...]


def find(params: DatasetParams) -> Clips:
    """The clips of a data set that can be used.

    Args:
        params: where it is, and the shape of the frames.

    Raises:
        VideoError: there is no such folder, or no clip in it that can be used.
    """
    root = Path(params.root_dir)
    if (root / "train").is_dir():
        train, skipped = _usable(find_clips(root / "train"), params.frame_shape)
        test: tuple[TrainingClip, ...] = ()
        if (root / "test").is_dir() and any((root / "test").iterdir()):
            test, refused = _usable(find_clips(root / "test"), params.frame_shape)
            skipped += refused
    else:
        usable, skipped = _usable(find_clips(root), params.frame_shape)
        order = np.random.default_rng(params.random_seed).permutation(len(usable))
        kept = len(usable) // _TEST_SHARE
        test = tuple(usable[index] for index in sorted(order[:kept]))
        train = tuple(usable[index] for index in sorted(order[kept:]))
    if not train:
        first = f"; the first: {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise VideoError(f"{root}: {counted(len(skipped), 'clip')}, none of which can be trained on{first}")
    return Clips(train, test, skipped)


def _usable(
    clips: Sequence[Clip], frame_shape: tuple[int, int, int]
) -> tuple[tuple[TrainingClip, ...], tuple[Skipped, ...]]:
    def look(clip: Clip) -> TrainingClip | Skipped:
        try:
            length, (width, height) = _measure(clip)
            _check_shape(clip.name, (height, width), frame_shape)
        except FommError as error:
            return Skipped(clip.name, str(error))
        return TrainingClip(clip, length)

    with ThreadPoolExecutor(max_workers=8) as threads:
        looked = list(threads.map(look, clips))
    return (
        tuple(one for one in looked if isinstance(one, TrainingClip)),
        tuple(one for one in looked if isinstance(one, Skipped)),
    )


def _measure(clip: Clip) -> tuple[int, tuple[int, int]]:
    """How many frames a clip has, and the first one's width and height."""
    if clip.path.is_dir():
        pictures = clip.pictures()
        height, width = load_image(pictures[0]).pixels.shape[:2]
        return len(pictures), (width, height)
    with VideoReader(clip.path) as reader:
        # Few files do not say; these are counted.
        return reader.frame_count or sum(1 for _ in reader), reader.size


def _check_shape(name: str, found: tuple[int, int], frame_shape: tuple[int, int, int]) -> None:
    height, width = frame_shape[:2]
    # A pixel's difference is rounding, not another shape.
    if abs(found[0] * width / height - found[1]) > 1:
        raise VideoError(
            f"{name} is {found[1]}x{found[0]}, which has not the shape of frame_shape, {width}x{height}; "
            "crop it first"
        )


class Draw(NamedTuple):
    """What settles one pair."""

    epoch: int
    place: int
    group: int


class PairDataset(Dataset[dict[str, Any]]):
    """Source and driving frame of one clip, by `Draw`.

    An item has `source` and `driving`, `(3, H, W)` float32 in [0, 1], and `skipped`: the clips that turned out
    unreadable when this pair was drawn.

    Args:
        clips: to draw from.
        config: the model's.
    """

    def __init__(self, clips: Sequence[TrainingClip], config: Config) -> None:
        params = config.dataset_params
        augmentation.check(params.augmentation_params, params.frame_shape)
        self._params, self._seed = params, config.train_params.seed
        groups: dict[str, list[TrainingClip]] = {}
        for clip in clips:
            groups.setdefault(clip.identity if params.id_sampling else clip.name, []).append(clip)
        self._groups = list(groups.values())

    def __len__(self) -> int:
        """How many identities (or clips) an epoch passes over, before repeats."""
        return len(self._groups)

    def __getitem__(self, draw: Draw) -> dict[str, Any]:
        rng = np.random.default_rng([self._seed, draw.epoch, draw.place])
        group, skipped = self._groups[draw.group], []
        for _ in range(_ATTEMPTS):
            clip = group[int(rng.integers(len(group)))]
            indices = sorted(int(index) for index in rng.integers(clip.length, size=2))
            try:
                frames = [self._fitted(clip, frame) for frame in clip.pick(indices)]
            except FommError as error:
                skipped.append(Skipped(clip.name, str(error)))
                group = self._groups[int(rng.integers(len(self._groups)))]
                continue
            frames = augmentation.augment(frames, self._params.augmentation_params, rng)
            source, driving = (torch.from_numpy(frame.transpose(2, 0, 1).copy()) for frame in frames)
            return {"source": source, "driving": driving, "skipped": skipped}
        name, reason = skipped[-1]
        raise VideoError(f"{_ATTEMPTS} clips in a row cannot be read; the last, {name}: {reason}")

    def _fitted(self, clip: TrainingClip, frame: Frame) -> NDArray[np.float32]:
        return fitted(frame, self._params.frame_shape, clip.name)


def fitted(frame: Frame, frame_shape: tuple[int, int, int], name: str) -> NDArray[np.float32]:
    """A frame at the model's size: `(H, W, 3)` float32 in [0, 1].

    Raises:
        VideoError: it has another shape.
    """
    height, width = frame_shape[:2]
    _check_shape(name, frame.shape[:2], frame_shape)
    if frame.shape[:2] != (height, width):
        smaller = frame.shape[0] > height
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=how), np.uint8)
    return frame.astype(np.float32) / np.float32(255)


def collate(items: list[dict[str, Any]]) -> dict[str, Any]:
    """A batch: stacked frames, and all that was skipped."""
    batch: dict[str, Any] = {key: torch.stack([item[key] for item in items]) for key in ("source", "driving")}
    batch["skipped"] = [one for item in items for one in item["skipped"]]
    return batch


class EpochSampler(Sampler[list[Draw]]):
    """The batches of one epoch, from any step on: each group `repeats` times, in an order of the epoch's own.

    Args:
        groups: how many there are.
        repeats: the config's `num_repeats`.
        batch: pairs of all processes together; what is left over at an epoch's end is dropped.
        rank: this process, of `world` processes; each takes its share of every batch.
    """

    def __init__(
        self, groups: int, *, repeats: int, batch: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self._groups, self._repeats, self._batch, self._seed = groups, repeats, batch, seed
        self._rank, self._world = rank, world
        self._epoch, self._start = 0, 0

    def set(self, epoch: int, start: int = 0) -> None:
        """Go on with batch `start` of `epoch`."""
        self._epoch, self._start = epoch, start

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self._groups * self._repeats // self._batch

    def __len__(self) -> int:
        return max(self.steps - self._start, 0)

    def __iter__(self) -> Iterator[list[Draw]]:
        order = np.random.default_rng([self._seed, self._epoch]).permutation(self._groups * self._repeats)
        for step in range(self._start, self.steps):
            places = range(step * self._batch, (step + 1) * self._batch)[self._rank :: self._world]
            yield [Draw(self._epoch, place, int(order[place]) % self._groups) for place in places]


class ShownPair(NamedTuple):
    """A picture to animate, and what animates it, for a sample sheet: `(3, H, W)` float32 in [0, 1].

    Attributes:
        neutral: the driving clip's first frame; None where source and driving frame are of one clip, and motion is
            taken as it is.
    """

    source: Tensor
    driving: Tensor
    neutral: Tensor | None


def shown_pairs(clips: Clips, params: DatasetParams, *, count: int) -> list[ShownPair]:
    """What sample sheets show, the same in every one: half of one clip each, half of two.

    The latter are of `pairs_list` as far as its clips are there, as the reference implementation animates them; or
    random ones.
    """
    pool = clips.test or clips.train
    rng = np.random.default_rng(params.random_seed)

    def frames(clip: TrainingClip, *indices: int) -> list[Tensor]:
        return [
            torch.from_numpy(fitted(frame, params.frame_shape, clip.name).transpose(2, 0, 1).copy())
            for frame in clip.pick(indices)
        ]

    pairs: list[ShownPair] = []
    chosen = rng.permutation(len(pool))
    for index in range((count + 1) // 2):
        clip = pool[chosen[index % len(pool)]]
        source, driving = frames(clip, 0, int(rng.integers(clip.length)))
        pairs.append(ShownPair(source, driving, None))
    for one, another in _pairs(pool, params, rng)[: count // 2]:
        neutral, driving = frames(another, 0, int(rng.integers(another.length)))
        pairs.append(ShownPair(frames(one, 0)[0], driving, neutral))
    return pairs


def _pairs(
    pool: Sequence[TrainingClip], params: DatasetParams, rng: np.random.Generator
) -> list[tuple[TrainingClip, TrainingClip]]:
    by_name = {name: clip for clip in pool for name in (clip.name, Path(clip.name).stem)}
    listed = Path(params.pairs_list) if params.pairs_list else None
    if listed is not None and listed.is_file():
        try:
            with listed.open(newline="", encoding="utf-8") as file:
                rows = [(row["source"], row["driving"]) for row in csv.DictReader(file)]
        except (KeyError, UnicodeDecodeError, csv.Error, OSError) as error:
            raise ConfigError(
                f"{listed}: no list of pairs ({error}); its columns must be source and driving"
            ) from None
        known = [(by_name[a], by_name[b]) for a, b in rows if a in by_name and b in by_name]
        if known:
            return known
    return [(pool[int(a)], pool[int(b)]) for a, b in rng.integers(len(pool), size=(50, 2))]
