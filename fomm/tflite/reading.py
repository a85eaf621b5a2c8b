"""OpenVINO's model of a `.tflite` file, as our pictures come: bytes in RGB."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def read(content: bytes, side: int, darkest: float) -> Any:
    """The model of a network that looks at square pictures.

    Args:
        content: the `.tflite` file.
        side: of the pictures, in pixels.
        darkest: what the network calls black, where it calls white 1.

    Returns:
        The model; it takes `(1, side * side, 3)` uint8 RGB, row by row.

    Raises:
        RuntimeError: OpenVINO cannot read it.
    """
    model = _network(content)
    model.reshape([1, side, side, 3])
    return _taking_bytes(model, darkest)


def _network(content: bytes) -> Any:
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


def _taking_bytes(model: Any, darkest: float) -> Any:
    """The model with uint8 pictures for its input, which it scales to [`darkest`, 1] itself; `model` is used up.

    Pixels come in one row. Were they in a square, OpenVINO would put each channel by itself before it converts them,
    and all three together again after it, for its convolutions want them so: a twentieth of the landmark network's
    time, for nothing.
    """
    from openvino import Model
    from openvino import opset8 as ops

    (floats,) = model.get_parameters()
    _, height, width, channels = floats.output(0).get_shape()
    pixels = ops.parameter([1, height * width, channels], np.uint8)
    square = ops.reshape(pixels, np.array([1, height, width, channels]), special_zero=False)
    scaled = ops.multiply(ops.convert(square, "f32"), np.float32((1 - darkest) / 255))
    floats.output(0).replace(ops.add(scaled, np.float32(darkest)).output(0) if darkest else scaled.output(0))
    return Model(model.get_results(), [pixels])
