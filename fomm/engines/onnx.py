"""ONNX Runtime: the portable engine, on the processor or on whatever GPU its build knows."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fomm.engines import cache
from fomm.engines.base import Engine, Frames, Source
from fomm.engines.graphs import GRAPHS, Graph, build
from fomm.errors import ConfigError, EngineError, first_line
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.inference import InferenceModel, SourceTensors
from fomm.onnx_import import load_onnxruntime

#: Execution providers by the names that `--device` takes, and what people call them.
PROVIDERS = {
    "cuda": ("CUDAExecutionProvider", "NVIDIA GPU (CUDA)"),
    "directml": ("DmlExecutionProvider", "GPU (DirectML)"),
    "coreml": ("CoreMLExecutionProvider", "Apple GPU or Neural Engine (CoreML)"),
    "cpu": ("CPUExecutionProvider", "CPU"),
}

#: The first operator set that samples grids as PyTorch does.
_OPSET = 20


class OnnxEngine(Engine):
    """See `Engine`. Frames are 8-bit on the way out, also where `decode` gives them as floats.

    Args:
        networks: left as they are.
        device: one of `PROVIDERS`; None takes the first that this build of ONNX Runtime has.
        precision: "fp32", or None.

    Raises:
        ConfigError: no such device or precision.
        EngineError: ONNX Runtime is not installed, or its build lacks what the device needs.
    """

    name: ClassVar[str] = "onnx"

    def __init__(
        self, networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
    ) -> None:
        if precision not in {None, "fp32"}:
            raise ConfigError(f"onnx has no precision {precision!r}; there is fp32")
        if device is not None and device not in PROVIDERS:
            raise ConfigError(f"onnx has no device {device!r}; there are {', '.join(PROVIDERS)}")
        self.precision = "fp32"
        self._runtime = load_onnxruntime()
        available = self._runtime.get_available_providers()
        wanted = (
            [device]
            if device
            else [name for name, (provider, _) in PROVIDERS.items() if provider in available]
        )
        if device and PROVIDERS[device][0] not in available:
            raise EngineError(
                f"this build of onnxruntime has no {PROVIDERS[device][0]} (it has {', '.join(available)}); "
                "install the build for that device, or leave --device out"
            )
        self._wanted = wanted[0] if wanted else "cpu"
        self.device = PROVIDERS[self._wanted][1]
        self._generator = networks.generator
        self._model = InferenceModel(networks, size=networks.picture_size)
        self._fingerprint = cache.fingerprint(networks)
        self._sessions: dict[tuple[int, int], dict[str, Any]] = {}

    @torch.inference_mode()
    def detect(self, pictures: Tensor) -> Keypoints:
        """See `Engine`."""
        return self._model.detect(pictures.float().cpu())

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Source:
        """See `Engine`."""
        pictures = pictures.float().cpu()
        keypoints = self._model.detect(pictures)
        return Source(keypoints, tuple(self._model.encode(pictures, keypoints)))

    def decode(self, source: Source, target: Keypoints) -> Tensor:
        """See `Engine`."""
        frames = self._paint_all(source, target.float())
        return torch.from_numpy(frames).permute(0, 3, 1, 2).float().contiguous() / 255

    def step(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        """See `Engine`."""
        if not len(frames):
            return frames.copy()
        detect = self._for_size((frames.shape[1], frames.shape[2]))["detect"]
        found = [_run(detect, [frame[None]]) for frame in frames]
        parts = [torch.from_numpy(np.concatenate(part)) for part in zip(*found, strict=True)]
        return self._paint_all(source, transfer(Keypoints(*parts)))

    def warm_up(self, size: tuple[int, int], *, batch: int = 1) -> None:  # noqa: ARG002 - as `Engine` has it
        """See `Engine`. Frames pass one by one, whatever the batch."""
        super().warm_up(size)

    def close(self) -> None:
        """See `Engine`."""
        self._sessions.clear()

    def _paint_all(self, source: Source, target: Keypoints) -> Frames:
        tensors = SourceTensors(*source.tensors)
        larger = 2 ** len(self._generator.down_blocks)
        height, width = (side * larger for side in tensors.features.shape[2:])
        sessions = self._for_size((height, width))
        frames = []
        for index in range(len(target)):
            one = index if len(source) > 1 else 0
            known = [tensor[one : one + 1].numpy() for tensor in tensors]
            rest, moved = source.keypoints[one : one + 1], target[index : index + 1]
            warped = _run(sessions["move"], [*known, *_arrays(rest), *_arrays(moved)])
            frames += _run(sessions["paint"], warped)
        empty = np.empty((0, height, width, self._generator.final.out_channels), np.uint8)
        return np.concatenate([empty, *frames])

    def _for_size(self, size: tuple[int, int]) -> dict[str, Any]:
        found = self._sessions.get(size)
        if found is None:
            found = {name: self._session(name, size) for name in GRAPHS}
            self._sessions[size] = found
            used = {session.get_providers()[0] for session in found.values()}
            if used != {PROVIDERS[self._wanted][0]}:
                self.device = PROVIDERS["cpu"][1]
                self.notices = (f"onnx on {self._wanted} could not be started; it runs on the CPU instead",)
        return found

    def _session(self, name: str, size: tuple[int, int]) -> Any:
        path = cache.path_of(
            f"onnx-{name}",
            model=self._fingerprint,
            torch=torch.__version__,
            program=cache.program(),
            size=size,
        )
        content = cache.read(path)
        if content is None:
            content = to_onnx(build(name, self._model, size))
            cache.write(path, content)
        options = self._runtime.SessionOptions()
        options.log_severity_level = 3
        providers = list(dict.fromkeys([PROVIDERS[self._wanted][0], PROVIDERS["cpu"][0]]))
        try:
            return self._runtime.InferenceSession(content, options, providers=providers)
        except Exception as error:  # its own exceptions have no common base
            reason = first_line(error)
            raise EngineError(f"onnxruntime cannot run this model ({reason}); try --engine torch") from error


def to_onnx(graph: Graph, metadata: dict[str, str] | None = None) -> bytes:
    """A graph as an ONNX model.

    Raises:
        EngineError: the extra `onnx` is not installed.
    """
    onnx = load_onnx()
    inputs = tuple(tensor.clone() for tensor in graph.inputs.values())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # It tells of every optional package that it did not find.
        logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
        path = Path(folder) / "graph.onnx"
        program = torch.onnx.export(
            graph.module.eval(),
            inputs,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        program.save(str(path), external_data=False)
        model = onnx.load(path)
    onnx.helper.set_model_props(model, metadata or {})
    return bytes(model.SerializeToString())


def load_onnx() -> Any:
    """The `onnx` module, and with it all that models are written with.

    Raises:
        EngineError: the extra `onnx` is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - what PyTorch exports with
    except ImportError as error:
        raise EngineError(
            f"ONNX models need the extra 'onnx' ({error}): pip install 'fomm-live[onnx]'"
        ) from error
    return onnx


def _run(session: Any, inputs: list[Any]) -> list[Any]:
    names = [port.name for port in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def _arrays(keypoints: Keypoints) -> list[Any]:
    parts = (keypoints.value, keypoints.jacobian)
    return [part.contiguous().numpy() for part in parts if part is not None]
