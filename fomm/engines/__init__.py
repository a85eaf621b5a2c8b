"""Engines: what executes the networks. One small interface, `fomm.engines.base.Engine`; a registry of factories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fomm.errors import ConfigError

if TYPE_CHECKING:
    from fomm.engines.base import Engine
    from fomm.networks.first_order import FirstOrderModel


class Factory(Protocol):
    """Makes an engine of networks: float32, on the CPU, in evaluation mode; they are not changed."""

    def __call__(
        self, networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
    ) -> Engine:
        """None is the best that the engine has.

        Raises:
            EngineError: it is not installed, or cannot run here.
            ConfigError: it has no such device or precision.
        """
        ...


def _cuda(networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None) -> Engine:
    from fomm.engines import cuda

    return cuda.create(networks, device=device, precision=precision)


def _torch(networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None) -> Engine:
    from fomm.engines.torch import TorchEngine

    return TorchEngine(networks, device=device, precision=precision)


def _openvino(
    networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
) -> Engine:
    from fomm.engines import openvino

    return openvino.create(networks, device=device, precision=precision)


def _onnx(networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None) -> Engine:
    from fomm.engines.onnx import OnnxEngine

    engine = OnnxEngine(networks, device=device, precision=precision)
    # Its graphs are compiled when they are needed: now, and not at the first frame.
    engine.warm_up(networks.picture_size)
    return engine


#: name → factory; factories import what they need, so listing the names costs nothing.
ENGINES: dict[str, Factory] = {
    "cuda": _cuda,
    "openvino": _openvino,
    "onnx": _onnx,
    "torch": _torch,
}

#: Tries them and takes the fastest, see `fomm.engines.choosing`.
AUTO = "auto"


def check(name: str) -> None:
    """Whether an engine has that name, "auto" included.

    Raises:
        ConfigError: none has.
    """
    if name != AUTO and name not in ENGINES:
        raise ConfigError(f"no engine is called {name!r}; there are {', '.join([AUTO, *ENGINES])}")


def create(
    name: str, networks: FirstOrderModel, *, device: str | None = None, precision: str | None = None
) -> Engine:
    """An engine by name.

    Args:
        name: one of `ENGINES`, or "auto".
        networks: see `Factory`.
        device: "cpu", "cuda:1", ...; None takes the best there is.
        precision: "fp32", "fp16", "bf16" or "int8"; None takes the engine's best.

    Raises:
        ConfigError: no such engine, device or precision.
        EngineError: it is not installed, or cannot run here.
    """
    check(name)
    if name == AUTO:
        from fomm.engines.choosing import choose

        return choose(networks, device=device, precision=precision)
    return ENGINES[name](networks, device=device, precision=precision)
