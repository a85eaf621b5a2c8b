"""`--engine auto`: what may run here is tried for a second on real pictures, and the fastest remembered."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import torch

from fomm import engines
from fomm.engines import cache
from fomm.engines.base import Engine
from fomm.engines.fallback import gpu_failed
from fomm.engines.fidelity import demand, judge
from fomm.engines.timing import milliseconds_per_frame
from fomm.engines.torch import TorchEngine, device_words
from fomm.errors import EngineError, FommError, last_line
from fomm.networks.first_order import FirstOrderModel

#: The environment variable that names the engine which "auto" takes, without trying any.
VARIABLE = "FOMM_ENGINE"


def choose(networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None) -> Engine:
    """The fastest engine here whose pictures are right. It says why in `why`, and in `notices` what was skipped.

    Raises:
        ConfigError: no such device or precision.
        EngineError: no engine can be used.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted and wanted != engines.AUTO:
        engine = engines.create(wanted, networks, device=device, precision=precision)
        engine.why = f"{VARIABLE} says so"
        return engine
    names = candidates(device)
    record = _record(networks, names, device, precision)
    known = cache.read_record(record)
    if known is not None:
        remembered = _remembered(known, networks, device)
        if remembered is not None:
            return remembered
    best, times, skipped, lasting = _try(names, networks, device, precision)
    best.why = _reason(times)
    best.notices = (*skipped, *best.notices)
    if lasting:
        choice = {"engine": best.name, "precision": best.precision, "why": best.why}
        cache.write_record(record, {**choice, "notices": list(best.notices), "description": best.description})
    return best


def candidates(device: str | None) -> list[str]:
    """The engines worth trying on a device, the likeliest first. What an extra would bring is no candidate."""
    on_gpu = device is not None and device.startswith("cuda")
    on_cpu = device is None or device == "cpu"
    found = []
    for name in engines.ENGINES:
        if name == "cuda":
            fits = (on_gpu or device is None) and torch.cuda.is_available()
        elif name == "openvino":
            fits = on_cpu
        elif name == "onnx":
            fits = on_cpu and importlib.util.find_spec("onnxruntime") is not None
        else:
            fits = True
        if fits:
            found.append(name)
    return found


def _try(
    names: Iterable[str], networks: FirstOrderModel, device: str | None, precision: str | None
) -> tuple[Engine, dict[str, float], tuple[str, ...], bool]:
    """The fastest, what each takes for a frame, why the others cannot be used, and whether that will be so again.

    It may not where a GPU was full of another program's data, or lost in a suspend.
    """
    times: dict[str, float] = {}
    skipped: list[str] = []
    lasting = True
    best: Engine | None = None
    failure: FommError | None = None
    for name in names:
        try:
            engine = engines.create(name, networks, device=device, precision=precision)
            _check(engine, networks)
            taken = milliseconds_per_frame(engine, networks.picture_size)
        except FommError as error:
            skipped.append(f"engine {name} skipped: {error}")
            failure = error
            lasting = lasting and not gpu_failed(error)
            continue
        except Exception as error:  # what libraries of engines raise shares no other base
            skipped.append(f"engine {name} skipped: {last_line(error)}")
            lasting = lasting and not gpu_failed(error)
            continue
        skipped += engine.notices
        times[name] = taken
        if best is None or taken < min(time for other, time in times.items() if other != name):
            if best is not None:
                best.close()
            best = engine
        else:
            engine.close()
    if best is None:
        if failure is not None and not isinstance(failure, EngineError):
            raise failure
        raise EngineError("no engine can run this model here: " + "; ".join(skipped))
    best.notices = ()
    return best, times, tuple(skipped), lasting


def _check(engine: Engine, networks: FirstOrderModel) -> None:
    """Refuse wrong pictures. PyTorch in float32 on the CPU is what right means; the others it is compared with.

    Raises:
        EngineError: they are too far off.
    """
    if engine.name == "torch" and engine.device == device_words(torch.device("cpu")):
        return
    truth = TorchEngine(networks, device="cpu")
    demand(judge(engine, truth, networks.picture_size), engine)


def _remembered(known: dict[str, object], networks: FirstOrderModel, device: str | None) -> Engine | None:
    """What was chosen before, unless it is not to be had any more."""
    name, precision, notices = known.get("engine"), known.get("precision"), known.get("notices")
    if not (isinstance(name, str) and isinstance(precision, str) and isinstance(notices, list)):
        return None
    try:
        engine = engines.create(name, networks, device=device, precision=precision)
        engine.warm_up(networks.picture_size)
    except Exception:  # whatever it is, trying all of them anew will show
        return None
    engine.why = str(known.get("why", ""))
    engine.notices = tuple(str(notice) for notice in notices)
    return engine


def _record(networks: FirstOrderModel, names: list[str], device: str | None, precision: str | None) -> Path:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return cache.path_of(
        cache.CHOICE,
        model=cache.fingerprint(networks),
        engines={name: _version(name) for name in names},
        processor=cache.processor(),
        gpu=gpu,
        device=device,
        precision=precision,
        program=cache.program(),
    )


def _version(name: str) -> str:
    """Of the library behind an engine."""
    from importlib.metadata import PackageNotFoundError, version

    packages = {"openvino": ("openvino",), "onnx": ("onnxruntime", "onnxruntime-directml", "onnxruntime-gpu")}
    for package in packages.get(name, ("torch",)):
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return "unknown"


def _reason(times: dict[str, float]) -> str:
    """Such as "the fastest here: openvino 14.0 FPS, torch 2.1"."""
    if len(times) == 1:
        return "the only one that runs here"
    ranked = sorted(times.items(), key=lambda entry: entry[1])
    rates = ", ".join(f"{name} {1e3 / taken:.1f} FPS" for name, taken in ranked)
    return f"the fastest here: {rates}"
