"""Loading a model with its weights, as a library user does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fomm import checkpoints
from fomm import config as configs
from fomm.config import Config
from fomm.errors import ConfigError
from fomm.networks.first_order import FirstOrderModel

if TYPE_CHECKING:
    from fomm.animators.neural import NeuralAnimator

#: What can execute a model, by name; "auto" takes the best for the device.
ENGINES = ("auto", "torch")

#: Frames that `Model.reconstruct` runs at once, so that memory does not grow with the clip.
_CHUNK = 8


@dataclass(frozen=True, eq=False)
class Model:
    """A First Order Motion Model, ready to run.

    Attributes:
        config: what it was built from.
        networks: keypoint detector and generator, in evaluation mode, on their device.
        checkpoint: the file the weights came from.
    """

    config: Config
    networks: FirstOrderModel
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
            self.networks,
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
        device, dtype = self.networks.device, self.networks.dtype
        results = []
        shared = None
        for start in range(0, len(driving), _CHUNK):
            frames = self.networks.detect(driving[start : start + _CHUNK].to(device, dtype))
            if shared is None or len(source) > 1:
                pictures = source[start : start + _CHUNK].to(device, dtype)
                shared = (self.networks.encode(pictures), self.networks.detect(pictures))
            encoded, keypoints = shared
            if len(keypoints) != len(frames):
                encoded, keypoints = encoded.expand(len(frames)), keypoints.expand(len(frames))
            results.append(self.networks.decode(encoded, keypoints, frames).to(driving.device, torch.float32))
        return torch.cat(results) if results else driving.new_zeros(driving.shape, dtype=torch.float32)

    @property
    def size_step(self) -> int:
        """Heights and widths of pictures must be multiples of this many pixels."""
        return self.networks.size_step

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
    engine: str = "auto",
    device: str | torch.device | None = None,
) -> Model:
    """Load a model with its weights.

    Args:
        name: one of the published models, see `fomm.config.names`, or a YAML config of the published schema.
        checkpoint: a file of the published format (with or without discriminator and optimizers) or one that
            `fomm models convert` wrote; None takes what `fomm models pull` or `import` put in place.
        engine: what executes it, one of `ENGINES`.
        device: "cpu", "cuda", "cuda:1", ...; None takes a CUDA device where there is one.

    Raises:
        ConfigError: no such model, engine or device.
        CheckpointError: no weights, or they are damaged or another model's.
    """
    config = configs.load(name)
    if engine not in ENGINES:
        raise ConfigError(f"no engine is called {engine!r}; there are {', '.join(ENGINES)}")
    place = _device(device)
    path = Path(checkpoint) if checkpoint is not None else checkpoints.locate(config.name)
    weights = checkpoints.read(path)
    with torch.device("meta"):
        networks = FirstOrderModel(config)
    networks = networks.to_empty(device="cpu")
    weights.load_into(networks, model=config.name)
    networks = networks.to(place).eval().requires_grad_(False)
    return Model(config, networks, path)


def _device(wanted: str | torch.device | None) -> torch.device:
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device {str(wanted)!r} cannot be used here ({reason}); try --device cpu"
        ) from error
    return device
