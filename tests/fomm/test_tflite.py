"""MediaPipe's networks, rewritten for OpenVINO, compute what they did."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm import resources
from fomm.animators import Frame
from fomm.engines import cache
from fomm.faces import FaceLandmarker
from fomm.faces.regions import Region
from fomm.images import load_image
from fomm.openvino_import import load_openvino, openvino_core
from fomm.tflite import CompiledNetwork, network, reading, rewrites

EXACT = {"INFERENCE_PRECISION_HINT": "f32"}


def computed(model: Any, values: np.ndarray) -> np.ndarray:
    return np.array(openvino_core().compile_model(model, "CPU", EXACT)(values)[0])


def model_of(shape: tuple[int, ...], step: Any) -> Any:
    """An OpenVINO model of one operation on float32 of `shape`."""
    ov = load_openvino()
    from openvino import opset8 as ops

    given = ops.parameter(list(shape), np.float32)
    return ov.Model([ops.result(step(ops, given))], [given])


def kinds(model: Any) -> list[str]:
    """Of a model's operations."""
    return [node.get_type_name() for node in model.get_ordered_ops()]


def test_a_prelu_in_plain_operations_is_the_same_function() -> None:
    """Slopes of the landmark network are anything from -5 to 20."""
    rng = np.random.default_rng(0)
    slopes = np.array([0, 1, -5.4, 19.8, *rng.uniform(-2, 2, 12)], np.float32).reshape(1, 16, 1, 1)
    values = rng.normal(0, 3, (1, 16, 5, 5)).astype(np.float32)
    model = model_of(values.shape, lambda ops, given: ops.prelu(given, slopes))
    (prelu,) = [node for node in model.get_ops() if node.get_type_name() == "PRelu"]
    rewrites.spell_out(prelu)
    assert "PRelu" not in {node.get_type_name() for node in model.get_ops()}
    expected = np.where(values > 0, values, values * slopes)
    np.testing.assert_allclose(computed(model, values), expected, rtol=1e-5, atol=1e-5)


def test_a_depthwise_bias_given_to_the_next_convolution_is_the_same_function() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (1, 8, 6, 6)).astype(np.float32)
    depthwise, pointwise = (
        rng.normal(0, 1, shape).astype(np.float32) for shape in [(8, 1, 1, 3, 3), (4, 8, 1, 1)]
    )
    before, after = (rng.normal(0, 1, (1, n, 1, 1)).astype(np.float32) for n in (8, 4))

    def block(ops: Any, given: Any) -> Any:
        smoothed = ops.add(ops.group_convolution(given, depthwise, [1, 1], [1, 1], [1, 1], [1, 1]), before)
        return ops.add(ops.convolution(smoothed, pointwise, [1, 1], [0, 0], [0, 0], [1, 1]), after)

    model = model_of(values.shape, block)
    expected = computed(model, values)
    rewrites.fold_depthwise_biases(model)
    assert kinds(model).count("Add") == 1
    np.testing.assert_allclose(computed(model, values), expected, atol=1e-4)


def test_a_bias_that_others_need_stays() -> None:
    """Of two convolutions after it only one would get it."""
    depthwise, pointwise = np.ones((8, 1, 1, 3, 3), np.float32), np.ones((4, 8, 1, 1), np.float32)
    bias, bias_after = np.ones((1, 8, 1, 1), np.float32), np.ones((1, 4, 1, 1), np.float32)

    def block(ops: Any, given: Any) -> Any:
        smoothed = ops.add(ops.group_convolution(given, depthwise, [1, 1], [1, 1], [1, 1], [1, 1]), bias)
        mixed = [ops.convolution(smoothed, pointwise, [1, 1], [0, 0], [0, 0], [1, 1]) for _ in range(2)]
        return ops.add(*(ops.add(each, bias_after) for each in mixed))

    model = model_of((1, 8, 6, 6), block)
    before = kinds(model)
    rewrites.fold_depthwise_biases(model)
    assert kinds(model) == before


def test_all_depthwise_biases_of_the_landmark_network_are_folded(
    landmark_network: bytes, face: Frame
) -> None:
    model = reading.read(landmark_network, 256, 0.0)
    expected = computed(model, face.reshape(1, -1, 3))
    before = kinds(model)
    rewrites.fold_depthwise_biases(model)
    assert before.count("Add") - kinds(model).count("Add") == before.count("GroupConvolution")
    np.testing.assert_allclose(computed(model, face.reshape(1, -1, 3)), expected, atol=1e-3)


@pytest.mark.parametrize("darkest", [0.0, -1.0])
def test_bytes_are_scaled_from_black_to_white(darkest: float) -> None:
    model = reading._taking_bytes(model_of((1, 2, 2, 3), lambda ops, given: ops.abs(given)), darkest)
    grey = np.array([0, 1, 51, 127, 128, 255] * 2, np.uint8).reshape(1, 4, 3)
    expected = np.abs(darkest + (1 - darkest) * (grey / 255)).reshape(1, 2, 2, 3)
    np.testing.assert_allclose(computed(model, grey), expected, atol=1e-6)


def test_runners_of_one_network_do_not_disturb_each_other() -> None:
    with zipfile.ZipFile(resources.FACE_MODEL) as bundle:
        detector = CompiledNetwork(bundle.read("face_detector.tflite"), 128, darkest=-1.0)
    one, other = detector.runner(), detector.runner()
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


def said_about(face: Frame, compiled: CompiledNetwork) -> list[np.ndarray]:
    runner = compiled.runner()
    runner.input[:] = face
    return [output.copy() for output in runner.run()]


def test_a_divided_network_is_the_same_function(landmark_network: bytes, face: Frame) -> None:
    whole = reading.read(landmark_network, 256, 0.0)
    first, second = rewrites.divided(whole.clone(), 8)
    values = face.reshape(1, -1, 3)
    between = computed(first, values)
    assert between.shape == (1, 8, 8, 128)
    np.testing.assert_allclose(computed(second, between), computed(whole, values), atol=1e-3)


def test_sums_that_are_cut_off_are_the_same_function(landmark_network: bytes, face: Frame) -> None:
    model = reading.read(landmark_network, 256, 0.0)
    values = face.reshape(1, -1, 3)
    expected = computed(model, values)
    before = kinds(model)
    rewrites.round_sums(model, 32)
    assert kinds(model).count("GroupConvolution") == before.count("GroupConvolution") + 1
    np.testing.assert_allclose(computed(model, values), expected, atol=1e-3)


@pytest.mark.parametrize("sums_to", [None, 32])
def test_where_the_processor_has_bfloat16_points_hardly_move(
    landmark_network: bytes, face: Frame, sums_to: int | None
) -> None:
    exact = said_about(face, CompiledNetwork(landmark_network, 256))
    quick = said_about(face, CompiledNetwork(landmark_network, 256, bfloat16_to=8, sums_to=sums_to))
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
    monkeypatch.setattr(network, "openvino_core", Older)
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
    monkeypatch.delattr(reading, "read")
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
