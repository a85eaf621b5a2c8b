"""Evaluating a model on a data set: every clip reconstructed and compared, and what could not be said of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fomm
from fomm.errors import CheckpointError, ConfigError, FommError, VideoError
from fomm.evaluation.dataset import Clip, Crop, find_clips, prepared
from fomm.evaluation.identity import choose_embedder
from fomm.evaluation.metrics import Judge, Scores, Tally
from fomm.evaluation.reconstruction import Reconstructor, load_reconstructor
from fomm.face_points import DETECTORS, PointDetector
from fomm.wording import counted

#: Called with the clip in progress, how many of its frames are done, how many clips are done, and of how many.
Progress = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class Skipped:
    """A clip that was not evaluated, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        model: its name.
        checkpoint: the file its weights came from, None for models without.
        device: what executed it.
        motion: how motion was taken, in words.
        size: `(width, height)` that frames were compared at, in pixels.
        crop: what was evaluated of a frame.
        dataset: the folder.
        detector: whose points `akd` and `mkr` are measured with, None where they are not.
        embedder: whose embeddings `aed` is measured with, None where it is not.
        unmeasured: the measures that were not taken, and why.
        clips: each clip's scores.
        mean: over all frames of all clips, as the reference implementation takes it.
        skipped: the clips that could not be evaluated.
    """

    model: str
    checkpoint: Path | None
    device: str
    motion: str
    size: tuple[int, int]
    crop: Crop
    dataset: Path
    detector: str | None
    embedder: str | None
    unmeasured: dict[str, str]
    clips: dict[str, Scores]
    mean: Scores
    skipped: tuple[Skipped, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = asdict(self)
        paths = {"checkpoint": self.checkpoint and str(self.checkpoint), "dataset": str(self.dataset)}
        return {"fomm": fomm.__version__, **values, **paths}


def evaluate(
    dataset: Path | str,
    *,
    model: str | Path = "landmark-warp",
    checkpoint: Path | str | None = None,
    engine: str | None = None,
    device: str | None = None,
    detector: str = "mediapipe",
    embedder: str = "auto",
    crop: Crop = "auto",
    limit: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Reconstruct every clip from its first frame, and measure how far off it is.

    Args:
        dataset: see `fomm.evaluation.find_clips`.
        model: a name in `fomm.animators.MODELS`, or a YAML config of the published schema.
        checkpoint: as in `fomm.load_model`, here and below.
        engine: what executes it.
        device: where.
        detector: whose points are compared, one of `fomm.face_points.DETECTORS`.
        embedder: whose identity embeddings are compared: one of `fomm.evaluation.EMBEDDERS`, "auto" for the one that
            is installed, "none".
        crop: see `fomm.evaluation.dataset.Crop`.
        limit: take only so many clips, the first by name.
        progress: called after each frame, and at the end.

    Raises:
        ConfigError, CheckpointError: the model, the detector or the embedder cannot be had.
        VideoError: no data set, no clips in it, or none that can be evaluated.
    """
    clips = find_clips(dataset)[:limit]
    reconstructor = load_reconstructor(model, checkpoint=checkpoint, engine=engine, device=device)
    tallies: dict[str, Tally] = {}
    skipped: list[Skipped] = []
    with _judge(reconstructor, detector, embedder) as instruments:
        judge = instruments.judge
        for index, clip in enumerate(clips):
            try:
                tally = Tally()
                for compared in _compare(clip, reconstructor, judge, crop):
                    tally += compared
                    if progress is not None:
                        progress(clip.name, tally.frames, index, len(clips))
                tallies[clip.name] = tally
            except (ConfigError, CheckpointError):
                raise
            except FommError as error:
                skipped.append(Skipped(clip.name, str(error)))
        if progress is not None:
            progress("", 0, len(clips), len(clips))
    if not tallies:
        seen = counted(len(clips), "clip")
        raise VideoError(f"{dataset}: {seen}, none of which can be evaluated; the first: {skipped[0].reason}")
    return Report(
        model=reconstructor.name,
        checkpoint=reconstructor.checkpoint,
        device=reconstructor.device,
        motion=reconstructor.motion,
        size=reconstructor.size,
        crop=crop,
        dataset=Path(dataset),
        detector=instruments.detector,
        embedder=instruments.embedder,
        unmeasured=instruments.unmeasured,
        clips={name: judge.scores(tally) for name, tally in tallies.items()},
        mean=judge.scores(sum(tallies.values(), Tally())),
        skipped=tuple(skipped),
    )


def _compare(clip: Clip, reconstructor: Reconstructor, judge: Judge, crop: Crop) -> Iterator[Tally]:
    """Each frame of a clip, reconstructed and measured."""
    with contextlib.closing(clip.frames()) as frames:
        shown = prepared(
            frames, size=reconstructor.size, crop=crop, face_model=reconstructor.face_model, name=clip.name
        )
        for truth, result in reconstructor.reconstruct(shown, name=clip.name):
            yield judge.compare(truth, result)


@dataclass(frozen=True)
class _Instruments:
    """What measures, by name, and what cannot be measured."""

    judge: Judge
    detector: str | None
    embedder: str | None
    unmeasured: dict[str, str]


@contextlib.contextmanager
def _judge(reconstructor: Reconstructor, detector: str, embedder: str) -> Iterator[_Instruments]:
    if detector not in DETECTORS:
        raise ConfigError(f"unknown detector {detector!r}; choose one of: {', '.join(DETECTORS)}")
    if not reconstructor.face_model:
        points = "no body keypoint detector here, and none for other things that are no face"
        identity = "no identity embedder for bodies here, and none for other things that are no face"
        yield _Instruments(Judge(None, None), None, None, {"akd": points, "mkr": points, "aed": identity})
        return
    chosen, reason = choose_embedder(embedder)
    finder: PointDetector = DETECTORS[detector]()
    try:
        unmeasured = {} if chosen is not None else {"aed": reason}
        name = None if chosen is None else chosen.name
        yield _Instruments(Judge(finder, chosen), finder.name, name, unmeasured)
    finally:
        finder.close()
