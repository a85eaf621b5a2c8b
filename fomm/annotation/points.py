"""The points that a person places: one table, which the window, the command line and the file share.

Sides are the person's own, as everywhere: the right eye is the one on the picture's left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

#: A point's name → its x, y in pixels of the upright picture.
Points: TypeAlias = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class FacePoint:
    """A named point of a face.

    Attributes:
        name: what the file and the command line call it.
        landmarks: the numbers of the landmarks whose middle it is.
        where: how to find it in a picture, in words.
        key: whether it must be placed; where the others go is guessed from those.
        twin: its counterpart on the face's other side: where only one of the two is placed, the other mirrors it.
    """

    name: str
    landmarks: tuple[int, ...]
    where: str
    key: bool = False
    twin: str | None = None


def _pair(
    name: str, right: tuple[int, ...], left: tuple[int, ...], where: str
) -> tuple[FacePoint, FacePoint]:
    """A point and its twin; `where` holds "{side}" for the picture's side."""
    names = f"right_{name}", f"left_{name}"
    return (
        FacePoint(names[0], right, where.format(side="left"), twin=names[1]),
        FacePoint(names[1], left, where.format(side="right"), twin=names[0]),
    )


#: Placed first, in this order.
KEY_POINTS = (
    FacePoint(
        "right_eye_outer", (33,), "eye on the picture's left: its outer corner", True, "left_eye_outer"
    ),
    FacePoint("right_eye_inner", (133,), "the same eye: its inner corner", True, "left_eye_inner"),
    FacePoint(
        "left_eye_inner", (362,), "eye on the picture's right: its inner corner", True, "right_eye_inner"
    ),
    FacePoint("left_eye_outer", (263,), "the same eye: its outer corner", True, "right_eye_outer"),
    FacePoint("nose_tip", (1,), "tip of the nose", True),
    FacePoint("mouth_right", (61,), "corner of the mouth on the picture's left", True, "mouth_left"),
    FacePoint("mouth_left", (291,), "corner of the mouth on the picture's right", True, "mouth_right"),
    FacePoint("chin", (152,), "lowest point of the chin", True),
)

POINTS = (
    *KEY_POINTS,
    *_pair("eye_upper", (159,), (386,), "eye on the picture's {side}: middle of its upper edge"),
    *_pair("eye_lower", (145,), (374,), "eye on the picture's {side}: middle of its lower edge"),
    *_pair("pupil", (468,), (473,), "eye on the picture's {side}: middle of its pupil"),
    *_pair("brow_outer", (70, 46), (300, 276), "brow on the picture's {side}: its outer end"),
    *_pair("brow_middle", (105, 52), (334, 282), "brow on the picture's {side}: its middle"),
    *_pair("brow_inner", (107, 55), (336, 285), "brow on the picture's {side}: its inner end"),
    *_pair("nostril", (64,), (294,), "wing of the nose on the picture's {side}"),
    FacePoint("lip_top", (0,), "upper lip: middle of its upper edge"),
    FacePoint("lip_upper", (13,), "upper lip: middle of its lower edge"),
    FacePoint("lip_lower", (14,), "lower lip: middle of its upper edge"),
    FacePoint("lip_bottom", (17,), "lower lip: middle of its lower edge"),
    FacePoint("forehead", (10,), "top of the forehead, where the hair begins"),
    *_pair("temple", (21,), (251,), "outline on the picture's {side}, at the height of the brows"),
    *_pair("cheek", (234,), (454,), "outline on the picture's {side}, between eyes and nose"),
    *_pair("jaw", (172,), (397,), "outline on the picture's {side}, at the height of the mouth"),
)

BY_NAME = {point.name: point for point in POINTS}
