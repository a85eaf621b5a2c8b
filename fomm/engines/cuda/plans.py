"""How much memory an engine may take, and what it gives up first where there is less."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Plan:
    """What an engine holds ready.

    Attributes:
        batch: frames that are computed at once, at the most.
        lanes: batches that are on their way at once, see `fomm.engines.cuda.pipeline`.
        graph: whether a frame's work is captured, which keeps all its memory for itself.
    """

    batch: int = 8
    lanes: int = 3
    graph: bool = True

    def smaller(self) -> Plan | None:
        """The next plan that takes less memory; None where there is none."""
        if self.lanes > 1:
            return replace(self, lanes=1)
        if self.graph:
            return replace(self, graph=False)
        if self.batch > 1:
            return replace(self, batch=self.batch // 2)
        return None

    @property
    def words(self) -> str:
        """Such as "batches of 8, 3 on their way, captured"."""
        how = "captured" if self.graph else "kernel by kernel"
        return f"batches of {self.batch}, {self.lanes} on their way, {how}"
