"""A tiny data set that a tiny model can learn, and features that need no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from fomm import config
from fomm.config import Config
from fomm.training.features import Features
from fomm.video import VideoWriter
from tests.fomm.conftest import SMALL

SIDE = 64


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small networks spend their time waiting for each other's threads, on a busy machine twenty times over."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TinyFeatures(Features):
    """Random convolutions: enough to tell pictures apart."""

    def __init__(self) -> None:
        super().__init__((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        with torch.random.fork_rng():
            torch.manual_seed(7)
            self.convs = nn.ModuleList(
                nn.Conv2d(before, 8, 3, stride=2, padding=1) for before in (3, 8, 8, 8, 8)
            )

    def levels(self, normalized: Tensor) -> list[Tensor]:
        taken, out = [], normalized
        for conv in self.convs:
            out = torch.relu(conv(out))
            taken.append(out)
        return taken


def frames(seed: int, count: int = 6, side: int = SIDE) -> list[Any]:
    """A disc of some colour that wanders over a ground of another, `(side, side, 3)` uint8 each."""
    rng = np.random.default_rng(seed)
    ground, disc = rng.integers(30, 226, (2, 3))
    start, step = rng.uniform(0.3, 0.5, 2), rng.uniform(-0.04, 0.05, 2)
    made = []
    for index in range(count):
        picture = np.full((side, side, 3), ground, np.uint8)
        x, y = ((start + step * index) * side).round().astype(int)
        cv2.circle(picture, (int(x), int(y)), side // 5, disc.tolist(), -1, cv2.LINE_AA)
        cv2.circle(picture, (int(x) + side // 12, int(y)), side // 16, (250, 250, 250), -1, cv2.LINE_AA)
        made.append(picture)
    return made


def write_folder(folder: Path, pictures: list[Any]) -> None:
    folder.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{index:03d}.png")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of PNGs, an MP4 and a GIF, split into train and test."""
    root = tmp_path_factory.mktemp("clips")
    for seed in range(4):
        write_folder(root / "train" / f"one{seed}#a", frames(seed))
    write_folder(root / "train" / "one0#b", frames(10))
    with VideoWriter(root / "train" / "two.mp4", size=(SIDE, SIDE)) as writer:
        for picture in frames(5):
            writer.write(picture)
    pictures = [Image.fromarray(picture) for picture in frames(6)]
    pictures[0].save(root / "train" / "three.gif", save_all=True, append_images=pictures[1:], duration=40)
    for seed in (20, 21):
        write_folder(root / "test" / f"shown{seed}", frames(seed))
    return root


@pytest.fixture
def small(clips: Path) -> Callable[..., Config]:
    """A small config on those clips: `small(batch_size=2, loss_weights={...})` changes `train_params`."""

    def make(**train_params: Any) -> Config:
        import yaml

        data = yaml.safe_load(SMALL.format(face_crop="false", single_jacobian_map="false"))
        data["dataset_params"] |= {
            "root_dir": str(clips),
            "augmentation_params": {
                "flip_param": {"horizontal_flip": True, "time_flip": True},
                "jitter_param": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1},
            },
        }
        weights = {"perceptual": [10, 10, 10, 10, 10], "feature_matching": [10, 10]}
        data["train_params"] = {
            "num_epochs": 50,
            "num_repeats": 4,
            "batch_size": 4,
            "scales": [1, 0.5],
            "lr_generator": 2e-3,
            "lr_kp_detector": 2e-3,
            "loss_weights": weights | train_params.pop("loss_weights", {}),
            **train_params,
        }
        return config.parse(data, name="small")

    return make
