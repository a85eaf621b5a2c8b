"""Keeping native libraries from writing over our own messages."""

from __future__ import annotations

import os
import sys


def quiet_native_libraries() -> None:
    """For the rest of the process, send what native libraries print on stderr nowhere.

    OpenCV, FFmpeg and TensorFlow Lite write to file descriptor 2, each in its own format, at any time and
    from any thread. Python's `sys.stderr` moves to a copy of the descriptor, so that our messages and
    tracebacks still arrive.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GLOG_minloglevel", "3")
    try:
        sys.stderr.flush()
        ours = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    except OSError:
        return  # there is no stderr: nothing to protect
    sys.stderr = os.fdopen(ours, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
