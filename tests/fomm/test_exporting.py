"""`fomm export` writes what other programs can run, whole or not at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm import cli_errors, commands, config, exporting
from fomm.engines.base import to_pictures
from fomm.engines.examples import examples
from fomm.engines.torch import TorchEngine
from fomm.errors import ConfigError, EngineError
from fomm.keypoints import Keypoints
from fomm.model import load_networks

NAMES = ("encode", "detect", "move", "paint")


def export(small: Any, output: Path, **options: Any) -> Path:
    return exporting.export(str(small.config), output, checkpoint=small.checkpoint, **options)


@pytest.fixture
def small(make_small_model: Callable[..., Any]) -> Any:
    return make_small_model("exported")


def run_onnx(path: Path) -> Callable[..., dict[str, Any]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.with_suffix(".onnx"), providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    return lambda **inputs: dict(zip(names, session.run(None, inputs), strict=True))


def run_openvino(path: Path) -> Callable[..., dict[str, Any]]:
    from fomm.openvino_import import openvino_core

    core = openvino_core()
    model = core.read_model(path.with_suffix(".xml"))
    names = [port.get_any_name() for port in model.outputs]
    compiled = core.compile_model(model, "CPU")
    return lambda **inputs: dict(zip(names, map(np.array, compiled(inputs).values()), strict=True))


@pytest.mark.parametrize(
    ("engine", "precision", "runner"),
    [("onnx", "fp32", run_onnx), ("openvino", "fp32", run_openvino), ("openvino", "int8", run_openvino)],
)
def test_what_is_written_runs_alone(
    small: Any, tmp_path: Path, engine: str, precision: str, runner: Any
) -> None:
    if engine == "onnx":
        pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    folder = export(small, tmp_path / "out", engine=engine, precision=precision)
    said = json.loads((folder / "model.json").read_text())
    assert said["precision"] == precision
    assert said["config"]["model_params"]["common_params"]["num_kp"] == 5
    encode, detect, move, paint = (runner(folder / name) for name in NAMES)
    example = examples((64, 64), 1)[0]
    source = encode(frame=example.source[None])
    driving = detect(frame=example.driving[None])
    assert set(source) == set(said["graphs"]["encode"]["outputs"])
    target = {name.replace("driving", "target"): value for name, value in driving.items()}
    made = paint(**move(**source, **target))["picture"]

    truth = TorchEngine(load_networks(config.load(small.config), small.checkpoint), device="cpu")
    import torch

    keypoints = Keypoints(*(torch.from_numpy(driving[f"driving_{part}"]) for part in ("value", "jacobian")))
    expected = truth.decode(truth.encode(to_pictures(example.source[None])), keypoints)[0].permute(1, 2, 0)
    off = np.abs(made[0] / 255 - expected.numpy())
    assert off.mean() < (0.01 if precision == "int8" else 0.003)


def test_nothing_is_written_over_unasked(small: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(small, folder, engine="openvino")
    with pytest.raises(ConfigError, match="exists; name another folder, or add --overwrite"):
        export(small, folder, engine="openvino")
    export(small, folder, engine="openvino", overwrite=True)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="holds other files"):
        export(small, tmp_path / "own", engine="openvino", overwrite=True)
    assert (tmp_path / "own" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("model", ["landmark-warp", "face-lite"])
def test_models_that_are_no_first_order_motion_model_are_refused(model: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{model} has no First Order Motion Model"):
        exporting.export(model, tmp_path / "out", engine="onnx")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EngineError, match="need the extra 'onnx'"):
        export(small, tmp_path / "out", engine="onnx")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineError, match="TensorRT is not installed"):
        export(small, tmp_path / "out", engine="tensorrt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("engine", "package", "said"),
    [
        ("onnx", "onnx", "need the extra 'onnx'"),
        ("openvino", "openvino", "openvino cannot be loaded"),
        ("tensorrt", "tensorrt", "TensorRT is not installed"),
    ],
)
def test_what_is_not_installed_is_said_before_weights_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, package: str, said: str
) -> None:
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "none"))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineError, match=said):
        exporting.export("vox-256", tmp_path / "out", engine=engine)
    assert not (tmp_path / "out").exists()


def test_the_command(small: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model", str(small.config), "--checkpoint", str(small.checkpoint)]
    wrong = ["export", *options, "--engine", "warp9", "-o", str(tmp_path / "out")]
    assert cli_errors.run(commands.app, wrong, program="fomm") == 2
    assert "choose one of onnx, openvino, tensorrt" in capsys.readouterr().err
    right = ["export", *options, "--engine", "openvino", "-o", str(tmp_path / "out")]
    assert cli_errors.run(commands.app, right, program="fomm") == 0
    assert "detect.xml" in capsys.readouterr().out
