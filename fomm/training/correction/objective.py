"""The network as it is trained, and what it is trained for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fomm.animators.face_lite.clues import MOTION_NUMBERS, UNIT, centres, share
from fomm.animators.face_lite.network import CLUE_CELLS, LAST, correct, layers
from fomm.training.correction.samples import Samples
from fomm.training.correction.settings import LossWeights
from fomm.training.processes import Processes

#: Which numbers of `fomm.animators.face_lite.clues.pose` change their sign in a mirror: yaw, roll, x, ear to ear.
_MIRRORED = (-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0)

#: A cell counts where it is almost all visible, almost all in the frame, and the person's rather than not.
_ALMOST, _PERSON = 0.9, 0.5

#: Which of the sketches is the moved face, filled.
_FACE = 5

#: How far off a less exact tracker is: of `pose`'s first numbers, of its others, of the displacement as a whole and
#: in its slope; and how much wider or narrower a matte may be.
_POSE_NOISE, _SOURCE_NOISE = (0.05, 0.06, 0.04, 0.04, 0.02, 0.02), 0.03
_SHIFT, _STRETCH, _MATTE_SPREAD = 0.004, 0.01, 0.2

#: Most of a person is visible: what the logit begins with.
_VISIBLE_BIAS = 2.0

#: Distances are told in 256ths of the square.
_PIXELS = 256

_ALONE = Processes(0, 1, torch.device("cpu"))


class CorrectionNetwork(nn.Module):
    """The network of `fomm.animators.face_lite.network`, normalised by batches as it is trained.

    It begins with no correction at all.

    Args:
        width: channels at 32x32.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for name, layer in layers(width).items():
            convolution = nn.Conv2d(
                layer.inputs, layer.outputs, layer.kernel, layer.stride, 1, bias=name == LAST
            )
            self.convolutions[name] = convolution
            if name == LAST:
                for parameter in convolution.parameters():
                    nn.init.zeros_(parameter)
            else:
                self.norms[name] = nn.BatchNorm2d(layer.outputs)

    def forward(self, clues: Tensor) -> Tensor:
        """`(B, CLUES, 64, 64)` → `(B, OUTPUTS, 32, 32)`."""
        return correct(self, clues)

    def layer(self, name: str, x: Tensor) -> Tensor:
        """See `Operators`."""
        x = self.convolutions[name](x)
        return x if name == LAST else functional.relu(self.norms[name](x), inplace=True)

    def enlarge(self, x: Tensor) -> Tensor:
        """See `Operators`."""
        return functional.interpolate(x, scale_factor=2)

    def join(self, first: Tensor, second: Tensor) -> Tensor:
        """See `Operators`."""
        return torch.cat([first, second], dim=1)

    def folded(self) -> dict[str, Tensor]:
        """Weights and biases by layer, the normalisation folded in: what is executed."""
        state = {name: value.detach() for name, value in self.state_dict().items()}
        out = {}
        for name in self.convolutions:
            weight = state[f"convolutions.{name}.weight"]
            if name == LAST:
                out[f"{name}.weight"], out[f"{name}.bias"] = weight, state[f"convolutions.{name}.bias"]
                continue
            gain, bias, mean, variance = (
                state[f"norms.{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
            )
            scale = gain / torch.sqrt(variance + nn.BatchNorm2d(1).eps)
            out[f"{name}.weight"], out[f"{name}.bias"] = (
                weight * scale[:, None, None, None],
                bias - mean * scale,
            )
        return out


@dataclass(frozen=True)
class Batch:
    """Samples as tensors, `(B, C, 64, 64)` float32 each but for `pose`, `(B, 8)`; see `Samples`.

    `seen_matte` is the matte as the network is shown it; `share`, `(B, 1, 32, 32)`, how much of the correction counts
    (see `fomm.animators.face_lite.clues.share`).
    """

    warp: Tensor
    true: Tensor
    visible: Tensor
    inside: Tensor
    matte: Tensor
    driving_matte: Tensor
    sketches: Tensor
    pose: Tensor
    seen_matte: Tensor
    share: Tensor

    @staticmethod
    def of(samples: Samples) -> Batch:
        """Of samples, one after the other."""

        def plane(name: str) -> Tensor:
            return torch.from_numpy(samples[name].astype(np.float32))[:, None] / 255

        def vectors(name: str) -> Tensor:
            return torch.from_numpy(samples[name].astype(np.float32)).permute(0, 3, 1, 2)

        sketches = samples["sketches"].astype(np.float32) / 255
        return Batch(
            vectors("warp"),
            vectors("true"),
            plane("visible"),
            plane("inside"),
            plane("matte"),
            plane("driving_matte"),
            torch.from_numpy(sketches),
            torch.from_numpy(samples["pose"]),
            plane("matte"),
            torch.from_numpy(np.stack([share(one[_FACE])[None] for one in sketches])),
        )

    def to(self, device: torch.device) -> Batch:
        """On a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))

    def mirrored(self, which: Tensor) -> Batch:
        """With some of them, `(B,)` bool, as in a mirror."""
        sign = torch.tensor([-1.0, 1.0])[:, None, None]

        def flip(x: Tensor, factor: Tensor | float = 1.0) -> Tensor:
            return torch.where(which[:, None, None, None], x.flip(-1) * factor, x)

        return Batch(
            flip(self.warp, sign),
            flip(self.true, sign),
            flip(self.visible),
            flip(self.inside),
            flip(self.matte),
            flip(self.driving_matte),
            flip(self.sketches),
            torch.where(which[:, None], self.pose * torch.tensor(_MIRRORED), self.pose),
            flip(self.seen_matte),
            flip(self.share),
        )

    def blurred_senses(self, chance: Sequence[np.random.Generator], strength: float) -> Batch:
        """As a tracker and a matte that are less exact would have told it: what is learned then holds for others.

        Args:
            chance: one for each sample.
            strength: 1 is a degree or two, a hundredth of the face, and a matte some cells too wide or narrow.
        """
        count, rest = self.pose.shape[1], self.pose.shape[1] - MOTION_NUMBERS
        spread = np.array([*_POSE_NOISE, *[_SOURCE_NOISE] * rest])
        wider = _random(chance, strength * _MATTE_SPREAD, 1, 1, 1)
        softer = functional.avg_pool2d(
            functional.pad(self.matte, (1, 1, 1, 1), mode="replicate"), 3, stride=1
        )
        stretch = _random(chance, strength * _STRETCH, 2, 2) @ (_centres() - 0.5).flatten(1)
        shift = _random(chance, strength * _SHIFT, 2, 1, 1)
        return replace(
            self,
            pose=self.pose + _random(chance, strength * spread, count),
            seen_matte=((softer - 0.5) * 1.5 + 0.5 + wider).clamp(0, 1),
            warp=self.warp + shift + stretch.reshape(-1, 2, CLUE_CELLS, CLUE_CELLS),
        )

    def clues(self) -> Tensor:
        """`(2 B, CLUES, 64, 64)`, as `fomm.animators.face_lite.clues.clues` makes them: in motion, then at rest."""
        still = torch.cat(
            [torch.zeros_like(self.pose[:, :MOTION_NUMBERS]), self.pose[:, MOTION_NUMBERS:]], dim=1
        )
        source, matte = self.sketches[:, :3], self.seen_matte
        return torch.cat(
            [
                _clues(self.warp, matte, _sample(matte, self.warp), self.sketches, self.pose),
                _clues(
                    torch.zeros_like(self.warp),
                    matte,
                    matte,
                    torch.cat([source, source], dim=1),
                    still,
                ),
            ]
        ).contiguous(memory_format=torch.channels_last)


def _clues(warp: Tensor, matte: Tensor, warped: Tensor, sketches: Tensor, pose: Tensor) -> Tensor:
    planes = pose[:, :, None, None].expand(-1, -1, CLUE_CELLS, CLUE_CELLS)
    where = (2 * _centres(pose.device) - 1).expand(len(pose), -1, -1, -1)
    return torch.cat([warp / UNIT, matte, warped, sketches, where, planes], dim=1)


@torch.no_grad()
def sheet(network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
    """A picture of what the network does: for each pair the person in the source and in the driving frame, where the
    warp and where the corrected motion put them, and how far both are off (white is a sixteenth of the square).

    Returns:
        `(B * 64, 6 * 64)` uint8.
    """
    moved = batch.warp + _enlarged(_correction(network, batch)[0])
    counted = batch.visible * batch.driving_matte * batch.inside
    cells = [
        batch.matte,
        batch.driving_matte,
        _sample(batch.matte, batch.warp),
        _sample(batch.matte, moved),
        counted * _distance(batch.warp, batch.true) / (_PIXELS / 16),
        counted * _distance(moved, batch.true) / (_PIXELS / 16),
    ]
    rows = torch.cat(cells, dim=3).clamp(0, 1).mul(255).round().byte()
    return np.asarray(rows.flatten(0, 2).cpu().numpy(), np.uint8)


def _correction(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """What is added to the displacement, `(B, 2, 32, 32)` in sides of the square, and the logit of visibility."""
    output, still = network(batch.clues()).float().chunk(2)
    # What it says of a face at rest is what it mistakes in this source, and is taken off.
    output = output - still
    return output[:, :2] * batch.share * UNIT, output[:, 2:3]


def measure(
    network: nn.Module, batch: Batch, weights: LossWeights, ours: Processes = _ALONE
) -> tuple[Tensor, dict[str, float]]:
    """The loss, and numbers to log: mean distances in 256ths of the square, face and rest.

    Args:
        network: what is measured.
        batch: on what, or this process's share of it.
        weights: of which the loss is the sum.
        ours: the processes that share the batch. The mean of their losses is the whole batch's loss, and the numbers
            are the whole batch's.
    """

    def mean(values: Tensor, counted: Tensor) -> Tensor:
        return (values * counted).sum() / ours.mean(counted.sum()).clamp(min=1)

    correction, visibility = _correction(network, batch)
    moved = batch.warp + _enlarged(correction)
    counted = ((batch.visible > _ALMOST) & (batch.driving_matte > _PERSON) & (batch.inside > _ALMOST)).float()
    distance = _distance(moved, batch.true)
    matte = ((_sample(batch.matte, moved) - batch.driving_matte).abs() * batch.inside).mean()
    visible = functional.binary_cross_entropy_with_logits(
        _enlarged(visibility) + _VISIBLE_BIAS, batch.visible, reduction="none"
    )
    visible = mean(visible, batch.driving_matte * batch.inside)
    smooth = (correction.diff(dim=-1).abs().mean() + correction.diff(dim=-2).abs().mean()) / UNIT
    loss = (
        weights.motion * mean(distance, counted)
        + weights.matte * 100 * matte
        + weights.visible * visible
        + weights.smooth * 100 * smooth
    )
    with torch.no_grad():
        face = batch.sketches[:, [_FACE]] * counted
        rest = (1 - batch.sketches[:, [_FACE]]) * counted
        before = _distance(batch.warp, batch.true)
        numbers = {
            "loss": loss,
            "face": mean(distance, face),
            "rest": mean(distance, rest),
            "matte": matte,
            "visible": visible,
            "face_before": mean(before, face),
            "rest_before": mean(before, rest),
        }
        found = ours.mean(torch.stack(list(numbers.values())))
    return loss, dict(zip(numbers, found.tolist(), strict=True))


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """`(B, 1, 64, 64)`: robust near 0, where the gradient of a plain distance is not defined."""
    return (((a - b) * _PIXELS).square().sum(dim=1, keepdim=True) + 1e-2).sqrt()


def _enlarged(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _sample(planes: Tensor, displacement: Tensor) -> Tensor:
    grid = 2 * (_centres(planes.device) + displacement) - 1
    return functional.grid_sample(
        planes, grid.permute(0, 2, 3, 1), align_corners=False, padding_mode="border"
    )


def _random(
    chance: Sequence[np.random.Generator], spread: float | NDArray[np.floating[Any]], *shape: int
) -> Tensor:
    return torch.from_numpy(np.stack([rng.normal(0, spread, shape) for rng in chance]).astype(np.float32))


def _centres(device: torch.device | None = None) -> Tensor:
    """`(2, 64, 64)`"""
    return torch.from_numpy(centres()).permute(2, 0, 1).to(device)
