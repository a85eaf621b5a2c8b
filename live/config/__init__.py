"""Settings: everything a user can set, where it comes from, and how it is shown."""

from live.config.layers import Effective, Setting, assemble, effective, user_file
from live.config.schema import (
    CalibrationConfig,
    CameraConfig,
    GalleryConfig,
    LiveConfig,
    ModelConfig,
    OutputConfig,
    RecordingConfig,
    TrackingConfig,
)
from live.config.show import as_yaml, begin_file

__all__ = [
    "CalibrationConfig",
    "CameraConfig",
    "Effective",
    "GalleryConfig",
    "LiveConfig",
    "ModelConfig",
    "OutputConfig",
    "RecordingConfig",
    "Setting",
    "TrackingConfig",
    "as_yaml",
    "assemble",
    "begin_file",
    "effective",
    "user_file",
]
