"""The engine that all others are held to, and the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from fomm import engines
from fomm.engines.base import Engine, Source, to_frames, to_pictures
from fomm.errors import ConfigError
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.first_order import FirstOrderModel


@pytest.fixture(scope="module")
def engine(networks: FirstOrderModel) -> Engine:
    return engines.create("torch", networks, device="cpu")


@pytest.fixture
def frames(noise: Callable[..., Any]) -> Any:
    return np.stack([noise(64, 96, seed) for seed in range(4)])


def test_a_step_is_detect_transfer_decode(engine: Engine, frames: Any) -> None:
    source = engine.encode(to_pictures(frames[:1]))
    neutral = engine.detect(to_pictures(frames[1:2]))
    transfer = Transfer.relative(source.keypoints, neutral, scale=0.8)
    made = engine.step(source, frames[2:], transfer)
    assert made.shape == (2, 64, 96, 3)
    assert made.dtype == np.uint8
    assert np.array_equal(made, Engine.step(engine, source, frames[2:], transfer))


def test_the_three_steps_are_the_networks(networks: FirstOrderModel, engine: Engine, frames: Any) -> None:
    sources, driving = to_pictures(frames[:2]), to_pictures(frames[2:])
    with torch.inference_mode():
        expected = networks(sources, driving)
    encoded = engine.encode(sources)
    assert len(encoded) == 2
    made = engine.decode(encoded, engine.detect(driving))
    assert made.dtype == torch.float32
    assert torch.allclose(made, expected, atol=1e-4)


def test_pictures_and_frames_are_each_other(frames: Any) -> None:
    assert np.array_equal(to_frames(to_pictures(frames)), frames)
    assert to_frames(torch.tensor([-0.1, 0.0, 0.5, 1.2]).view(1, 1, 1, 4)).ravel().tolist() == [
        0,
        0,
        128,
        255,
    ]


def test_other_precisions_leave_the_networks_alone(networks: FirstOrderModel, frames: Any) -> None:
    half = engines.create("torch", networks, device="cpu", precision="bf16")
    assert half.description == "torch bf16 on CPU"
    assert networks.dtype == torch.float32
    half.warm_up((64, 64), batch=2)
    assert half.detect(to_pictures(frames)).value.dtype == torch.float32
    half.close()
    half.close()


def test_what_there_is_not_is_named(networks: FirstOrderModel) -> None:
    with pytest.raises(ConfigError, match=r"no engine is called 'warp9'; there are auto, .*torch"):
        engines.create("warp9", networks)
    with pytest.raises(ConfigError, match="torch has no precision 'int3'; there are fp32, fp16, bf16"):
        engines.create("torch", networks, precision="int3")


class Half(Engine):
    """An engine of the least that the door asks for: its keypoints are the picture's mean colour."""

    name = "half"
    precision, device = "fp32", "CPU"

    def detect(self, pictures: torch.Tensor) -> Keypoints:
        return Keypoints(pictures.mean(dim=(2, 3))[:, None, :2])

    def encode(self, pictures: torch.Tensor) -> Source:
        return Source(self.detect(pictures), (pictures,))

    def decode(self, source: Source, target: Keypoints) -> torch.Tensor:
        shift = (target.value - source.keypoints.value).mean(dim=2)[:, :, None, None]
        return source.tensors[0] + shift


def test_three_steps_make_an_engine() -> None:
    engine = Half()
    source = engine.encode(to_pictures(np.full((1, 8, 8, 3), 100, np.uint8)))
    frames = np.full((2, 8, 8, 3), 30, np.uint8)
    moved = engine.step(source, frames, Transfer.absolute())
    assert moved.shape == frames.shape
    assert (moved == 30).all()
    assert (engine.step(source, frames, Transfer.relative(source.keypoints, source.keypoints)) == 30).all()
    engine.warm_up((16, 16))
    engine.close()
