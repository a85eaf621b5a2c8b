"""Which precision, and how it is executed: found out on the GPU itself at start, in a bounded time; remembered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch

from fomm.engines import cache
from fomm.engines.base import Frames, to_pictures
from fomm.engines.cuda.availability import find_gpu, identity
from fomm.engines.cuda.engine import CudaEngine
from fomm.engines.cuda.runtime import GraphRuntime, Runtime
from fomm.engines.cuda.settings import CHANGES, PLAIN, Settings
from fomm.engines.examples import examples
from fomm.engines.fidelity import Fidelity, demand, judge
from fomm.engines.timing import milliseconds_per_frame
from fomm.engines.torch import PRECISIONS, TorchEngine
from fomm.errors import ConfigError, EngineError, first_line
from fomm.keypoints import Transfer
from fomm.networks.first_order import FirstOrderModel

#: Tried in this order; the first whose pictures are right is taken. Both are equally fast.
ORDER = ("fp16", "bf16")

#: The environment variable with the mode of torch.compile that is tried too, such as "max-autotune-no-cudagraphs".
#: Not unasked: it takes minutes.
COMPILE = "FOMM_TORCH_COMPILE"

#: Seconds after which nothing else is tried.
_SECONDS = 45.0
#: Seconds that one way of execution is timed for.
_TIMED = 0.2
#: How much faster something must be to be preferred to what is simpler.
_GAIN = 0.98


def create(
    networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
) -> CudaEngine:
    """An engine whose pictures were compared with PyTorch's; see `fomm.engines.Factory`.

    Raises:
        EngineError: there is no GPU that can be used, its memory is too short, or no precision asked for is near
            enough.
        ConfigError: no such device or precision.
    """
    if precision is not None and precision not in PRECISIONS:
        raise ConfigError(f"cuda has no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    place = find_gpu(device)
    known = {**identity(place), "model": cache.fingerprint(networks), "program": cache.program()}
    with torch.cuda.device(place):
        return choose(networks, GraphRuntime(place), precision=precision, identity=known)


def choose(
    networks: FirstOrderModel,
    runtime: Runtime,
    *,
    precision: str | None,
    identity: dict[str, str],
    seconds: float = _SECONDS,
) -> CudaEngine:
    """See `create`.

    Args:
        networks, runtime, precision: see `CudaEngine`; None takes what is near enough.
        identity: all that the outcome depends on.
        seconds: after which nothing else is tried.
    """
    skipped: list[str] = []
    for candidate in (precision,) if precision else ORDER:
        if candidate == "bf16" and not _has_bf16(runtime.place):
            skipped.append("cuda bf16 skipped: this GPU has no instructions for it")
            continue
        mode = os.environ.get(COMPILE, "")
        record = cache.path_of("cuda", **identity, precision=candidate, compiled=mode)
        engine = _remembered(record, networks, runtime, candidate)
        try:
            if engine is None:
                engine = _found_out(networks, runtime, candidate, mode, seconds)
                cache.write_record(
                    record, {"settings": engine.settings.to_dict(), "notices": list(engine.notices)}
                )
        except ConfigError:
            raise
        except EngineError as error:
            skipped.append(f"cuda {candidate} skipped: {error}")
            runtime.release()
            continue
        engine.notices = (*skipped, *engine.notices)
        return engine
    raise EngineError("; ".join(skipped))


def _remembered(
    record: Any, networks: FirstOrderModel, runtime: Runtime, precision: str
) -> CudaEngine | None:
    """What was found out before; None where it was not, or does not work any more."""
    known = cache.read_record(record)
    if known is None:
        return None
    settings, notices = Settings.of(known.get("settings")), known.get("notices")
    if settings is None or not isinstance(notices, list):
        return None
    try:
        engine = CudaEngine(networks, runtime, precision=precision, settings=settings)
        engine.warm_up(networks.picture_size)
    except Exception:  # whatever it is, finding out anew will show
        return None
    engine.notices = (*(str(notice) for notice in notices), *engine.notices)
    return engine


def _found_out(
    networks: FirstOrderModel, runtime: Runtime, precision: str, mode: str, seconds: float
) -> CudaEngine:
    """The fastest way to execute a precision whose pictures are right.

    Raises:
        EngineError: none are.
    """
    until = time.monotonic() + seconds
    truth = TorchEngine(networks, device="cpu")

    def make(settings: Settings) -> CudaEngine:
        engine = CudaEngine(networks, runtime, precision=precision, settings=settings)
        engine.warm_up(networks.picture_size)
        return engine

    notices: list[str] = []
    engine: CudaEngine | None = None
    try:
        engine = make(Settings())
        demand(judge(engine, truth, networks.picture_size), engine)
    except Exception as error:
        # A compiler that is not there, a GPU that Triton does not know, ...
        if engine is not None:
            engine.close()
        notices.append(f"fused kernels skipped, which is slower: {first_line(error)}")
        try:
            engine = make(PLAIN)
        except EngineError:
            raise
        except Exception as again:
            raise EngineError(f"it does not run: {first_line(again)}") from again
        demand(judge(engine, truth, networks.picture_size), engine)
    changes = [*CHANGES, *([{"compiled": mode}] if mode else [])]
    engine, more = tune(engine, make, changes, networks.picture_size, until)
    engine.notices = (*notices, *more, *engine.notices)
    return engine


def tune(
    engine: CudaEngine,
    make: Callable[[Settings], CudaEngine],
    changes: Iterable[dict[str, Any]],
    size: tuple[int, int],
    until: float,
) -> tuple[CudaEngine, list[str]]:
    """Try changes one after the other, and keep what is faster and makes the same pictures.

    Args:
        engine: to begin with; its pictures are right.
        make: makes another.
        changes: of `Settings`.
        size: `(height, width)`.
        until: nothing is begun after this time (`time.monotonic`).

    Returns:
        The fastest, and what was skipped because it fails; the other engines are closed.
    """
    right, taken = _picture(engine, size), milliseconds_per_frame(engine, size, seconds=_TIMED)
    skipped: list[str] = []
    for change in changes:
        settings = engine.settings.changed(**change)
        if settings == engine.settings or time.monotonic() > until:
            continue
        try:
            other = make(settings)
        except Exception as error:  # compilers have errors of their own
            skipped.append(f"cuda with {settings.words} skipped: {first_line(error)}")
            continue
        try:
            near = Fidelity.of(_picture(other, size), right).within(engine.precision)
            faster = near and milliseconds_per_frame(other, size, seconds=_TIMED) < _GAIN * taken
            if not near:
                skipped.append(f"cuda with {settings.words} skipped: its pictures are off")
        except Exception as error:
            skipped.append(f"cuda with {settings.words} skipped: {first_line(error)}")
            faster = False
        if faster:
            engine, other = other, engine
            taken = milliseconds_per_frame(engine, size, seconds=_TIMED)
        other.close()
    return engine, skipped


def _picture(engine: CudaEngine, size: tuple[int, int]) -> Frames:
    (example,) = examples(size, 1)
    source = engine.encode(to_pictures(example.source[None]))
    neutral = engine.detect(to_pictures(example.neutral[None]))
    return engine.step(source, example.driving[None], Transfer.relative(source.keypoints, neutral))


def _has_bf16(place: torch.device) -> bool:
    return place.type != "cuda" or torch.cuda.get_device_capability(place) >= (8, 0)
