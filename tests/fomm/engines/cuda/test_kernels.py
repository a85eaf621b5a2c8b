"""The Triton kernels do what the plain operations do. Here they are interpreted on the processor."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

# Read when a kernel is declared.
os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton", reason="needs Triton (it comes with PyTorch's CUDA builds)")

from fomm.engines.base import to_pictures
from fomm.engines.cuda.engine import CudaEngine
from fomm.engines.cuda.fused import FusedOperations
from fomm.engines.cuda.operations import MOTION, Layer, Operations, Shrinking, nchw, pack_transfer
from fomm.engines.cuda.runtime import EagerRuntime
from fomm.engines.cuda.settings import PLAIN, Settings
from fomm.engines.fidelity import Fidelity
from fomm.keypoints import Transfer
from fomm.networks.first_order import FirstOrderModel

plain, fused = Operations(), FusedOperations()


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def same(run: Callable[[Operations], Any], *, atol: float = 1e-5) -> None:
    """Both kinds of operations give the same tensors."""
    for ours, theirs in zip(_tensors(run(fused)), _tensors(run(plain)), strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert torch.allclose(ours.float(), theirs.float(), atol=atol, rtol=1e-5)


def _tensors(result: Any) -> list[torch.Tensor]:
    parts = result if isinstance(result, (tuple, list)) else [result]
    return [part for part in parts if part is not None]


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25])
def test_shrink(scale: float) -> None:
    pixels = torch.randint(0, 256, (2, 24, 32, 3), dtype=torch.uint8)
    side = {1.0: 1, 0.5: 5, 0.25: 13}[scale]
    weight = torch.rand(side, side)
    same(lambda ops: ops.shrink(pixels, Shrinking(weight / weight.sum(), scale), torch.float32))


@pytest.mark.parametrize("parts", [1, 3])
def test_pool_writes_twice(parts: int) -> None:
    y, plus, bias = torch.randn(parts, 2, 6, 8, 5), torch.randn(1, 6, 8, 5), torch.randn(5)

    def run(ops: Operations) -> Any:
        buffer = torch.zeros(2, 3, 4, 9)
        one = ops.pool(y, bias, plus, buffer[..., 4:], torch.float32)
        other = ops.pool(y, None, None, None, torch.float16)
        return one, buffer, other

    same(run, atol=1e-3)


def test_activate_and_spread() -> None:
    bias = torch.randn(3)

    def run(ops: Operations) -> Any:
        flat, larger = torch.zeros(2, 4, 6, 5), torch.zeros(2, 6, 10, 3)
        ops.activate(y, bias, flat[..., 1:4])
        ops.spread(phases, None, larger)
        return flat, larger

    y, phases = torch.randn(2, 2, 4, 6, 3), torch.randn(2, 2, 4, 6, 12)
    same(run)


def test_join() -> None:
    y, x, bias, scale, offset = (
        torch.randn(*shape) for shape in [(2, 1, 4, 5, 6), (1, 4, 5, 6), (6,), (6,), (6,)]
    )
    same(lambda ops: ops.join(y, bias, x, scale, offset))
    same(lambda ops: ops.join(y[:1], None, x, None, None))


@pytest.mark.parametrize("jacobians", [0, 1, 4])
def test_locate(jacobians: int) -> None:
    heads, bias, rest = torch.randn(1, 2, 9, 11, 24), torch.randn(24), torch.randn(1, 4, 6)
    transfer = Transfer(
        torch.rand(2, 1, 1), torch.randn(2, 4, 2), torch.randn(2, 4, 2, 2), torch.randn(2, 4, 2, 2)
    )
    packed = pack_transfer(transfer, 2, 4)
    same(
        lambda ops: ops.locate(heads, bias, packed, rest, num_kp=4, temperature=0.1, jacobians=jacobians),
        atol=1e-4,
    )


@pytest.mark.parametrize("align_corners", [True, False])
def test_move_blend_and_warp(align_corners: bool) -> None:
    small, motion = torch.rand(1, 8, 10, 3), 0.4 * torch.randn(2, 4, MOTION)
    heads, still = torch.randn(1, 2, 8, 10, 8), torch.randn(1, 8, 10, 8)
    features, scale, offset = torch.randn(1, 8, 10, 12), torch.randn(12), torch.randn(12)

    def run(ops: Operations) -> Any:
        buffer = torch.ones(2, 8, 10, 20)
        moved = ops.move(small, motion, buffer[..., 4:], variance=0.01, align_corners=align_corners)
        grid, occlusion = ops.blend(heads, still, motion, occludes=True)
        bare, _ = ops.blend(heads, still, motion, occludes=False)
        dimmed = ops.warp(features, grid, occlusion, scale, offset, align_corners=align_corners)
        last = ops.warp(features, bare, None, None, None, align_corners=align_corners)
        return [moved[..., :16], buffer, grid, occlusion, *dimmed, *last]

    same(run)


def test_what_lies_outside_is_zero() -> None:
    grid = torch.tensor([[-9.0, 0.0], [0.0, 1e30], [float("nan"), 0.0], [0.0, 0.0]]).view(1, 2, 2, 2)
    out, _ = fused.warp(torch.ones(1, 4, 4, 3), grid, None, None, None, align_corners=True)
    assert out.view(4, 3).sum(dim=1).tolist() == [0, 0, 0, 3]


@pytest.mark.parametrize("block", [1, 2, 4])
def test_finish(block: int) -> None:
    y, bias = 2 * torch.randn(1, 2, 3, 5, 48), torch.randn(48)

    def run(ops: Operations) -> Any:
        out = torch.zeros(2, 3 * block, 5 * block, 3, dtype=torch.uint8)
        ops.finish(y, bias, block, out)
        return out

    same(run, atol=1)


@pytest.mark.parametrize(
    ("form", "size", "side"), [(None, 3, 4), ("direct", 3, 4), ("phases", 2, 7), (None, 3, 1)]
)
def test_convolutions_of_small_pictures(form: Any, size: int, side: int) -> None:
    x = torch.randn(1, side, side, 128).half()
    weight = (0.05 * torch.randn(72, 128, size, size)).half()
    layer = Layer(weight, None, padding=1, form=form)
    expected = plain.conv(x, layer).float().sum(dim=0)
    parts = fused.conv(x, layer)
    assert len(parts) > 1
    assert torch.allclose(parts.sum(dim=0), expected, atol=4e-3)


def test_large_ones_are_left_to_cudnn() -> None:
    x = torch.randn(1, 16, 16, 64)
    layer = Layer(torch.randn(8, 64, 3, 3), torch.randn(8), padding=1)
    assert len(fused.conv(x.half(), Layer(layer.weight.half(), None, padding=1))) == 1
    expected = torch.relu(torch.nn.functional.conv2d(nchw(x), layer.weight, layer.bias, padding=1))
    assert torch.allclose(nchw(fused.conv_relu(x, layer)), expected, atol=1e-4)


def test_a_whole_frame(networks: FirstOrderModel, noise: Callable[..., Any]) -> None:
    frames = np.stack([noise(32, 32, seed) for seed in range(3)])
    made = []
    for settings in (Settings(), PLAIN):
        engine = CudaEngine(networks, EagerRuntime(), precision="fp16", settings=settings)
        source = engine.encode(to_pictures(frames[:1]))
        transfer = Transfer.relative(source.keypoints, engine.detect(to_pictures(frames[1:2])))
        made.append(engine.step(source, frames[2:], transfer))
    assert Fidelity.of(*made).within("fp16")
