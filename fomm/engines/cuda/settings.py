"""How a network is executed: the choices that only the GPU itself can decide."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fomm.networks.inference.upsampling import UpForm


@dataclass(frozen=True)
class Settings:
    """One way to execute a network; all of them make the same pictures, up to rounding.

    Attributes:
        fused: what lies between convolutions is one Triton kernel each, not several of PyTorch's.
        small: convolutions of small pictures are our own, which read their weights with the whole GPU; needs `fused`.
        relu: cuDNN adds bias and ReLU to a convolution itself, where both follow.
        block: the last convolution makes this many by this many pixels at once: 1, 2 or 4.
        up: how upsampling is written down, see `fomm.networks.inference.upsampling`.
        compiled: the mode of torch.compile, to which everything is left; empty where it is not used.
    """

    fused: bool = True
    small: bool = True
    relu: bool = False
    block: int = 2
    up: UpForm = "phases"
    compiled: str = ""

    def changed(self, **change: Any) -> Settings:
        """The same but for this; what no longer goes with it is switched off."""
        made = dataclasses.replace(self, **change)
        if made.compiled:
            made = dataclasses.replace(made, fused=False, relu=False)
        return made if made.fused else dataclasses.replace(made, small=False)

    @property
    def words(self) -> str:
        """Such as "fused, small, block 2, phases"."""
        chosen = [name for name in ("fused", "small", "relu") if getattr(self, name)]
        if self.compiled:
            chosen.append(f"compiled ({self.compiled})")
        return ", ".join([*(chosen or ["plain"]), f"block {self.block}", self.up])

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def of(values: object) -> Settings | None:
        """What `to_dict` made; None where it is something else."""
        known = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
        if not isinstance(values, dict) or set(values) != set(known):
            return None
        if any(type(values[name]) is not kind for name, kind in known.items()):
            return None
        if values["block"] not in {1, 2, 4} or values["up"] not in {"phases", "transpose", "direct"}:
            return None
        return Settings(**values)


#: What runs without Triton.
PLAIN = Settings(fused=False, small=False)

#: What is tried, one after the other, each kept where it is faster.
CHANGES: tuple[dict[str, Any], ...] = (
    {"small": False},
    {"relu": True},
    {"block": 4},
    {"block": 1},
    {"up": "direct"},
    {"up": "transpose"},
)
