"""Names that more than one module needs."""

from __future__ import annotations

#: What Zoom, Meet and OBS list on Linux; `v4l2loopback` is set up with it as `card_label`.
VIRTUAL_CAMERA_NAME = "FOMM Cam"

#: What calls list on Windows and macOS.
OBS_NAME = "OBS Virtual Camera"
UNITY_NAME = "Unity Video Capture"

#: Every name that our own output may have.
OUTPUT_NAMES = (VIRTUAL_CAMERA_NAME, OBS_NAME, UNITY_NAME)
