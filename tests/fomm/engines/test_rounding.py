"""Rounded weights change what a convolution makes of pictures less than the nearest ones would."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fomm.engines import rounding
from fomm.engines.quantization import quantized
from fomm.engines.rounding import rounded, watch

CONVS = {
    "3x3": lambda: nn.Conv2d(6, 8, 3, padding=1),
    "rows of 3": lambda: nn.Conv2d(6, 8, (1, 3), padding=(0, 1)),
    "8x8, stride 2": lambda: nn.Conv2d(6, 8, 8, stride=2, padding=3),
    "transposed": lambda: nn.ConvTranspose2d(6, 8, 4, stride=2, padding=1),
}


def pictures(count: int) -> list[Tensor]:
    """Smooth and not centred, as activations are."""
    noise = torch.randn(count, 1, 6, 40, 40, generator=torch.Generator().manual_seed(0))
    return [
        F.avg_pool2d(one, 5, stride=1).relu() * torch.tensor([1, 1, 2, 3, 5, 8.0])[:, None, None]
        for one in noise
    ]


def coarse(weights: Tensor) -> Tensor:
    return (weights * 20).round() / 20


@pytest.fixture(params=CONVS)
def conv(request: pytest.FixtureRequest) -> rounding.Conv:
    torch.manual_seed(0)
    made: rounding.Conv = CONVS[request.param]().requires_grad_(False)
    return made


@pytest.mark.parametrize("most", [10_000, 0], ids=["compensated", "bias alone"])
def test_nearer_than_the_nearest(conv: rounding.Conv, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounding, "_MOST", most)
    *seen, unseen = pictures(4)
    ((_, found),) = watch(nn.Sequential(conv), lambda network: [network(x) for x in seen]).values()
    assert (found.covariance is not None) == bool(most)
    weight, bias = rounded(conv, conv.weight, found, coarse)
    assert torch.equal(coarse(weight), weight)

    def error(weight: Tensor, bias: Tensor) -> float:
        convolve = F.conv_transpose2d if isinstance(conv, nn.ConvTranspose2d) else F.conv2d
        made = convolve(unseen, weight, bias, conv.stride, conv.padding)
        return float((made - conv(unseen)).square().mean().sqrt())

    assert conv.bias is not None
    assert error(weight, bias) < (0.65 if most else 0.95) * error(coarse(conv.weight), conv.bias)


def test_what_is_never_run_is_left_alone(conv: rounding.Conv) -> None:
    network = nn.ModuleList([conv])
    assert watch(network, lambda _: None) == {}
    assert quantized(network, lambda _: None)[0] is not conv
    assert torch.equal(quantized(network, lambda _: None)[0].weight, conv.weight)  # type: ignore[arg-type]


def test_eight_bits_are_near(conv: rounding.Conv) -> None:
    *seen, unseen = pictures(4)
    made = quantized(nn.Sequential(conv), lambda network: [network(x) for x in seen])
    wanted = conv(unseen)
    assert (made(unseen) - wanted).square().mean().sqrt() < 0.01 * wanted.std()
