"""Samples of the shards that `fomm synthesize` wrote into a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fomm.errors import VideoError
from fomm.synthetic.pairs import shards_in
from fomm.training.correction.samples import Samples, of_shard
from fomm.training.correction.settings import DatasetParams
from fomm.training.dataset import Skipped
from fomm.training.processes import Processes
from fomm.wording import counted


class Shards:
    """All shards of a folder, as `Supply`; any of their samples may come at any step.

    Args:
        params: where they are.
        ours: the processes that train together, all by the same shards.
        tell: takes lines for the user.

    Raises:
        VideoError: there are too few.
    """

    def __init__(self, params: DatasetParams, ours: Processes, tell: Callable[[str], None]) -> None:
        self._folder, self._held = Path(params.root_dir), params.held_out
        self._ours, self._tell = ours, tell
        self._known: set[Path] = set()
        self.skipped: list[Skipped] = []
        self.held_out: list[Samples] = []
        self._shards: list[Samples] = []
        self._ends = np.zeros(0, np.int64)
        self.refresh()
        if not self._shards:
            skipped = f", besides {len(self.skipped)} that cannot be used" if self.skipped else ""
            least = counted(self._held + 1, "shard")
            raise VideoError(
                f"{self._folder} holds fewer than {least} of pairs{skipped}; fomm synthesize makes them"
            )

    def refresh(self) -> None:
        """Take in the shards that are there now."""
        come = self._ours.from_first([path for path in shards_in(self._folder) if path not in self._known])
        # The first process makes their samples, the others read what it kept.
        if not self._ours.first:
            self._ours.wait()
        self._take_in(come)
        if self._ours.first:
            self._ours.wait()

    def _take_in(self, paths: list[Path]) -> None:
        for path in paths:
            self._known.add(path)
            try:
                found = of_shard(path)
            except VideoError as error:
                self.skipped.append(Skipped(path.name, str(error)))
                self._tell(f"skipped {error}")
                continue
            (self.held_out if len(self.held_out) < self._held else self._shards).append(found)
        self._ends = np.cumsum([len(shard["pose"]) for shard in self._shards])

    def describe(self) -> str:
        """See `Supply`."""
        return f"{counted(int(self._ends[-1]), 'pair')} to train on"

    def draw(self, step: int, chance: Sequence[np.random.Generator]) -> Samples:  # noqa: ARG002 - see `Supply`
        """See `Supply`."""
        chosen = np.array([rng.integers(self._ends[-1]) for rng in chance])
        shards = np.searchsorted(self._ends, chosen, side="right")
        starts = np.concatenate([[0], self._ends[:-1]])
        return {
            name: np.stack(
                [
                    self._shards[shard][name][index - starts[shard]]
                    for shard, index in zip(shards, chosen, strict=True)
                ]
            )
            for name in self._shards[0]
        }

    def close(self) -> None:
        """See `Supply`."""
