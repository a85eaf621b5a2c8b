"""Networks of the published sizes, with weights from the golden recipe instead of a download."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

GOLDEN = Path(__file__).parent.parent / "data" / "golden"


def _recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_recipe", GOLDEN / "recipe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder with the reference implementation's numbers."""
    return GOLDEN


@pytest.fixture(scope="session")
def recipe() -> ModuleType:
    """How the golden weights and pictures are made."""
    return _recipe()


@pytest.fixture(scope="session")
def pictures(recipe: ModuleType) -> dict[str, Any]:
    """The three golden pictures as (1, 3, 256, 256) tensors."""
    import torch

    phases = {"source": 0.0, "driving0": 0.7, "driving1": 1.3}
    return {name: torch.from_numpy(recipe.image(phase)) for name, phase in phases.items()}


@pytest.fixture(scope="session")
def golden_model(recipe: ModuleType) -> Callable[[str], Any]:
    """The networks of a config with the golden weights, loaded once a session: `golden_model("vox-256")`."""
    from fomm import config
    from fomm.networks.first_order import FirstOrderModel

    @functools.cache
    def filled(networks: config.Config) -> FirstOrderModel:
        model = FirstOrderModel(networks).eval().requires_grad_(False)
        recipe.fill_state_dict(model.generator, "generator")
        recipe.fill_state_dict(model.kp_detector, "kp_detector")
        return model

    def build(name: str) -> FirstOrderModel:
        # Those of vox-256 and vox-adv-256 are the same: they were trained with other discriminators.
        described = config.load(name)
        return filled(
            config.Config(
                dataclasses.replace(
                    described.model_params, discriminator_params=config.DiscriminatorParams()
                ),
                config.DatasetParams(frame_shape=described.dataset_params.frame_shape),
            )
        )

    return build


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> Iterator[None]:
    """Networks on two threads at most: more only fight each other on a shared machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))  # `make test` gives every process one
    yield
    torch.set_num_threads(before)


@pytest.fixture
def noise() -> Callable[..., NDArray[np.uint8]]:
    """Random pictures, (height, width, 3) uint8, smooth enough to survive a resize."""

    def make(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
        import cv2

        small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))

    return make


#: The published schema at a hundredth of the size: what a test of everything around the networks needs.
SMALL = """
dataset_params:
  frame_shape: [64, 64, 3]
  face_crop: {face_crop}
model_params:
  common_params: {{num_kp: 5, num_channels: 3, estimate_jacobian: true}}
  kp_detector_params:
    block_expansion: 4
    max_features: 16
    num_blocks: 2
    scale_factor: 0.25
    single_jacobian_map: {single_jacobian_map}
  generator_params:
    block_expansion: 4
    max_features: 16
    num_down_blocks: 2
    num_bottleneck_blocks: 1
    estimate_occlusion_map: true
    dense_motion_params: {{block_expansion: 4, max_features: 16, num_blocks: 2, scale_factor: 0.25}}
  discriminator_params: {{scales: [1], block_expansion: 4, max_features: 8, num_blocks: 2, sn: true}}
"""


@dataclass(frozen=True)
class SmallModel:
    """A small config and a checkpoint of the published format for it."""

    config: Path
    checkpoint: Path


@pytest.fixture(scope="session")
def make_small_model(
    tmp_path_factory: pytest.TempPathFactory, recipe: ModuleType
) -> Callable[..., SmallModel]:
    """Make small models by name: `make_small_model("faces", face_crop=True)`."""

    @functools.cache
    def make(name: str, *, face_crop: bool = False, single_jacobian_map: bool = False) -> SmallModel:
        import torch

        from fomm import config
        from fomm.networks.first_order import FirstOrderModel, build_discriminator

        folder = tmp_path_factory.mktemp(name)
        path = folder / f"{name}.yaml"
        path.write_text(
            SMALL.format(
                face_crop=str(face_crop).lower(), single_jacobian_map=str(single_jacobian_map).lower()
            )
        )
        networks = FirstOrderModel(config.load(path))
        discriminator = build_discriminator(config.load(path))
        recipe.fill_state_dict(networks.generator, "generator")
        recipe.fill_state_dict(networks.kp_detector, "kp_detector")
        checkpoint = folder / f"{name}-cpk.pth.tar"
        torch.save(
            {
                "generator": networks.generator.state_dict(),
                "kp_detector": networks.kp_detector.state_dict(),
                "discriminator": discriminator.state_dict(),
                "optimizer_generator": torch.optim.Adam(networks.parameters()).state_dict(),
                "epoch": 99,
            },
            checkpoint,
        )
        return SmallModel(path, checkpoint)

    return make
