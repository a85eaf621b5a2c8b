"""face-alignment as an optional tracker: it knows the faces of paintings and cartoons that MediaPipe misses.

The package and its weights (about 190 MB, from its author's site) are both optional. Nothing here downloads but
`pull`, and that only when it is called for: `fomm models pull face-alignment` is the consent.
"""

from __future__ import annotations

import contextlib
import pickle
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame, SourceImage
from fomm.errors import CheckpointError, ConfigError, NoFaceError
from fomm.faces import MIN_FACE_WIDTH

if TYPE_CHECKING:
    from fomm.checkpoints import Progress

#: What `fomm models pull` calls it.
NAME = "face-alignment"

#: face-alignment itself depends on opencv-python, which overwrites the opencv-contrib-python that we and MediaPipe
#: need; the extra brings all its other dependencies, and the package comes without any.
INSTALL = "pip install 'fomm-live[face-alignment]' && pip install --no-deps 'face-alignment>=1.5,<2'"
PULL = "fomm models pull face-alignment"

#: Pictures are searched at most this large, pixels a side: the face detector's cost grows with the area.
_SEARCH_SIDE = 640

#: The 68 points begin at the eyebrows; MediaPipe's go this far above, in heights of the 68 points' box.
_FOREHEAD = 0.18

_MIRROR = "https://www.adrianbulat.com/downloads/python-fan"


@dataclass(frozen=True)
class WeightsFile:
    """One of the files that face-alignment loads, under the name that it looks for."""

    name: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where it belongs on this machine."""
        # "checkpoints" because face-alignment looks for its files where torch.hub keeps them.
        return folder() / "checkpoints" / self.name


DETECTOR = WeightsFile(
    "s3fd-619a316812.pth", "619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543"
)
NETWORK = WeightsFile(
    "2DFAN4-11f355bf06.pth.tar", "11f355bf0693120222f5955ce3f9dc8fb5763ebb30a47d7906e509490d32e4aa"
)


def folder() -> Path:
    """Where its weights are kept, in the folder of all weights."""
    from fomm import checkpoints

    return checkpoints.folder() / NAME


def obstacle() -> ConfigError | CheckpointError | None:
    """Why face-alignment cannot be used here, with the next step; None where it can."""
    version = _version()
    if version is None:
        return ConfigError(f"face-alignment is not installed: {INSTALL}, then {PULL}")
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < (1, 5):
        return ConfigError(f"face-alignment {version} is too old: {INSTALL}")
    missing = [file.name for file in (DETECTOR, NETWORK) if not file.path.is_file()]
    if missing:
        return CheckpointError(
            f"face-alignment's weights ({', '.join(missing)}) are not on this machine: {PULL} downloads them "
            "(about 190 MB)"
        )
    return None


def _version() -> str | None:
    try:
        return metadata.version("face-alignment")
    except metadata.PackageNotFoundError:
        return None


def pull(
    *,
    progress: Progress | None = None,
    mirrors: Sequence[str] | None = None,
    forbid_network: bool = False,
    pause_s: float = 1.0,
) -> list[Path]:
    """Download the weights that are missing, and check them. Calling this is the consent.

    Args:
        progress: called with the bytes done so far and the total of the file in progress.
        mirrors: addresses of folders with the files, to use instead of the author's, tried in order.
        forbid_network: refuse to download; so does FOMM_OFFLINE.
        pause_s: see `fomm.checkpoints.download`.

    Returns:
        Where the files are.

    Raises:
        CheckpointError: offline, or no server delivered the right file; the message gives each one's reason.
    """
    from fomm.checkpoints import store

    for file in (DETECTOR, NETWORK):
        if file.path.is_file():
            continue
        if forbid_network or store.offline():
            raise CheckpointError(
                f"face-alignment's weights ({file.name}) are not on this machine, and downloads are switched off "
                f"(--offline or FOMM_OFFLINE); pull them while online, or put the file into {file.path.parent}"
            )
        reasons = []
        for mirror in mirrors or (_MIRROR,):
            try:
                _fetch(file, f"{mirror.rstrip('/')}/{file.name}", progress, pause_s)
                break
            except CheckpointError as error:
                reasons.append(str(error))
        else:
            raise CheckpointError(f"{NAME} could not be pulled: {'; '.join(reasons)}")
    return [DETECTOR.path, NETWORK.path]


def _fetch(file: WeightsFile, url: str, progress: Progress | None, pause_s: float) -> None:
    """Download a file, and put it in place if its content is right."""
    from fomm import checkpoints

    arrived = file.path.with_name(f"{file.name}.download")
    try:
        checkpoints.download(url, arrived, progress=progress, pause_s=pause_s)
        found = checkpoints.identify(arrived).sha256
        if found != file.sha256:
            raise CheckpointError(
                f"{url}: the file's sha256 {found} is not the published {file.sha256}; it was deleted"
            )
        arrived.replace(file.path)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{arrived.parent} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            arrived.unlink(missing_ok=True)


class FaceAlignment:
    """68 points of every face in a picture: face-alignment's S3FD and 2DFAN-4.

    Args:
        device: where the networks run: "cpu", "cuda", ...

    Raises:
        ConfigError: the package is not installed.
        CheckpointError: its weights are not here, or damaged.
    """

    def __init__(self, *, device: str = "cpu") -> None:
        problem = obstacle()
        if problem is not None:
            raise problem
        import face_alignment

        try:
            with _hub_folder(folder()):
                self._network = face_alignment.FaceAlignment(
                    face_alignment.LandmarksType.TWO_D,
                    device=device,
                    face_detector_kwargs={"path_to_detector": str(DETECTOR.path)},
                    compile=False,  # compiling takes minutes, and writes into the home folder
                )
        except (RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"face-alignment's weights in {DETECTOR.path.parent} cannot be loaded "
                f"({str(error).splitlines()[0]}); delete them, then {PULL}"
            ) from error

    def detect(self, pixels: Frame) -> list[NDArray[np.float32]]:
        """The points of every face found, `(68, 2)` float32 in pixels each, x first.

        Args:
            pixels: `(H, W, 3)` uint8 RGB.
        """
        height, width = pixels.shape[:2]
        scale = min(1.0, _SEARCH_SIDE / max(height, width))
        size = (round(scale * width), round(scale * height))
        searched = pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No faces were detected")
            faces = self._network.get_landmarks_from_image(searched)
        unscale = np.array([width / size[0], height / size[1]], np.float32)
        return [np.asarray(face, np.float32)[:, :2] * unscale for face in faces or []]

    def close(self) -> None:
        """Nothing to free; here so that all detectors end alike."""


def source_box(
    source: SourceImage, missed: NoFaceError
) -> tuple[tuple[float, float, float, float], tuple[str, ...]]:
    """Where the face is in a picture that MediaPipe finds none in, as `fomm.faces.face_box` would say it.

    Args:
        source: the picture.
        missed: what MediaPipe's refusal was.

    Returns:
        left, top, right, bottom in pixels, forehead included, and sentences worth showing the user.

    Raises:
        NoFaceError: face-alignment finds no face of a useful size either, or is not at hand: then the message says
            how to get it.
    """
    problem = obstacle()
    if problem is not None:
        raise NoFaceError(f"{missed} Paintings and cartoons may need face-alignment: {problem}") from missed
    faces = FaceAlignment().detect(source.pixels)
    box = face_box(max(faces, key=lambda points: float(np.ptp(points[:, 0])))) if faces else None
    if box is None or box[2] - box[0] < MIN_FACE_WIDTH:
        raise missed
    return box, (f"{source.name}: MediaPipe finds no face; it is placed by face-alignment.",)


def face_box(points: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the face that has these 68 points, with the forehead above them."""
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return float(left), float(top - _FOREHEAD * (bottom - top)), float(right), float(bottom)


_hub_lock = threading.Lock()


@contextlib.contextmanager
def _hub_folder(path: Path) -> Iterator[None]:
    """While this lasts, torch.hub, and through it face-alignment, keeps its files in another folder."""
    import torch

    with _hub_lock:
        before = torch.hub.get_dir()
        torch.hub.set_dir(path)
        try:
            yield
        finally:
            torch.hub.set_dir(before)
