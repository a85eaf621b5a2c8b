"""What executes the correcting network: OpenVINO, ONNX Runtime or PyTorch, whichever is asked for or at hand.

All of them are built from the weights by `network.correct`, so there is one description of the network. OpenVINO and
ONNX Runtime need no PyTorch for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fomm import resources
from fomm.animators.face_lite.network import (
    CLUE_CELLS,
    CLUES,
    CORRECTION_CELLS,
    LAST,
    OUTPUTS,
    Array,
    Weights,
    correct,
    layers,
    width_of,
)
from fomm.errors import CheckpointError, ConfigError, EngineError

_INPUT = (1, CLUES, CLUE_CELLS, CLUE_CELLS)


class Execution(Protocol):
    """A network, ready to run; for one thread at a time.

    Attributes:
        engine, precision, device: what executes it, in what, and where in plain words.
    """

    engine: str
    precision: str
    device: str

    def __call__(self, clues: Array) -> Array:
        """`(CLUES, 64, 64)` float32 → `(OUTPUTS, 32, 32)` float32."""
        ...


def read_weights(path: Path) -> Weights:
    """Weights as they are executed, float32.

    Raises:
        CheckpointError: there is no such file, or it is damaged, or another network's.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    bundled = path.is_relative_to(resources.ASSETS)
    advice = "install fomm-live again" if bundled else "name weights that `fomm train face-lite` made"
    try:
        weights = {name: value.astype(np.float32) for name, value in load(path.read_bytes()).items()}
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); {advice}") from None
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}); {advice}") from None
    expected: dict[str, tuple[int, ...]] = {}
    if "down1.bias" in weights:
        for name, layer in layers(width_of(weights)).items():
            expected[f"{name}.weight"] = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
            expected[f"{name}.bias"] = (layer.outputs,)
    if not expected or {name: value.shape for name, value in weights.items()} != expected:
        raise CheckpointError(f"{path} holds the weights of another network; {advice}")
    return weights


def create(
    weights: Weights, *, engine: str = "auto", device: str | None = None, precision: str | None = None
) -> Execution:
    """The network, executed.

    Args:
        weights: see `read_weights`.
        engine: "openvino", "onnx" or "torch"; "auto" takes the first that is at hand and has the precision.
        device: for torch: "cpu", "cuda", ...; None takes the best there is.
        precision: "fp32"; for openvino "bf16" and "int8" too; None takes the fastest that is right.

    Raises:
        ConfigError: no such engine, or it has no such precision.
        EngineError: it is not installed, or cannot run here.
    """
    if engine != "auto" and engine not in _ENGINES:
        raise ConfigError(f"face-lite has no engine {engine!r}; there are {', '.join(['auto', *_ENGINES])}")
    known = PRECISIONS["openvino" if engine == "auto" else engine]
    if precision is not None and precision not in known:
        which = "" if engine == "auto" else f" with {engine}"
        raise ConfigError(
            f"face-lite has no precision {precision!r}{which}; leave it out, or give: {', '.join(known)}"
        )
    if device is not None and engine in ("openvino", "onnx") and device != "cpu":
        raise ConfigError(f"face-lite runs on the cpu with {engine}, not on {device!r}; give --engine torch")
    if engine == "auto" and device not in (None, "cpu"):
        engine = "torch"
    if engine != "auto":
        return _ENGINES[engine](weights, device, precision)
    reasons = []
    for name, make in _ENGINES.items():
        if precision is not None and precision not in PRECISIONS[name]:
            continue
        try:
            return make(weights, device, precision)
        except EngineError as error:
            reasons.append(str(error))
    raise EngineError("; ".join(reasons))


def _openvino(weights: Weights, _device: str | None, precision: str | None) -> Execution:
    from fomm.animators.face_lite import quantization

    return quantization.create(weights, precision)


def _onnx(weights: Weights, _device: str | None, _precision: str | None) -> Execution:
    return OnnxExecution(weights)


def _torch(weights: Weights, device: str | None, _precision: str | None) -> Execution:
    from fomm.animators.face_lite.torch_execution import TorchExecution

    return TorchExecution(weights, device)


_ENGINES: dict[str, Callable[[Weights, str | None, str | None], Execution]] = {
    "openvino": _openvino,
    "onnx": _onnx,
    "torch": _torch,
}
#: What each of them can be asked for.
PRECISIONS = {"openvino": ("fp32", "bf16", "int8"), "onnx": ("fp32",), "torch": ("fp32",)}


class OnnxExecution:
    """See `Execution`.

    Raises:
        EngineError: ONNX or ONNX Runtime is not installed.
    """

    def __init__(self, weights: Weights) -> None:
        from fomm.onnx_import import load_onnxruntime

        runtime = load_onnxruntime()
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self._session = runtime.InferenceSession(
            to_onnx(weights), options, providers=["CPUExecutionProvider"]
        )
        self.engine, self.precision, self.device = "onnx", "fp32", "CPU"

    def __call__(self, clues: Array) -> Array:
        """See `Execution`."""
        return np.asarray(self._session.run(None, {"clues": clues[None]})[0][0])


def to_onnx(weights: Weights, metadata: Mapping[str, str] | None = None) -> bytes:
    """The network as an ONNX model.

    Raises:
        EngineError: ONNX is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise EngineError(
            f"ONNX models need the extra 'onnx' ({error}): pip install 'fomm-live[onnx]'"
        ) from error
    helper = onnx.helper
    operators = _OnnxOperators(onnx, weights)
    last = correct(operators, "clues")
    shape = [1, OUTPUTS, CORRECTION_CELLS, CORRECTION_CELLS]
    graph = helper.make_graph(
        [*operators.nodes, helper.make_node("Identity", [last], ["correction"])],
        "face-lite",
        [helper.make_tensor_value_info("clues", onnx.TensorProto.FLOAT, list(_INPUT))],
        [helper.make_tensor_value_info("correction", onnx.TensorProto.FLOAT, shape)],
        operators.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, dict(metadata or {}))
    return bytes(model.SerializeToString())


class _OnnxOperators:
    """See `fomm.animators.face_lite.network.Operators`; tensors are names."""

    def __init__(self, onnx: Any, weights: Weights) -> None:
        self._onnx, self._layers = onnx, layers(width_of(weights))
        self.nodes: list[Any] = []
        self.constants = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
        scales = np.array([1, 1, 2, 2], np.float32)
        self.constants.append(onnx.numpy_helper.from_array(scales, "scales"))

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def layer(self, name: str, x: str) -> str:
        stride = [self._layers[name].stride] * 2
        x = self._node("Conv", x, f"{name}.weight", f"{name}.bias", strides=stride, pads=[1, 1, 1, 1])
        return x if name == LAST else self._node("Relu", x)

    def enlarge(self, x: str) -> str:
        return self._node(
            "Resize",
            x,
            "",
            "scales",
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )

    def join(self, first: str, second: str) -> str:
        return self._node("Concat", first, second, axis=1)
