"""What a system needs before "FOMM Cam" can appear in a call."""

from live.setup_camera.steps import Plan, Step, make_plan

__all__ = ["Plan", "Step", "make_plan"]
