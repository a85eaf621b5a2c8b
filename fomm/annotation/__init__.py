"""Faces marked by hand, for pictures in which no detector finds one: cartoons, statues, animals.

A person places a few named points; the 478 landmarks are fitted to them, and the points are remembered beside the
picture. Wherever a picture is loaded to be animated, `load_source` hands the landmarks on, and no detector looks.
"""

from fomm.annotation.fitting import FittedFace, fit_face, points_of
from fomm.annotation.points import BY_NAME, KEY_POINTS, POINTS, FacePoint, Points
from fomm.annotation.record import Annotation, annotation_path, load_source, read_annotation, write_annotation

__all__ = [
    "BY_NAME",
    "KEY_POINTS",
    "POINTS",
    "Annotation",
    "FacePoint",
    "FittedFace",
    "Points",
    "annotation_path",
    "fit_face",
    "load_source",
    "points_of",
    "read_annotation",
    "write_annotation",
]
