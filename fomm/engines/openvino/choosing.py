"""Which precision: the fastest on this processor whose pictures are near enough."""

from __future__ import annotations

from dataclasses import asdict, fields

from fomm.engines import cache
from fomm.engines.base import Engine
from fomm.engines.fidelity import Fidelity, demand, judge
from fomm.engines.openvino.engine import OpenVinoEngine, supported
from fomm.engines.timing import milliseconds_per_frame
from fomm.engines.torch import TorchEngine
from fomm.errors import ConfigError, EngineError, last_line
from fomm.networks.first_order import FirstOrderModel

#: Tried in this order; the first of several that are equally fast is taken.
_ORDER = ("int8", "bf16", "fp32")


def create(
    networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
) -> OpenVinoEngine:
    """An engine that is ready, and whose pictures were compared with PyTorch's; see `fomm.engines.Factory`.

    Raises:
        EngineError: OpenVINO is not there, or no precision asked for is near enough.
        ConfigError: no such device or precision.
    """
    engine = _near_enough(networks, device, precision)
    # Where all that was asked is remembered, nothing is compiled yet: it would be at the first frame.
    engine.warm_up(networks.picture_size)
    return engine


def _near_enough(networks: FirstOrderModel, device: str | None, precision: str | None) -> OpenVinoEngine:
    """The fastest, or the one asked for."""
    if precision is not None:
        engine = OpenVinoEngine(networks, device=device, precision=precision)
        demand(_fidelity(engine, networks), engine)
        return engine
    best: tuple[float, OpenVinoEngine] | None = None
    skipped: list[str] = []
    offered = supported()
    for candidate in _ORDER:
        if candidate not in offered:
            skipped.append(f"openvino {candidate} skipped: this processor has no instructions for it")
            continue
        engine = OpenVinoEngine(networks, device=device, precision=candidate)
        try:
            demand(_fidelity(engine, networks), engine)
            taken = _milliseconds(engine, networks)
        except ConfigError:
            raise
        except RuntimeError as error:  # also of OpenVINO itself, which says why in its last line
            skipped.append(f"openvino {candidate} skipped: {last_line(error)}")
            continue
        if best is None or taken < best[0]:
            best = (taken, engine)
    if best is None:
        raise EngineError("; ".join(skipped))
    _, engine = best
    engine.notices = tuple(skipped)
    return engine


def _fidelity(engine: OpenVinoEngine, networks: FirstOrderModel) -> Fidelity:
    """Found out once, remembered."""
    path = cache.path_of("openvino-fidelity", **engine.identity, precision=engine.precision)
    known = cache.read_record(path)
    if known is not None and known.keys() == {field.name for field in fields(Fidelity)}:
        return Fidelity(**known)
    truth: Engine = TorchEngine(networks, device="cpu")
    found = judge(engine, truth, networks.picture_size)
    cache.write_record(path, asdict(found))
    return found


def _milliseconds(engine: OpenVinoEngine, networks: FirstOrderModel) -> float:
    path = cache.path_of("openvino-speed", **engine.identity, precision=engine.precision)
    known = cache.read_record(path)
    if known is not None and isinstance(known.get("ms"), float):
        return float(known["ms"])
    taken = milliseconds_per_frame(engine, networks.picture_size)
    cache.write_record(path, {"ms": taken})
    return taken
