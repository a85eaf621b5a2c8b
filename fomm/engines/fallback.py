"""Going on where a GPU cannot: out of memory, because a game or a browser has taken it, or lost in a suspend."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from fomm import engines
from fomm.engines.base import Engine, Frames, Source
from fomm.errors import FommError, first_line
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.first_order import FirstOrderModel

T = TypeVar("T")

#: What messages of CUDA, cuDNN and cuBLAS have in common where memory does not suffice.
_FULL = ("out of memory", "ALLOC_FAILED")
#: And where the GPU is gone for this process: nothing works on it any more.
_LOST = ("CUDA error", "CUDA driver error", "device lost", "CUDNN_STATUS_EXECUTION_FAILED")


@dataclass
class _Made:
    """Whose a source is: the engine that made it, or made it anew last."""

    pictures: Tensor
    engine: Engine
    anew: Source | None = None


class FallbackEngine(Engine):
    """An engine that gives way to a smaller one when the GPU fails it, and says so; whoever drives it goes on.

    From a GPU: first half precision without graphs, which takes the least memory there, then the CPU. A GPU that is
    lost altogether is left at once. What an engine on the CPU raises is passed on: there is nowhere left to go.
    Sources stay valid: they are encoded anew when they are needed. Safe to use in two threads.

    Args:
        name, device, precision: as in `fomm.engines.create`.
        networks: see `fomm.engines.Factory`.
        notify: takes a sentence about what happened, in whichever thread it did.

    Raises:
        ConfigError, EngineError: as in `fomm.engines.create`.
    """

    name: ClassVar[str] = "fallback"

    def __init__(
        self,
        name: str,
        networks: FirstOrderModel,
        *,
        device: str | None,
        precision: str | None,
        notify: Callable[[str], None],
    ) -> None:
        self._networks = networks
        self._notify = notify
        self._changing = threading.Lock()
        self._made: weakref.WeakKeyDictionary[Source, _Made] = weakref.WeakKeyDictionary()
        self._smaller = [("torch", device, "fp16"), ("torch", "cpu", "fp32")]
        try:
            self._use(engines.create(name, networks, device=device, precision=precision))
        except RuntimeError as error:
            if not gpu_failed(error):
                raise
            self._use(self._next(error, "the GPU"))

    @property
    def description(self) -> str:
        """Of the engine in use."""
        return self._engine.description

    def detect(self, pictures: Tensor) -> Keypoints:
        """See `Engine`."""
        return self._try(lambda engine: engine.detect(pictures))

    def encode(self, pictures: Tensor) -> Source:
        """See `Engine`."""

        def encode(engine: Engine) -> Source:
            source = engine.encode(pictures)
            self._made[source] = _Made(pictures.cpu(), engine)
            return source

        return self._try(encode)

    def decode(self, source: Source, target: Keypoints) -> Tensor:
        """See `Engine`."""
        return self._try(lambda engine: engine.decode(self._source_for(engine, source), target))

    def step(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        """See `Engine`. A batch that is too large for the GPU's memory is refused: one of less may not be.

        Raises:
            RuntimeError: see `out_of_memory`.
        """
        return self._try(
            lambda engine: engine.step(self._source_for(engine, source), frames, transfer),
            may_shrink=len(frames) > 1,
        )

    def warm_up(self, size: tuple[int, int], *, batch: int = 1) -> None:
        """See `Engine`."""
        self._try(lambda engine: engine.warm_up(size, batch=batch))

    def close(self) -> None:
        """See `Engine`."""
        self._engine.close()

    def _use(self, engine: Engine) -> None:
        self._engine = engine
        self.precision, self.device, self.why = engine.precision, engine.device, engine.why
        self.best_batch, self.notices = engine.best_batch, engine.notices

    def _try(self, run: Callable[[Engine], T], *, may_shrink: bool = False) -> T:
        while True:
            engine = self._engine
            try:
                result = run(engine)
            except Exception as error:
                with self._changing:
                    if self._engine is not engine:
                        continue  # given up, and closed, in another thread meanwhile
                    if not gpu_failed(error) or (may_shrink and out_of_memory(error)):
                        raise
                    self._give_way(engine, error)
                continue
            if engine.notices != self.notices and engine is self._engine:
                self._tell_news(engine.notices)
            return result

    def _tell_news(self, notices: tuple[str, ...]) -> None:
        """Engines have smaller plans of their own, which they go over to by themselves."""
        known, self.notices = self.notices, notices
        for notice in notices:
            if notice not in known:
                self._notify(notice)

    def _give_way(self, engine: Engine, error: Exception) -> None:
        if self._smaller:
            engine.close()
            gc.collect()
            _empty_cache()
        self._use(self._next(error, engine.device))

    def _next(self, error: Exception, where: str) -> Engine:
        """The next smaller engine that can be had.

        Raises:
            Exception: the error itself, where there is none.
        """
        full = out_of_memory(error)
        while self._smaller:
            name, device, precision = self._smaller.pop(0)
            if device != "cpu" and not full:
                continue
            try:
                engine = engines.create(name, self._networks, device=device, precision=precision)
            except (FommError, RuntimeError):
                continue
            if (
                device == "cpu" or engine.device != "CPU"
            ):  # a device of None may be the CPU: no half precision there
                break
        else:
            raise error
        what = f"{where} is out of memory" if full else f"{where} has failed ({first_line(error)})"
        self._notify(f"{what}: going on with {engine.description}{_advice(engine)}")
        return engine

    def _source_for(self, engine: Engine, source: Source) -> Source:
        made = self._made.get(source)
        if made is None or made.engine is engine:
            return source if made is None or made.anew is None else made.anew
        made.anew, made.engine = engine.encode(made.pictures), engine
        return made.anew


def out_of_memory(error: BaseException) -> bool:
    """Whether a GPU's memory did not suffice; fewer frames at once might need less."""
    return isinstance(error, RuntimeError) and (
        isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in _FULL)
    )


def gpu_failed(error: BaseException) -> bool:
    """Whether something else than this GPU, or less on it, may do better."""
    return out_of_memory(error) or any(sign in str(error) for sign in _LOST)


def _empty_cache() -> None:
    if torch.cuda.is_available():
        with contextlib.suppress(RuntimeError):  # where the GPU is gone, so is what it held
            torch.cuda.empty_cache()


def _advice(engine: Engine) -> str:
    if engine.device == "CPU":
        return ", which is slow; free the GPU and start again, or start with --device cpu for the fastest way there"
    return "; close what else uses the GPU"
