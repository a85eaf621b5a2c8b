"""MediaPipe's TensorFlow Lite networks executed by OpenVINO."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.openvino_import import openvino_core

Array: TypeAlias = NDArray[np.float32]

#: OpenVINO would choose bfloat16 by itself where the chip has it, which moves a face's points by half a pixel.
_OPTIONS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


class CompiledNetwork:
    """A network that looks at pictures, ready to run; any number of threads may take a `runner` each.

    Args:
        content: the `.tflite` file.
        side: of the square pictures that it looks at, in pixels.
        darkest: what the network calls black, where it calls white 1.
        threads: how many share the work of one picture.

    Raises:
        ImportError: OpenVINO is not installed.
        RuntimeError: it cannot read or compile the network on this machine.
    """

    def __init__(self, content: bytes, side: int, *, darkest: float = 0.0, threads: int = 1) -> None:
        core = openvino_core()
        try:
            model = _read(content)
            model.reshape([1, side, side, 3])
            model = _taking_bytes(model, darkest)
            self._compiled = core.compile_model(model, "CPU", {**_OPTIONS, "INFERENCE_NUM_THREADS": threads})
        except Exception as error:  # OpenVINO's own errors share no other base
            raise RuntimeError(str(error)) from error
        if not all(np.isfinite(output).all() for output in self.runner().run()):
            raise RuntimeError("OpenVINO computes no usable numbers")

    def runner(self) -> Runner:
        """The network with an input and outputs of its own."""
        return Runner(self._compiled.create_infer_request())


class Runner:
    """One caller's way through a network.

    Attributes:
        input: `(side, side, 3)` uint8 RGB; write the picture that the network is to look at into it.
    """

    def __init__(self, request: Any) -> None:
        self._request = request
        self.input: Frame = request.get_input_tensor().data[0]
        self.input[:] = 0
        self._outputs: list[Array] = [
            request.get_output_tensor(place).data for place in range(len(request.model_outputs))
        ]

    def run(self) -> list[Array]:
        """The network's outputs for `input`, in the file's order. The next run overwrites them."""
        self._request.infer()
        return self._outputs


def _read(content: bytes) -> Any:
    """OpenVINO's model of a `.tflite` file."""
    from openvino.frontend import FrontEndManager

    reader = FrontEndManager().load_by_framework("tflite")
    # The reader takes paths only. What it has mapped cannot be deleted at once on Windows.
    with tempfile.TemporaryDirectory(prefix="fomm-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(content)
        model = reader.convert_partially(reader.load(path))
    for node in model.get_ordered_ops():
        if node.get_type_name() == "TFFrameworkNode":
            _translate(node)
        elif node.get_type_name() == "PRelu":
            _spell_out(node)
    model.validate_nodes_and_infer_types()
    return model


def _translate(node: Any) -> None:
    """Put operations that OpenVINO has in the place of MediaPipe's own `Convolution2DTransposeBias`.

    Raises:
        RuntimeError: it is another one than the kind that doubles the size, the only one met so far.
    """
    from openvino import opset8 as ops

    inputs = [node.input_value(place) for place in range(node.get_input_size())]
    if len(inputs) != 3 or list(inputs[1].get_shape())[1:3] != [2, 2]:
        raise RuntimeError(f"the network's operation {node.get_friendly_name()} is unknown")
    pixels, kernel, bias = inputs
    # `(N, H, W, C)` to `(N, C, H, W)`, and `(out, H, W, in)` to `(in, out, H, W)`.
    channels_first = ops.transpose(pixels, np.array([0, 3, 1, 2]))
    weights = ops.transpose(kernel, np.array([3, 0, 1, 2]))
    larger = ops.convolution_backprop_data(channels_first, weights, strides=[2, 2])
    channels_last = ops.transpose(larger, np.array([0, 2, 3, 1]))
    node.output(0).replace(ops.add(channels_last, bias).output(0))


def _spell_out(node: Any) -> None:
    """Put plain operations in the place of a PReLU: `x + min(x, 0) * (slope - 1)`.

    OpenVINO computes a PReLU while it writes a convolution's result, channel by channel, which takes longer than the
    small convolutions themselves. Plain operations are one pass of their own, and the whole network needs a quarter
    less.
    """
    from openvino import opset8 as ops

    x, slope = node.input_value(0), node.input_value(1)
    one = np.float32(1)
    bent = ops.multiply(ops.minimum(x, np.float32(0)), ops.subtract(slope, one))
    node.output(0).replace(ops.add(x, bent).output(0))


def _taking_bytes(model: Any, darkest: float) -> Any:
    """The model with uint8 pictures for its input, which it scales to [`darkest`, 1] itself."""
    from openvino import Type
    from openvino.preprocess import PrePostProcessor

    scale = 255 / (1 - darkest)
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(Type.u8)
    steps.input().preprocess().convert_element_type(Type.f32).mean(-darkest * scale).scale(scale)
    return steps.build()
