"""All eight published configs, shrunk, with seeded random weights: a picture and a clip in, a video out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import fomm
from fomm import checkpoints, config, resources
from fomm.checkpoints import store
from fomm.images import load_image
from fomm.networks.first_order import FirstOrderModel, build_discriminator
from fomm.offline import animate_to_file
from fomm.video import VideoReader, VideoWriter

NAMES = config.names()
PICTURE = next(resources.AVATARS.glob("*.jpg"))
SIDE = 128


def _shrunk(published: dict[str, Any]) -> dict[str, Any]:
    """The same config with few and narrow layers."""
    small = {"block_expansion": 4, "max_features": 16}
    published["dataset_params"]["frame_shape"] = [SIDE, SIDE, 3]
    model = published["model_params"]
    model["kp_detector_params"] |= {**small, "num_blocks": 3}
    model["generator_params"] |= {**small, "num_bottleneck_blocks": 1}
    model["generator_params"]["dense_motion_params"] |= {**small, "num_blocks": 3}
    model["discriminator_params"] |= {**small, "num_blocks": 2}
    return published


@dataclass
class Studio:
    """Shrunk models in a store of their own, and a short clip of a face that moves."""

    clip: Path
    folder: Path


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_clip: Callable[[], Path]) -> Studio:
    configs = tmp_path / "configs"
    configs.mkdir()
    for path in (resources.CONFIGS / f"{name}.yaml" for name in NAMES):
        (configs / path.name).write_text(yaml.safe_dump(_shrunk(yaml.safe_load(path.read_text()))))
    monkeypatch.setattr(resources, "CONFIGS", configs)
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "store"))
    store._skeleton.cache_clear()
    return Studio(make_clip(), tmp_path)


@pytest.fixture(scope="module")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Eight frames of the bundled portrait, drifting and growing."""
    path = tmp_path_factory.mktemp("clip") / "face.mp4"
    pixels = load_image(PICTURE, max_side=480).pixels
    height, width = 320, 400
    with VideoWriter(path, size=(width, height), rate=25) as writer:
        for index in range(8):
            shifted = np.roll(pixels, (2 * index, 3 * index), axis=(0, 1))
            writer.write(np.ascontiguousarray(shifted[:height, :width]), index / 25)
    return lambda: path


def _write_checkpoint(loaded: config.Config, path: Path, recipe: ModuleType) -> Path:
    networks, discriminator = FirstOrderModel(loaded), build_discriminator(loaded)
    recipe.fill_state_dict(networks.generator, "generator")
    recipe.fill_state_dict(networks.kp_detector, "kp_detector")
    recipe.fill_state_dict(discriminator, "discriminator")
    parts = {
        "generator": networks.generator,
        "kp_detector": networks.kp_detector,
        "discriminator": discriminator,
    }
    torch.save({name: part.state_dict() for name, part in parts.items()}, path)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_and_a_clip_become_a_video(name: str, studio: Studio, recipe: ModuleType) -> None:
    weights = _write_checkpoint(config.load(name), studio.folder / "any.pth.tar", recipe)
    checkpoints.import_file(weights, model=name)
    output = studio.folder / "out.mp4"
    done = animate_to_file(PICTURE, studio.clip, output, model=name)
    assert (done.frames, done.size) == (8, (SIDE, SIDE))
    assert done.undriven == 0
    with VideoReader(output) as reader:
        frames = [pixels for pixels, _ in reader]
    assert len(frames) == 8
    assert frames[0].std() > 5
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 0.5


def test_a_users_own_yaml(studio: Studio, recipe: ModuleType) -> None:
    """As a library: any config of the published schema, with a checkpoint that was trained with it."""
    own = studio.folder / "my-faces.yaml"
    data = config.load("vox-256").to_dict()
    data["model_params"]["common_params"]["num_kp"] = 7
    own.write_text(yaml.safe_dump(data))
    weights = _write_checkpoint(config.load(own), studio.folder / "mine.pth.tar", recipe)
    model = fomm.load_model(own, checkpoint=weights, device="cpu")
    picture, moved = torch.rand(1, 3, SIDE, SIDE), torch.rand(2, 3, SIDE, SIDE)
    assert model.reconstruct(picture, moved).shape == (2, 3, SIDE, SIDE)
    assert model.animator().needs_face
    checkpoints.import_file(weights, model="my-faces")
    assert fomm.load_model(own, device="cpu").checkpoint == checkpoints.locate("my-faces")
    assert checkpoints.stored() == ["my-faces"]
