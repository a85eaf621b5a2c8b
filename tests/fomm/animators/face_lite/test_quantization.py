"""The 8-bit network says what the exact one says, runs in 8 bits, and is taken where it pays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fomm import resources
from fomm.animators import DrivingFrame, Motion
from fomm.animators.face_lite import quantization
from fomm.animators.face_lite.animator import WEIGHTS
from fomm.animators.face_lite.clues import UNIT, Stills, seen, share
from fomm.animators.face_lite.execution import create, read_weights
from fomm.animators.face_lite.network import FACE, LAST, Array, layers
from fomm.animators.face_lite.openvino_execution import FIRST, OpenVinoExecution, largest_inputs, supported
from fomm.animators.face_lite.quantization import Calibration, calibrated
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.errors import EngineError, NoFaceError
from fomm.images import load_image
from fomm.landmarks import RIGID, rotation_matrix
from tests.fomm.animators.face_lite.weights import random_weights

MIDDLE = [name for name in layers(8) if name not in (FIRST, LAST)]
CALIBRATION = Calibration(dict.fromkeys(MIDDLE, 6.0), pays=True)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "int8" not in supported():
        pytest.skip("no int8 instructions on this processor")
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def others() -> list[Array]:
    """Clues of somebody whom nothing was calibrated on, who turns in other ways."""
    warp, out = LandmarkWarp(), []
    state = warp.prepare(load_image(resources.AVATARS / "amara.jpg", max_side=384))
    assert state.person is not None
    stills = Stills.of(state.landmarks, state.person[..., 3].astype(np.float32) / 255)
    centre = state.landmarks[RIGID].mean(axis=0)
    for yaw, pitch, roll in ((0, 0, 0), (12, 0, 0), (-9, 6, 3), (5, -14, -12)):
        turned = (state.landmarks - centre) @ rotation_matrix(yaw, pitch, roll).T + centre
        driving, rest = (
            DrivingFrame(state.portrait, face.astype(np.float32)) for face in (turned, state.landmarks)
        )
        motion = warp.avatar_motion(state, Motion(driving, rest))
        out.append(seen(stills, warp.motion_grid(state, motion), motion))
    return out


def test_corrections_are_right_to_a_third_of_a_pixel_of_256(others: list[Array]) -> None:
    weights = read_weights(WEIGHTS)
    exact, rounded = (
        create(weights, engine="openvino", precision=precision) for precision in ("fp32", "int8")
    )
    assert rounded.precision == "int8"
    largest = 0.0
    for clues in others:
        wanted, found = (
            execution(clues)[:2] * share(clues[FACE]) * UNIT * 256 for execution in (exact, rounded)
        )
        assert 0 < np.hypot(*(found - wanted)).max() < 0.33
        largest = max(largest, float(np.hypot(*wanted).max()))
    assert largest > 5  # of corrections by whole pixels


def test_all_layers_but_the_first_and_the_last_are_executed_in_8_bits() -> None:
    execution = OpenVinoExecution(random_weights(), "int8", CALIBRATION.ranges)
    executed = execution._request.get_compiled_model().get_runtime_model().get_ordered_ops()
    kinds = [
        info["runtimePrecision"].astype(str)
        for info in (operation.get_rt_info() for operation in executed)
        if info["layerType"].astype(str) == "Convolution"
    ]
    assert len(kinds) == len(layers(8))
    assert [kind in ("u8", "i8") for kind in kinds] == [False, *[True] * len(MIDDLE), False]


def test_what_was_found_out_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = random_weights()
    found = calibrated(weights)
    assert found.ranges == largest_inputs(weights, quantization.examples())
    assert list(found.ranges) == MIDDLE

    def refuse() -> None:
        raise AssertionError("calibrated twice")

    monkeypatch.setattr(quantization, "examples", refuse)
    assert calibrated(weights) == found


@pytest.mark.parametrize("pays", [True, False])
def test_eight_bits_are_taken_where_they_pay(pays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "calibrated", lambda _: replace(CALIBRATION, pays=pays))
    assert (create(random_weights()).precision == "int8") is pays
    assert create(random_weights(), precision="fp32").precision == "fp32"
    assert create(random_weights(), precision="int8").precision == "int8"


@pytest.mark.parametrize(("time", "right"), [(0.9, True), (0.99, False)])
def test_they_pay_where_they_are_faster(time: float, right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "_share_of_time", lambda *_: time)
    assert calibrated(read_weights(WEIGHTS)).pays is right


def test_corrections_that_are_off_do_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "_share_of_time", lambda *_: 0.5)
    monkeypatch.setattr(quantization, "largest_inputs", lambda *_: dict.fromkeys(MIDDLE, 0.5))
    assert not calibrated(read_weights(WEIGHTS)).pays


def test_where_nothing_can_be_calibrated_it_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> None:
        raise NoFaceError("no face")

    monkeypatch.setattr(quantization, "examples", nobody)
    assert create(random_weights(), engine="openvino").precision in ("fp32", "bf16")
    with pytest.raises(EngineError, match=r"no face.*leave the precision out"):
        create(random_weights(), engine="openvino", precision="int8")
