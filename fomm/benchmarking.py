"""How fast an engine is beside the reference, and how near its pictures are: what `fomm bench` prints."""

from __future__ import annotations

import itertools
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fomm.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from fomm.engines.base import Engine

#: Frames of each that count in one turn, and those before that do not.
_IN_A_ROW, _WARM_UP = 5, 1
#: PSNR of equal pictures, which is infinite and no JSON number.
_EQUAL_DB = 100.0


@dataclass(frozen=True)
class Result:
    """One engine, measured.

    Attributes:
        model, engine, precision, device: what ran.
        fps: frames a second, one at a time, uint8 in to uint8 out: 1000 over the median milliseconds.
        ms: this median, and `ms_min` the shortest.
        reference_fps, reference_ms: the reference in the same run, taking turns; None where there is none.
        ratio: how many times faster the engine is, of medians.
        psnr_db, error_over_std, max_difference: of its pictures against the reference's, at their worst, see
            `fomm.engines.fidelity`; 100 dB are equal pictures.
        weights: the checkpoint, or "recipe".
        notes: what else is worth knowing.
    """

    model: str
    engine: str
    precision: str
    device: str
    fps: float
    ms: float
    ms_min: float
    reference_fps: float | None
    reference_ms: float | None
    ratio: float | None
    psnr_db: float | None
    error_over_std: float | None
    max_difference: int | None
    weights: str | None
    frames: int
    why: str
    notes: list[str]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def bench(
    model: str,
    *,
    checkpoint: Path | None = None,
    engine: str = "auto",
    precision: str | None = None,
    device: str | None = None,
    frames: int = 30,
    tell: Callable[[str], None] = lambda _: None,
) -> Result:
    """Measure one model on one engine.

    Args:
        model: "landmark-warp", "face-lite", a published model, or a YAML config.
        checkpoint: its weights; None takes the pulled ones, and without these the recipe's.
        engine: see `fomm.engines`.
        precision: likewise; None is the engine's best.
        device: likewise.
        frames: to time.
        tell: is given what happens meanwhile, a sentence each.

    Raises:
        ConfigError: no such model, engine, device or precision, or options that the model does not take.
        CheckpointError: the checkpoint named cannot be used.
        EngineError: the engine cannot run here.
    """
    if model == "landmark-warp":
        if engine not in {"auto", "numpy"} or checkpoint or precision or device:
            raise ConfigError("landmark-warp has no weights and one engine; leave the other options out")
        return _bench_bundled(model, {}, frames)
    if model == "face-lite":
        options = {"checkpoint": checkpoint, "engine": engine, "device": device, "precision": precision}
        return _bench_bundled(model, options, frames)
    return _bench_neural(model, checkpoint, engine, precision, device, frames, tell)


def _bench_neural(
    model: str,
    checkpoint: Path | None,
    engine: str,
    precision: str | None,
    device: str | None,
    frames: int,
    tell: Callable[[str], None],
) -> Result:
    from fomm import checkpoints, config, engines, recipe
    from fomm.engines.base import to_pictures
    from fomm.engines.examples import examples
    from fomm.engines.fidelity import Fidelity
    from fomm.keypoints import Transfer
    from fomm.model import load_networks
    from fomm.reference import Reference

    engines.check(engine)
    loaded = config.load(model, besides=["landmark-warp", "face-lite"])
    notes: list[str] = []
    try:
        path = checkpoint or checkpoints.locate(loaded.name)
    except CheckpointError:
        networks, weights = recipe.networks_of(loaded), "recipe"
        notes.append(f"no weights of {loaded.name} here: measured with the recipe's, which are as fast")
        tell(notes[-1])
    else:
        networks, weights = load_networks(loaded, path), str(path)
    tell(f"preparing {engine} (the first time takes a minute)")
    made = engines.create(engine, networks, device=device, precision=precision)
    notes += made.notices
    size = networks.picture_size
    made.warm_up(size)
    tried = [(item.source, item.neutral, item.driving) for item in examples(size, 3)]
    if size[0] == size[1]:
        source, neutral, driving = (recipe.frame(phase, size[0]) for phase in (0.0, 0.7, 1.3))
        tried.insert(0, (source, neutral, driving))
    where = _reference_device(made, device)
    worst: Fidelity | None = None
    for source, neutral, driving in tried:
        reference = Reference(networks, source, neutral, device=where)
        encoded = made.encode(to_pictures(source[None]))
        transfer = Transfer.relative(encoded.keypoints, made.detect(to_pictures(neutral[None])))
        found = Fidelity.of(made.step(encoded, driving[None], transfer), reference(driving[None]))
        worst = found if worst is None else worst.worse(found)
    assert worst is not None
    frame = driving[None]
    tell(f"timing {frames} frames of {made.description} and of the reference")
    times = _take_turns(
        {"engine": lambda: made.step(encoded, frame, transfer), "reference": lambda: reference(frame)}, frames
    )
    ms, reference_ms = (statistics.median(times[name]) for name in ("engine", "reference"))
    return Result(
        model=loaded.name,
        engine=made.name,
        precision=made.precision,
        device=made.device,
        fps=round(1e3 / ms, 2),
        ms=round(ms, 2),
        ms_min=round(min(times["engine"]), 2),
        reference_fps=round(1e3 / reference_ms, 3),
        reference_ms=round(reference_ms, 2),
        ratio=round(reference_ms / ms, 2),
        psnr_db=round(min(worst.psnr_db, _EQUAL_DB), 2),
        error_over_std=round(worst.error_over_std, 5),
        max_difference=worst.max_difference,
        weights=weights,
        frames=frames,
        why=made.why,
        notes=notes,
        versions=versions("torch", "openvino", "onnxruntime"),
    )


def _reference_device(engine: Engine, wanted: str | None) -> str:
    """Where the reference runs: on the GPU that the engine runs on, or on the CPU."""
    if wanted is not None and wanted.startswith(("cuda", "mps")):
        return wanted
    if engine.device == "Apple GPU":
        return "mps"
    return "cuda" if engine.name == "cuda" or engine.device.startswith("NVIDIA") else "cpu"


def _bench_bundled(model: str, options: dict[str, Any], frames: int) -> Result:
    from fomm import resources
    from fomm.animators import DrivingFrame, Motion, create
    from fomm.faces import FaceLandmarker
    from fomm.images import load_image
    from fomm.video import VideoReader

    animator = create(model, **options)
    network = getattr(animator, "network", None)
    state = animator.prepare(load_image(resources.AVATARS / "eileen-collins.jpg", max_side=512))
    with VideoReader(resources.CLIPS / "talking_head.mp4") as clip:
        pixels = [frame for frame, _ in itertools.islice(clip, frames)]
    with FaceLandmarker(mode="video") as landmarker:
        found = [(frame, landmarker.detect(frame)) for frame in pixels]
    driving = [DrivingFrame(frame, faces[0]) for frame, faces in found if faces]
    motions = itertools.cycle([Motion(frame, driving[0]) for frame in driving])
    times = _take_turns({"engine": lambda: animator.drive(state, next(motions))}, len(driving))
    ms = statistics.median(times["engine"])
    height, width = state.portrait.shape[:2]
    return Result(
        model=model,
        engine="numpy/opencv" if network is None else network.engine,
        precision="fp32" if network is None else network.precision,
        device="CPU" if network is None else network.device,
        fps=round(1e3 / ms, 2),
        ms=round(ms, 2),
        ms_min=round(min(times["engine"]), 2),
        reference_fps=None,
        reference_ms=None,
        ratio=None,
        psnr_db=None,
        error_over_std=None,
        max_difference=None,
        weights=None,
        frames=len(times["engine"]),
        why="",
        notes=[
            f"{width}x{height}, drawing alone; the whole live loop is measured by benchmarks/live_fps.py",
            "no reference: the published code has no model without weights to compare with",
        ],
        versions=versions("numpy", "opencv-contrib-python"),
    )


def _take_turns(steps: dict[str, Callable[[], object]], frames: int) -> dict[str, list[float]]:
    """Milliseconds of each step's frames: whatever else the machine does strikes all of them.

    A few frames in a row are timed, as a session has them, and those before are not: they find the caches full of the
    others' data.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    while any(len(found) < frames for found in times.values()):
        for name, step in steps.items():
            for _ in range(_WARM_UP):
                step()
            for _ in range(min(_IN_A_ROW, frames - len(times[name]))):
                started = time.perf_counter()
                step()
                times[name].append(1e3 * (time.perf_counter() - started))
    return times


def versions(*packages: str) -> dict[str, str]:
    """Of Python, the system, and these packages where they are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
