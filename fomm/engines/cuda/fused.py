"""The same operations as fused Triton kernels, one each, and a convolution for small pictures.

At batch 1 a frame is a chain of kernels of a few microseconds, so that their number counts as much as what they do.
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from fomm.engines.cuda import kernels
from fomm.engines.cuda.operations import (
    MOTION,
    TRANSFER,
    Layer,
    Operations,
    Shrinking,
    aligned,
)

#: Elements of a program, where these are all alike and there are many; a quarter of them where there are few.
_BLOCK, _MANY = 512, 2**16
#: Pixels (batch included) up to which `kernels.conv_small` may be tried: above, cuDNN has enough of them to be busy.
_SMALL = 128
#: Programs that keep a large GPU busy.
_PROGRAMS = 264


class FusedOperations(Operations):
    """See `Operations`.

    Args:
        small: whether convolutions of small pictures are ours; otherwise all are cuDNN's.
        fused: see `Operations`.
    """

    def __init__(self, *, small: bool = True, fused: bool = False) -> None:
        self.small = small
        self.fused = fused

    def shrink(self, pixels: Tensor, down: Shrinking, dtype: torch.dtype) -> Tensor:
        """See `Operations`."""
        if down.step is None:
            return super().shrink(pixels, down, dtype)
        batch, height, width, channels = pixels.shape
        size = down.weight.shape[-1]
        small_height, small_width = ((side - 1) // down.step + 1 for side in (height, width))
        out = pixels.new_empty((batch, small_height, small_width, aligned(channels)), dtype=dtype)
        _launch(
            kernels.shrink, out.numel(), pixels, down.weight, out, out.numel(), height, width, small_height,
            small_width, CHANNELS=channels, PADDED=out.shape[3], SIZE=size, STEP=down.step, block=128,
        )  # fmt: skip
        return out

    def conv(self, x: Tensor, layer: Layer) -> Tensor:
        """See `Operations`."""
        larger = 2 if layer.form == "direct" else 1
        batch, height, width, channels = x.shape
        size = layer.weight.shape[-1]
        out_height, out_width = (larger * side + 2 * layer.padding - size + 1 for side in (height, width))
        total = batch * out_height * out_width
        depth = 64
        if (
            not self.small
            or x.dtype == torch.float32
            or layer.form == "transpose"
            or layer.stride != 1
            or total > _SMALL
            or channels % depth
        ):
            return super().conv(x, layer)
        if layer.packed is None:
            layer.packed = layer.weight.permute(2, 3, 1, 0).reshape(-1, len(layer.weight)).contiguous()
        out_channels = layer.packed.shape[1]
        rows, columns = (16 if total <= 16 else 64), 64
        tiles = triton.cdiv(total, rows), triton.cdiv(out_channels, columns)
        steps = len(layer.packed) // depth
        each = triton.cdiv(steps, max(1, min(steps, _PROGRAMS // (tiles[0] * tiles[1]))))
        parts = triton.cdiv(steps, each)
        partial = x.new_empty((parts, batch, out_height, out_width, out_channels), dtype=torch.float32)
        kernels.conv_small[(*tiles, parts)](
            x, layer.packed, partial, total, height, width, out_height, out_width, channels, out_channels,
            steps, EACH=each, SIZE=size, PADDING=layer.padding, LARGER=larger,
            ROWS=rows, COLUMNS=columns, DEPTH=depth, num_warps=4, num_stages=4,
        )  # fmt: skip
        return partial

    def activate(self, y: Tensor, bias: Tensor | None, into: Tensor) -> None:
        """See `Operations`."""
        self._activate(y, bias, into, phases=False)

    def spread(self, y: Tensor, bias: Tensor | None, into: Tensor) -> None:
        """See `Operations`."""
        self._activate(y, bias, into, phases=True)

    def _activate(self, y: Tensor, bias: Tensor | None, into: Tensor, *, phases: bool) -> None:
        height, width, channels = into.shape[1:]
        _launch(
            kernels.activate, into.numel(), y, _or(bias, y), into, into.numel(), y[0].numel(), height, width,
            channels, _pitch(into), PARTS=len(y), HAS_BIAS=bias is not None, PHASES=phases,
        )  # fmt: skip

    def pool(
        self, y: Tensor, bias: Tensor | None, plus: Tensor | None, into: Tensor | None, dtype: torch.dtype
    ) -> Tensor:
        """See `Operations`."""
        _, batch, height, width, channels = y.shape
        out = y.new_empty((batch, height // 2, width // 2, channels), dtype=dtype)
        _launch(
            kernels.pool, out.numel(), y, _or(bias, y), _or(plus, y), out, _or(into, out), out.numel(),
            y[0].numel(), height, width, channels, 0 if into is None else _pitch(into),
            1 if plus is None else len(plus),
            PARTS=len(y), HAS_BIAS=bias is not None, HAS_PLUS=plus is not None, HAS_INTO=into is not None,
        )  # fmt: skip
        return out

    def join(
        self, y: Tensor, bias: Tensor | None, x: Tensor, scale: Tensor | None, offset: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See `Operations`."""
        out = torch.empty_like(x)
        active = out if scale is None else torch.empty_like(x)
        _launch(
            kernels.join, x.numel(), y, _or(bias, y), x, _or(scale, y), _or(offset, y), out, active, x.numel(),
            y[0].numel(), x.shape[3], PARTS=len(y), HAS_BIAS=bias is not None, HAS_NEXT=scale is not None,
        )  # fmt: skip
        return out, active

    def locate(
        self,
        heads: Tensor,
        bias: Tensor,
        transfer: Tensor,
        rest: Tensor,
        *,
        num_kp: int,
        temperature: float,
        jacobians: int,
    ) -> Tensor:
        """See `Operations`."""
        parts, batch, height, width, padded = heads.shape
        block = triton.next_power_of_2(height * width)
        if parts > 1 or min(height, width) < 2 or block > 2**15:
            return super().locate(
                heads, bias, transfer, rest, num_kp=num_kp, temperature=temperature, jacobians=jacobians
            )
        out = heads.new_empty((batch, num_kp, MOTION), dtype=torch.float32)
        kernels.locate[(batch * num_kp,)](
            heads, bias, transfer, rest, out, num_kp, height, width, padded, temperature,
            JACOBIANS=jacobians, MOTION=MOTION, TRANSFER=TRANSFER, BLOCK=block, num_warps=8,
        )  # fmt: skip
        return out

    def move(
        self, small: Tensor, motion: Tensor, into: Tensor, *, variance: float, align_corners: bool
    ) -> Tensor:
        """See `Operations`."""
        batch, height, width, padded = into.shape
        if min(height, width) < 2:
            return super().move(small, motion, into, variance=variance, align_corners=align_corners)
        out = into.new_empty((batch, height, width, padded))
        _launch(
            kernels.move, out.numel(), small, motion, out, into, out.numel(), motion.shape[1], height, width,
            small.shape[3], padded, _pitch(into), -0.5 / variance, ALIGN=align_corners, MOTION=MOTION,
        )  # fmt: skip
        return out

    def blend(
        self, heads: Tensor, still: Tensor, motion: Tensor, *, occludes: bool
    ) -> tuple[Tensor, Tensor | None]:
        """See `Operations`."""
        parts, batch, height, width, padded = heads.shape
        if parts > 1 or min(height, width) < 2:
            return super().blend(heads, still, motion, occludes=occludes)
        grid = still.new_empty((batch, height, width, 2))
        occlusion = still.new_empty((batch, height, width)) if occludes else grid
        num_kp = motion.shape[1]
        total = batch * height * width
        _launch(
            kernels.blend, total, heads, still, motion, grid, occlusion, total, num_kp, height, width, padded,
            OCCLUDES=occludes, MOTION=MOTION, KEYPOINTS=triton.next_power_of_2(num_kp + 1), block=32,
        )  # fmt: skip
        return grid, occlusion if occludes else None

    def warp(
        self,
        features: Tensor,
        grid: Tensor,
        occlusion: Tensor | None,
        scale: Tensor | None,
        offset: Tensor | None,
        *,
        align_corners: bool,
    ) -> tuple[Tensor, Tensor]:
        """See `Operations`."""
        height, width, channels = features.shape[1:]
        out = features.new_empty((*grid.shape[:3], channels))
        active = out if scale is None else torch.empty_like(out)
        _launch(
            kernels.warp, out.numel(), features, grid, _or(occlusion, grid), _or(scale, grid), _or(offset, grid), out,
            active, out.numel(), height, width, channels,
            OCCLUDES=occlusion is not None, HAS_NEXT=scale is not None, ALIGN=align_corners,
        )  # fmt: skip
        return out, active

    def finish(self, y: Tensor, bias: Tensor, block: int, out: Tensor) -> None:
        """See `Operations`."""
        if len(y) > 1:
            super().finish(y, bias, block, out)
            return
        height, width, channels = out.shape[1:]
        _launch(
            kernels.finish, out.numel(), y, bias, out, out.numel(), height, width, y.shape[4],
            CHANNELS=channels, SIDE=block,
        )  # fmt: skip


def _launch(kernel: object, total: int, *arguments: object, block: int = 0, **constants: object) -> None:
    """A kernel over `total` elements."""
    block = block or (_BLOCK if total > _MANY else _BLOCK // 4)
    kernel[(triton.cdiv(total, block),)](*arguments, **constants, BLOCK=block, num_warps=4)  # type: ignore[index]


def _or(tensor: Tensor | None, other: Tensor) -> Tensor:
    """A pointer is needed also where nothing is read."""
    return other if tensor is None else tensor


def _pitch(into: Tensor) -> int:
    """How far a pixel of a part of a buffer is from the next; images and rows must follow on one another."""
    batch, height, width, _ = into.shape
    pitch = into.stride(2)
    expected = (height * width * pitch, width * pitch, pitch, 1)
    if (batch > 1 and into.stride(0) != expected[0]) or into.stride()[1:] != expected[1:]:
        raise ValueError(f"strides {into.stride()} are not those of channels of a buffer")
    return pitch
