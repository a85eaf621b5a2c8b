"""Where the files that ship with the package are."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

ASSETS = _PACKAGE / "assets"
MODELS = ASSETS / "models"
AVATARS = ASSETS / "avatars"
CLIPS = ASSETS / "clips"

#: MediaPipe's networks that find faces and put landmarks on them, in a zip archive.
FACE_MODEL = MODELS / "face_landmarker.task"

#: The YAML configs: beside the packages in a checkout, inside `fomm` in an installed wheel.
CONFIGS = _PACKAGE / "configs" if (_PACKAGE / "configs").is_dir() else _PACKAGE.parent / "configs"
