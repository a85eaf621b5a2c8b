"""The engine itself: three compiled graphs a frame, the source prepared by PyTorch."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fomm.engines import cache
from fomm.engines.base import Engine, Frames, Source
from fomm.engines.graphs import GRAPHS, QUANTIZED, build
from fomm.engines.openvino.converting import convert, core, load, pack, unpack
from fomm.errors import ConfigError, EngineError, last_line
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.inference import InferenceModel, SourceTensors

#: Precisions, and what the processor must say it can do.
_NEEDED = {"fp32": "FP32", "bf16": "BF16", "int8": "INT8"}
#: Frames that a number of threads is timed for.
_TIMED = 8


@dataclass(frozen=True, eq=False)
class _Compiled:
    """The graphs for pictures of one size, each with a request of its own."""

    requests: dict[str, Any]
    threads: int


class OpenVinoEngine(Engine):
    """See `Engine`. Frames are 8-bit on the way out, also where `decode` gives them as floats.

    Args:
        networks: left as they are.
        device: "cpu", or None.
        precision: "fp32", "bf16" or "int8"; None is "fp32". Geometry is float32 in all of them.

    Raises:
        ConfigError: no such device or precision.
        EngineError: OpenVINO cannot be loaded, or the processor lacks the instructions.
    """

    name: ClassVar[str] = "openvino"

    def __init__(
        self, networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
    ) -> None:
        self.precision = precision or "fp32"
        if self.precision not in _NEEDED:
            raise ConfigError(f"openvino has no precision {precision!r}; there are {', '.join(_NEEDED)}")
        if device not in {None, "cpu"}:
            raise ConfigError(f"openvino runs on the CPU here, not on {device!r}; leave --device out")
        self._core = core()
        if self.precision not in supported():
            raise EngineError(
                f"this processor has no instructions for {self.precision}; leave the precision out for its best"
            )
        self.device = str(self._core.get_property("CPU", "FULL_DEVICE_NAME"))
        self._networks = networks
        self._model = InferenceModel(networks, size=networks.picture_size, shifted=False)
        self.identity = {
            "model": cache.fingerprint(networks),
            "openvino": load().__version__,
            "torch": torch.__version__,
            "program": cache.program(),
            "processor": cache.processor(),
        }
        self._compiled: dict[tuple[int, int], _Compiled] = {}
        self._compiling = threading.Lock()

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
        detect = self._for_size(frames.shape[1:3]).requests["detect"]
        # Copied, since the request's memory is written again with the next frame.
        found = [[part.copy() for part in _run(detect, [frame[None]])] for frame in frames]
        if not found:
            return frames.copy()
        parts = [torch.from_numpy(np.concatenate(part)) for part in zip(*found, strict=True)]
        return self._paint_all(source, transfer(Keypoints(*parts)))

    def warm_up(self, size: tuple[int, int], *, batch: int = 1) -> None:  # noqa: ARG002 - as `Engine` has it
        """See `Engine`. Frames pass one by one, whatever the batch."""
        super().warm_up(size)

    def stages(self, size: tuple[int, int]) -> dict[str, Callable[[], object]]:
        """Each graph alone, on whatever it was given last: for measuring."""
        requests = self._for_size(size).requests
        return {name: request.infer for name, request in requests.items()}

    def close(self) -> None:
        """See `Engine`."""
        self._compiled.clear()

    def _paint_all(self, source: Source, target: Keypoints) -> Frames:
        tensors = SourceTensors(*source.tensors)
        size = self._size_of(tensors)
        requests = self._for_size(size).requests
        frames: Frames | None = None
        for index in range(len(target)):
            one = index if len(source) > 1 else 0
            known = [tensor[one : one + 1].numpy() for tensor in tensors]
            rest, moved = source.keypoints[one : one + 1], target[index : index + 1]
            warped = _run(requests["move"], [*known, *_arrays(rest), *_arrays(moved)])
            (frame,) = _run(requests["paint"], warped)
            if frames is None:
                frames = np.empty((len(target), *frame.shape[1:]), np.uint8)
            frames[index] = frame[0]
        channels = self._networks.generator.final.out_channels
        return np.empty((0, *size, channels), np.uint8) if frames is None else frames

    def _size_of(self, source: SourceTensors) -> tuple[int, int]:
        """Of the pictures that a source was made of."""
        larger = 2 ** len(self._networks.generator.down_blocks)
        height, width = source.features.shape[2:]
        return height * larger, width * larger

    def _for_size(self, size: tuple[int, ...]) -> _Compiled:
        key = (size[0], size[1])
        with self._compiling:
            found = self._compiled.get(key)
            if found is None:
                found = self._compile(key)
                self._compiled[key] = found
            return found

    def _compile(self, size: tuple[int, int]) -> _Compiled:
        """From the cache where it is there, otherwise made and kept."""
        try:
            graphs = {name: self._graph(name, size) for name in GRAPHS}
            record = cache.path_of("openvino-threads", **self.identity, size=size, precision=self.precision)
            known = cache.read_record(record)
            threads = known["threads"] if known and isinstance(known.get("threads"), int) else None
            if threads is None:
                threads = self._fastest_threads(graphs["paint"])
                # Fewer may only have been faster beside another program: the next start looks again.
                if threads == max(_thread_counts()):
                    cache.write_record(record, {"threads": threads})
            return _Compiled(
                {name: self._request(name, graph, threads) for name, graph in graphs.items()}, threads
            )
        except RuntimeError as error:
            raise EngineError(
                f"openvino cannot compile this model ({last_line(error)}); try --engine torch"
            ) from error

    def _graph(self, name: str, size: tuple[int, int]) -> Any:
        # Where 8 bits do not suffice, bfloat16 may not be there.
        lacking = name not in QUANTIZED and "bf16" not in supported()
        precision = "fp32" if lacking else self.precision
        path = cache.path_of(f"openvino-{name}-{precision}", **self.identity, size=size)
        kept = cache.read(path)
        if kept is not None:
            return self._core.read_model(*unpack(kept))
        # It has to live until it is packed: OpenVINO reads bfloat16 weights where PyTorch has them.
        graph = build(name, self._model, size, precision=precision)
        packed = pack(convert(graph))
        cache.write(path, packed)
        return self._core.read_model(*unpack(packed))

    def _request(self, name: str, graph: Any, threads: int) -> Any:
        """A graph, compiled for one frame at a time as soon as possible."""
        # Graphs say themselves what is not in float32. Only what lies between 8-bit convolutions may be in bfloat16:
        # beside their own, its rounding is little, and half as many bytes are written and read.
        between = "bf16" if self.precision == "int8" and name == "paint" and "bf16" in supported() else "f32"
        settings = {
            "INFERENCE_PRECISION_HINT": between,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
        }
        return self._core.compile_model(graph, "CPU", settings).create_infer_request()

    def _fastest_threads(self, paint: Any) -> int:
        """As many threads as serve the generator best: sibling hyperthreads and slow cores may only be in the way."""
        inputs = [np.zeros(tuple(port.shape), np.float32) for port in paint.inputs]
        requests = {threads: self._request("paint", paint, threads) for threads in _thread_counts()}
        # The shortest, and in turns, since whatever else runs meanwhile only makes them longer.
        times = dict.fromkeys(requests, math.inf)
        for turn in range(_TIMED + 1):
            for threads, request in requests.items():
                started = time.perf_counter()
                _run(request, inputs)
                if turn:
                    times[threads] = min(times[threads], time.perf_counter() - started)
        # Fewer only where they are clearly faster: what looks like a gain may be another program's doing.
        return min(times, key=lambda threads: times[threads] * (1 + 0.1 * (threads < max(times))))


def supported() -> list[str]:
    """The precisions that this processor has instructions for.

    Raises:
        EngineError: see `core`.
    """
    capabilities = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [precision for precision, needed in _NEEDED.items() if needed in capabilities]


def _thread_counts() -> list[int]:
    """Numbers of threads worth trying: all, half of them, ... down to a quarter."""
    everything = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return sorted({max(1, everything // part) for part in (1, 2, 4)}, reverse=True)


def _run(request: Any, inputs: list[Any]) -> list[Any]:
    """Outputs are the request's own memory, until it runs again."""
    request.infer(inputs, share_inputs=True, share_outputs=True)
    return [tensor.data for tensor in request.output_tensors]


def _arrays(keypoints: Keypoints) -> list[Any]:
    parts = (keypoints.value, keypoints.jacobian)
    return [part.contiguous().numpy() for part in parts if part is not None]
