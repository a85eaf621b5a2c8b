"""The published size in less than float32: on the golden inputs, and on real people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm import config, engines, recipe
from fomm.engines.base import Engine, to_pictures
from fomm.engines.fidelity import BOUNDS, Fidelity
from fomm.engines.openvino.engine import supported
from fomm.images import load_image
from fomm.keypoints import Transfer
from fomm.networks.first_order import FirstOrderModel
from fomm.video import VideoReader

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("engine_cache")]


@pytest.fixture(scope="module")
def vox() -> FirstOrderModel:
    return recipe.networks_of(config.load("vox-256"))


@pytest.fixture(scope="module")
def truth(vox: FirstOrderModel) -> Engine:
    return engines.create("torch", vox, device="cpu")


@pytest.fixture(scope="module", params=["int8", "bf16"])
def engine(request: pytest.FixtureRequest, vox: FirstOrderModel, engine_cache: Path) -> Engine:
    if request.param not in supported():
        pytest.skip("no bf16 instructions on this processor")
    return engines.create("openvino", vox, device="cpu", precision=request.param)


def drive(engine: Engine, source: Any, neutral: Any, driving: Any) -> Any:
    encoded = engine.encode(to_pictures(source[None]))
    transfer = Transfer.relative(encoded.keypoints, engine.detect(to_pictures(neutral[None])))
    return engine.step(encoded, driving[None], transfer)


def assert_near(engine: Engine, truth: Engine, *pictures: Any) -> None:
    found = Fidelity.of(drive(engine, *pictures), drive(truth, *pictures))
    lowest, largest = BOUNDS[engine.precision]
    assert found.psnr_db >= lowest, found
    assert found.error_over_std <= largest, found


def test_golden_inputs(engine: Engine, truth: Engine) -> None:
    assert_near(engine, truth, *(recipe.frame(phase, 256) for phase in (0.0, 0.7, 1.3)))


@pytest.mark.parametrize("name", ["allround_512.mp4", "expressive_480.mp4", "webcam_720p.mp4"])
def test_real_frames(engine: Engine, truth: Engine, shared: Path, name: str) -> None:
    """People that calibration has never seen drive pictures that it has never seen."""
    avatars = sorted((shared / "avatars").glob("*.jpg"))
    neutral, *driving = frames(shared / "clips" / name)
    for path, frame in zip(avatars, driving, strict=False):
        assert_near(engine, truth, square(load_image(path).pixels), neutral, frame)


def frames(path: Path) -> Iterator[Any]:
    """A few of a clip, apart from one another."""
    with VideoReader(path) as reader:
        for index, (pixels, _) in enumerate(reader):
            if index in {0, 70, 140}:
                yield square(pixels)


def square(pixels: Any) -> Any:
    side = min(pixels.shape[:2])
    top, left = ((extent - side) // 2 for extent in pixels.shape[:2])
    part = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return cv2.resize(part, (256, 256), interpolation=cv2.INTER_AREA)
