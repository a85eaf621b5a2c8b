"""Finding faces and their 478 landmarks with MediaPipe's networks, from the model file that ships with us."""

from fomm.faces.follower import FaceFollower, face_box
from fomm.faces.landmarker import BACKENDS, FaceLandmarker
from fomm.faces.source import MIN_FACE_WIDTH, source_face

__all__ = ["BACKENDS", "MIN_FACE_WIDTH", "FaceFollower", "FaceLandmarker", "face_box", "source_face"]
