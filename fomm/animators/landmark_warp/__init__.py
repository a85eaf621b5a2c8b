"""The bundled animator: a portrait warped by face landmarks. See `docs/how-it-works.md`."""

from fomm.animators.landmark_warp.animator import LandmarkWarp, MouthFill, WarpState, sampling_grid

__all__ = ["LandmarkWarp", "MouthFill", "WarpState", "sampling_grid"]
