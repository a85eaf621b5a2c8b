"""Importing ONNX Runtime without its telemetry."""

from __future__ import annotations

import os
from typing import Any

from fomm.errors import EngineError


def load_onnxruntime() -> Any:
    """`import onnxruntime`, silent. Always import it this way.

    Raises:
        EngineError: it is not installed.
    """
    # It tells its maker what it runs, and looks his address up as soon as it is loaded; not with us.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise EngineError(f"onnxruntime cannot be loaded ({error}): pip install 'fomm-live[onnx]'") from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime
