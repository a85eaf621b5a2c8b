"""The model as the GPU executes it: one chain of convolutions and fused operations, from pixels to pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.engines.cuda.operations import (
    Layer,
    Operations,
    Shrinking,
    aligned,
    nchw,
    nhwc,
    pack_keypoints,
    pack_transfer,
    unpack_keypoints,
)
from fomm.engines.cuda.settings import Settings
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.blocks import AntiAliasDownscale
from fomm.networks.inference import InferenceModel
from fomm.networks.inference.folding import Residual
from fomm.networks.inference.hourglass import FoldedHourglass
from fomm.networks.inference.upsampling import UpConv, UpForm


class SourceBuffers(NamedTuple):
    """All that the source decides, `(1, H, W, C)`; the same for every `Settings`.

    Attributes:
        features: what is warped, in the network's precision.
        small: the source at the size of the dense motion, likewise.
        first: its share of the dense motion's first convolution, likewise.
        heads: its share of the dense motion's heads, `(1, h, w, P)` float32.
        rest: its keypoints, `(1, K, 6)` float32, see `pack_keypoints`.
    """

    features: Tensor
    small: Tensor
    first: Tensor
    heads: Tensor
    rest: Tensor


@dataclass(frozen=True, eq=False)
class _Residual:
    """A residual block.

    Attributes:
        conv1, conv2: its convolutions.
        scale, offset: its first normalisation, `(C,)` float32.
    """

    conv1: Layer
    conv2: Layer
    scale: Tensor
    offset: Tensor


@dataclass(frozen=True, eq=False)
class _UNet:
    """A `FoldedHourglass`.

    Attributes:
        down: its encoder, without the first level.
        up: its decoder, from the innermost level on.
        outer: its channels at every level of the encoder, the first included.
    """

    down: list[Layer]
    up: list[Layer]
    outer: list[int]


class SourceEncoder:
    """Makes `SourceBuffers`, once a source, in float32 and by PyTorch alone.

    Args:
        model: on the CPU; what it takes of it is moved.
        place: where.
        dtype: the network's precision.
    """

    def __init__(self, model: InferenceModel, place: torch.device, dtype: torch.dtype) -> None:
        self._first = model.generator.first.to(place)
        self._down = model.generator.down.to(place)
        motion = model.motion
        self._motion = motion
        for part in (motion.down, motion.first_still, motion.heads_still):
            part.to(place)
        self._dtype = dtype

    def __call__(self, pixels: Tensor, keypoints: Keypoints) -> SourceBuffers:
        """Of a source `(1, H, W, C)` uint8 and its keypoints, on the device."""
        picture = nchw(pixels).float().contiguous() / 255
        features = F.relu(self._first(picture))
        for conv in self._down:
            features = F.avg_pool2d(F.relu(conv(features)), 2)
        small, first, heads = self._motion.encode(picture, keypoints)
        heads = F.pad(nhwc(heads.float()), (0, aligned(heads.shape[1]) - heads.shape[1]))
        features, small, first = (nhwc(x).to(self._dtype).contiguous() for x in (features, small, first))
        return SourceBuffers(features, small, first, heads.contiguous(), pack_keypoints(keypoints))


class Network:
    """Driving pixels in, pictures out, for one source; static shapes, nothing read back.

    Args:
        model: rewritten with `settings.up`, without shifts, float32, on the CPU; not changed.
        operations: what executes it.
        settings: see `Settings`.
        place: where.
        dtype: of weights and features.
    """

    def __init__(
        self,
        model: InferenceModel,
        operations: Operations,
        settings: Settings,
        *,
        place: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._ops = operations
        self._place, self.dtype = place, dtype
        detector, motion, generator = model.detector, model.motion, model.generator
        self._block = settings.block
        self.num_kp = detector.num_kp
        self.channels = generator.final.out_channels
        self._temperature = detector.temperature
        self._jacobians = (detector.heads.out_channels - self.num_kp) // 4
        self._variance, self._align = motion.kp_variance, motion.align_corners
        self._occludes = motion.occludes
        self._detector_down = self._shrinking(detector.down)
        pixels, inputs = self.channels, self.num_kp * (1 + self.channels)
        hourglass = detector.hourglass
        self._detector_first = self._layer(hourglass.first, inner=aligned(pixels))
        self._detector = self._unet(hourglass, hourglass.first.out_channels)
        features = _width(self._detector.up[-1])
        self._detector_heads = self._layer(detector.heads, inner=features + aligned(pixels), head=True)
        self._motion_first = self._layer(motion.first_moving, inner=aligned(inputs))
        self._motion = self._unet(motion.hourglass, motion.first_moving.out_channels)
        features = _width(self._motion.up[-1])
        self._motion_heads = self._layer(motion.heads_moving, inner=features + aligned(inputs), head=True)
        self._residuals = [self._residual(block) for block in generator.bottleneck]
        self._up = [self._up_layer(block) for block in generator.up]
        self._final = self._layer(blocks(generator.final, settings.block), head=True)

    def detect(self, pixels: Tensor) -> Keypoints:
        """Keypoints of pictures `(B, H, W, C)` uint8, on the device."""
        identity = pack_transfer(Transfer.absolute(), len(pixels), self.num_kp).to(self._place)
        rest = torch.zeros(1, self.num_kp, 6, device=self._place)
        motion = self._locate(self._heads_of_detector(pixels), identity, rest)
        return unpack_keypoints(motion[..., 8:14], bool(self._jacobians))

    def __call__(self, pixels: Tensor, transfer: Tensor, source: SourceBuffers, out: Tensor) -> None:
        """The whole way of a frame.

        Args:
            pixels: driving frames `(B, H, W, C)` uint8.
            transfer: `(B, K, TRANSFER)`, see `pack_transfer`.
            source: one source.
            out: `(B, H, W, C)` uint8, where the pictures go.
        """
        motion = self._locate(self._heads_of_detector(pixels), transfer, source.rest)
        features, active = self._warp(source.features, *self._dense(motion, source))
        final = self._ops.conv(self._upsample(self._bottleneck(features, active)), self._final)
        self._ops.finish(final, _bias(self._final), self._block, out)

    def stages(
        self, pixels: Tensor, transfer: Tensor, source: SourceBuffers, out: Tensor
    ) -> Iterator[tuple[str, Callable[[], None]]]:
        """The same in steps, for measuring: each is to be called, also repeatedly, before the next is asked for."""
        made: dict[str, Any] = {}

        def keep(name: str, make: Callable[[], Any]) -> Callable[[], None]:
            def stage() -> None:
                made[name] = make()

            return stage

        yield "detector", keep("heads", lambda: self._heads_of_detector(pixels))
        yield "keypoints", keep("motion", lambda: self._locate(made["heads"], transfer, source.rest))
        yield "dense motion", keep("dense", lambda: self._dense(made["motion"], source))
        yield "warp", keep("warped", lambda: self._warp(source.features, *made["dense"]))
        yield "bottleneck", keep("deep", lambda: self._bottleneck(*made["warped"]))
        yield "upsampling", keep("wide", lambda: self._upsample(made["deep"]))
        yield "last convolution", keep("final", lambda: self._ops.conv(made["wide"], self._final))
        yield "pixels", lambda: self._ops.finish(made["final"], _bias(self._final), self._block, out)

    def _heads_of_detector(self, pixels: Tensor) -> Tensor:
        ops, unet = self._ops, self._detector
        small = ops.shrink(pixels, self._detector_down, self.dtype)
        features = _width(unet.up[-1])
        joined = self._buffer(small, features + small.shape[3])
        joined[..., features:].copy_(small)
        first = ops.conv(small, self._detector_first)
        self._run(unet, first, self._detector_first.bias, None, joined[..., :features])
        return ops.conv(joined, self._detector_heads)

    def _locate(self, heads: Tensor, transfer: Tensor, rest: Tensor) -> Tensor:
        return self._ops.locate(
            heads,
            _bias(self._detector_heads),
            transfer,
            rest,
            num_kp=self.num_kp,
            temperature=self._temperature,
            jacobians=self._jacobians,
        )

    def _dense(self, motion: Tensor, source: SourceBuffers) -> tuple[Tensor, Tensor | None]:
        ops, unet = self._ops, self._motion
        features = _width(unet.up[-1])
        inputs = self._motion_first.weight.shape[1]
        shape = (len(motion), *source.small.shape[1:3], features + inputs)
        joined = source.small.new_empty(shape)
        moved = ops.move(
            source.small,
            motion,
            joined[..., features:],
            variance=self._variance,
            align_corners=self._align,
        )
        first = ops.conv(moved, self._motion_first)
        self._run(unet, first, None, source.first, joined[..., :features])
        heads = ops.conv(joined, self._motion_heads)
        return ops.blend(heads, source.heads, motion, occludes=self._occludes)

    def _warp(self, features: Tensor, grid: Tensor, occlusion: Tensor | None) -> tuple[Tensor, Tensor]:
        size = features.shape[1:3]
        if grid.shape[1:3] != size:
            grid = nhwc(F.interpolate(nchw(grid), size=size, mode="bilinear")).contiguous()
            if occlusion is not None:
                occlusion = F.interpolate(occlusion[:, None], size=size, mode="bilinear")[:, 0].contiguous()
        scale, offset = self._normalisation(0)
        return self._ops.warp(features, grid, occlusion, scale, offset, align_corners=self._align)

    def _bottleneck(self, out: Tensor, active: Tensor) -> Tensor:
        for index, block in enumerate(self._residuals):
            inner = self._ops.conv(self._ops.conv_relu(active, block.conv1), block.conv2)
            out, active = self._ops.join(inner, block.conv2.bias, out, *self._normalisation(index + 1))
        return out

    def _upsample(self, out: Tensor) -> Tensor:
        for layer in self._up:
            batch, height, width, _ = out.shape
            into = out.new_empty((batch, 2 * height, 2 * width, _width(layer)))
            self._enlarge(out, layer, into)
            out = into
        return out

    def _normalisation(self, index: int) -> tuple[Tensor | None, Tensor | None]:
        """What the residual block of this number does first; nothing after the last."""
        if index >= len(self._residuals):
            return None, None
        return self._residuals[index].scale, self._residuals[index].offset

    def _run(
        self, unet: _UNet, first: Tensor, bias: Tensor | None, plus: Tensor | None, into: Tensor
    ) -> None:
        """A U-Net after its first convolution, its result written `into` a buffer."""
        ops = self._ops
        _, batch, height, width, _ = first.shape
        buffers: list[Tensor] = []
        y, out = first, first
        for level, channels in enumerate(unet.outer):
            height, width = height // 2, width // 2
            part = None
            if level + 1 < len(unet.outer):
                # What comes up from below is put in front of what this level gives.
                above = _width(unet.up[len(unet.outer) - 2 - level])
                buffers.append(
                    torch.empty(
                        (batch, height, width, above + channels), dtype=self.dtype, device=first.device
                    )
                )
                part = buffers[-1][..., above:]
            out = ops.pool(y, bias, plus, part, self.dtype)
            if level < len(unet.down):
                y, bias, plus = ops.conv(out, unet.down[level]), unet.down[level].bias, None
        *inner, outermost = unet.up
        for layer in inner:
            buffer = buffers.pop()
            self._enlarge(out, layer, buffer[..., : _width(layer)])
            out = buffer
        self._enlarge(out, outermost, into)

    def _enlarge(self, x: Tensor, layer: Layer, into: Tensor) -> None:
        """Twice the size, a convolution, ReLU."""
        y = self._ops.conv(x, layer)
        if layer.form == "phases":
            self._ops.spread(y, layer.bias, into)
        else:
            self._ops.activate(y, layer.bias, into)

    def _buffer(self, like: Tensor, channels: int) -> Tensor:
        return like.new_empty((*like.shape[:3], channels))

    def _layer(
        self,
        conv: nn.Conv2d | nn.ConvTranspose2d,
        form: UpForm | None = None,
        *,
        inner: int | None = None,
        head: bool = False,
    ) -> Layer:
        """A convolution; zeros make its input channels `inner`, and a head's output channels a multiple of
        `ALIGNED`."""
        weight = conv.weight.detach()
        bias = None if conv.bias is None else conv.bias.detach()
        more_in = 0 if inner is None else inner - weight.shape[1]
        more_out = aligned(len(weight)) - len(weight) if head else 0
        if more_in or more_out:
            weight = F.pad(weight, (0, 0, 0, 0, 0, more_in, 0, more_out))
            bias = None if bias is None else F.pad(bias, (0, more_out))
        assert not isinstance(conv.padding, str)
        return Layer(
            weight.to(self._place, self.dtype).contiguous(memory_format=torch.channels_last),
            None if bias is None else bias.to(self._place, torch.float32),
            stride=conv.stride[0],
            padding=conv.padding[0],
            form=form,
            rounded=None if bias is None else bias.to(self._place, self.dtype),
        )

    def _up_layer(self, block: nn.Module) -> Layer:
        assert isinstance(block, UpConv)
        layer = self._layer(block.conv, block.form)
        if block.form == "phases" and layer.bias is not None:
            layer.bias = layer.bias[: len(layer.bias) // 4].contiguous()
        return layer

    def _unet(self, hourglass: FoldedHourglass, first: int) -> _UNet:
        down = [self._layer(conv) for conv in hourglass.down if isinstance(conv, nn.Conv2d)]
        up = [self._up_layer(block) for block in hourglass.up]
        return _UNet(down, up, [first, *(len(layer.weight) for layer in down)])

    def _residual(self, block: nn.Module) -> _Residual:
        assert isinstance(block, Residual)
        assert block.scale is not None
        assert block.offset is not None
        scale, offset = (
            part.flatten().to(self._place, torch.float32) for part in (block.scale, block.offset)
        )
        return _Residual(self._layer(block.conv1), self._layer(block.conv2), scale, offset)

    def _shrinking(self, down: nn.Module) -> Shrinking:
        if isinstance(down, AntiAliasDownscale):
            return Shrinking(down.weight[0, 0].to(self._place, torch.float32).contiguous(), down.scale)
        return Shrinking(torch.ones(1, 1, device=self._place), 1.0)


def blocks(conv: nn.Conv2d, side: int) -> nn.Conv2d:
    """A convolution that keeps the size, as one that makes `side` by `side` pixels at once.

    With few output channels most of a Tensor Core's tile would be empty; this fills it with the neighbours, whose
    inputs are nearly the same. `F.pixel_shuffle` puts the pixels in order.
    """
    outer, inner, size, _ = conv.weight.shape
    weight = conv.weight.new_zeros(outer, side, side, inner, size + side - 1, size + side - 1)
    for row in range(side):
        for column in range(side):
            weight[:, row, column, :, row : row + size, column : column + size] = conv.weight
    wide = nn.Conv2d(inner, outer * side**2, size + side - 1, stride=side, padding=size // 2)
    wide.weight = nn.Parameter(weight.flatten(0, 2).detach(), requires_grad=False)
    assert conv.bias is not None
    wide.bias = nn.Parameter(conv.bias.detach().repeat_interleave(side**2), requires_grad=False)
    return wide


def _width(layer: Layer) -> int:
    """Channels that a layer of a decoder makes."""
    if layer.form == "transpose":
        return layer.weight.shape[1]
    return len(layer.weight) // (4 if layer.form == "phases" else 1)


def _bias(layer: Layer) -> Tensor:
    assert layer.bias is not None
    return layer.bias
