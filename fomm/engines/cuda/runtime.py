"""What a pipeline needs of a device: streams, events, memory for transfers, captured work.

`GraphRuntime` is CUDA's. `EagerRuntime` does everything at once and in order on any device: the same pipeline then
runs without a GPU, which is how it is tested.
"""

from __future__ import annotations

import contextlib
import gc
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

#: Runs of some work before it is captured: kernels are compiled and chosen, libraries make their workspaces.
_WARM = 3

Work = Callable[[], object]


class Runtime(ABC):
    """See the module.

    Attributes:
        place: the device.
    """

    place: torch.device

    @abstractmethod
    def stream(self) -> Any:
        """A queue of work, for `on`."""

    @abstractmethod
    def here(self) -> AbstractContextManager[Any]:
        """Work within is this device's, in the queue that is current."""

    @abstractmethod
    def current(self) -> Any:
        """The queue that is current."""

    @abstractmethod
    def on(self, stream: Any) -> AbstractContextManager[Any]:
        """Work within goes into this queue."""

    @abstractmethod
    def wait(self, stream: Any, event: Any) -> None:
        """What is queued from now on waits for an event."""

    @abstractmethod
    def record(self, stream: Any) -> Any:
        """An event that happens when all that is queued so far is done."""

    @abstractmethod
    def finish(self, event: Any) -> None:
        """Wait here until an event has happened."""

    @abstractmethod
    def host(self, size: int) -> Tensor:
        """Bytes in the computer's memory that copies to and from the device need not wait for."""

    @abstractmethod
    def prepare(self, work: Work, stream: Any, *, graph: bool) -> Work:
        """Run some work until it is warm, and give what runs it again in this queue.

        Args:
            work: uses the same memory every time, and makes no decision that depends on it.
            stream: where it will run.
            graph: whether it is captured as one graph; otherwise it is queued kernel by kernel.
        """

    @abstractmethod
    def uses(self, stream: Any, tensor: Tensor) -> None:
        """Memory is not to be used anew before what is queued so far is done."""

    @abstractmethod
    def release(self) -> None:
        """Give back memory that is kept for later."""

    def short_of_memory(self, error: BaseException) -> bool:
        """Whether an error means that the device's memory is full."""
        return short_of_memory(error)


class EagerRuntime(Runtime):
    """See the module.

    Args:
        place: any device.
    """

    def __init__(self, place: torch.device | str = "cpu") -> None:
        self.place = torch.device(place)

    def stream(self) -> Any:
        """See `Runtime`."""
        return None

    def here(self) -> AbstractContextManager[Any]:
        """See `Runtime`."""
        return contextlib.nullcontext()

    def current(self) -> Any:
        """See `Runtime`."""
        return None

    def on(self, stream: Any) -> AbstractContextManager[Any]:  # noqa: ARG002 - as `Runtime` has it, here and below
        """See `Runtime`."""
        return contextlib.nullcontext()

    def wait(self, stream: Any, event: Any) -> None:
        """See `Runtime`."""

    def record(self, stream: Any) -> Any:
        """See `Runtime`."""

    def finish(self, event: Any) -> None:  # noqa: ARG002
        """See `Runtime`."""
        if self.place.type != "cpu":
            torch.accelerator.synchronize(self.place)

    def host(self, size: int) -> Tensor:
        """See `Runtime`."""
        return torch.empty(size, dtype=torch.uint8)

    def prepare(self, work: Work, stream: Any, *, graph: bool) -> Work:  # noqa: ARG002
        """See `Runtime`."""
        work()
        return work

    def uses(self, stream: Any, tensor: Tensor) -> None:
        """See `Runtime`."""

    def release(self) -> None:
        """See `Runtime`."""


class GraphRuntime(Runtime):
    """See the module.

    Args:
        place: a CUDA device, with its index.
    """

    def __init__(self, place: torch.device) -> None:
        self.place = place
        self._pool: Any = None

    def stream(self) -> Any:
        """See `Runtime`."""
        return torch.cuda.Stream(self.place)  # type: ignore[no-untyped-call]

    def here(self) -> AbstractContextManager[Any]:
        """See `Runtime`."""
        return torch.cuda.device(self.place)

    def current(self) -> Any:
        """See `Runtime`."""
        return torch.cuda.current_stream(self.place)

    def on(self, stream: Any) -> AbstractContextManager[Any]:
        """See `Runtime`."""
        return torch.cuda.stream(stream)

    def wait(self, stream: Any, event: Any) -> None:
        """See `Runtime`."""
        stream.wait_event(event)

    def record(self, stream: Any) -> Any:
        """See `Runtime`."""
        return stream.record_event()

    def finish(self, event: Any) -> None:
        """See `Runtime`."""
        event.synchronize()

    def host(self, size: int) -> Tensor:
        """See `Runtime`."""
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def prepare(self, work: Work, stream: Any, *, graph: bool) -> Work:
        """See `Runtime`. All graphs share one pool of memory, since they never run at the same time."""
        before = torch.cuda.current_stream(self.place)
        stream.wait_stream(before)
        with torch.cuda.stream(stream):
            for _ in range(_WARM):
                work()
        stream.synchronize()
        if not graph:
            return self._queued(work, stream)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        captured = torch.cuda.CUDAGraph()
        try:
            # Other threads may prepare sources meanwhile: only this one must not do what a capture forbids.
            with torch.cuda.graph(
                captured, pool=self._pool, stream=stream, capture_error_mode="thread_local"
            ):
                work()
        except BaseException:
            # A capture that fails leaves its stream behind as the current one.
            torch.cuda.set_stream(before)
            raise

        def replay() -> None:
            with torch.cuda.stream(stream):
                captured.replay()

        replay()
        stream.synchronize()
        return replay

    def uses(self, stream: Any, tensor: Tensor) -> None:
        """See `Runtime`."""
        tensor.record_stream(stream)

    def release(self) -> None:
        """See `Runtime`."""
        self._pool = None
        # Captured work and its buffers refer to each other.
        gc.collect()
        torch.cuda.synchronize(self.place)
        torch.cuda.empty_cache()

    @staticmethod
    def _queued(work: Work, stream: Any) -> Work:
        def run() -> None:
            with torch.cuda.stream(stream):
                work()

        return run


def short_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that led to it, means that a device's memory is full."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen).lower()
        if isinstance(seen, torch.OutOfMemoryError) or (
            isinstance(seen, RuntimeError) and ("out of memory" in text or "alloc_failed" in text)
        ):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
