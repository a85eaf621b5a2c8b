"""Importing OpenVINO without its telemetry.

It brings `openvino_telemetry`, which without asking sends what is converted to Google Analytics, and keeps a client's
number in the home folder. It decides by a consent file there, which is not ours to write, so the package is taken
away before it is imported: OpenVINO then uses a stub of its own, made for machines without it.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

_TELEMETRY = "openvino_telemetry"

_core: Any = None
_making_core = threading.Lock()


def load_openvino() -> Any:
    """`import openvino`, silent: nothing is sent, no file written. Always import it this way."""
    _silence()
    import openvino

    return openvino


def openvino_core() -> Any:
    """OpenVINO's `Core`, one for the whole process and never let go; any thread may use it.

    Each Core of its own gives the thread that makes it a stack for signals, and takes that away when it goes. Where
    two of them go in the order in which they came, the thread is left with the first one's, which is no more: the
    next signal, such as that of Ctrl-C, ends the process with a segmentation fault.
    """
    global _core  # noqa: PLW0603
    with _making_core:
        if _core is None:
            _core = load_openvino().Core()
        return _core


def _silence() -> None:
    if _TELEMETRY not in sys.modules:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # "import" now fails, as if it were absent
    elif sys.modules[_TELEMETRY] is not None:
        _decline()


def _decline() -> None:
    """Someone in this process imported it before us: answer its question about consent with no."""
    from openvino_telemetry.main import Telemetry
    from openvino_telemetry.utils.opt_in_checker import ConsentCheckResult, OptInChecker

    def declined(*_: Any, **__: Any) -> Any:
        return ConsentCheckResult.DECLINED

    OptInChecker.check = declined
    running = getattr(Telemetry, "_SingletonMetaClass__single_instance", None)
    if running is not None:
        running.consent = False
