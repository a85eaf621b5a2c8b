"""Configs: the published schema, and what is wrong with a file that does not follow it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from fomm import config
from fomm.errors import ConfigError

NAMES = [
    "bair-256",
    "fashion-256",
    "mgif-256",
    "nemo-256",
    "taichi-256",
    "taichi-adv-256",
    "vox-256",
    "vox-adv-256",
]


def _vox() -> dict[str, Any]:
    return copy.deepcopy(config.load("vox-256").to_dict())


def test_all_eight_published_configs_are_there() -> None:
    assert config.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_published_config(name: str) -> None:
    loaded = config.load(name)
    model = loaded.model_params
    assert loaded.name == name
    assert loaded.dataset_params.frame_shape == (256, 256, 3)
    assert model.common_params == config.CommonParams(num_kp=10)
    assert model.kp_detector_params.single_jacobian_map == (name == "mgif-256")
    assert model.discriminator_params.use_kp == name.endswith("-adv-256")
    assert loaded.needs_face == name.startswith(("vox", "nemo"))
    assert config.parse(loaded.to_dict(), name=name) == loaded


def test_every_section_of_the_published_schema_is_read() -> None:
    vox = config.load("vox-adv-256")
    assert vox.dataset_params.augmentation_params.jitter_param == config.JitterParams(0.1, 0.1, 0.1, 0.1)
    assert vox.train_params.num_epochs == 150
    assert vox.train_params.epoch_milestones == ()
    assert vox.train_params.loss_weights.generator_gan == 1
    assert vox.reconstruction_params.num_videos == 1000
    assert vox.animate_params.normalization_params.use_relative_movement
    assert vox.visualizer_params.colormap == "gist_rainbow"
    assert config.load("mgif-256").dataset_params.augmentation_params.crop_param == config.CropParams(
        (256, 256)
    )


def test_a_users_own_yaml_of_the_published_schema_loads(tmp_path: Path) -> None:
    """As the reference code's users write it: older keys, numbers YAML takes for text, anchors, no extras."""
    own = tmp_path / "my-faces.yaml"
    own.write_text(
        """
dataset_params:
  root_dir: data/mine
  image_shape: [128, 128, 3]
  augmentation_params:
    flip_param: {horizontal_flip: True, time_flip: False}
    rotation_param: {degrees: 5}
model_params:
  common_params: {num_kp: 5, num_channels: 3, estimate_jacobian: False}
  kp_detector_params: &hourglass
    block_expansion: 8
    max_features: 64
    num_blocks: 2
    scale_factor: 0.5
  generator_params:
    block_expansion: 8
    max_features: 64
    num_down_blocks: 2
    num_bottleneck_blocks: 1
    estimate_occlusion_map: True
    dense_motion_params:
      <<: *hourglass
train_params:
  lr_generator: 2e-4
visualizer_params:
"""
    )
    loaded = config.load(own)
    assert loaded.name == "my-faces"
    assert loaded.dataset_params.frame_shape == (128, 128, 3)
    assert loaded.train_params.lr_generator == 2e-4
    assert loaded.model_params.common_params.align_corners
    assert loaded.model_params.generator_params.dense_motion_params.max_features == 64
    assert loaded.visualizer_params == config.VisualizerParams()
    assert not loaded.needs_face


@pytest.mark.parametrize(("name", "needs_face"), [("vox-512", True), ("nemo-mine", True), ("horses", False)])
def test_an_older_config_of_a_face_data_set_needs_faces(name: str, needs_face: bool) -> None:
    data = _vox()
    del data["dataset_params"]["face_crop"]
    assert config.parse(data, name=name).needs_face == needs_face


def _changed(path: str, value: object) -> dict[str, Any]:
    data = _vox()
    *parents, leaf = path.split(".")
    section = data
    for parent in parents:
        section = section[parent]
    if value is ...:
        del section[leaf]
    else:
        section[leaf] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "model_params.generator_params.max_feature",
            512,
            "model_params.generator_params.max_feature: unknown key (did you mean max_features?)",
        ),
        ("modelparams", {}, "modelparams: unknown key (did you mean model_params?)"),
        ("xyzzy", 1, "xyzzy: unknown key"),
        ("model_params", ..., "model_params: missing"),
        ("model_params.common_params.num_kp", ..., "model_params.common_params.num_kp: missing"),
        (
            "model_params.common_params.num_kp",
            "ten",
            "model_params.common_params.num_kp: expected a whole number, found 'ten'",
        ),
        (
            "model_params.common_params.num_kp",
            True,
            "model_params.common_params.num_kp: expected a whole number, found True",
        ),
        (
            "model_params.common_params.align_corners",
            1,
            "model_params.common_params.align_corners: expected true or false, found 1",
        ),
        (
            "train_params.lr_generator",
            "fast",
            "train_params.lr_generator: expected a number, found 'fast'",
        ),
        ("train_params.lr_generator", None, "train_params.lr_generator: expected a number, found nothing"),
        ("train_params.scales", 1, "train_params.scales: expected a list, found 1"),
        ("train_params.scales", [1, "half"], "train_params.scales[1]: expected a number, found 'half'"),
        (
            "dataset_params.frame_shape",
            [256, 256],
            "dataset_params.frame_shape: expected 3 values, found 2",
        ),
        ("dataset_params.image_shape", [1, 1, 3], "dataset_params.image_shape: says the same as frame_shape"),
        ("train_params", [1], "train_params: expected a mapping of keys, found a list"),
        ("visualizer_params.colormap", 3, "visualizer_params.colormap: expected text, found 3"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(path: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        config.parse(_changed(path, value))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "model_params: [", "not valid YAML"),
        ("b.yaml", "just text", "the file: expected a mapping of keys, found 'just text'"),
        ("c.yml", "", "the file: expected a mapping of keys, found nothing"),
        ("d.yaml", yaml.safe_dump({"model_params": 3}), "model_params: expected a mapping of keys, found 3"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        config.load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_a_missing_file_and_a_misspelt_name_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match=r"'vox-265' \(did you mean vox-256\?\).*bair-256, fashion-256"):
        config.load("vox-265")
