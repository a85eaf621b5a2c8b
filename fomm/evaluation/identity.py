"""Identity embeddings of faces, for the average euclidean distance: optional, since their weights are large."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame
from fomm.errors import ConfigError
from fomm.face_points import Points

INSTALL = "pip install 'fomm-live[identity]'"


class IdentityEmbedder(Protocol):
    """Maps a face to a vector that is the same for all pictures of a person.

    Attributes:
        name: what reports call it.
    """

    name: str

    def embed(self, pixels: Frame, anchors: Points) -> NDArray[np.float32]:
        """The vector.

        Args:
            pixels: `(H, W, 3)` uint8 RGB.
            anchors: `(5, 2)` in pixels: outer and inner corner of the eye on the picture's right, the same of the eye
                on its left, the nose's base.
        """
        ...


class DlibEmbedder:
    """dlib's face recognition network: 128 numbers; two pictures of one person are less than about 0.6 apart.

    The network's weights are inside the package face_recognition_models: nothing is downloaded at run time.

    Raises:
        ConfigError: a package is not installed.
    """

    name = "dlib face_recognition_resnet_model_v1"

    def __init__(self) -> None:
        problem = self.obstacle()
        if problem is not None:
            raise ConfigError(problem)
        import dlib

        self._dlib = dlib
        self._network = dlib.face_recognition_model_v1(str(_dlib_weights()))

    @staticmethod
    def obstacle() -> str | None:
        """Why it cannot be used here, with the next step; None where it can."""
        if importlib.util.find_spec("dlib") is None or _dlib_weights() is None:
            return f"no identity embedder is installed ({INSTALL})"
        return None

    def embed(self, pixels: Frame, anchors: Points) -> NDArray[np.float32]:
        """128 numbers."""
        dlib = self._dlib
        points = [dlib.point(round(float(x)), round(float(y))) for x, y in anchors]
        # dlib aligns a face by its five points alone; the rectangle is only carried along.
        face = dlib.full_object_detection(dlib.rectangle(0, 0, pixels.shape[1], pixels.shape[0]), points)
        return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(pixels), face), np.float32)


#: name → factory; `obstacle` says beforehand why one would fail.
EMBEDDERS: dict[str, type[DlibEmbedder]] = {"dlib": DlibEmbedder}


def choose_embedder(name: str) -> tuple[IdentityEmbedder | None, str]:
    """An embedder, or None and why there is none.

    Args:
        name: one of `EMBEDDERS`; "auto" for the first that is installed; "none".

    Raises:
        ConfigError: an unknown name, or one that was asked for by name and is not installed.
    """
    if name == "none":
        return None, "no identity embedder was asked for"
    if name == "auto":
        obstacles = {embedder: embedder.obstacle() for embedder in EMBEDDERS.values()}
        ready = next((embedder for embedder, obstacle in obstacles.items() if obstacle is None), None)
        return (ready(), "") if ready is not None else (None, "; ".join(filter(None, obstacles.values())))
    if name not in EMBEDDERS:
        raise ConfigError(
            f"unknown identity embedder {name!r}; choose one of: auto, none, {', '.join(EMBEDDERS)}"
        )
    return EMBEDDERS[name](), ""


def _dlib_weights() -> Path | None:
    # Found without importing it: the package itself needs a setuptools that is gone.
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"
    return path if path.is_file() else None
