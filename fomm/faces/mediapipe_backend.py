"""MediaPipe Face Landmarker itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from fomm import resources
from fomm.animators.base import Frame, Landmarks
from fomm.faces.landmarker import Mode
from fomm.mediapipe_import import load_mediapipe
from fomm.native_stderr import quiet_native_stderr


class MediaPipeBackend:
    """See `fomm.faces.landmarker.Backend`.

    Raises:
        ImportError: MediaPipe is not installed.
        RuntimeError: it does not work on this machine.
    """

    def __init__(self, mode: Mode, max_faces: int) -> None:
        load_mediapipe()
        from mediapipe.tasks.python import BaseOptions, vision

        running = vision.RunningMode.VIDEO if mode == "video" else vision.RunningMode.IMAGE
        options = vision.FaceLandmarkerOptions(
            # The file is handed over as bytes: MediaPipe cannot open paths with non-ASCII letters on Windows.
            base_options=BaseOptions(model_asset_buffer=resources.FACE_MODEL.read_bytes()),
            running_mode=running,
            num_faces=max_faces,
        )
        with quiet_native_stderr():
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        self._video = mode == "video"
        self._last_ms = -1

    def detect(self, pixels: Frame, timestamp: float) -> list[Landmarks]:
        """See `FaceLandmarker.detect`."""
        import mediapipe as mp

        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        if self._video:
            self._last_ms = max(self._last_ms + 1, round(timestamp * 1000))
            result = self._landmarker.detect_for_video(image, self._last_ms)
        else:
            result = self._landmarker.detect(image)
        height, width = pixels.shape[:2]
        # MediaPipe normalises z by the image's width.
        scale = np.array([width, height, width], np.float32)
        return [
            np.array([(p.x, p.y, p.z) for p in face], np.float32) * scale for face in result.face_landmarks
        ]

    def close(self) -> None:
        """Free the native graph; idempotent."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            landmarker.close()
