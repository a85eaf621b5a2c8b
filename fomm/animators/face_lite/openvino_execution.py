"""The correcting network executed by OpenVINO, which needs no PyTorch for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fomm.animators.face_lite.network import (
    CLUE_CELLS,
    CLUES,
    LAST,
    Array,
    Weights,
    correct,
    layers,
    width_of,
)
from fomm.errors import EngineError
from fomm.openvino_import import load_openvino, openvino_core

#: The layer that sees the clues.
FIRST = "down1"
#: What the processor must say it can do, and how OpenVINO is asked for it. What is 8-bit, a model says itself.
_NEEDED = {"fp32": ("FP32", "f32"), "bf16": ("BF16", "bf16"), "int8": ("INT8", None)}
_NAMES = {"f32": "fp32", "bf16": "bf16", "f16": "fp16"}


class OpenVinoExecution:
    """See `fomm.animators.face_lite.execution.Execution`.

    Args:
        weights: see `fomm.animators.face_lite.execution.read_weights`.
        precision: "fp32", "bf16" or "int8"; None is what the processor does best without 8 bits.
        ranges: for int8, see `largest_inputs`.

    Raises:
        EngineError: OpenVINO is not installed, or the processor lacks the instructions.
    """

    def __init__(
        self, weights: Weights, precision: str | None = None, ranges: Mapping[str, float] | None = None
    ) -> None:
        if precision is not None and precision not in supported():
            raise EngineError(
                f"this processor has no instructions for {precision}; leave the precision out for its best"
            )
        assert (precision == "int8") == (ranges is not None)
        hint = None if precision is None else _NEEDED[precision][1]
        compiled = _compile(_Operators(weights, ranges), hint)
        used = _NAMES[compiled.get_property("INFERENCE_PRECISION_HINT").to_string()]
        self.engine, self.precision, self.device = "openvino", precision or used, "CPU"
        self._request = compiled.create_infer_request()

    def __call__(self, clues: Array) -> Array:
        """See `fomm.animators.face_lite.execution.Execution`."""
        self._request.infer([clues[None]])
        return np.array(self._request.get_output_tensor().data[0])


def supported() -> list[str]:
    """The precisions that this processor has instructions for.

    Raises:
        EngineError: OpenVINO is not installed.
    """
    _operations()
    capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [precision for precision, (needed, _) in _NEEDED.items() if needed in capabilities]


def largest_inputs(weights: Weights, examples: Iterable[Array]) -> dict[str, float]:
    """The largest input of each layer that may be 8-bit, over examples of clues; the least is 0: all are rectified.

    Not the first and the last: they are small, and most of the error would be theirs.
    """
    operators = _Operators(weights)
    request = _compile(operators, "f32", observed=True).create_infer_request()
    largest = dict.fromkeys(operators.inputs, 0.0)
    for clues in examples:
        request.infer([clues[None]])
        for name, tensor in zip(operators.inputs, request.output_tensors[1:], strict=True):
            largest[name] = max(largest[name], float(tensor.data.max()))
    return largest


def _operations() -> Any:
    try:
        load_openvino()
        from openvino import opset13
    except (ImportError, OSError) as error:
        raise EngineError(
            f"openvino cannot be loaded ({error}): pip install 'fomm-live[openvino]'"
        ) from error
    return opset13


def _compile(operators: _Operators, hint: str | None, *, observed: bool = False) -> Any:
    """For one frame at a time on one core.

    Args:
        operators: make the network.
        hint: OpenVINO's precision; None is the processor's best.
        observed: the inputs of its layers are outputs too.
    """
    clues = operators.ops.parameter([1, CLUES, CLUE_CELLS, CLUE_CELLS], np.float32)
    outputs = [correct(operators, clues)]
    if observed:
        outputs += operators.inputs.values()
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    if hint is not None:
        settings["INFERENCE_PRECISION_HINT"] = hint
    try:
        return openvino_core().compile_model(load_openvino().Model(outputs, [clues]), "CPU", settings)
    except RuntimeError as error:
        raise EngineError(f"openvino cannot run here ({str(error).splitlines()[0]})") from error


class _Operators:
    """See `fomm.animators.face_lite.network.Operators`.

    Attributes:
        ops: OpenVINO's operations.
        inputs: of the layers made so far that may be 8-bit.
    """

    def __init__(self, weights: Weights, ranges: Mapping[str, float] | None = None) -> None:
        self.ops = _operations()
        self.inputs: dict[str, Any] = {}
        self._weights, self._layers = weights, layers(width_of(weights))
        self._ranges = ranges or {}

    def layer(self, name: str, x: Any) -> Any:
        """See `Operators`."""
        weight, bias = (self._weights[f"{name}.{part}"] for part in ("weight", "bias"))
        kernel = self.ops.constant(weight)
        if name not in (FIRST, LAST):
            self.inputs[name] = x
        if name in self._ranges:
            x = self._rounded(x, np.zeros((1, 1, 1, 1)), np.full((1, 1, 1, 1), self._ranges[name]), 256)
            most = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
            kernel = self._rounded(kernel, -most, most, 255)
        x = self.ops.convolution(x, kernel, [self._layers[name].stride] * 2, [1, 1], [1, 1], [1, 1])
        x = self.ops.add(x, self.ops.constant(bias.reshape(1, -1, 1, 1)))
        return x if name == LAST else self.ops.relu(x)

    def _rounded(self, x: Any, least: Array, most: Array, levels: int) -> Any:
        """To one of so many numbers from `least` to `most`: OpenVINO makes integer convolutions of it."""
        ends = [self.ops.constant(np.asarray(end, np.float32)) for end in (least, most)]
        return self.ops.fake_quantize(x, *ends, *ends, levels)

    def enlarge(self, x: Any) -> Any:
        """See `Operators`."""
        return self.ops.interpolate(
            x,
            self.ops.constant(np.array([2.0, 2.0], np.float32)),
            mode="nearest",
            shape_calculation_mode="scales",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
            axes=self.ops.constant(np.array([2, 3], np.int64)),
        )

    def join(self, first: Any, second: Any) -> Any:
        """See `Operators`."""
        return self.ops.concat([first, second], 1)
