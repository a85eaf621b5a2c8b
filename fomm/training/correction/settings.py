"""The YAML config of a correction's training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fomm import resources, sections
from fomm.errors import ConfigError

#: What the key `model` says in such a config, and in no other.
KIND = "face-lite"


@dataclass(frozen=True)
class NetworkParams:
    """The network.

    Attributes:
        width: channels at 32x32; half a million weights at 24, see `fomm.animators.face_lite.network`.
    """

    width: int = 32


@dataclass(frozen=True)
class DatasetParams:
    """Synthetic pairs.

    Attributes:
        stream: people are rendered while it trains and nobody comes twice; `root_dir` is not read.
        root_dir: a folder that `fomm synthesize` fills; what it adds while training goes on is taken in.
        held_out: the first shards of it, on which it is measured and not trained; of a stream, so many times
            `identities` people.
        size, seed, identities, pairs: what `fomm synthesize` was told, for the record; of a stream, what is rendered.
    """

    stream: bool = False
    root_dir: str = "pairs"
    held_out: int = 1
    size: int = 192
    seed: int = 0
    identities: int = 50
    pairs: int = 4


@dataclass(frozen=True)
class LossWeights:
    """Of what the sum is made.

    Attributes:
        motion: mean distance, in 256ths of the square, from where the grid reads to where the point was.
        matte: mean difference of the warped source matte and the driving frame's, times 100.
        visible: cross-entropy of the visibility.
        smooth: total variation of the correction, times 100.
    """

    motion: float = 1.0
    matte: float = 1.0
    visible: float = 0.1
    smooth: float = 0.02


@dataclass(frozen=True)
class TrainParams:
    """The training.

    Attributes:
        steps: in all; the learning rate falls along half a cosine.
        batch_size: pairs.
        learning_rate: at its highest.
        warm_up: steps until it is there.
        weight_decay: see AdamW.
        clip_grad_norm: 0 does not.
        ema_decay: of the weights' average, which is what is exported.
        blurred_senses: how much less exactly landmarks and mattes are seen than they are; 0 not at all.
        precision: "fp32" or "bf16".
        seed: settles weights and batches.
        loss_weights: see there.
    """

    steps: int = 10_000
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    warm_up: int = 100
    weight_decay: float = 1e-2
    clip_grad_norm: float = 5.0
    ema_decay: float = 0.998
    blurred_senses: float = 1.0
    precision: str = "bf16"
    seed: int = 0
    loss_weights: LossWeights = LossWeights()


@dataclass(frozen=True)
class CorrectionConfig:
    """All of it.

    Attributes:
        model: `KIND`.
        network_params, dataset_params, train_params: see there.
    """

    model: str = KIND
    network_params: NetworkParams = NetworkParams()
    dataset_params: DatasetParams = DatasetParams()
    train_params: TrainParams = TrainParams()

    def to_dict(self) -> dict[str, Any]:
        """As the YAML file has it."""
        return asdict(self)


def parse(contents: object) -> CorrectionConfig:
    """A config of what a YAML file holds.

    Raises:
        ConfigError: a key is unknown, or what it says cannot be.
    """
    config = sections.read_section(CorrectionConfig, contents, "", {})
    params, data = config.train_params, config.dataset_params
    if config.model != KIND:
        raise ConfigError(f"model: must be {KIND}, not {config.model!r}")
    if params.precision not in ("fp32", "bf16"):
        raise ConfigError(f"train_params.precision: {params.precision!r} is unknown; give fp32 or bf16")
    if not 0 <= params.ema_decay < 1:
        raise ConfigError(f"train_params.ema_decay: must be at least 0 and below 1, not {params.ema_decay}")
    for path, value in (
        ("train_params.steps", params.steps),
        ("train_params.batch_size", params.batch_size),
        ("network_params.width", config.network_params.width),
        ("dataset_params.held_out", data.held_out),
        ("dataset_params.identities", data.identities),
        ("dataset_params.pairs", data.pairs),
    ):
        if value < 1:
            raise ConfigError(f"{path}: must be at least 1, not {value}")
    if data.stream:
        if not 64 <= data.size <= 1024:
            raise ConfigError(f"dataset_params.size: must be from 64 to 1024, not {data.size}")
        if data.seed < 0:
            raise ConfigError(f"dataset_params.seed: must be at least 0, not {data.seed}")
    return config


def find(name: str) -> dict[str, Any] | None:
    """What a config of a correction says, not checked yet; None where the name is of another kind of config.

    Args:
        name: "face-lite", or a YAML file.

    Raises:
        ConfigError: the file cannot be read.
    """
    path = resources.CONFIGS / f"{KIND}.yaml" if name == KIND else Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        return None
    data = sections.read_yaml(path, advice=f"check its path, or name a config such as {KIND}")
    return data if isinstance(data, dict) and data.get("model") == KIND else None
