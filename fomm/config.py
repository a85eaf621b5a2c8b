"""Model configs: the published YAML schema as validated dataclasses.

A config is one of the names in `names()` or a YAML file of the same schema. Every key has the published
meaning; what is unknown, missing or of the wrong type is named with its path. Two keys are ours:
`model_params.common_params.align_corners` (default true: how the published checkpoints were trained, under
torch 1.0; false reproduces the reference code as it runs on torch 1.3 and later), and
`dataset_params.face_crop` (whether the model was trained on crops around a face). So are the last keys of
`train_params`, from `seed` on, and `distillation` among its loss weights; left out, they train as the paper does.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fomm import resources, sections
from fomm.errors import ConfigError

#: Older spellings of keys, as found in earlier published configs.
_ALIASES = {"dataset_params.image_shape": "frame_shape"}

#: Data sets of face crops: configs named after them, written before `face_crop` existed, mean such crops.
_FACE_DATASETS = ("vox", "nemo")


#: Configs beside the models' that are of something else.
_NO_MODELS = {"face-lite", "live"}


@dataclass(frozen=True)
class FlipParams:
    """Random flips in space and time."""

    horizontal_flip: bool = False
    time_flip: bool = False


@dataclass(frozen=True)
class CropParams:
    """Random crops of `(height, width)` pixels."""

    size: tuple[int, int] = (256, 256)


@dataclass(frozen=True)
class ResizeParams:
    """Random resizes by a factor in `ratio`."""

    ratio: tuple[float, float] = (0.9, 1.1)
    interpolation: str = "nearest"


@dataclass(frozen=True)
class RotationParams:
    """Random rotations by up to this many degrees either way."""

    degrees: float = 0


@dataclass(frozen=True)
class JitterParams:
    """Random changes of colour, each by up to this fraction either way."""

    brightness: float = 0
    contrast: float = 0
    saturation: float = 0
    hue: float = 0


@dataclass(frozen=True)
class AugmentationParams:
    """What is varied at random while training; None leaves it alone."""

    flip_param: FlipParams | None = None
    crop_param: CropParams | None = None
    resize_param: ResizeParams | None = None
    rotation_param: RotationParams | None = None
    jitter_param: JitterParams | None = None


@dataclass(frozen=True)
class DatasetParams:
    """Where the videos are and how they are read.

    Attributes:
        root_dir: folder with `train` and `test` inside.
        frame_shape: height, width and channels of a frame.
        id_sampling: an epoch passes over identities (the name up to `#`), not over videos.
        pairs_list: CSV of source and driving names to animate; None pairs at random.
        random_seed: of the split and of the pairs.
        augmentation_params: see there.
        face_crop: whether the frames are square crops around a face, so that inference crops likewise; None
            goes by the config's name, see `Config.needs_face`.
    """

    root_dir: str = "data"
    frame_shape: tuple[int, int, int] = (256, 256, 3)
    id_sampling: bool = False
    pairs_list: str | None = None
    random_seed: int = 0
    augmentation_params: AugmentationParams = AugmentationParams()
    face_crop: bool | None = None


@dataclass(frozen=True)
class CommonParams:
    """What all networks of a model share."""

    num_kp: int
    num_channels: int = 3
    estimate_jacobian: bool = True
    align_corners: bool = True


@dataclass(frozen=True)
class KeypointDetectorParams:
    """See `fomm.networks.KeypointDetector`."""

    block_expansion: int
    max_features: int
    num_blocks: int
    temperature: float = 0.1
    scale_factor: float = 1
    single_jacobian_map: bool = False
    pad: int = 0


@dataclass(frozen=True)
class DenseMotionParams:
    """See `fomm.networks.DenseMotionNetwork`."""

    block_expansion: int
    max_features: int
    num_blocks: int
    scale_factor: float = 1
    kp_variance: float = 0.01


@dataclass(frozen=True)
class GeneratorParams:
    """See `fomm.networks.Generator`."""

    block_expansion: int
    max_features: int
    num_down_blocks: int
    num_bottleneck_blocks: int
    dense_motion_params: DenseMotionParams
    estimate_occlusion_map: bool = False


@dataclass(frozen=True)
class DiscriminatorParams:
    """See `fomm.networks.MultiScaleDiscriminator`."""

    scales: tuple[float, ...] = (1,)
    block_expansion: int = 64
    max_features: int = 512
    num_blocks: int = 4
    sn: bool = False
    use_kp: bool = False
    kp_variance: float = 0.01


@dataclass(frozen=True)
class ModelParams:
    """The networks' sizes; these must match a checkpoint exactly."""

    common_params: CommonParams
    kp_detector_params: KeypointDetectorParams
    generator_params: GeneratorParams
    discriminator_params: DiscriminatorParams = DiscriminatorParams()


@dataclass(frozen=True)
class TransformParams:
    """The random thin-plate spline of the equivariance loss."""

    sigma_affine: float = 0.05
    sigma_tps: float = 0.005
    points_tps: int = 5


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses; lists give one weight a layer.

    Attributes:
        distillation: ours: of the difference from a teacher's pictures, where there is a teacher.
    """

    generator_gan: float = 0
    discriminator_gan: float = 1
    feature_matching: tuple[float, ...] = (10, 10, 10, 10)
    perceptual: tuple[float, ...] = (10, 10, 10, 10, 10)
    equivariance_value: float = 10
    equivariance_jacobian: float = 10
    distillation: float = 10


@dataclass(frozen=True)
class TrainParams:
    """How the model was, or is to be, trained.

    Attributes:
        num_repeats: how often an epoch passes over the data.
        epoch_milestones: from each of these epochs on, learning rates are a tenth of what they were.
        batch_size: pairs a step, of all processes together.
        scales: of the pictures whose features are compared.
        checkpoint_freq: epochs between the checkpoints that are kept.
        seed: of first weights, pairs and augmentation.
        precision: "fp32", or "bf16" for networks that compute in bfloat16 where that is safe (autocast).
        ema_decay: weights are averaged over steps, each step keeping this share; 0 does not average.
        clip_grad_norm: gradients of longer norm are scaled down to it; 0 leaves them.
        perceptual_features: see `fomm.training.features`.
    """

    num_epochs: int = 100
    num_repeats: int = 1
    epoch_milestones: tuple[int, ...] = (60, 90)
    lr_generator: float = 2e-4
    lr_discriminator: float = 2e-4
    lr_kp_detector: float = 2e-4
    batch_size: int = 36
    scales: tuple[float, ...] = (1, 0.5, 0.25, 0.125)
    checkpoint_freq: int = 50
    transform_params: TransformParams = TransformParams()
    loss_weights: LossWeights = LossWeights()
    seed: int = 0
    precision: str = "fp32"
    ema_decay: float = 0
    clip_grad_norm: float = 0
    perceptual_features: str = "auto"


@dataclass(frozen=True)
class ReconstructionParams:
    """How many test videos are reconstructed, and the format they are shown in."""

    num_videos: int = 1000
    format: str = ".mp4"


@dataclass(frozen=True)
class NormalizationParams:
    """How driving motion becomes the source's, see `fomm.keypoints.relative_motion`."""

    adapt_movement_scale: bool = False
    use_relative_movement: bool = True
    use_relative_jacobian: bool = True


@dataclass(frozen=True)
class AnimateParams:
    """How many pairs are animated, in which format, and how."""

    num_pairs: int = 50
    format: str = ".mp4"
    normalization_params: NormalizationParams = NormalizationParams()


@dataclass(frozen=True)
class VisualizerParams:
    """How keypoints are drawn while training."""

    kp_size: int = 5
    draw_border: bool = True
    colormap: str = "gist_rainbow"


@dataclass(frozen=True)
class Config:
    """One model's config; `model_params` is the one section that a file must have."""

    model_params: ModelParams
    dataset_params: DatasetParams = DatasetParams()
    train_params: TrainParams = TrainParams()
    reconstruction_params: ReconstructionParams = ReconstructionParams()
    animate_params: AnimateParams = AnimateParams()
    visualizer_params: VisualizerParams = VisualizerParams()
    name: str = field(default="model", metadata={"in_file": False})

    @property
    def needs_face(self) -> bool:
        """Whether pictures are cropped around a face: as the config says, or by the data set's name."""
        face_crop = self.dataset_params.face_crop
        return self.name.startswith(_FACE_DATASETS) if face_crop is None else face_crop

    def to_dict(self) -> dict[str, Any]:
        """The config as plain mappings and lists, ready for `parse` or a YAML file."""
        plain = typing.cast(dict[str, Any], sections.plain(dataclasses.asdict(self)))
        del plain["name"]
        return plain


def names() -> list[str]:
    """The published models, sorted."""
    return sorted({path.stem for path in resources.CONFIGS.glob("*.yaml")} - _NO_MODELS)


def load(name_or_path: str | Path, *, besides: Sequence[str] = ()) -> Config:
    """Read a config.

    Args:
        name_or_path: one of `names()`, or a YAML file of the published schema.
        besides: models without such a config that the caller knows as well, to be named where this one is unknown.

    Raises:
        ConfigError: no such config, no valid YAML, or a key that is unknown, missing or of the wrong type.
    """
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = resources.CONFIGS / f"{name_or_path}.yaml"
        if not path.is_file():
            known = [*besides, *names()]
            raise ConfigError(
                f"no such model here: {str(name_or_path)!r}{sections.suggestion(str(name_or_path), known)}; "
                f"name one of {', '.join(known)}, or a YAML file"
            )
    data = sections.read_yaml(path, advice="give a model config in YAML")
    try:
        return parse(data, name=path.stem)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(data: object, *, name: str = "model") -> Config:
    """Check a config that was read already.

    Args:
        data: mappings and lists, as YAML gives them.
        name: what the config is called.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type.
    """
    return dataclasses.replace(sections.read_section(Config, data, "", _ALIASES), name=name)
