"""Every engine executes the same network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fomm.animators.face_lite.execution import create, read_weights, to_onnx
from fomm.animators.face_lite.network import CLUE_CELLS, CLUES, CORRECTION_CELLS, OUTPUTS
from fomm.animators.face_lite.openvino_execution import supported
from fomm.errors import CheckpointError, ConfigError
from tests.fomm.animators.face_lite.weights import random_weights, write


def seen(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (CLUES, CLUE_CELLS, CLUE_CELLS)).astype(np.float32)


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_engines_say_what_pytorch_says(engine: str) -> None:
    if engine == "onnx":
        for module in ("onnx", "onnxruntime"):
            pytest.importorskip(module, reason="needs the extra 'onnx'")
    weights = random_weights()
    expected = create(weights, engine="torch", device="cpu")(seen())
    found = create(weights, engine=engine, precision="fp32")(seen())
    assert expected.shape == (OUTPUTS, CORRECTION_CELLS, CORRECTION_CELLS)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_in_bfloat16_it_says_about_the_same() -> None:
    if "bf16" not in supported():
        pytest.skip("no bf16 instructions on this processor")
    weights = random_weights()
    exact, rounded = (create(weights, precision=precision)(seen()) for precision in ("fp32", "bf16"))
    np.testing.assert_allclose(rounded, exact, atol=0.05 * float(np.abs(exact).max()))
    assert not np.array_equal(rounded, exact)


def test_what_was_said_stays_when_more_is_asked() -> None:
    execution = create(random_weights())
    first = execution(seen(1))
    kept = first.copy()
    execution(seen(2))
    np.testing.assert_array_equal(first, kept)


def test_an_onnx_model_carries_its_metadata() -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
    model = onnx.load_from_string(to_onnx(random_weights(), {"model": "face-lite"}))
    onnx.checker.check_model(model)
    assert {p.key: p.value for p in model.metadata_props} == {"model": "face-lite"}


def test_weights_come_back_as_they_were_written(tmp_path: Path) -> None:
    weights = random_weights()
    found = read_weights(write(tmp_path / "w.safetensors", weights))
    assert found.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_weights_that_are_damaged_or_absent_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.safetensors"):
        read_weights(path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights = dict(random_weights())
    weights["up1.weight"] = weights["up1.weight"][:, :-1]
    with pytest.raises(CheckpointError, match="another network"):
        read_weights(write(tmp_path / "w.safetensors", weights))


@pytest.mark.parametrize(
    ("engine", "precision"), [("onnx", "int8"), ("torch", "bf16"), ("openvino", "fp16"), ("auto", "int4")]
)
def test_a_precision_that_an_engine_has_not_is_refused(engine: str, precision: str) -> None:
    with pytest.raises(ConfigError, match=f"no precision '{precision}'.*fp32"):
        create(random_weights(), engine=engine, precision=precision)


@pytest.mark.parametrize(
    ("engine", "device", "words"), [("cuda", None, "no engine"), ("onnx", "cuda", "torch")]
)
def test_engines_and_devices_that_there_are_not(engine: str, device: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        create(random_weights(), engine=engine, device=device)
