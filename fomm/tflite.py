"""MediaPipe's TensorFlow Lite networks executed by OpenVINO."""

from __future__ import annotations

import hashlib
import io
import itertools
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.engines import cache
from fomm.openvino_import import load_openvino, openvino_core

Array: TypeAlias = NDArray[np.float32]


class CompiledNetwork:
    """A network that looks at pictures, ready to run; any number of threads may take a `runner` each.

    Args:
        content: the `.tflite` file.
        side: of the square pictures that it looks at, in pixels.
        darkest: what the network calls black, where it calls white 1.
        bfloat16_to: where the processor has it, layers compute in bfloat16 down to the last that is this many places
            wide, and in float32 after it; without, all in float32. OpenVINO by itself would take bfloat16 for all.
        sums_to: down to the last layer that is this many places wide, sums between blocks are in bfloat16 as well.
        threads: how many share the work of one picture.

    Raises:
        ImportError: OpenVINO is not installed.
        RuntimeError: it cannot read or compile the network on this machine.
    """

    def __init__(
        self,
        content: bytes,
        side: int,
        *,
        darkest: float = 0.0,
        bfloat16_to: int | None = None,
        sums_to: int | None = None,
        threads: int = 1,
    ) -> None:
        core = openvino_core()
        if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            bfloat16_to = None
        precisions = ["f32"] if bfloat16_to is None else ["bf16", "f32"]
        entries = [
            cache.path_of(
                f"network-{precision}",
                content=hashlib.sha256(content).hexdigest(),
                settings=(side, darkest, bfloat16_to, sums_to, threads),
                openvino=load_openvino().__version__,
                program=hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
                processor=cache.processor(),
            )
            for precision in precisions
        ]
        options = [
            {
                "INFERENCE_PRECISION_HINT": precision,
                "INFERENCE_NUM_THREADS": threads,
                "PERFORMANCE_HINT": "LATENCY",
            }
            for precision in precisions
        ]
        try:
            self._parts = _kept(entries, options)
            if not self._parts:
                model = _read(content)
                model.reshape([1, side, side, 3])
                model = _taking_bytes(model, darkest)
                if bfloat16_to is not None and sums_to is not None:
                    _round_sums(model, sums_to)
                models = [model] if bfloat16_to is None else _divided(model, bfloat16_to)
                self._parts = [_compiled(part, how) for part, how in zip(models, options, strict=True)]
                _keep(entries, self._parts)
        except Exception as error:  # OpenVINO's own errors share no other base
            raise RuntimeError(str(error)) from error
        if not all(np.isfinite(output).all() for output in self.runner().run()):
            raise RuntimeError("OpenVINO computes no usable numbers")

    def runner(self) -> Runner:
        """The network with an input and outputs of its own."""
        return Runner([part.create_infer_request() for part in self._parts])


class Runner:
    """One caller's way through a network.

    Attributes:
        input: `(side, side, 3)` uint8 RGB; write the picture that the network is to look at into it.
    """

    def __init__(self, requests: list[Any]) -> None:
        self._requests = requests
        for before, after in itertools.pairwise(requests):
            after.set_input_tensor(before.get_output_tensor(0))
        self.input: Frame = requests[0].get_input_tensor().data[0]
        self.input[:] = 0
        self._outputs: list[Array] = [
            requests[-1].get_output_tensor(place).data for place in range(len(requests[-1].model_outputs))
        ]

    def run(self) -> list[Array]:
        """The network's outputs for `input`, in the file's order. The next run overwrites them."""
        for request in self._requests:
            request.infer()
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


def _round_sums(model: Any, places: int) -> None:
    """Let OpenVINO compute in bfloat16 what is summed up before the last PReLU that is so many places wide.

    What reaches the end without a convolution on its way it leaves in float32, and that are all residual sums. A
    convolution that changes nothing cuts them off: each channel by itself, times one.
    """
    from openvino import opset8 as ops

    seam = _last_prelu(model, places).output(0)
    takers = seam.get_target_inputs()
    same = np.ones((seam.get_shape()[1], 1, 1, 1, 1), np.float32)
    passed_on = ops.group_convolution(seam, same, [1, 1], [0, 0], [0, 0], [1, 1])
    for taker in takers:
        taker.replace_source_output(passed_on.output(0))


def _last_prelu(model: Any, places: int) -> Any:
    """The last one that is so many places wide."""
    prelus = [node for node in model.get_ordered_ops() if node.get_type_name() == "PRelu"]
    return [node for node in prelus if node.output(0).get_shape()[3] == places][-1]


def _divided(model: Any, places: int) -> list[Any]:
    """The model up to its last PReLU that is so many places wide, and what follows; `model` itself is used up.

    Raises:
        RuntimeError: what follows needs more than that PReLU's result.
    """
    from openvino import Model
    from openvino import opset8 as ops

    seam = _last_prelu(model, places)
    # Between the two, channels are last: they are in memory, so that nothing is moved.
    _, channels, height, width = seam.output(0).get_shape()
    handed_over = ops.parameter([1, height, width, channels], np.float32)
    seam.output(0).replace(ops.transpose(handed_over, np.array([0, 3, 1, 2])).output(0))
    handing_over = ops.result(ops.transpose(seam, np.array([0, 2, 3, 1])))
    return [Model([handing_over], model.get_parameters()), Model(model.get_results(), [handed_over])]


def _compiled(model: Any, options: dict[str, Any]) -> Any:
    for node in model.get_ordered_ops():
        if node.get_type_name() == "PRelu":
            _spell_out(node)
    return openvino_core().compile_model(model, "CPU", options)


def _kept(entries: list[Path], options: list[dict[str, Any]]) -> list[Any]:
    """Compiled models of an earlier start; none where there are none, or where OpenVINO does not take them."""
    kept = [cache.read(entry) for entry in entries]
    if None in kept:
        return []
    core = openvino_core()
    try:
        return [
            core.import_model(io.BytesIO(content or b""), "CPU", how)
            for content, how in zip(kept, options, strict=True)
        ]
    except RuntimeError:
        return []


def _keep(entries: list[Path], compiled: list[Any]) -> None:
    for entry, part in zip(entries, compiled, strict=True):
        stream = io.BytesIO()
        part.export_model(stream)
        cache.write(entry, stream.getvalue())


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
