"""The engine: a network for each source size, its pipelines, and what it does when memory is short."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from fomm.engines.base import Engine, Frames, Source, to_bytes
from fomm.engines.cuda.network import Network, SourceBuffers, SourceEncoder
from fomm.engines.cuda.operations import Operations
from fomm.engines.cuda.pipeline import Pipeline, Queues, Run
from fomm.engines.cuda.plans import Plan
from fomm.engines.cuda.runtime import Runtime
from fomm.engines.cuda.settings import Settings
from fomm.engines.torch import PRECISIONS, convolving, device_words
from fomm.errors import ConfigError, EngineError
from fomm.keypoints import Keypoints, Transfer
from fomm.networks.first_order import FirstOrderModel
from fomm.networks.inference import InferenceModel

_Result = TypeVar("_Result")

#: How the notice of a smaller plan begins.
_SHORT = "memory"
#: What to do where not even the smallest fits.
_ADVICE = "close what else uses it, or use another engine"

#: Frames at once that keep uploads, networks and downloads busy together.
_BEST_BATCH = 32


@dataclass(eq=False)
class _Sized:
    """For pictures of one size.

    Attributes:
        buffers: where the source is that frames are made of.
        source: which one that is.
        pipelines: by frames at once and lanes.
    """

    buffers: SourceBuffers
    source: Source | None = None
    pipelines: dict[tuple[int, int], Pipeline] = field(default_factory=dict)


class CudaEngine(Engine):
    """See `Engine`. Frames are 8-bit on the way out, also where `decode` gives them as floats.

    Args:
        networks: left as they are.
        runtime: the device.
        precision: "fp16", "bf16" or "fp32"; geometry is float32 in all of them.
        settings: how the network is executed.
        plan: how much memory it may take, to begin with.

    Raises:
        ConfigError: no such precision.
        EngineError: these settings cannot be used here, or memory is too short for the weights.
    """

    name: ClassVar[str] = "cuda"

    def __init__(
        self,
        networks: FirstOrderModel,
        runtime: Runtime,
        *,
        precision: str = "fp16",
        settings: Settings | None = None,
        plan: Plan | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"cuda has no precision {precision!r}; there are {', '.join(PRECISIONS)}")
        self.precision = precision
        self.settings = settings or Settings()
        self.plan = plan or Plan()
        self.device = device_words(runtime.place)
        self.best_batch = _BEST_BATCH
        self._runtime = runtime
        self._queues = Queues.of(runtime)
        self._larger = 2 ** len(networks.generator.down_blocks)
        self._sizes: dict[tuple[int, int], _Sized] = {}
        # Held while anything is prepared: sources may be made in another thread than frames.
        self._preparing = threading.RLock()
        try:
            self._network, self._encode = self._build(networks)
        except Exception as error:
            if runtime.short_of_memory(error):
                raise EngineError(
                    f"{self.device} is out of memory for this model's weights; {_ADVICE}"
                ) from error
            raise
        #: What a batch passes through, see `Network.__call__`.
        self.run: Run = self._network
        if self.settings.compiled:
            self.run = torch.compile(self._network.__call__, mode=self.settings.compiled, dynamic=False)

    @property
    def network(self) -> Network:
        """What a frame passes through, for measuring."""
        return self._network

    @torch.inference_mode()
    def detect(self, pictures: Tensor) -> Keypoints:
        """See `Engine`."""
        return self._found(self._on_device(pictures))[1]

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Source:
        """See `Engine`."""
        pixels = self._on_device(pictures)

        def make() -> Source:
            found, keypoints = self._found(pixels)
            with convolving(exact=True):
                made = [self._encode(pixels[i : i + 1], found[i : i + 1]) for i in range(len(pixels))]
            tensors = tuple(torch.cat(parts) for parts in zip(*made, strict=True))
            # Whoever uses it next does so in another queue.
            self._runtime.finish(self._runtime.record(self._runtime.current()))
            return Source(keypoints, tensors)

        with self._preparing, self._runtime.here():
            return self._second_try(make)

    @torch.inference_mode()
    def decode(self, source: Source, target: Keypoints) -> Tensor:
        """See `Engine`."""
        empty = np.zeros((len(target), *self._size_of(source), self._network.channels), np.uint8)
        if len(source) == 1:
            frames = self.step(source, empty, _to(target))
        else:
            parts = [
                self.step(_only(source, i), empty[i : i + 1], _to(target[i : i + 1]))
                for i in range(len(target))
            ]
            frames = np.concatenate([empty[:0], *parts])
        return torch.from_numpy(frames).permute(0, 3, 1, 2).float().contiguous() / 255

    def step(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        """See `Engine`. More frames than the plan's batch overlap each other's way to the device and back."""
        if not len(frames):
            return frames.copy()
        largest = self.plan.batch
        pieces = [
            (frames[start : start + largest], part(transfer, start, start + largest))
            for start in range(0, len(frames), largest)
        ]
        if len(pieces) == 1:
            return self._one(source, *pieces[0])
        return np.concatenate(list(self.stream(source, pieces)))

    @torch.inference_mode()
    def stream(self, source: Source, batches: Iterable[tuple[Frames, Transfer]]) -> Iterator[Frames]:
        """Batches of driving frames, each with its transfer → batches of pictures, in their order.

        Uploads, networks and downloads of consecutive batches overlap: the most frames a second, each of them later
        than with `step`. Batches may have as many frames as the plan's, or fewer.
        """
        pipeline: Pipeline | None = None
        try:
            for frames, transfer in batches:
                if pipeline is not None and pipeline.waiting == pipeline.lanes:
                    yield pipeline.collect()
                # Nothing is given away between this and `submit`: another source might come in.
                if pipeline is None or len(frames) > pipeline.batch or not self._holds(source, pipeline):
                    while pipeline is not None and pipeline.waiting:
                        yield pipeline.collect()
                    pipeline = self._overlapping(source, len(frames))
                if pipeline is None or len(frames) > pipeline.batch:
                    yield self.step(source, frames, transfer)
                    continue
                pipeline.submit(frames, transfer)
            while pipeline is not None and pipeline.waiting:
                yield pipeline.collect()
        finally:
            # Whoever takes no more pictures leaves some behind.
            if pipeline is not None:
                pipeline.drop()

    @torch.inference_mode()
    def warm_up(self, size: tuple[int, int], *, batch: int = 1) -> None:
        """See `Engine`."""
        frames = np.zeros((batch, *size, self._network.channels), np.uint8)
        source = self.encode(torch.from_numpy(frames[:1]).permute(0, 3, 1, 2).float() / 255)
        self.step(source, frames, Transfer.absolute())

    def close(self) -> None:
        """See `Engine`."""
        with self._preparing:
            self._sizes.clear()
            self._runtime.release()

    def _overlapping(self, source: Source, count: int) -> Pipeline | None:
        """A pipeline of several lanes; None where the plan has one."""
        if self.plan.lanes > 1 and count:
            pipeline = self._fit(source, count, lambda: self.plan.lanes)
            if pipeline.lanes > 1:
                return pipeline
        return None

    def _build(self, networks: FirstOrderModel) -> tuple[Network, SourceEncoder]:
        settings, place, dtype = self.settings, self._runtime.place, PRECISIONS[self.precision]
        model = InferenceModel(networks, size=networks.picture_size, up=settings.up, shifted=False)
        with torch.inference_mode():
            network = Network(model, operations_of(settings), settings, place=place, dtype=dtype)
            return network, SourceEncoder(model, place, dtype)

    @torch.inference_mode()
    def _one(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        """A batch by the shortest way."""
        pipeline = self._fit(source, len(frames), lambda: 1)
        if len(frames) > pipeline.batch:
            # Memory became short just now.
            return self.step(source, frames, transfer)
        while True:
            try:
                pipeline.submit(frames, transfer)
                return pipeline.collect()
            except Exception as error:
                # Without a graph, memory is found for every frame anew.
                pipeline = self._retreat(error, source, len(frames), lambda: 1)
                if len(frames) > pipeline.batch:
                    return self.step(source, frames, transfer)

    def _fit(self, source: Source, count: int, lanes: Callable[[], int]) -> Pipeline:
        """A pipeline for `count` frames or more that fits into memory, or for as many as the plan then allows."""
        try:
            return self._pipeline(source, count, lanes())
        except Exception as error:
            return self._retreat(error, source, count, lanes)

    def _retreat(self, error: Exception, source: Source, count: int, lanes: Callable[[], int]) -> Pipeline:
        """The same with a smaller plan, after an error that says that memory is short.

        Raises:
            EngineError: there is no smaller plan.
        """
        while True:
            if not self._runtime.short_of_memory(error):
                raise error
            smaller = self.plan.smaller()
            # What the error's traceback holds on to is memory too.
            reason, error.__traceback__ = str(error).splitlines()[0], None
            with self._preparing:
                self._sizes.clear()
                self._runtime.release()
            if smaller is None:
                raise EngineError(
                    f"{self.device} is out of memory for this model, one frame at a time ({reason}); {_ADVICE}"
                )
            self.plan = smaller
            self.notices = (
                *(notice for notice in self.notices if not notice.startswith(_SHORT)),
                f"{_SHORT} of {self.device} is short: it goes on with {smaller.words}",
            )
            try:
                return self._pipeline(source, min(count, smaller.batch), lanes())
            except Exception as again:
                error = again

    def _pipeline(self, source: Source, count: int, lanes: int) -> Pipeline:
        with self._preparing, self._runtime.here():
            sized = self._sized(source)
            ready = [size for size, of in sized.pipelines if of == lanes and size >= count]
            if ready:
                return sized.pipelines[min(ready), lanes]
            batch = min(2 ** (count - 1).bit_length(), self.plan.batch)
            pipeline = Pipeline(
                self.run,
                self._network.num_kp,
                sized.buffers,
                self._runtime,
                self._queues,
                (batch, *self._size_of(source), self._network.channels),
                lanes=lanes,
                graph=self.plan.graph,
            )
            sized.pipelines[batch, lanes] = pipeline
            return pipeline

    def _sized(self, source: Source) -> _Sized:
        """What there is for pictures of a source's size; it is the one that frames are made of now."""
        size = self._size_of(source)
        sized = self._sizes.get(size)
        if sized is None:
            buffers = SourceBuffers(*(torch.empty_like(tensor[:1]) for tensor in source.tensors))
            sized = self._sizes[size] = _Sized(buffers)
        if sized.source is not source:
            self._take(sized, source)
        return sized

    def _holds(self, source: Source, pipeline: Pipeline) -> bool:
        """Whether a pipeline is still in use here, and makes frames of this source: `step` may have come between."""
        sized = self._sizes.get(self._size_of(source))
        return sized is not None and sized.source is source and pipeline in sized.pipelines.values()

    def _size_of(self, source: Source) -> tuple[int, int]:
        """Of the pictures that a source was made of."""
        height, width = source.tensors[0].shape[1:3]
        return self._larger * height, self._larger * width

    def _take(self, sized: _Sized, source: Source) -> None:
        """Put a source where frames are made of it, after the frames of the one before."""
        # Their memory may have been something else's just now.
        self._runtime.wait(self._queues.compute, self._runtime.record(self._runtime.current()))
        with self._runtime.on(self._queues.compute):
            for buffer, tensor in zip(sized.buffers, source.tensors, strict=True):
                buffer.copy_(tensor)
                self._runtime.uses(self._queues.compute, tensor)
        sized.source = source

    def _found(self, pixels: Tensor) -> tuple[Keypoints, Keypoints]:
        """Keypoints of pixels on the device, there and on the CPU."""
        with self._preparing, self._runtime.here(), convolving(exact=True):
            found = self._second_try(lambda: self._network.detect(pixels))
            return found, found.to(torch.device("cpu"))

    def _second_try(self, make: Callable[[], _Result]) -> _Result:
        """What needs memory once only: with whatever is kept for later given back where it must be.

        Raises:
            EngineError: it is not enough.
        """
        try:
            return make()
        except Exception as error:
            if not self._runtime.short_of_memory(error):
                raise
            error.__traceback__ = None
        try:
            self._runtime.release()
            return make()
        except Exception as error:
            if not self._runtime.short_of_memory(error):
                raise
            raise EngineError(f"{self.device} is out of memory for preparing a picture; {_ADVICE}") from error

    def _on_device(self, pictures: Tensor) -> Tensor:
        return to_bytes(pictures.to(self._runtime.place))


def operations_of(settings: Settings) -> Operations:
    """What executes these settings.

    Raises:
        EngineError: they need Triton, and it cannot be loaded.
    """
    if not settings.fused:
        operations = Operations()
        operations.fused = settings.relu
        return operations
    try:
        from fomm.engines.cuda.fused import FusedOperations
    except Exception as error:  # a broken installation shows itself in many ways
        raise EngineError(f"Triton cannot be loaded ({error})") from error
    return FusedOperations(small=settings.small, fused=settings.relu)


def part(transfer: Transfer, start: int, stop: int) -> Transfer:
    """A transfer for some frames of its batch."""

    def cut(tensor: Tensor) -> Tensor:
        return tensor if len(tensor) == 1 else tensor[start:stop]

    return Transfer(
        cut(transfer.gain),
        cut(transfer.offset),
        None if transfer.turn is None else cut(transfer.turn),
        None if transfer.rest is None else cut(transfer.rest),
    )


def _to(target: Keypoints) -> Transfer:
    """Wherever the driving keypoints are: the target's own."""
    value = target.value.float().cpu()
    nowhere = torch.zeros(1, 1, 2, 2)
    rest = None if target.jacobian is None else target.jacobian.float().cpu()
    return Transfer(torch.zeros(1, 1, 1), value, nowhere, rest)


def _only(source: Source, index: int) -> Source:
    tensors = tuple(tensor[index : index + 1] for tensor in source.tensors)
    return Source(source.keypoints[index : index + 1], tensors)
