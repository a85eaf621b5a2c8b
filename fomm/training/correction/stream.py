"""Samples of people who are rendered while the network learns from them; nobody comes twice."""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

import numpy as np

from fomm.errors import FommError, TrainingError, VideoError
from fomm.synthetic.pairs import Maker, shards
from fomm.training.correction import samples
from fomm.training.correction.samples import Samples
from fomm.training.correction.settings import DatasetParams
from fomm.training.dataset import Skipped
from fomm.training.processes import Processes
from fomm.wording import counted

#: Of the people who are held out, in the training's folder: they are rendered once.
HELD_OUT = "held-out.npz"

#: Their numbers begin here, where no training comes.
_FIRST_HELD_OUT = 10**9


class Render(Protocol):
    """What makes somebody's samples; handed to other processes, and so pickled."""

    def __call__(self, number: int) -> Samples:
        """Somebody's, by number; empty where the tracker finds no face."""
        ...

    def close(self) -> None:
        """Free what is native; idempotent."""
        ...


class Stream:
    """People as they are rendered, as `Supply`.

    Who comes follows from the step: whoever goes on with a training sees the people that would have come next.

    Args:
        params: which people.
        folder: the training's, where those who are held out are kept.
        ours: the processes that train together. The first one has those who are held out.
        workers: processes that render; 0 renders in this one.
        tell: takes lines for the user.
        render: see there; None renders people.

    Raises:
        ExtraError: the extra `synthetic` is not installed.
        EglError: there is no off-screen OpenGL.
        TrainingError: a worker died.
    """

    def __init__(
        self,
        params: DatasetParams,
        folder: Path,
        ours: Processes,
        *,
        workers: int,
        tell: Callable[[str], None],
        render: Render | None = None,
    ) -> None:
        self._params, self._ours, self._tell = params, ours, tell
        self._crew = Crew(render or Renderer(params), workers)
        self._people: Iterator[Samples] | None = None
        self.skipped: list[Skipped] = []
        try:
            self.held_out = [self._unseen(folder / HELD_OUT)] if ours.first else []
        except BaseException:
            self.close()
            raise

    def describe(self) -> str:
        """See `Supply`."""
        how = f"by {counted(self._crew.size, 'process', 'processes')}" if self._crew.size else "in between"
        return f"people of seed {self._params.seed} to train on, rendered {how}"

    def draw(self, step: int, chance: Sequence[np.random.Generator]) -> Samples:
        """See `Supply`."""
        count = len(chance) // self._params.pairs
        if self._people is None:
            self._people = self._crew.render(self._numbers(step, count))
        drawn = _joined(itertools.islice(self._people, count))
        if not drawn:
            raise VideoError(
                f"step {step + 1}: no face is found in its {count} people; choose another dataset_params.seed"
            )
        # In whom no face is found, or not often enough, the others stand in for.
        which = np.arange(len(chance)) % len(drawn["pose"])
        return {name: values[which] for name, values in drawn.items()}

    def _numbers(self, step: int, count: int) -> Iterator[int]:
        """Who comes here from a step on, so many in each."""
        for later in itertools.count(step):
            first = (later * self._ours.world + self._ours.rank) * count
            yield from range(first, first + count)

    def refresh(self) -> None:
        """See `Supply`: people come by themselves."""

    def close(self) -> None:
        """See `Supply`."""
        self._crew.close()

    def _unseen(self, path: Path) -> Samples:
        """Samples of the people who are held out."""
        count = self._params.held_out * self._params.identities
        plan = json.dumps([shards.VERSION, samples.VERSION, asdict(self._params)])
        kept = samples.read(path)
        if kept and str(kept.pop("plan", "")) == plan:
            return kept
        self._tell(f"rendering {count} people who are held out")
        made = _joined(self._crew.render(range(_FIRST_HELD_OUT, _FIRST_HELD_OUT + count)))
        if not made:
            raise VideoError(
                f"no face is found in the {count} people who are held out; raise dataset_params.held_out"
            )
        samples.keep(path, {**made, "plan": np.array(plan)})
        return made


class Renderer:
    """Renders people and makes samples of them, with a `Maker` that is made when the first one is asked for.

    Args:
        params: which people.
    """

    def __init__(self, params: DatasetParams) -> None:
        self._params = params
        self._maker: Maker | None = None

    def __call__(self, number: int) -> Samples:
        """See `Render`."""
        if self._maker is None:
            self._maker = Maker(size=self._params.size, seed=self._params.seed)
        return samples.samples(self._maker.pairs(number, self._params.pairs))

    def close(self) -> None:
        """See `Render`."""
        if self._maker is not None:
            self._maker.close()
            self._maker = None


class Crew:
    """Processes that render people, a number each at a time, and hand them over in order.

    Each has a pipe of its own, so that a process that dies is noticed at once whatever it was at, and none outlives
    this one.

    Args:
        render: what they do.
        size: how many there are; 0 renders in this process.
    """

    def __init__(self, render: Render, size: int) -> None:
        self.size, self._render = size, render
        self._workers: list[tuple[BaseProcess, Connection]] = []
        # A forked copy of a process with threads in it may crash or hang.
        context = multiprocessing.get_context("spawn")
        with _deaf():
            for _ in range(size):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, render))
                process.start()
                theirs.close()
                self._workers.append((process, ours))

    def render(self, numbers: Iterable[int]) -> Iterator[Samples]:
        """Samples of people in the order of their numbers, at most two a process ahead of what is taken.

        Raises:
            TrainingError: a process died.
        """
        if not self.size:
            yield from map(self._render, numbers)
            return
        pipes = itertools.cycle(pipe for _, pipe in self._workers)
        asked, left = deque[Connection](), iter(numbers)

        def ask(count: int) -> None:
            for number, pipe in zip(itertools.islice(left, count), pipes, strict=False):
                pipe.send(number)
                asked.append(pipe)

        try:
            ask(2 * self.size)
            while asked:
                made = asked.popleft().recv()
                ask(1)
                if isinstance(made, FommError):
                    raise made
                yield made
        except (EOFError, ConnectionError):
            raise TrainingError(
                f"one of {self.size} processes that render people has died; each takes 1.3 GB: give fewer --workers "
                "if memory is short, and --resume to go on"
            ) from None

    def close(self) -> None:
        """End them; idempotent."""
        for process, pipe in self._workers:
            pipe.close()
            process.kill()  # nothing of what they are at is on disk
            process.join()
        self._workers.clear()
        self._render.close()


def _work(pipe: Connection, render: Render) -> None:
    """What each process does, until it is told no more."""
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            number = pipe.recv()
            try:
                made: Samples | FommError = render(number)
            except FommError as error:
                made = error
            pipe.send(made)


def _joined(people: Iterable[Samples]) -> Samples:
    found = [one for one in people if one]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]} if found else {}


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Ignore what ends a training, which processes that are started meanwhile inherit: their parent ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
