"""Graphs as OpenVINO models, and these as bytes."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from fomm.engines.graphs import Graph
from fomm.errors import EngineError
from fomm.openvino_import import load_openvino, openvino_core


def core() -> Any:
    """OpenVINO's `Core`, see `openvino_core`.

    Raises:
        EngineError: see `load`.
    """
    load()
    return openvino_core()


def load() -> Any:
    """The `openvino` module.

    Raises:
        EngineError: it is not installed, or does not load.
    """
    try:
        return load_openvino()
    except (ImportError, OSError) as error:
        raise EngineError(f"openvino cannot be loaded ({error}); pip install openvino") from error


def convert(graph: Graph) -> Any:
    """A graph as an `openvino.Model` of the same shapes. It is of use as long as the graph is there.

    Raises:
        EngineError: see `load`.
    """
    openvino = load()
    inputs = tuple(tensor.clone() for tensor in graph.inputs.values())
    with warnings.catch_warnings():
        # Checks of shapes are traced as if their outcome were fixed, which it is: so are the shapes.
        warnings.simplefilter("ignore")
        model = openvino.convert_model(graph.module.eval(), example_input=inputs)
    for port, (name, tensor) in zip(model.inputs, graph.inputs.items(), strict=True):
        port.get_node().set_partial_shape(openvino.PartialShape(list(tensor.shape)))
        port.get_tensor().set_names({name})
    for port, name in zip(model.outputs, graph.outputs, strict=True):
        port.get_tensor().set_names({name})
    model.validate_nodes_and_infer_types()
    return model


def pack(model: Any) -> bytes:
    """An `openvino.Model` as bytes: the length of its description, the description, its weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        load().save_model(model, path, compress_to_fp16=False)
        description, weights = path.read_bytes(), path.with_suffix(".bin").read_bytes()
    return len(description).to_bytes(8, "little") + description + weights


def unpack(packed: bytes) -> tuple[bytes, Any]:
    """Description and weights, for `openvino.Core.read_model`."""
    start = 8 + int.from_bytes(packed[:8], "little")
    weights = np.frombuffer(packed, np.uint8, offset=start).copy()
    return packed[8:start], load_openvino().Tensor(weights)
