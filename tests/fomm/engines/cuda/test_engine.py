"""The CUDA engine's own code, on the processor: the same pipeline and network, at once instead of captured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from fomm.engines.base import Engine, to_pictures
from fomm.engines.cuda.engine import CudaEngine, part
from fomm.engines.cuda.plans import Plan
from fomm.engines.cuda.runtime import EagerRuntime, Work, short_of_memory
from fomm.engines.cuda.settings import CHANGES, PLAIN, Settings
from fomm.engines.fidelity import Fidelity
from fomm.engines.torch import TorchEngine
from fomm.errors import ConfigError, EngineError
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.first_order import FirstOrderModel


@pytest.fixture(scope="module")
def truth(networks: FirstOrderModel) -> Engine:
    return TorchEngine(networks, device="cpu")


@pytest.fixture
def frames(noise: Callable[..., Any]) -> Any:
    return np.stack([noise(64, 96, seed) for seed in range(8)])


def make(networks: FirstOrderModel, **options: Any) -> CudaEngine:
    options = {"precision": "fp32", "settings": PLAIN, **options}
    return CudaEngine(networks, options.pop("runtime", None) or EagerRuntime(), **options)


def drive(engine: Engine, frames: Any) -> tuple[Any, Transfer]:
    """A source, and how six frames move it, each differently."""
    source = engine.encode(to_pictures(frames[:1]))
    neutral = engine.detect(to_pictures(frames[1:2]))
    transfer = Transfer.relative(source.keypoints, neutral, scale=0.8)
    return source, transfer.eased(source.keypoints, torch.linspace(0.4, 1, 6))


def six_pictures(engine: Engine, frames: Any) -> Any:
    source, transfer = drive(engine, frames)
    return engine.step(source, frames[2:], transfer)


@pytest.mark.parametrize(
    "settings",
    [PLAIN, *(PLAIN.changed(**change) for change in CHANGES if set(change) <= {"block", "up"})],
    ids=lambda settings: settings.words,
)
def test_pictures_are_pytorchs(
    networks: FirstOrderModel, truth: Engine, frames: Any, settings: Settings
) -> None:
    engine = make(networks, settings=settings)
    assert torch.allclose(
        engine.detect(to_pictures(frames)).value, truth.detect(to_pictures(frames)).value, atol=1e-4
    )
    made, wanted = (six_pictures(each, frames) for each in (engine, truth))
    assert Fidelity.of(made, wanted).within("fp32")
    assert not np.array_equal(made[0], made[1])


@pytest.mark.parametrize(("precision", "least"), [("fp16", 45), ("bf16", 30)])
def test_half_precision_is_near(
    networks: FirstOrderModel, truth: Engine, frames: Any, precision: str, least: float
) -> None:
    engine = make(networks, precision=precision)
    made, wanted = (six_pictures(each, frames) for each in (engine, truth))
    assert Fidelity.of(made, wanted).psnr_db > least
    assert engine.description == f"cuda {precision} on CPU"


@pytest.mark.parametrize(
    "plan", [Plan(batch=2, lanes=3), Plan(batch=4, lanes=2), Plan(batch=8), Plan(batch=1, lanes=1)]
)
def test_batches_overlap_and_stay_in_order(networks: FirstOrderModel, frames: Any, plan: Plan) -> None:
    one, many = make(networks), make(networks, plan=plan)
    source, transfer = drive(one, frames)
    expected = one.step(source, frames[2:], transfer)
    kept = expected.copy()
    assert np.abs(many.step(source, frames[2:], transfer).astype(int) - expected).max() <= 1
    parts = [(frames[2 + i : 3 + i], part(transfer, i, i + 1)) for i in range(6)]
    streamed = np.concatenate(list(many.stream(source, parts)))
    assert np.abs(streamed.astype(int) - expected).max() <= 1
    one.step(source, frames[:6], transfer)
    assert np.array_equal(expected, kept)


def test_pictures_that_nobody_takes_do_not_come_later(networks: FirstOrderModel, frames: Any) -> None:
    engine = make(networks)
    source, transfer = drive(engine, frames)
    parts = [(frames[2 + i : 3 + i], part(transfer, i, i + 1)) for i in range(6)]
    expected = np.concatenate(list(engine.stream(source, parts)))
    for _ in engine.stream(source, parts):
        break
    assert np.array_equal(np.concatenate(list(engine.stream(source, parts[3:]))), expected[3:])

    # Nor do other sources come between.
    other = engine.encode(to_pictures(frames[1:2]))
    mixed = []
    for pictures in engine.stream(source, parts):
        mixed.append(pictures)
        engine.step(other, frames[2:3], Transfer.absolute())
    assert np.array_equal(np.concatenate(mixed), expected)

    def broken() -> Any:
        yield parts[0]
        raise ValueError("the video ends here")

    with pytest.raises(ValueError, match="the video ends here"):
        list(engine.stream(source, broken()))
    assert np.array_equal(next(iter(engine.stream(source, parts[5:]))), expected[5:])


def test_another_source_is_another_picture(networks: FirstOrderModel, frames: Any) -> None:
    engine = make(networks)
    first, second = (engine.encode(to_pictures(frames[i : i + 1])) for i in (0, 1))
    made = [engine.step(source, frames[2:3], Transfer.absolute()) for source in (first, second, first)]
    assert np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[1])


def test_decode_takes_one_source_or_several(networks: FirstOrderModel, truth: Engine, frames: Any) -> None:
    engine = make(networks)
    for count in (1, 3):
        sources = to_pictures(frames[:count])
        target = truth.detect(to_pictures(frames[3:6]))
        made = engine.decode(engine.encode(sources), target)
        assert torch.allclose(made, truth.decode(truth.encode(sources), target), atol=2 / 255)
    assert (
        len(engine.decode(engine.encode(sources[:1]), Keypoints(target.value[:0], target.jacobian[:0]))) == 0
    )


def test_no_frames_and_closing(networks: FirstOrderModel, frames: Any) -> None:
    engine = make(networks)
    engine.warm_up((64, 96))
    source, _ = drive(engine, frames)
    assert engine.step(source, frames[:0], Transfer.absolute()).shape == (0, 64, 96, 3)
    engine.close()
    engine.close()


class Small(EagerRuntime):
    """A device that has memory for this much work and no more, and tells as CUDA does."""

    def __init__(self, fits: Callable[[Plan], bool]) -> None:
        super().__init__()
        self.fits = fits
        self.released = 0
        self.engine: CudaEngine | None = None

    def prepare(self, work: Work, stream: Any, *, graph: bool) -> Work:
        if self.engine is not None and not self.fits(self.engine.plan):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return super().prepare(work, stream, graph=graph)

    def release(self) -> None:
        self.released += 1


@pytest.mark.parametrize(
    ("fits", "left"),
    [
        (lambda plan: plan.lanes == 1, Plan(batch=4, lanes=1)),
        (lambda plan: not plan.graph, Plan(batch=4, lanes=1, graph=False)),
        (lambda plan: plan.batch <= 2, Plan(batch=2, lanes=1, graph=False)),
    ],
)
def test_short_memory_makes_a_smaller_plan(
    networks: FirstOrderModel, frames: Any, fits: Callable[[Plan], bool], left: Plan
) -> None:
    runtime = Small(fits)
    engine = make(networks, runtime=runtime, plan=Plan(batch=4))
    runtime.engine = engine
    source, transfer = drive(engine, frames)
    made = engine.step(source, frames[2:], transfer)
    assert np.abs(made.astype(int) - make(networks).step(source, frames[2:], transfer)).max() <= 1
    assert engine.plan == left
    assert engine.notices == (f"memory of CPU is short: it goes on with {left.words}",)
    assert runtime.released > 0


def test_too_little_memory_for_anything_is_an_error(networks: FirstOrderModel, frames: Any) -> None:
    runtime = Small(lambda _: False)
    engine = make(networks, runtime=runtime)
    runtime.engine = engine
    source, transfer = drive(engine, frames)
    with pytest.raises(EngineError, match=r"CPU is out of memory for this model.*use another engine"):
        engine.step(source, frames[2:], transfer)


def test_memory_that_runs_out_between_frames(networks: FirstOrderModel, frames: Any) -> None:
    engine = make(networks, plan=Plan(batch=4, lanes=1, graph=False))
    source, transfer = drive(engine, frames)
    expected = engine.step(source, frames[2:], transfer)
    run, left = engine.run, [True]

    def once(*arguments: Any) -> None:
        if left and len(arguments[0]) > 2:
            left.clear()
            raise RuntimeError("CUDA error: out of memory")
        run(*arguments)

    for sized in engine._sizes.values():
        sized.pipelines.clear()
    engine.run = once
    assert np.abs(engine.step(source, frames[2:], transfer).astype(int) - expected).max() <= 1
    assert engine.plan == Plan(batch=2, lanes=1, graph=False)


def test_other_errors_are_no_matter_of_memory(networks: FirstOrderModel, frames: Any) -> None:
    engine = make(networks)
    source, transfer = drive(engine, frames)

    def broken(*_: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    engine.run = broken
    with pytest.raises(RuntimeError, match="illegal memory access"):
        engine.step(source, frames[2:], transfer)
    assert engine.plan == Plan()


def test_what_means_that_memory_is_short() -> None:
    capture = RuntimeError("operation failed due to a previous error during capture")
    capture.__context__ = torch.OutOfMemoryError("CUDA out of memory.")
    assert short_of_memory(capture)
    assert short_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert not short_of_memory(RuntimeError("CUDA error: device-side assert triggered"))
    assert not short_of_memory(ValueError("out of memory"))


def test_what_there_is_not_is_named(networks: FirstOrderModel) -> None:
    with pytest.raises(ConfigError, match="cuda has no precision 'int8'; there are fp32, fp16, bf16"):
        make(networks, precision="int8")


def test_settings_survive_json() -> None:
    settings = Settings(block=4, up="direct")
    assert Settings.of(settings.to_dict()) == settings
    for damaged in (None, {}, {**settings.to_dict(), "block": 3}, {**settings.to_dict(), "fused": 1}):
        assert Settings.of(damaged) is None
    compiled = Settings().changed(compiled="default")
    assert not compiled.fused
    assert not compiled.small
