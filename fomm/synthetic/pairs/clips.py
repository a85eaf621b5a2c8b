"""Clips on disk: a folder of numbered PNG files for each person, as `fomm train` takes them, and the truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fomm.errors import ConfigError, VideoError
from fomm.evaluation.dataset import Clip
from fomm.images import load_image
from fomm.synthetic.arrays import Array
from fomm.synthetic.pairs.making import Maker, Pair
from fomm.synthetic.pairs.shards import check_note, displacement, motion_of

#: What no picture tells, in each clip's folder.
TRUTH = "truth.npz"


@dataclass(frozen=True)
class ClipPlan:
    """What the clips of one folder have in common.

    Attributes:
        size: of the frames in pixels.
        seed: settles everybody.
        frames: in a clip.
        fps: how many a second.
    """

    size: int = 256
    seed: int = 0
    frames: int = 100
    fps: float = 25


def write_clips(
    folder: Path,
    plan: ClipPlan,
    identities: Sequence[int],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Path]:
    """Make clips that are not there yet, one after another; each appears when it is whole.

    Args:
        folder: where; it is created.
        plan: must be that of the clips that are there.
        identities: the people's numbers. Several processes may write different ones into one folder.
        progress: called after each clip with how many are done and how many there are to do.

    Yields:
        The folder of each clip, once it is there.

    Raises:
        ConfigError: the folder's clips were made by another plan, or it cannot be written.
        ExtraError, EglError: see `Maker`.
    """
    missing = [number for number in identities if not clip_path(folder, number).exists()]
    check_note(folder, plan)
    if missing:
        with Maker(size=plan.size, seed=plan.seed) as maker:
            for done, number in enumerate(missing, 1):
                _write(clip_path(folder, number), maker.sequence(number, plan.frames, plan.fps))
                if progress is not None:
                    progress(done, len(missing))
                yield clip_path(folder, number)


def clip_path(folder: Path, identity: int) -> Path:
    """Where somebody's clip is, or will be."""
    return folder / f"person-{identity:05d}"


def _write(path: Path, pairs: Iterator[Pair]) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    truth: dict[str, list[Array]] = {"landmarks": [], "persons": [], "displacement": [], "visible": []}
    try:
        unfinished.mkdir()
        for number, pair in enumerate(pairs):
            _, packed = cv2.imencode(".png", pair.driving[..., ::-1])
            (unfinished / f"{number:06d}.png").write_bytes(packed.tobytes())
            truth["landmarks"].append(pair.driving_landmarks)
            truth["persons"].append(pair.driving_person)
            truth["displacement"].append(displacement(pair.motion))
            truth["visible"].append(np.packbits(pair.visible, axis=-1))
        arrays = {name: np.stack(values) for name, values in truth.items()}
        np.savez_compressed(
            unfinished / TRUTH, allow_pickle=False, identity=np.array(pair.identity, np.int64), **arrays
        )
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); make room") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_clip(path: Path | str) -> list[Pair]:
    """A clip as `Maker.sequence` made it: the first frame is every pair's source; motion is as exact as in shards.

    Raises:
        VideoError: it is no such clip, or damaged.
        ImageError: one of its pictures is.
    """
    path = Path(path)
    pictures = [load_image(picture).pixels for picture in Clip(path).pictures()] if path.is_dir() else []
    try:
        with np.load(path / TRUTH, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if len(pictures) != len(arrays["landmarks"]):
            raise ValueError(f"{len(arrays['landmarks'])} frames were made, {len(pictures)} are there")
        size = len(pictures[0])
        return [
            Pair(
                int(arrays["identity"]),
                pictures[0],
                picture,
                arrays["landmarks"][0],
                arrays["landmarks"][index],
                arrays["persons"][0],
                arrays["persons"][index],
                motion_of(arrays["displacement"][index]),
                np.unpackbits(arrays["visible"][index], axis=-1, count=size).astype(bool),
            )
            for index, picture in enumerate(pictures)
        ]
    except FileNotFoundError:
        raise VideoError(f"{path / TRUTH}: no such file; name a clip that fomm synthesize wrote") from None
    except Exception as error:  # a damaged archive raises anything
        raise VideoError(f"{path} cannot be read ({error}); it is no clip of ours, or damaged") from None
