"""The bundled model: a portrait warped by face landmarks, in two layers, without any weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.animators.base import Frame, Landmarks, Motion, SourceImage
from fomm.animators.landmark_warp.eyes import Eyeball, UpperLid
from fomm.animators.landmark_warp.mesh import PortraitMesh, build_mesh
from fomm.animators.landmark_warp.mouth import Mouth
from fomm.animators.landmark_warp.patch import sample
from fomm.animators.landmark_warp.raster import rasterise
from fomm.errors import NoFaceError
from fomm.faces import source_face
from fomm.landmarks import EYES, AvatarMotion, MotionTransfer, pose_between, relative_motion
from fomm.matting import cut_out, fill_background, person_matte

Array: TypeAlias = NDArray[np.floating[Any]]
MouthFill: TypeAlias = Literal["driver", "painted"]

#: The sampling grid's resolution: cells along the picture's longer side, and across the face.
_COARSE_CELLS, _FACE_CELLS = 112, 100
_RELAX_PASSES = 6


@dataclass(frozen=True, eq=False)
class WarpState:
    """One avatar, prepared.

    Attributes:
        portrait: `(H, W, 3)` the picture at rest.
        landmarks: `(478, 3)` of the picture.
        person: `(H, W, 4)` the person's colours, multiplied by the matte, and the matte; None in one layer.
        background: `(H, W, 3)` the picture without the person; None in one layer.
        transfer, mesh, eyeballs, lids, mouth: what moves the landmarks, the picture, the eyes and the lips.
        notices: sentences worth showing the user.
    """

    portrait: Frame
    landmarks: Landmarks
    person: NDArray[np.uint8] | None
    background: Frame | None
    transfer: MotionTransfer
    mesh: PortraitMesh
    eyeballs: tuple[Eyeball, ...]
    lids: tuple[UpperLid, ...]
    mouth: Mouth
    notices: tuple[str, ...]


class LandmarkWarp:
    """Animates a portrait by first-order motion between face landmarks: no weights, no GPU.

    Args:
        mouth: what fills a mouth that opens: "driver" takes the driver's own teeth and tongue, matched in colour
            and light; "painted" a painted mouth, so that nothing of the driver's picture is ever shown.
    """

    name = "landmark-warp"
    device = "cpu"
    needs_face = True

    def __init__(self, *, mouth: MouthFill = "driver") -> None:
        self.mouth = mouth

    def look(self, source: SourceImage) -> Landmarks:
        """The face's landmarks.

        Raises:
            NoFaceError: no face, or one too small to animate.
        """
        return source_face(source)[0]

    def prepare(self, source: SourceImage) -> WarpState:
        """Find the face, cut the person out, fill the background behind them.

        Raises:
            NoFaceError: no face, or one too small to animate.
        """
        pixels = np.ascontiguousarray(source.pixels)
        found, notices = source_face(source)
        matte = person_matte(pixels)
        mesh = build_mesh(found, hold_surroundings=matte is None)
        landmarks = mesh.landmarks
        person = background = None
        if matte is not None:
            background = fill_background(pixels, matte)
            person = cut_out(pixels, matte, background)
        return WarpState(
            portrait=pixels,
            landmarks=landmarks,
            person=person,
            background=background,
            transfer=MotionTransfer(landmarks, pixels.shape[0]),
            mesh=mesh,
            eyeballs=tuple(Eyeball.of(landmarks, eye) for eye in EYES),
            lids=tuple(UpperLid.of(pixels, landmarks, eye) for eye in EYES),
            mouth=Mouth.of(pixels, landmarks),
            notices=(*source.notices, *notices),
        )

    def drive(self, state: WarpState, motion: Motion) -> Frame:
        """One frame, the portrait's shape."""
        if motion.driving.landmarks is None or motion.neutral.landmarks is None:
            return state.portrait.copy()
        avatar = self.avatar_motion(state, motion)
        grid = self.motion_grid(state, avatar)
        if state.person is None or state.background is None:
            out = sample(state.portrait, grid)
        else:
            out = _compose(sample(state.person, grid), state.background)
        for lid in state.lids:
            lid.draw(out, state.portrait, avatar.landmarks)
        for eyeball, gaze in zip(state.eyeballs, avatar.gaze, strict=True):
            eyeball.draw(out, state.portrait, avatar.landmarks, gaze)
        driver = motion.driving if self.mouth == "driver" else None
        state.mouth.draw(out, avatar.landmarks, avatar.rigid, driver)
        return out

    def motion_grid(self, state: WarpState, motion: AvatarMotion) -> Array:
        """Dense motion, driving → source, see `sampling_grid`."""
        return sampling_grid(state.mesh, state.portrait.shape[:2], motion)

    def avatar_motion(self, state: WarpState, motion: Motion) -> AvatarMotion:
        """Where the avatar's landmarks go for this motion."""
        if motion.driving.landmarks is None or motion.neutral.landmarks is None:
            raise NoFaceError("the driving frame has no face landmarks: nothing to transfer")
        neutral = motion.neutral.landmarks
        if motion.leaving is not None and motion.leaving.landmarks is not None:
            neutral = pose_between(motion.leaving.landmarks, neutral, motion.arrived)
        return state.transfer(relative_motion(neutral, motion.driving.landmarks), neutral, motion.strength)


def sampling_grid(mesh: PortraitMesh, size: tuple[int, int], motion: AvatarMotion) -> Array:
    """Dense motion, driving → source: `(H, W, 2)` float32 source pixels, x first, for every frame pixel.

    The mesh is rasterised on a coarse grid over the picture and a finer one over the face, then enlarged.

    Args:
        mesh: of the source.
        size: `(height, width)` of the source.
        motion: where its landmarks go.
    """
    height, width = size
    positions, depth = mesh.move(motion)
    rings = mesh.triangles[: mesh.ring_triangles]
    face = mesh.triangles[mesh.ring_triangles :]
    nearest_last = np.argsort(-depth[face].sum(axis=1), kind="stable")
    triangles = np.concatenate([rings, face[nearest_last]])

    stride = max(1, round(max(height, width) / _COARSE_CELLS))
    # Beyond the mesh, what there is of the person is the torso.
    beyond = np.zeros(2, np.float32) if motion.torso is None else motion.torso.astype(np.float32)
    grid = _raster_region(positions, mesh.points, triangles, (0, 0, width, height), stride, beyond)
    low, high = positions[:468].min(axis=0), positions[:468].max(axis=0)
    fine = max(1, round(float(high[0] - low[0]) / _FACE_CELLS))
    margin = 0.1 * (high - low)  # so that both grids meet where the motion is smooth
    low = np.clip(np.floor(low - margin), 0, [width, height]).astype(int)
    high = np.clip(np.ceil(high + margin), 0, [width, height]).astype(int)
    if fine < stride and (high > low).all():
        box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        finer = _raster_region(positions, mesh.points, triangles, box, fine, beyond)
        rough = grid[low[1] : high[1], low[0] : high[0]]
        share = _ramp(rough.shape[:2], 3 * stride)
        rough += (finer - rough) * cv2.merge([share, share])
    return grid


def _ramp(shape: tuple[int, int], width: int) -> Array:
    """`(h, w)` 1 inside, falling to 0 over `width` pixels towards the border."""
    y, x = (np.minimum(np.arange(n) + 1, n - np.arange(n)) for n in shape)
    return np.minimum(np.minimum.outer(y, x).astype(np.float32) / width, 1)


def _raster_region(
    positions: Array,
    values: Array,
    triangles: NDArray[np.intp],
    box: tuple[int, int, int, int],
    stride: int,
    beyond: Array,
) -> Array:
    """The mesh's source positions over one box of the frame, at every pixel, rasterised every `stride` pixels.

    Outside the mesh everything goes by `beyond`, `(2,)` in pixels.
    """
    left, top, right, bottom = box
    columns, rows = -(-(right - left) // stride) + 2, -(-(bottom - top) // stride) + 2
    # `cv2.resize` puts cell k's centre at pixel (k + 0.5) * stride - 0.5; one cell more on each side keeps its
    # replicated border outside the box.
    cells = (positions - np.array([left, top], np.float32) + 0.5) / stride + 0.5
    coarse = rasterise(cells, values, triangles, (rows, columns))
    holes = np.isnan(coarse[..., 0])
    if holes.any():
        y, x = np.nonzero(holes)
        here = np.stack([(x - 0.5) * stride - 0.5 + left, (y - 0.5) * stride - 0.5 + top], axis=1)
        coarse[y, x] = here - beyond
    _relax(coarse)
    if stride == 1:
        return coarse[1 : 1 + bottom - top, 1 : 1 + right - left]
    full = cv2.resize(coarse, (columns * stride, rows * stride), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)[stride : stride + bottom - top, stride : stride + right - left]


def _relax(grid: Array) -> None:
    """Smooth a grid, in place, where it runs backwards: at the edge of a cheek that hides what is behind it."""
    for _ in range(_RELAX_PASSES):
        x, y = cv2.split(grid)  # apart: arrays whose last axis is short are several times as slow
        across_x, across_y = np.diff(x, axis=1), np.diff(y, axis=1)
        along_x, along_y = np.diff(x, axis=0), np.diff(y, axis=0)
        backwards = np.zeros(grid.shape[:2], np.uint8)
        for row, column in (
            (slice(-1), slice(-1)),
            (slice(1, None), slice(1, None)),
            (slice(1, None), slice(-1)),
        ):
            turned = across_x[row] * along_y[:, column] - across_y[row] * along_x[:, column] <= 0
            backwards[:-1, :-1] |= turned
        if not backwards.any():
            return
        cv2.copyTo(cv2.blur(grid, (3, 3)), cv2.dilate(backwards, np.ones((3, 3), np.uint8)), grid)


def _compose(person: NDArray[np.uint8], background: Frame) -> Frame:
    """Premultiplied person over background."""
    rest = cv2.cvtColor(255 - person[..., 3], cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(background, rest, scale=1 / 255)
    return np.asarray(cv2.add(cv2.cvtColor(person, cv2.COLOR_RGBA2RGB), behind), np.uint8)
