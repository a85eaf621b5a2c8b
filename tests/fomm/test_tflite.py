"""MediaPipe's networks, rewritten for OpenVINO, compute what they did."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm import resources, tflite
from fomm.animators import Frame
from fomm.engines import cache
from fomm.faces import FaceLandmarker
from fomm.faces.regions import Region
from fomm.images import load_image
from fomm.openvino_import import load_openvino, openvino_core
from fomm.tflite import CompiledNetwork

EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


def computed(model: Any, values: np.ndarray) -> np.ndarray:
    return np.array(openvino_core().compile_model(model, "CPU", EXACT)(values)[0])


def model_of(shape: tuple[int, ...], step: Any) -> Any:
    """An OpenVINO model of one operation on float32 of `shape`."""
    ov = load_openvino()
    from openvino import opset8 as ops

    given = ops.parameter(list(shape), np.float32)
    return ov.Model([ops.result(step(ops, given))], [given])


def test_a_prelu_in_plain_operations_is_the_same_function() -> None:
    """Slopes of the landmark network are anything from -5 to 20."""
    rng = np.random.default_rng(0)
    slopes = np.array([0, 1, -5.4, 19.8, *rng.uniform(-2, 2, 12)], np.float32).reshape(1, 16, 1, 1)
    values = rng.normal(0, 3, (1, 16, 5, 5)).astype(np.float32)
    model = model_of(values.shape, lambda ops, given: ops.prelu(given, slopes))
    (prelu,) = [node for node in model.get_ops() if node.get_type_name() == "PRelu"]
    tflite._spell_out(prelu)
    assert "PRelu" not in {node.get_type_name() for node in model.get_ops()}
    expected = np.where(values > 0, values, values * slopes)
    np.testing.assert_allclose(computed(model, values), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("darkest", [0.0, -1.0])
def test_bytes_are_scaled_from_black_to_white(darkest: float) -> None:
    model = tflite._taking_bytes(model_of((1, 2, 2, 3), lambda ops, given: ops.abs(given)), darkest)
    grey = np.array([0, 1, 51, 127, 128, 255] * 2, np.uint8).reshape(1, 2, 2, 3)
    expected = np.abs(darkest + (1 - darkest) * (grey / 255))
    np.testing.assert_allclose(computed(model, grey), expected, atol=1e-6)


def test_runners_of_one_network_do_not_disturb_each_other() -> None:
    with zipfile.ZipFile(resources.FACE_MODEL) as bundle:
        network = CompiledNetwork(bundle.read("face_detector.tflite"), 128, darkest=-1.0)
    one, other = network.runner(), network.runner()
    one.input[:], other.input[:] = 200, 50
    bright = [output.copy() for output in one.run()]
    dark = other.run()
    assert any((a != b).any() for a, b in zip(bright, dark, strict=True))
    for before, again in zip(bright, one.run(), strict=True):
        np.testing.assert_array_equal(before, again)


@pytest.fixture(scope="module")
def landmark_network() -> bytes:
    with zipfile.ZipFile(resources.FACE_MODEL) as bundle:
        return bundle.read("face_landmarks_detector.tflite")


@pytest.fixture(scope="module")
def face() -> Frame:
    """The bundled portrait's face, as the landmark network gets to see it."""
    pixels = load_image(resources.AVATARS / "eileen-collins.jpg", max_side=512).pixels
    with FaceLandmarker(mode="image") as landmarker:
        (landmarks,) = landmarker.detect(pixels)
    return Region.around_face(landmarks).cut(pixels, 256)


def said_about(face: Frame, network: CompiledNetwork) -> list[np.ndarray]:
    runner = network.runner()
    runner.input[:] = face
    return [output.copy() for output in runner.run()]


def test_a_divided_network_is_the_same_function(landmark_network: bytes, face: Frame) -> None:
    whole = tflite._read(landmark_network)
    whole.reshape([1, 256, 256, 3])
    first, second = tflite._divided(whole.clone(), 8)
    values = face[None].astype(np.float32) / 255
    between = computed(first, values)
    assert between.shape == (1, 8, 8, 128)
    np.testing.assert_allclose(computed(second, between), computed(whole, values), atol=1e-3)


def test_where_the_processor_has_bfloat16_points_hardly_move(landmark_network: bytes, face: Frame) -> None:
    exact = said_about(face, CompiledNetwork(landmark_network, 256))
    quick = said_about(face, CompiledNetwork(landmark_network, 256, bfloat16_to=8))
    moved = (exact[0] - quick[0]).reshape(478, 3)
    assert np.linalg.norm(moved[:, :2], axis=1).mean() < 0.25
    assert (quick[1] > 0) == (exact[1] > 0)


def test_where_the_processor_has_none_all_is_float32(
    landmark_network: bytes, face: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Older:
        """An OpenVINO core on a processor without bfloat16."""

        compile_model = staticmethod(openvino_core().compile_model)
        import_model = staticmethod(openvino_core().import_model)

        def get_property(self, *_: str) -> list[str]:
            return ["FP32", "INT8"]

    exact = said_about(face, CompiledNetwork(landmark_network, 256))
    monkeypatch.setattr(tflite, "openvino_core", Older)
    older = said_about(face, CompiledNetwork(landmark_network, 256, bfloat16_to=8))
    for one, other in zip(exact, older, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of our own, empty at first."""
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    return tmp_path


def test_what_was_compiled_is_kept_and_the_same_afterwards(
    landmark_network: bytes, face: Frame, entries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = said_about(face, CompiledNetwork(landmark_network, 256, bfloat16_to=8))
    assert list(entries.iterdir())
    # Reading the network is what takes long.
    monkeypatch.delattr(tflite, "_read")
    kept = said_about(face, CompiledNetwork(landmark_network, 256, bfloat16_to=8))
    for one, other in zip(made, kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_settings_are_another_network(landmark_network: bytes, entries: Path) -> None:
    CompiledNetwork(landmark_network, 256)
    (first,) = entries.iterdir()
    CompiledNetwork(landmark_network, 256, threads=2)
    assert len({first, *entries.iterdir()}) == 2


@pytest.mark.parametrize("content", [b"", b"of another program", b"\0" * 4096])
def test_what_openvino_does_not_take_back_is_made_anew(
    landmark_network: bytes, face: Frame, entries: Path, content: bytes
) -> None:
    made = said_about(face, CompiledNetwork(landmark_network, 256))
    (entry,) = entries.iterdir()
    cache.write(entry, content)
    again = said_about(face, CompiledNetwork(landmark_network, 256))
    np.testing.assert_array_equal(made[0], again[0])
    assert len(entry.read_bytes()) > 1e6


def test_where_nothing_can_be_kept_it_works_all_the_same(
    landmark_network: bytes, face: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path / "file" / "engines"))
    assert np.isfinite(said_about(face, CompiledNetwork(landmark_network, 256))[0]).all()


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(RuntimeError):
        CompiledNetwork(b"TFL3 and nothing else", 128)
