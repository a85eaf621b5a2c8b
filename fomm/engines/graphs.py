"""The model cut into graphs of fixed shapes and plain tensors, for engines that compile or export them.

A frame passes through three: `detect`, `move` and `paint`; `encode` is for the source. They are several and not one
because they differ in precision: a keypoint that is a little off moves whole parts of the picture, so keypoints are
found in floating point, and all geometry is float32. Painting, which is most of the work, is computed in less. So is
the network that weighs the keypoints' motions: its weights are rounded, what they weigh is not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fomm.engines.examples import examples
from fomm.engines.quantization import Network, in_bfloat16, quantized
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.inference import InferenceModel, SourceTensors
from fomm.networks.inference.generator import InferenceGenerator
from fomm.networks.inference.motion import InferenceMotion
from fomm.networks.inference.rows import RowResiduals

#: Examples that 8-bit ranges are calibrated with.
_CALIBRATION = 6

#: Rows that the residual blocks make at a time. More would be less exact.
_ROWS = {"int8": 4, "bf16": 2}

#: What a frame passes through, in this order.
GRAPHS = ("detect", "move", "paint")

#: Those that have a form of 8-bit convolutions.
QUANTIZED = ("move", "paint")


class Encode(nn.Module):
    """A source `(1, H, W, C)` uint8 → `SourceTensors`, keypoint values, and Jacobians where the model has them."""

    def __init__(self, model: InferenceModel) -> None:
        super().__init__()
        self.detector, self.motion, self.generator = model.detector, model.motion, model.generator

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        picture = frame.permute(0, 3, 1, 2).float() / 255
        keypoints: Keypoints = self.detector(picture)
        encoded = self.motion.encode(picture, keypoints)
        return (self.generator.encode(picture), *encoded, *_parts(keypoints))


class Detect(nn.Module):
    """A driving frame `(1, H, W, C)` uint8 → keypoint values, and Jacobians where the model has them.

    Args:
        model: the original.
        precision: what the frame is computed in. Where that is 8 bits, the detector is in bfloat16; where it is
            bfloat16, which may be off by less, the detector is in float32.
    """

    def __init__(self, model: InferenceModel, precision: str) -> None:
        super().__init__()
        self.detector = in_bfloat16(model.detector) if precision == "int8" else model.detector

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        keypoints: Keypoints = self.detector(frame.permute(0, 3, 1, 2).float() / 255)
        return _parts(keypoints)


class Move(nn.Module):
    """What the source decides, its keypoints and the target's → the source's features, warped and dimmed.

    Args:
        model: the original.
        precision: of the convolutions.
        calibration: real motions, to make the network 8-bit with.
    """

    def __init__(self, model: InferenceModel, precision: str, calibration: list[Moved]) -> None:
        super().__init__()
        self.generator = model.generator

        def calibrate(motion: InferenceMotion) -> None:
            for known in calibration:
                motion(*known.source[1:], known.rest, known.target)

        self.motion = _converted(model.motion, precision, calibrate)

    def forward(
        self, features: Tensor, small: Tensor, first: Tensor, heads: Tensor, *keypoints: Tensor
    ) -> Tensor:
        """See the class; keypoints are value (and Jacobian) of the source, then of the target."""
        half = len(keypoints) // 2
        rest, target = Keypoints(*keypoints[:half]), Keypoints(*keypoints[half:])
        return self.generator.warp(features, *self.motion(small, first, heads, rest, target))


class Paint(nn.Module):
    """Warped features → a frame `(1, H, W, C)` uint8.

    The last convolution, 7x7 to three channels, would leave most of a vector register empty. Here it makes four
    pixels at a time: 8x8 with stride 2, to four times the channels. In bfloat16 and 8 bits, residual blocks make
    several rows at a time, see `RowResiduals`.

    Args:
        generator: the original.
        precision: of its convolutions.
        height: of what it is given.
        calibration: what real pictures become on the way here, to make it 8-bit with.
    """

    def __init__(
        self, generator: InferenceGenerator, precision: str, height: int, calibration: list[Moved]
    ) -> None:
        super().__init__()
        generator = copy.deepcopy(generator)
        generator.final = _four_pixels(generator.final)
        if precision in _ROWS and height % _ROWS[precision] == 0 and len(generator.bottleneck):
            generator.bottleneck = in_rows(generator.bottleneck, precision)

        def calibrate(generator: InferenceGenerator) -> None:
            for known in calibration:
                generator.paint(known.warped)

        self.generator = _converted(generator, precision, calibrate)

    def forward(self, warped: Tensor) -> Tensor:
        """See the class."""
        fours = self.generator.paint(warped).permute(0, 2, 3, 1)
        batch, height, width, channels = fours.shape
        # Put in order as bytes, of which neighbours stay together: OpenVINO is slow with channels of floats.
        rows = (
            (fours * 255).round().clamp(0, 255).to(torch.uint8).view(batch, height, width, 2, channels // 2)
        )
        return rows.permute(0, 1, 3, 2, 4).reshape(batch, 2 * height, 2 * width, channels // 4)


@dataclass(frozen=True, eq=False)
class Moved:
    """A real picture on its way: the source, its keypoints and where they go, its features when they are there."""

    source: SourceTensors
    rest: Keypoints
    target: Keypoints
    warped: Tensor


@dataclass(frozen=True, eq=False)
class Graph:
    """A module, an example of what it takes, and what everything is called."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


def build(name: str, model: InferenceModel, size: tuple[int, int], *, precision: str = "fp32") -> Graph:
    """One of the graphs.

    Args:
        name: "encode", or one of `GRAPHS`.
        model: float32, on the CPU.
        size: `(height, width)` of the frames.
        precision: "fp32", "bf16", or "int8".
    """
    with torch.no_grad():
        frame = torch.zeros(1, *size, model.generator.first.in_channels, dtype=torch.uint8)
        picture = frame.permute(0, 3, 1, 2).float()
        # Two keypoints that differ: equal tensors would become one input.
        keypoints, target = model.detect(picture), model.detect(picture + 0.5)
        source = model.encode(picture, keypoints)
        calibrated = calibration(model, size) if precision == "int8" and name in QUANTIZED else []
        if name == "encode":
            return Graph(Encode(model), {"frame": frame}, (*source._fields, *_named("source", keypoints)))
        if name == "detect":
            return Graph(Detect(model, precision), {"frame": frame}, tuple(_named("driving", keypoints)))
        if name == "move":
            known = {**source._asdict(), **_named("source", keypoints), **_named("target", target)}
            return Graph(Move(model, precision, calibrated), known, ("warped",))
        inputs = {"warped": torch.zeros_like(source.features)}
        paint = Paint(model.generator, precision, source.features.shape[2], calibrated)
        return Graph(paint, inputs, ("picture",))


def calibration(model: InferenceModel, size: tuple[int, int]) -> list[Moved]:
    """Real pictures, animated as far as `paint`."""
    found = []
    with torch.inference_mode():
        for example in examples(size, _CALIBRATION):
            picture, neutral, driving = (
                torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
                for picture in (example.source, example.neutral, example.driving)
            )
            rest = model.detect(picture)
            target = Transfer.relative(rest, model.detect(neutral))(model.detect(driving))
            source = model.encode(picture, rest)
            warped = model.generator.warp(source.features, *model.motion(*source[1:], rest, target))
            found.append(Moved(source, rest, target, warped))
    return found


def _converted(network: Network, precision: str, calibrate: Callable[[Network], None]) -> Network:
    """With convolutions of a precision."""
    if precision == "int8":
        return quantized(network, calibrate)
    return in_bfloat16(network) if precision == "bf16" else network


def _parts(keypoints: Keypoints) -> tuple[Tensor, ...]:
    return (keypoints.value,) if keypoints.jacobian is None else (keypoints.value, keypoints.jacobian)


def _named(whose: str, keypoints: Keypoints) -> dict[str, Tensor]:
    names = (f"{whose}_value", f"{whose}_jacobian")
    return dict(zip(names, _parts(keypoints), strict=False))


def in_rows(blocks: nn.Sequential, precision: str) -> nn.Sequential:
    """Residual blocks as a precision has them: all but the first, which is the most sensitive to rounding, in fewer
    multiplications."""
    if precision not in _ROWS:
        return blocks
    first, *others = blocks
    return nn.Sequential(first, RowResiduals(nn.Sequential(*others), _ROWS[precision]))


def _four_pixels(conv: nn.Conv2d) -> nn.Conv2d:
    """A 7x7 convolution as one that makes 2x2 pixels at once: the upper two, then the lower two."""
    outer, inner, size, _ = conv.weight.shape
    weight = conv.weight.new_zeros(2, 2, outer, inner, size + 1, size + 1)
    for row in range(2):
        for column in range(2):
            weight[row, column, :, :, row : row + size, column : column + size] = conv.weight
    wide = nn.Conv2d(inner, 4 * outer, size + 1, stride=2, padding=size // 2)
    wide.weight = nn.Parameter(weight.flatten(0, 2), requires_grad=False)
    assert conv.bias is not None
    wide.bias = nn.Parameter(conv.bias.repeat(4), requires_grad=False)
    return wide
