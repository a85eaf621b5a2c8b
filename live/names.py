"""Names that more than one module needs."""

from __future__ import annotations

#: What Zoom, Meet and OBS list on Linux; `v4l2loopback` is set up with it as `card_label`.
VIRTUAL_CAMERA_NAME = "FOMM Cam"
