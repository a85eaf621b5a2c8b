"""What a frame passes through between convolutions, written down once in plain PyTorch.

Everything is `(B, H, W, C)`, contiguous: what cuDNN calls channels_last, and what its Tensor Core kernels want. A
convolution's result is `(S, B, H, W, C)`: S partial sums that whatever comes next adds up, together with the bias; S
is 1 but where `fomm.engines.cuda.fused` splits a convolution. `into` is a place in a larger buffer, such as half of
what a decoder's next level reads, so that nothing is concatenated.

Maps and coordinates are float32; features have the precision of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fomm.keypoints import Keypoints, Transfer
from fomm.networks.geometry import coordinate_grid
from fomm.networks.inference.motion import affine_maps, separable_heatmaps
from fomm.networks.inference.upsampling import UpForm, interleave

#: Channels come in multiples of this many wherever a kernel would otherwise miss the Tensor Cores.
ALIGNED = 8

#: Numbers that describe a keypoint's motion, see `Operations.locate`.
MOTION = 16
#: Numbers of a transfer for one keypoint: gain, offset (2), turn (4), rest (4), and one that is not used.
TRANSFER = 12


@dataclass(eq=False)
class Layer:
    """A convolution.

    Attributes:
        weight: `(out, in, k, k)` in channels_last, or `(in, out, k, k)` of a transposed one.
        bias: `(out,)` float32; None where there is none.
        rounded: the same in the precision of the weights.
        form: how it makes a picture larger, None where it does not.
        packed: its weights in the order of `fomm.engines.cuda.fused`, made there when they are first needed.
    """

    weight: Tensor
    bias: Tensor | None
    stride: int = 1
    padding: int = 0
    form: UpForm | None = None
    rounded: Tensor | None = None
    packed: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Shrinking:
    """A picture, blurred and made smaller.

    Attributes:
        weight: `(k, k)` float32; `(1, 1)` does nothing.
        scale: the factor, in (0, 1].
    """

    weight: Tensor
    scale: float

    @property
    def step(self) -> int | None:
        """Every how many-th pixel is kept; None where that is no whole number."""
        step = round(1 / self.scale)
        return step if abs(step * self.scale - 1) < 1e-6 else None


class Operations:
    """Plain PyTorch: what runs everywhere, what the fused kernels are tested against, and what is compiled."""

    #: Whether cuDNN adds bias and ReLU to a convolution itself, where both follow.
    fused = False

    def shrink(self, pixels: Tensor, down: Shrinking, dtype: torch.dtype) -> Tensor:
        """Pixels `(B, H, W, C)` uint8 → `(B, h, w, P)` in [0, 1]: P is C made a multiple of `ALIGNED` by zeros."""
        channels = pixels.shape[3]
        pictures = nchw(pixels).float() / 255
        weight = down.weight.expand(channels, 1, -1, -1)
        padding = down.weight.shape[-1] // 2
        if down.step is not None:
            small = F.conv2d(pictures, weight, stride=down.step, padding=padding, groups=channels)
        else:
            blurred = F.conv2d(pictures, weight, padding=padding, groups=channels)
            small = F.interpolate(blurred, scale_factor=down.scale, mode="nearest")
        return F.pad(nhwc(small).to(dtype), (0, aligned(channels) - channels)).contiguous()

    def conv(self, x: Tensor, layer: Layer) -> Tensor:
        """`(B, H, W, in)` → `(1, B, h, w, out)`, without the bias. A "direct" layer doubles its input first."""
        if layer.form == "direct":
            x = x.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        convolve = F.conv_transpose2d if layer.form == "transpose" else F.conv2d
        weight = layer.weight
        if x.device.type == "cpu" and x.dtype != torch.float32:
            # As Tensor Cores do: half-precision factors, float32 sums, rounded once.
            out = convolve(nchw(x).float(), weight.float(), stride=layer.stride, padding=layer.padding).to(
                x.dtype
            )
        else:
            out = convolve(nchw(x), weight, stride=layer.stride, padding=layer.padding)
        return nhwc(out).contiguous()[None]

    def conv_relu(self, x: Tensor, layer: Layer) -> Tensor:
        """Convolution, bias, ReLU: `(B, H, W, in)` → `(B, h, w, out)`."""
        if self.fused and layer.rounded is not None and layer.form is None:
            out = torch.cudnn_convolution_relu(
                nchw(x),
                layer.weight,
                layer.rounded,
                [layer.stride] * 2,
                [layer.padding] * 2,
                [1, 1],
                1,
            )
            return nhwc(out).contiguous()
        y = self.conv(x, layer)
        out = y.new_empty(y.shape[1:], dtype=x.dtype)
        self.activate(y, layer.bias, out)
        return out

    def activate(self, y: Tensor, bias: Tensor | None, into: Tensor) -> None:
        """Bias and ReLU."""
        into.copy_(F.relu(_summed(y, bias)))

    def spread(self, y: Tensor, bias: Tensor | None, into: Tensor) -> None:
        """The same after four phases, one behind the other in the channels, have become four pixels."""
        into.copy_(F.relu(_biased(nhwc(interleave(nchw(_summed(y, None)))), bias)))

    def pool(
        self, y: Tensor, bias: Tensor | None, plus: Tensor | None, into: Tensor | None, dtype: torch.dtype
    ) -> Tensor:
        """Bias, what else is to be added `(1, H, W, C)`, ReLU, and the mean of 2x2 pixels, also written elsewhere."""
        summed = _summed(y, bias)
        if plus is not None:
            summed = summed + plus.float()
        out = nhwc(F.avg_pool2d(nchw(F.relu(summed)), 2)).to(dtype).contiguous()
        if into is not None:
            into.copy_(out)
        return out

    def join(
        self, y: Tensor, bias: Tensor | None, x: Tensor, scale: Tensor | None, offset: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The end of a residual block and the beginning of the next: `x + y`, and `relu(scale (x + y) + offset)`;
        where there is no next block, the same twice."""
        summed = _summed(y, bias) + x.float()
        return self._both(summed, scale, offset, x.dtype)

    def locate(
        self,
        heads: Tensor,
        bias: Tensor,
        transfer: Tensor,
        rest: Tensor,
        *,
        num_kp: int,
        temperature: float,
        jacobians: int,
    ) -> Tensor:
        """The detector's heads → how each keypoint moves.

        Args:
            heads: `(1, B, h, w, P)`: logits of the keypoints, then four numbers for each Jacobian.
            bias: of these.
            transfer: `(B, K, TRANSFER)` float32, see `pack_transfer`.
            rest: `(1, K, 6)` float32, the source's keypoints: position and Jacobian.
            num_kp: K.
            temperature: of the softmax.
            jacobians: how many there are: K, 1 for all, or 0.

        Returns:
            `(B, K, MOTION)` float32: the affine map of the target's surroundings to the source (matrix, translation:
            6), the target's position (2), the driving keypoint as it was found (position, Jacobian: 6), two zeros.
        """
        maps = _summed(heads, bias)
        _, height, width, _ = maps.shape
        maps = maps.flatten(1, 2).transpose(1, 2)
        weights = (maps[:, :num_kp] / temperature).softmax(dim=-1)
        value = weights @ coordinate_grid(height, width, maps.device).flatten(0, 1)
        found = (
            maps[:, num_kp : num_kp + 4 * jacobians].reshape(len(maps), jacobians, 4, -1)
            if jacobians
            else None
        )
        jacobian = None if found is None else _matrices((weights[:, :, None] * found).sum(dim=-1))
        driving = Keypoints(value, jacobian)
        target = unpack_transfer(transfer)(driving)
        source = unpack_keypoints(rest, jacobian is not None)
        theta = affine_maps(source.expand(len(target)), target)
        parts = [theta[..., :2].flatten(2), theta[..., 2], target.value, pack_keypoints(driving)]
        return F.pad(torch.cat(parts, dim=-1), (0, MOTION - 14))

    def move(
        self, small: Tensor, motion: Tensor, into: Tensor, *, variance: float, align_corners: bool
    ) -> Tensor:
        """What each frame tells the dense motion network: K heatmaps, then the small source moved by each keypoint.

        Args:
            small: `(1, h, w, C)`.
            motion: `(B, K, MOTION)`.
            into: `(B, h, w, P)` for them, P is K (1 + C) or more; the rest becomes zero. A copy is returned.
            variance: of the heatmaps.
            align_corners: see `fomm.networks.geometry`.
        """
        batch, num_kp, _ = motion.shape
        _, height, width, channels = small.shape
        grids = _moved_grids(motion, height, width)
        sources = nchw(small).float().expand(batch * num_kp, -1, -1, -1)
        moved = F.grid_sample(sources, grids.flatten(0, 1), align_corners=align_corners)
        moved = moved.view(batch, num_kp * channels, height, width)
        heatmaps = separable_heatmaps(motion[..., 6:8], height, width, variance)
        filled = nhwc(torch.cat([heatmaps, moved], dim=1)).to(into.dtype)
        out = F.pad(filled, (0, into.shape[3] - filled.shape[3])).contiguous()
        into.copy_(out)
        return out

    def blend(
        self, heads: Tensor, still: Tensor, motion: Tensor, *, occludes: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The dense motion network's heads → where every pixel comes from.

        Args:
            heads: `(1, B, h, w, P)`: logits of the background, of each keypoint, and of the occlusion.
            still: `(1, h, w, P)` float32, the source's share of them, bias included.
            motion: `(B, K, MOTION)`.
            occludes: whether there is an occlusion map.

        Returns:
            The sampling grid `(B, h, w, 2)` and the occlusion map `(B, h, w)`, or None; float32.
        """
        out = _summed(heads, None) + still
        height, width = out.shape[1:3]
        num_kp = motion.shape[1]
        mask = out[..., : num_kp + 1].softmax(dim=-1)
        grid = coordinate_grid(height, width, out.device)
        moved = _moved_grids(motion, height, width)
        weights = mask[..., 1:].permute(0, 3, 1, 2)[..., None]
        deformation = mask[..., :1] * grid + (weights * moved).sum(dim=1)
        occlusion = out[..., num_kp + 1].sigmoid() if occludes else None
        return deformation.contiguous(), None if occlusion is None else occlusion.contiguous()

    def warp(
        self,
        features: Tensor,
        grid: Tensor,
        occlusion: Tensor | None,
        scale: Tensor | None,
        offset: Tensor | None,
        *,
        align_corners: bool,
    ) -> tuple[Tensor, Tensor]:
        """Features `(1, H, W, C)` sampled at `(B, h, w, 2)`, zero outside, dimmed; `join` says what comes out."""
        images = nchw(features).float().expand(len(grid), -1, -1, -1)
        out = nhwc(F.grid_sample(images, grid, align_corners=align_corners))
        if occlusion is not None:
            out = out * occlusion[..., None]
        return self._both(out, scale, offset, features.dtype)

    def finish(self, y: Tensor, bias: Tensor, block: int, out: Tensor) -> None:
        """Bias, sigmoid, pixels: `(1, B, h, w, P)` → `(B, block h, block w, C)` uint8.

        Channel `(c, i, j)` of a pixel is channel c of its part (i, j).
        """
        channels = out.shape[3] * block**2
        pictures = F.pixel_shuffle(nchw(_summed(y, bias)[..., :channels].sigmoid()), block)
        out.copy_(nhwc(pictures.mul(255).round_()).to(torch.uint8))

    @staticmethod
    def _both(
        summed: Tensor, scale: Tensor | None, offset: Tensor | None, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        out = summed.to(dtype).contiguous()
        if scale is None or offset is None:
            return out, out
        return out, F.relu(summed * scale + offset).to(dtype).contiguous()


def nchw(x: Tensor) -> Tensor:
    """`(B, H, W, C)` as `(B, C, H, W)`, a view."""
    return x.permute(0, 3, 1, 2)


def nhwc(x: Tensor) -> Tensor:
    """`(B, C, H, W)` as `(B, H, W, C)`, a view."""
    return x.permute(0, 2, 3, 1)


def aligned(channels: int) -> int:
    """The next multiple of `ALIGNED`."""
    return -(-channels // ALIGNED) * ALIGNED


def pack_transfer(transfer: Transfer, batch: int, num_kp: int) -> Tensor:
    """A transfer as `(batch, num_kp, TRANSFER)` float32 numbers, on the CPU."""
    # NumPy takes a tenth of PyTorch's time for so few numbers, and every frame has them.
    packed = np.zeros((batch, num_kp, TRANSFER), np.float32)
    packed[..., 0] = _numbers(transfer.gain)[..., 0]
    packed[..., 1:3] = _numbers(transfer.offset)
    if transfer.turn is None:
        packed[..., 3] = packed[..., 6] = 1
    else:
        packed[..., 3:7] = _flat(_numbers(transfer.turn))
    if transfer.rest is not None:
        packed[..., 7:11] = _flat(_numbers(transfer.rest))
    return torch.from_numpy(packed)


def _numbers(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.float().cpu().numpy(), np.float32)


def _flat(matrices: NDArray[np.float32]) -> NDArray[np.float32]:
    return matrices.reshape(*matrices.shape[:-2], 4)


def unpack_transfer(packed: Tensor) -> Transfer:
    """What `pack_transfer` was given; gains are equal for all keypoints."""
    return Transfer(
        packed[:, :1, :1],
        packed[..., 1:3],
        _matrices(packed[..., 3:7]),
        _matrices(packed[..., 7:11]),
    )


def pack_keypoints(keypoints: Keypoints) -> Tensor:
    """Keypoints as `(B, K, 6)` float32 numbers: position, Jacobian. Without Jacobians these are the identity."""
    if keypoints.jacobian is None:
        identity = torch.eye(2, device=keypoints.value.device).flatten()
        return torch.cat([keypoints.value.float(), identity.expand(*keypoints.value.shape[:2], 4)], dim=-1)
    return torch.cat([keypoints.value.float(), keypoints.jacobian.float().flatten(2)], dim=-1)


def unpack_keypoints(packed: Tensor, jacobians: bool) -> Keypoints:
    """What `pack_keypoints` was given."""
    jacobian = _matrices(packed[..., 2:6]) if jacobians else None
    return Keypoints(packed[..., :2], jacobian)


def _summed(y: Tensor, bias: Tensor | None) -> Tensor:
    summed = y[0].float() if len(y) == 1 else y.float().sum(dim=0)
    return _biased(summed, bias)


def _biased(x: Tensor, bias: Tensor | None) -> Tensor:
    return x if bias is None else x + bias


def _moved_grids(motion: Tensor, height: int, width: int) -> Tensor:
    """Each keypoint's affine motion of the whole grid: `(B, K, height, width, 2)`."""
    grid = coordinate_grid(height, width, motion.device).flatten(0, 1)
    linear, shift = _matrices(motion[..., :4]), motion[..., 4:6]
    moved = grid @ linear.transpose(-2, -1) + shift[..., None, :]
    return moved.view(*motion.shape[:2], height, width, 2)


def _matrices(numbers: Tensor) -> Tensor:
    """`(..., 4)` as `(..., 2, 2)`."""
    return numbers.reshape(*numbers.shape[:-1], 2, 2)
