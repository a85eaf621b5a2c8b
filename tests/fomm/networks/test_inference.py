"""The rewritten networks are the published ones, up to rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fomm.keypoints import Keypoints, relative_motion
from fomm.networks.blocks import ConvBlock, Hourglass, ResBlock
from fomm.networks.dense_motion import sparse_motions
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.geometry import coordinate_grid, gaussian_heatmaps, sample
from fomm.networks.inference import InferenceModel, UpForm
from fomm.networks.inference.folding import Residual, folded, residuals
from fomm.networks.inference.generator import sample_groups
from fomm.networks.inference.hourglass import FoldedHourglass
from fomm.networks.inference.motion import affine_maps, separable_heatmaps
from fomm.networks.inference.rows import RowResiduals
from fomm.networks.inference.upsampling import UpConv

TOLERANCE = 1e-4
FORMS: tuple[UpForm, ...] = get_args(UpForm)


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


@contextmanager
def _align_corners(model: FirstOrderModel, align_corners: bool) -> Iterator[None]:
    model.generator.align_corners = model.generator.dense_motion_network.align_corners = align_corners
    try:
        yield
    finally:
        model.generator.align_corners = model.generator.dense_motion_network.align_corners = True


def _near(made: torch.Tensor, expected: torch.Tensor) -> bool:
    return made.shape == expected.shape and bool((made - expected).abs().max() <= TOLERANCE)


def _pair(batch: int = 1, count: int = 10) -> tuple[Keypoints, Keypoints]:
    generator = torch.Generator().manual_seed(3)
    return (
        Keypoints(
            torch.rand(n, count, 2, generator=generator) * 1.6 - 0.8,
            torch.eye(2) + 0.3 * torch.randn(n, count, 2, 2, generator=generator),
        )
        for n in (1, batch)
    )  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "align_corners"), [("vox-256", True), ("vox-256", False), ("mgif-256", True)]
)
def test_the_whole_model(
    name: str,
    align_corners: bool,
    golden_model: Callable[[str], FirstOrderModel],
    pictures: dict[str, Any],
) -> None:
    """Detector, dense motion and picture, on the golden pictures."""
    original = golden_model(name)
    with _align_corners(original, align_corners):
        source, neutral, driving = (
            original.detect(pictures[key]) for key in ("source", "driving0", "driving1")
        )
        target = relative_motion(source, driving, neutral)
        expected, motion = original.generator.decode(original.encode(pictures["source"]), source, target)
        rewritten = InferenceModel(original)
    found = rewritten.detect(pictures["driving1"])
    assert _near(found.value, driving.value)
    assert found.jacobian is not None
    assert driving.jacobian is not None
    assert _near(found.jacobian, driving.jacobian)
    encoded = rewritten.encode(pictures["source"], source)
    deformation, occlusion = rewritten.motion(*encoded[1:], source, target)
    assert _near(deformation, motion.deformation)
    assert motion.occlusion is not None
    assert occlusion is not None
    assert _near(occlusion, motion.occlusion)
    assert _near(rewritten.decode(encoded, source, target), expected)


def _random(module: nn.Module, seed: int = 0) -> Any:
    """Weights and statistics as training leaves them: nothing at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.2 + noise.abs())
        elif name.endswith("norm.weight") or (".norm" in f".{name}" and name.endswith("weight")):
            tensor.copy_(1 + 0.2 * noise)
        elif tensor.ndim == 4:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
        elif tensor.ndim:
            tensor.copy_(0.2 * noise)
    return module.eval()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(2, 2), (5, 8)])
def test_upsampling_on_the_small_grid(form: UpForm, size: tuple[int, int]) -> None:
    conv = _random(nn.Conv2d(6, 4, 3, padding=1))
    x = torch.randn(2, 6, *size)
    expected = F.relu(conv(F.interpolate(x, scale_factor=2.0, mode="nearest")))
    for layout in (torch.contiguous_format, torch.channels_last):
        made = UpConv(conv, form).to(memory_format=layout)(x.to(memory_format=layout))
        assert _near(made, expected)


def test_normalisation_in_the_convolution_before_it() -> None:
    block = _random(ConvBlock(3, 8))
    x = torch.randn(2, 3, 9, 9)
    assert _near(F.relu(folded(block)(x)), block(x))


def test_normalisation_before_the_convolution() -> None:
    blocks = nn.Sequential(*(_random(ResBlock(8), seed) for seed in range(3)))
    chain = residuals(blocks)
    first = chain[0]
    assert isinstance(first, Residual)
    assert first.shift.abs().max() > 0.1
    x = torch.randn(2, 8, 9, 9)
    assert _near(chain(x + first.shift[:, None, None]), blocks(x))


@pytest.mark.parametrize("gamma", [-0.5, 0.0, 1e-9])
def test_a_normalisation_that_cannot_be_folded_stays(gamma: float) -> None:
    blocks = nn.Sequential(*(_random(ResBlock(8), seed) for seed in range(3)))
    middle = blocks[1]
    assert isinstance(middle, ResBlock)
    middle.norm1.weight[3] = gamma
    chain = residuals(blocks)
    first = chain[0]
    assert isinstance(first, Residual)
    x = torch.randn(2, 8, 9, 9)
    assert _near(chain(x + first.shift[:, None, None]), blocks(x))


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(4, 3), (16, 9)])
def test_several_rows_at_a_time(size: tuple[int, int], shifted: bool, count: int) -> None:
    chain = residuals(nn.Sequential(*(_random(ResBlock(8), seed) for seed in range(3))), shifted=shifted)
    x = torch.randn(2, 8, *size)
    assert _near(RowResiduals(chain, count)(x), chain(x))


@pytest.mark.parametrize("form", FORMS)
def test_the_hourglass(form: UpForm) -> None:
    original = _random(Hourglass(5, block_expansion=4, max_features=16, num_blocks=3))
    rewritten = FoldedHourglass(original, side=64, up=form)
    assert [block.form for block in rewritten.up] == [form] * 3  # type: ignore[union-attr]
    x = torch.randn(2, 5, 64, 72)
    made = torch.cat([rewritten(rewritten.first(x)), x], dim=1)
    assert _near(made, original(x))


def test_small_grids_are_upsampled_as_before() -> None:
    original = Hourglass(5, block_expansion=4, max_features=16, num_blocks=3).eval()
    rewritten = FoldedHourglass(original, side=32, up="transpose")
    assert [block.form for block in rewritten.up] == ["direct", "transpose", "transpose"]  # type: ignore[union-attr]


def test_sparse_motions_as_affine_maps() -> None:
    source, driving = _pair(batch=3)
    theta = affine_maps(source, driving)
    grid = coordinate_grid(12, 16, torch.device("cpu"))
    made = grid @ theta[..., :2].transpose(-2, -1)[:, :, None] + theta[:, :, None, None, :, 2]
    assert _near(made, sparse_motions(source, driving, 12, 16)[:, 1:])


def test_sparse_motions_of_a_zero_order_model() -> None:
    source, driving = (Keypoints(kp.value) for kp in _pair(batch=2))
    theta = affine_maps(source, driving)
    grid = coordinate_grid(12, 16, torch.device("cpu"))
    made = grid @ theta[..., :2].transpose(-2, -1)[:, :, None] + theta[:, :, None, None, :, 2]
    assert _near(made, sparse_motions(source, driving, 12, 16)[:, 1:])


def test_heatmaps_of_rows_and_columns() -> None:
    _, driving = _pair(batch=2)
    made = separable_heatmaps(driving.value, 12, 16, 0.01)
    assert _near(made, gaussian_heatmaps(driving.value, 12, 16, 0.01))


@pytest.mark.parametrize("sources", [1, 3])
@pytest.mark.parametrize("channels", [16, 6])
def test_sampling_in_groups(sources: int, channels: int) -> None:
    features = torch.randn(sources, channels, 12, 16)
    grid = torch.rand(3, 5, 7, 2) * 2.4 - 1.2
    made = sample_groups(features, grid, align_corners=True)
    assert _near(made, sample(features.expand(3, -1, -1, -1), grid, align_corners=True))


@pytest.fixture(scope="module")
def small(make_small_model: Callable[..., Any]) -> Callable[..., FirstOrderModel]:
    from fomm import config
    from fomm.model import load_networks

    def build(**changes: Any) -> FirstOrderModel:
        files = make_small_model("rewritten", **changes)
        return load_networks(config.load(files.config), files.checkpoint)

    return build


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("single", [False, True])
def test_batches_sources_and_sizes(form: UpForm, single: bool, small: Callable[..., FirstOrderModel]) -> None:
    """One source for a batch or as many, pictures of another size than meant, both forms of Jacobian maps."""
    original = small(single_jacobian_map=single)
    rewritten = InferenceModel(original, size=(64, 64), up=form)
    sources, driving = torch.rand(3, 3, 64, 96), torch.rand(3, 3, 64, 96)
    expected = original(sources, driving)
    rest, target = rewritten.detect(sources), rewritten.detect(driving)
    assert _near(rewritten.decode(rewritten.encode(sources, rest), rest, target), expected)
    encoded = rewritten.encode(sources[:1], rest[:1])
    assert _near(
        rewritten.decode(encoded, rest[:1], target), original(sources[:1].expand_as(sources), driving)
    )
    assert _near(rewritten.decode(encoded, rest[:1], target[:1]), expected[:1])


def test_the_original_is_left_alone(small: Callable[..., FirstOrderModel]) -> None:
    original = small()
    before = {name: tensor.clone() for name, tensor in original.state_dict().items()}
    rewritten = InferenceModel(original, size=(64, 64))
    rewritten.half()
    for name, tensor in original.state_dict().items():
        assert torch.equal(tensor, before[name]), name
