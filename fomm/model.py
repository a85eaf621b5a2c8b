"""Loading a model with its weights, as a library user does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fomm import checkpoints, engines
from fomm import config as configs
from fomm.config import Config
from fomm.engines.base import Engine
from fomm.networks.first_order import FirstOrderModel

if TYPE_CHECKING:
    from fomm.animators.neural import NeuralAnimator

#: Frames that `Model.reconstruct` runs at once, so that memory does not grow with the clip.
_CHUNK = 8


@dataclass(frozen=True, eq=False)
class Model:
    """A First Order Motion Model, ready to run.

    Attributes:
        config: what it was built from.
        engine: what executes keypoint detector and generator.
        size_step: heights and widths of pictures must be multiples of this many pixels.
        checkpoint: the file the weights came from.
    """

    config: Config
    engine: Engine
    size_step: int
    checkpoint: Path

    @property
    def name(self) -> str:
        """The config's name."""
        return self.config.name

    def animator(
        self,
        *,
        crop: bool | None = None,
        relative: bool | None = None,
        adapt_scale: bool | None = None,
        relative_jacobian: bool | None = None,
    ) -> NeuralAnimator:
        """The model behind the animators' door.

        Args:
            crop: see `NeuralAnimator`.
            relative: see `NeuralAnimator`; None takes what the config says, here and below.
            adapt_scale: see `NeuralAnimator`.
            relative_jacobian: see `NeuralAnimator`.
        """
        from fomm.animators.neural import NeuralAnimator

        said = self.config.animate_params.normalization_params
        height, width, _ = self.config.dataset_params.frame_shape
        return NeuralAnimator(
            self.engine,
            name=self.name,
            size=(width, height),
            needs_face=self.config.needs_face,
            crop=crop,
            relative=said.use_relative_movement if relative is None else relative,
            adapt_scale=said.adapt_movement_scale if adapt_scale is None else adapt_scale,
            relative_jacobian=said.use_relative_jacobian if relative_jacobian is None else relative_jacobian,
        )

    @torch.no_grad()
    def reconstruct(self, source: Tensor, driving: Tensor) -> Tensor:
        """Sources in the poses of driving frames (absolute motion), as the paper's reconstruction task.

        Args:
            source: `(N, 3, H, W)` or `(1, 3, H, W)` RGB in [0, 1]; H and W as the model was trained, or any
                other multiples of `size_step`.
            driving: `(N, 3, H, W)`, likewise.

        Returns:
            `(N, 3, H, W)` float32 in [0, 1], on the driving frames' device.

        Raises:
            ValueError: the shapes do not fit each other or the model.
        """
        self._check(source, driving)
        results = []
        shared = self.engine.encode(source) if len(source) == 1 and len(driving) else None
        for start in range(0, len(driving), _CHUNK):
            frames = self.engine.detect(driving[start : start + _CHUNK])
            encoded = shared or self.engine.encode(source[start : start + _CHUNK])
            results.append(self.engine.decode(encoded, frames).to(driving.device))
        return torch.cat(results) if results else driving.new_zeros(driving.shape, dtype=torch.float32)

    def _check(self, source: Tensor, driving: Tensor) -> None:
        channels = self.config.model_params.common_params.num_channels
        for name, pictures in (("source", source), ("driving", driving)):
            if pictures.ndim != 4 or pictures.shape[1] != channels or not pictures.is_floating_point():
                raise ValueError(
                    f"{name} must be a float tensor (N, {channels}, H, W), not {pictures.dtype} "
                    f"{tuple(pictures.shape)}"
                )
            if any(side % self.size_step or not side for side in pictures.shape[2:]):
                raise ValueError(
                    f"{name} is {tuple(pictures.shape[2:])}; {self.name} takes multiples of {self.size_step}"
                )
        if source.shape[2:] != driving.shape[2:] or len(source) not in {1, len(driving)}:
            raise ValueError(
                f"source {tuple(source.shape)} and driving {tuple(driving.shape)} must have the same size, "
                "and as many pictures or one source"
            )


def load_model(
    name: str | Path,
    *,
    checkpoint: Path | str | None = None,
    engine: str = engines.AUTO,
    device: str | None = None,
    precision: str | None = None,
    fall_back: Callable[[str], None] | None = None,
) -> Model:
    """Load a model with its weights.

    Args:
        name: one of the published models, see `fomm.config.names`, or a YAML config of the published schema.
        checkpoint: a file of the published format (with or without discriminator and optimizers) or one that
            `fomm models convert` wrote; None takes what `fomm models pull` or `import` put in place.
        engine: what executes it, "auto" or one of `fomm.engines.ENGINES`.
        device: "cpu", "cuda", "cuda:1", ...; None takes the engine's best.
        precision: "fp32", "fp16", "bf16" or "int8"; None takes the engine's best.
        fall_back: go on with a smaller engine when the GPU fails, and tell it to this; None raises, as measurements
            must. See `fomm.engines.fallback`.

    Raises:
        ConfigError: no such model, engine, device or precision.
        EngineError: the engine is not installed, or cannot run here.
        CheckpointError: no weights, or they are damaged or another model's.
    """
    engines.check(engine)
    config = configs.load(name)
    path = Path(checkpoint) if checkpoint is not None else checkpoints.locate(config.name)
    networks = load_networks(config, path)
    if fall_back is None:
        made = engines.create(engine, networks, device=device, precision=precision)
    else:
        from fomm.engines.fallback import FallbackEngine

        made = FallbackEngine(engine, networks, device=device, precision=precision, notify=fall_back)
    return Model(config, made, networks.size_step, path)


def load_networks(config: Config, checkpoint: Path) -> FirstOrderModel:
    """The networks of a config with the weights of a file: float32, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: the file is missing, damaged or another model's.
    """
    weights = checkpoints.read(checkpoint)
    with torch.device("meta"):
        networks = FirstOrderModel(config)
    networks = networks.to_empty(device="cpu")
    weights.load_into(networks, model=config.name)
    return networks.eval().requires_grad_(False)
