"""The bundled learned model, see `docs/face-lite.md`."""

from fomm.animators.face_lite.animator import FaceLite, LiteState

__all__ = ["FaceLite", "LiteState"]
