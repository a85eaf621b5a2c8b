"""ONNX Runtime makes PyTorch's pictures, on what it says it runs on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fomm import engines
from fomm.engines import cache, onnx
from fomm.engines.fidelity import judge
from fomm.engines.graphs import Graph
from fomm.errors import ConfigError, EngineError
from fomm.networks.first_order import FirstOrderModel

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytestmark = pytest.mark.usefixtures("engine_cache")


def test_pictures_are_pytorchs(networks: FirstOrderModel) -> None:
    engine = engines.create("onnx", networks, device="cpu")
    found = judge(engine, engines.create("torch", networks, device="cpu"), (64, 64))
    assert found.within("fp32"), found
    assert engine.description == "onnx fp32 on CPU"


def test_nothing_is_compiled_at_the_first_frame(
    networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines.create("onnx", networks, device="cpu")
    monkeypatch.setattr(onnx.OnnxEngine, "_session", lambda *_: pytest.fail("compiled"))
    engine.warm_up((64, 64))


def test_a_second_start_writes_no_model_again_unless_our_code_has_changed(
    networks: FirstOrderModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WrittenAgainError(AssertionError):
        pass

    def refuse(_: Graph) -> bytes:
        raise WrittenAgainError

    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    engines.create("onnx", networks, device="cpu")
    monkeypatch.setattr(onnx, "to_onnx", refuse)
    engines.create("onnx", networks, device="cpu")
    monkeypatch.setattr(cache, "program", lambda: "another")
    with pytest.raises(WrittenAgainError):
        engines.create("onnx", networks, device="cpu")


def test_a_device_that_the_build_lacks_is_named(networks: FirstOrderModel) -> None:
    with pytest.raises(EngineError, match="this build of onnxruntime has no CoreMLExecutionProvider"):
        engines.create("onnx", networks, device="coreml")
    with pytest.raises(ConfigError, match="no device 'abacus'; there are cuda, directml, coreml, cpu"):
        engines.create("onnx", networks, device="abacus")
    with pytest.raises(ConfigError, match="no precision 'int8'"):
        engines.create("onnx", networks, precision="int8")


def test_absent_onnxruntime_is_named(networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match="onnxruntime cannot be loaded"):
        engines.create("onnx", networks)
