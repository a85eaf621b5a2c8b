"""A network compiled for this machine, and kept compiled for the next start."""

from __future__ import annotations

import hashlib
import io
import itertools
import math
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.engines import cache
from fomm.openvino_import import load_openvino, openvino_core
from fomm.tflite import reading, rewrites

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
                program=cache.program("tflite"),
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
                model = reading.read(content, side, darkest)
                rewrites.fold_depthwise_biases(model)
                if bfloat16_to is not None and sums_to is not None:
                    rewrites.round_sums(model, sums_to)
                models = [model] if bfloat16_to is None else rewrites.divided(model, bfloat16_to)
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
        pixels = requests[0].get_input_tensor().data
        side = math.isqrt(pixels.shape[1])
        self.input: Frame = pixels.reshape(side, side, 3)
        self.input[:] = 0
        self._outputs: list[Array] = [
            requests[-1].get_output_tensor(place).data for place in range(len(requests[-1].model_outputs))
        ]

    def run(self) -> list[Array]:
        """The network's outputs for `input`, in the file's order. The next run overwrites them."""
        for request in self._requests:
            request.infer()
        return self._outputs


def _compiled(model: Any, options: dict[str, Any]) -> Any:
    for node in model.get_ordered_ops():
        if node.get_type_name() == "PRelu":
            rewrites.spell_out(node)
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
