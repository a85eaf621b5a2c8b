"""The numbers of a training as it goes: a CSV file, and TensorBoard where that is installed."""

from __future__ import annotations

import csv
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from PIL import Image

from fomm.animators.base import Frame

LOG = "log.csv"


class Log:
    """Rows of numbers, in the order of steps.

    Rows of later steps than `step` are dropped first: a training that was killed did them, and will again.

    Args:
        folder: where `log.csv` is, and TensorBoard's files in `tensorboard`.
        step: the last one that counts.
    """

    def __init__(self, folder: Path, *, step: int) -> None:
        self._path = folder / LOG
        self._columns: list[str] = []
        self._told = False
        self._board = _tensorboard(folder / "tensorboard", step)
        if self._path.exists():
            self._forget_after(step)

    def _forget_after(self, step: int) -> None:
        with self._path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            # A kill may have cut the last row.
            rows = [row for row in reader if None not in row.values() and int(row["step"]) <= step]
            self._columns = list(reader.fieldnames or [])
        unfinished = self._path.with_name(f".{self._path.name}.part")
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(rows)
        unfinished.replace(self._path)

    def write(self, step: int, numbers: dict[str, float]) -> None:
        """Add a row. A disk that is full is told of once; training goes on."""
        row: dict[str, Any] = {"step": step, **{name: f"{value:.6g}" for name, value in numbers.items()}}
        try:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self._columns or list(row), extrasaction="ignore", restval="")
                if not self._columns:
                    self._columns = list(row)
                    writer.writeheader()
                writer.writerow(row)
        except OSError as error:
            if not self._told:
                self._told = True
                print(
                    f"{self._path} cannot be written ({error.strerror}); training goes on.", file=sys.stderr
                )
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, step)

    def show(self, step: int, sheet: Frame, tell: Callable[[str], None]) -> None:
        """Keep a sample sheet, `(H, W, 3)` or grey `(H, W)` uint8, in `samples`, and hand it to TensorBoard."""
        path = self._path.with_name("samples") / f"step-{step:08d}.png"
        try:
            Image.fromarray(sheet).save(path)
        except OSError as error:
            path.unlink(missing_ok=True)
            tell(f"{path} cannot be written ({error.strerror}). Training goes on.")
        if self._board is not None:
            self._board.add_image("samples", sheet, step, dataformats="HWC" if sheet.ndim == 3 else "HW")

    def close(self) -> None:
        """Write what is buffered."""
        if self._board is not None:
            self._board.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Window:
    """Losses since the last row of the log."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps, self._pairs = 0, 0
        self._since = time.monotonic()

    def add(self, found: dict[str, float], pairs: int) -> None:
        """Take a step's in, of so many pairs."""
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0) + value
        self._steps += 1
        self._pairs += pairs

    def close(self) -> tuple[dict[str, float], float]:
        """Mean losses and pairs a second; begins anew."""
        means = {name: value / self._steps for name, value in self._sums.items()}
        rate = self._pairs / max(time.monotonic() - self._since, 1e-9)
        self.__init__()  # type: ignore[misc]
        return means, rate


def _tensorboard(folder: Path, step: int) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)
