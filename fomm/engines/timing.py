"""How long an engine takes for a frame."""

from __future__ import annotations

import statistics
import time

from fomm.engines.base import Engine, to_pictures
from fomm.engines.examples import examples
from fomm.keypoints import Transfer


def milliseconds_per_frame(engine: Engine, size: tuple[int, int], *, seconds: float = 1.0) -> float:
    """The median of as many frames as fit into this time, three at least, after two that do not count."""
    (example,) = examples(size, 1)
    source = engine.encode(to_pictures(example.source[None]))
    transfer = Transfer.relative(source.keypoints, engine.detect(to_pictures(example.neutral[None])))
    times: list[float] = []
    warm = 2
    while len(times) < 3 + warm or sum(times[warm:]) < seconds:
        started = time.perf_counter()
        engine.step(source, example.driving[None], transfer)
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times[warm:])
