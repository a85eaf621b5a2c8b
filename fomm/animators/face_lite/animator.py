"""The bundled learned model: the landmark warp, its motion corrected by a small network."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fomm import resources
from fomm.animators.base import DrivingFrame, Motion, SourceImage
from fomm.animators.face_lite.clues import Stills, add_correction, seen, share
from fomm.animators.face_lite.execution import create, read_weights
from fomm.animators.face_lite.network import FACE, Array
from fomm.animators.face_lite.shoulders import Shoulders
from fomm.animators.landmark_warp import LandmarkWarp, MouthFill, WarpState
from fomm.landmarks import AvatarMotion, face_width

WEIGHTS = resources.MODELS / "face-lite.safetensors"


@dataclass(frozen=True, eq=False)
class LiteState(WarpState):
    """One avatar, prepared.

    Attributes:
        stills: what the network sees of the source; None where the person could not be cut out, and nothing is
            corrected.
        mistake: what the network says of the source at rest, where nothing is to be corrected.
    """

    stills: Stills | None
    mistake: Array | None


class FaceLite(LandmarkWarp):
    """Animates a portrait as `LandmarkWarp` does, and moves hair, neck and shoulders as people's do.

    The network sees landmarks and the person's outline, never a picture. Of the driver's picture, where the shoulders
    have gone is used. Colours all come from the source.

    Args:
        mouth: see `LandmarkWarp`.
        engine, device, precision: see `fomm.animators.face_lite.execution.create`.
        checkpoint: other weights than the bundled ones.

    Raises:
        CheckpointError: the weights are not there, or damaged.
        ConfigError: no such engine, or it has no such precision.
        EngineError: none can run here.
    """

    name = "face-lite"

    def __init__(
        self,
        *,
        mouth: MouthFill = "driver",
        engine: str = "auto",
        device: str | None = None,
        precision: str | None = None,
        checkpoint: str | Path | None = None,
    ) -> None:
        super().__init__(mouth=mouth)
        self.network = create(
            read_weights(Path(checkpoint or WEIGHTS)), engine=engine, device=device, precision=precision
        )
        self._running = threading.Lock()
        self._shoulders = Shoulders()
        self.device = f"{self.network.engine} {self.network.precision} on {self.network.device}"

    def prepare(self, source: SourceImage) -> LiteState:
        """See `LandmarkWarp`."""
        state = super().prepare(source)
        stills = mistake = None
        if state.person is not None:
            matte = state.person[..., 3].astype(np.float32) / 255
            stills = Stills.of(state.landmarks, matte)
            still = DrivingFrame(source.pixels, state.landmarks)
            rest = self.avatar_motion(state, Motion(still, still))
            mistake = self._run(seen(stills, super().motion_grid(state, rest), rest))
        return LiteState(**vars(state), stills=stills, mistake=mistake)

    def avatar_motion(self, state: WarpState, motion: Motion) -> AvatarMotion:
        """Where the avatar's landmarks go, and its torso."""
        moved = super().avatar_motion(state, motion)
        if state.person is None:
            return moved
        return self._shoulders.carry(moved, face_width(state.landmarks), motion)

    def motion_grid(self, state: WarpState, motion: AvatarMotion) -> Array:
        """Dense motion, driving → source, corrected."""
        grid = super().motion_grid(state, motion)
        if isinstance(state, LiteState) and state.stills is not None and state.mistake is not None:
            clues = seen(state.stills, grid, motion)
            correction = (self._run(clues) - state.mistake)[:2] * share(clues[FACE])
            add_correction(grid, correction, state.stills.square)
        return grid

    def _run(self, clues: Array) -> Array:
        # Sources are prepared in a thread of their own.
        with self._running:
            return self.network(clues)
