"""Loading a model as a library user does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fomm
from fomm import checkpoints, config
from fomm.animators import MODELS, PUBLISHED
from fomm.errors import CheckpointError, ConfigError
from fomm.model import load_model


def test_importing_the_package_leaves_torch_alone() -> None:
    code = (
        "import sys, fomm, fomm.animators; assert 'torch' not in sys.modules; fomm.load_model; import torch"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_load_model_is_exported() -> None:
    assert fomm.load_model is load_model
    with pytest.raises(AttributeError, match="no attribute 'lode_model'"):
        _ = fomm.lode_model


def test_all_published_models_are_animators() -> None:
    assert sorted(PUBLISHED) == config.names()
    assert set(MODELS) >= {"landmark-warp", *PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_model_without_weights_says_how_to_get_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path))
    with pytest.raises(CheckpointError) as error:
        MODELS[name]()
    assert f"`fomm models pull {name}`" in str(error.value)
    assert "fomm models import" in str(error.value)


@pytest.fixture(scope="module")
def published_file(golden_model: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of vox-256's real size, in the serialization that the published ones have."""
    networks = golden_model("vox-256")
    path = tmp_path_factory.mktemp("published") / "vox-cpk.pth.tar"
    states = {
        "generator": networks.generator.state_dict(),
        "kp_detector": networks.kp_detector.state_dict(),
        "epoch": 99,
    }
    torch.save(states, path, _use_new_zipfile_serialization=False)
    return path


def test_reconstruction_is_the_reference_implementations(
    published_file: Path, golden: Path, pictures: dict[str, Any]
) -> None:
    model = load_model("vox-256", checkpoint=published_file, device="cpu")
    frame = model.reconstruct(pictures["source"], pictures["driving1"])
    expected = np.load(golden / "vox-256.align_true.npz")["absolute.prediction_s4"]
    assert frame.shape == (1, 3, 256, 256)
    assert not frame.requires_grad
    assert np.abs(frame[:, :, ::4, ::4].numpy() - expected).max() <= 1e-4


def test_another_models_weights_are_refused_by_name(published_file: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        load_model("mgif-256", checkpoint=published_file)
    assert "does not fit mgif-256" in str(error.value)
    assert "jacobian.weight (40, 35, 7, 7), not (4, 35, 7, 7)" in str(error.value)


def test_a_converted_file_loads_and_is_close(
    published_file: Path, pictures: dict[str, Any], tmp_path: Path
) -> None:
    original = load_model("vox-256", checkpoint=published_file, device="cpu")
    half = checkpoints.convert(published_file, tmp_path / "vox.safetensors", precision="fp16")
    assert half.stat().st_size < 0.55 * published_file.stat().st_size
    converted = load_model("vox-256", checkpoint=half, device="cpu")
    a, b = (m.reconstruct(pictures["source"], pictures["driving1"]) for m in (original, converted))
    assert (a - b).abs().max() < 0.02


def test_a_users_own_yaml_and_checkpoint(make_small_model: Callable[..., Any]) -> None:
    small = make_small_model("mine")
    model = load_model(small.config, checkpoint=small.checkpoint, device="cpu")
    assert model.name == "mine"
    assert model.checkpoint == small.checkpoint
    sources, driving = torch.rand(3, 3, 64, 96), torch.rand(3, 3, 64, 96)
    together = model.reconstruct(sources, driving)
    assert together.shape == (3, 3, 64, 96)
    alone = torch.cat([model.reconstruct(sources[i : i + 1], driving[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_one_source_and_many_frames_run_in_chunks(make_small_model: Callable[..., Any]) -> None:
    small = make_small_model("mine")
    model = load_model(small.config, checkpoint=small.checkpoint, device="cpu")
    source, driving = torch.rand(1, 3, 64, 64), torch.rand(19, 3, 64, 64)
    frames = model.reconstruct(source, driving)
    assert frames.shape == (19, 3, 64, 64)
    repeated = model.reconstruct(source.expand(19, -1, -1, -1), driving)
    assert torch.allclose(frames, repeated, atol=1e-5)
    assert model.reconstruct(source, driving[:0]).shape == (0, 3, 64, 64)


@pytest.mark.parametrize(
    ("source", "driving", "message"),
    [
        ((1, 3, 64, 64), (1, 3, 64), r"driving must be a float tensor \(N, 3, H, W\)"),
        ((1, 1, 64, 64), (1, 3, 64, 64), "source must be a float tensor"),
        ((1, 3, 64, 64), (1, 3, 60, 64), r"driving is \(60, 64\); mine takes multiples of 16"),
        ((1, 3, 64, 64), (1, 3, 64, 80), "must have the same size"),
        ((2, 3, 64, 64), (3, 3, 64, 64), "as many pictures or one source"),
    ],
)
def test_wrong_shapes_are_named(
    source: tuple[int, ...], driving: tuple[int, ...], message: str, make_small_model: Callable[..., Any]
) -> None:
    small = make_small_model("mine")
    model = load_model(small.config, checkpoint=small.checkpoint, device="cpu")
    with pytest.raises(ValueError, match=message):
        model.reconstruct(torch.zeros(source), torch.zeros(driving))


def test_pictures_of_whole_numbers_are_refused(make_small_model: Callable[..., Any]) -> None:
    small = make_small_model("mine")
    model = load_model(small.config, checkpoint=small.checkpoint, device="cpu")
    with pytest.raises(ValueError, match=r"float tensor \(N, 3, H, W\), not torch.uint8"):
        model.reconstruct(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.zeros(1, 3, 64, 64))


def test_wrong_engines_and_devices_are_named(make_small_model: Callable[..., Any]) -> None:
    small = make_small_model("mine")
    with pytest.raises(ConfigError, match=r"no engine is called 'warp9'; there are auto, .*torch"):
        load_model(small.config, checkpoint=small.checkpoint, engine="warp9")
    with pytest.raises(ConfigError, match="device 'abacus' cannot be used here"):
        load_model(small.config, checkpoint=small.checkpoint, device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="device 'cuda' cannot be used here"):
            load_model(small.config, checkpoint=small.checkpoint, device="cuda")
