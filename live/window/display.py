"""Whether this machine has a display that a window can be opened on."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import cv2


def why_no_window() -> str | None:
    """Why no window can be opened here, or None where one can.

    Qt, which draws OpenCV's windows on Linux, aborts the whole process where it finds no display: what it
    needs is tried here first.
    """
    if not sys.platform.startswith("linux"):
        return None
    if not os.environ.get("DISPLAY"):
        # OpenCV's Qt speaks X11 only; Wayland sessions offer it through XWayland, which sets DISPLAY.
        return "no display (DISPLAY is not set)"
    try:
        for plugin in (Path(cv2.__file__).parent / "qt" / "plugins" / "platforms").glob("libqxcb.so"):
            ctypes.CDLL(str(plugin))
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        return f"a library is missing ({error})"
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return f"the display {os.environ['DISPLAY']} does not answer" if failed else None
