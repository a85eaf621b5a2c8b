"""A GPU whose memory does not suffice, or which is lost: an engine that raises what such a GPU raises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fomm import engines
from fomm.animators.base import DrivingFrame, Motion, SourceImage
from fomm.engines.base import Frames
from fomm.engines.fallback import gpu_failed, out_of_memory
from fomm.engines.torch import TorchEngine
from fomm.errors import ConfigError, EngineError
from fomm.model import Model, load_model
from fomm.networks.first_order import FirstOrderModel
from tests.fomm.engines.stand_in import FULL, FULL_IN_A_GRAPH, LOST, StandIn

Noise = Callable[..., NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    StandIn.fails_with, StandIn.largest, StandIn.made = None, 99, []
    monkeypatch.setitem(engines.ENGINES, "stand-in", StandIn)
    return StandIn


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def model(make_small_model: Callable[..., Any], told: list[str]) -> Model:
    small = make_small_model("whole")
    return load_model(small.config, checkpoint=small.checkpoint, engine="stand-in", fall_back=told.append)


def _motions(noise: Noise, count: int) -> list[Motion]:
    neutral = DrivingFrame(noise(64, 64, 1), None)
    return [Motion(DrivingFrame(noise(64, 64, seed), None), neutral) for seed in range(2, 2 + count)]


@pytest.mark.parametrize("fault", [FULL, FULL_IN_A_GRAPH, LOST], ids=["full", "graph", "lost"])
def test_the_next_frame_comes_from_the_processor_and_that_is_told(
    gpu: type[StandIn], model: Model, told: list[str], noise: Noise, fault: Exception
) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    (motion,) = _motions(noise, 1)
    expected = animator.drive(state, motion)
    assert (told, animator.device) == ([], "stand-in fp32 on Stand-in GPU")
    gpu.fails_with = fault
    assert np.array_equal(animator.drive(state, motion), expected), "the avatar, encoded anew"
    assert animator.device == "torch fp32 on CPU"
    assert gpu.made[0].closed
    (said,) = told
    assert said.startswith(
        "Stand-in GPU is out of memory: " if fault is not LOST else "Stand-in GPU has failed"
    )
    assert "going on with torch fp32 on CPU" in said
    assert "\n" not in said
    assert np.array_equal(animator.drive(state, motion), expected)
    assert len(told) == 1


def test_half_precision_on_the_gpu_is_tried_first(
    gpu: type[StandIn], model: Model, told: list[str], noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_engine = engines.ENGINES["torch"]

    def small(networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None) -> Any:
        if device == "cpu":
            return torch_engine(networks, device=device, precision=precision)
        gpu.fails_with = None
        return StandIn(networks, precision=precision)

    monkeypatch.setitem(engines.ENGINES, "torch", small)
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    (motion,) = _motions(noise, 1)
    gpu.fails_with = FULL
    animator.drive(state, motion)
    assert animator.device == "stand-in fp16 on Stand-in GPU"
    gpu.fails_with = FULL
    animator.drive(state, motion)
    assert animator.device == "torch fp32 on CPU"
    assert len(told) == 2


def test_a_gpu_that_is_full_at_the_start_is_none(
    gpu: type[StandIn], make_small_model: Callable[..., Any], told: list[str]
) -> None:
    gpu.fails_with = FULL
    small = make_small_model("whole")
    made = load_model(small.config, checkpoint=small.checkpoint, engine="stand-in", fall_back=told.append)
    assert made.engine.description == "torch fp32 on CPU"
    assert len(told) == 1


def test_what_the_engine_does_about_it_by_itself_is_told_once(
    gpu: type[StandIn], model: Model, told: list[str], noise: Noise
) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    (motion,) = _motions(noise, 1)
    gpu.made[0].notices = ("memory is short: it goes on with less",)
    for _ in range(2):
        animator.drive(state, motion)
    assert told == ["memory is short: it goes on with less"]


def test_a_batch_that_is_too_large_is_halved(
    gpu: type[StandIn], model: Model, told: list[str], noise: Noise
) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    motions = _motions(noise, 5)
    expected = animator.drive_batch(state, motions)
    gpu.largest = 2
    made = animator.drive_batch(state, motions)
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(made, expected, strict=True)) <= 1
    assert animator.best_batch <= 2
    assert (told, animator.device) == ([], "stand-in fp32 on Stand-in GPU")


def test_an_avatar_that_is_prepared_meanwhile_does_not_fail(
    gpu: type[StandIn], model: Model, told: list[str], noise: Noise
) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    (motion,) = _motions(noise, 1)
    gpu.fails_with = FULL
    prepared: list[Any] = []
    others = [
        threading.Thread(target=lambda: prepared.append(animator.prepare(SourceImage(noise(64, 64, 9)))))
        for _ in range(3)
    ]
    for other in others:
        other.start()
    animator.drive(state, motion)
    for other in others:
        other.join()
    assert len(prepared) == 3
    assert len(told) == 1
    assert animator.drive(prepared[0], motion).shape == (64, 64, 3)


def test_other_faults_are_passed_on_and_measurements_never_fall_back(
    gpu: type[StandIn], model: Model, make_small_model: Callable[..., Any], noise: Noise
) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    (motion,) = _motions(noise, 1)
    gpu.fails_with = RuntimeError("shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes"):
        animator.drive(state, motion)
    gpu.fails_with = FULL
    small = make_small_model("whole")
    with pytest.raises(torch.OutOfMemoryError):
        load_model(small.config, checkpoint=small.checkpoint, engine="stand-in")


def test_on_the_processor_there_is_nowhere_left_to_go(
    gpu: type[StandIn], model: Model, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    animator = model.animator()
    state = animator.prepare(SourceImage(noise(64, 64)))
    (motion,) = _motions(noise, 1)
    gpu.fails_with = FULL
    animator.drive(state, motion)

    def fail(*_: Any) -> Frames:
        raise FULL

    monkeypatch.setattr(TorchEngine, "step", fail)
    with pytest.raises(torch.OutOfMemoryError):
        animator.drive(state, motion)


@pytest.mark.parametrize(
    ("error", "full", "failed"),
    [
        (FULL, True, True),
        (FULL_IN_A_GRAPH, True, True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True, True),
        (EngineError("NVIDIA H100 is out of memory for this model, one frame at a time"), True, True),
        (LOST, False, True),
        (RuntimeError("size mismatch"), False, False),
        (ConfigError("no device"), False, False),
    ],
)
def test_what_counts(error: Exception, full: bool, failed: bool) -> None:
    assert (out_of_memory(error), gpu_failed(error)) == (full, failed)
