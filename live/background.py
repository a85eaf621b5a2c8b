"""Making one value in a thread while the caller goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs `make` in a daemon thread at once; `result` gives what it returned or raises what it raised."""

    def __init__(self, make: Callable[[], T], *, name: str) -> None:
        self._make = make
        self._value: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._make()
        except BaseException as error:  # carried to the thread that asks for the result
            self._error = error

    def wait(self, timeout: float) -> bool:
        """Whether the value is there, or has failed, within `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def done(self) -> bool:
        """Whether the value is there, or has failed."""
        return not self._thread.is_alive()

    def result(self) -> T:
        """Wait for the value."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # T may itself be Optional
