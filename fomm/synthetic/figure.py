"""A person as geometry: skin, cloth, teeth, eyes and hair, posed frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fomm.synthetic import mouth
from fomm.synthetic.arrays import Array
from fomm.synthetic.garment import sew
from fomm.synthetic.hairdresser import dress, scalp
from fomm.synthetic.heads import HeadFactory, about_x, about_z, rotation
from fomm.synthetic.lids import LidGuard
from fomm.synthetic.paint import Regions, linear, paint
from fomm.synthetic.people import Person

#: How far the eyes turn at full strength of an eyeLook action, degrees.
GAZE_SIDE, GAZE_UP, GAZE_DOWN = 30.0, 25.0, 26.0

#: What the trunk leans about, metres.
_WAIST = np.array([0.0, 0.0, 0.15])

_ENAMEL, _GUM = (0.92, 0.88, 0.80), (0.70, 0.36, 0.36)


@dataclass(frozen=True)
class Pose:
    """One frame of acting: facial actions (0 to 1), head rotation in degrees, how far the neck shifts the head in
    metres; of the whole upper body sway in metres, and lean to the subject's left and back in degrees; and where a
    hand at the face is, as in `Hand.place`."""

    expression: Mapping[str, float] = field(default_factory=dict)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    sway: tuple[float, float] = (0.0, 0.0)
    lean: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    hand: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def trunk(self) -> Array:
        """`(4, 4)` transform of the upper body, head and all, from where it is at rest: lean and sway."""
        turn = rotation(0, self.lean[1], self.lean[0])
        transform = np.eye(4, dtype=np.float32)
        transform[:3, :3] = turn
        transform[:3, 3] = _WAIST - turn @ _WAIST + np.array([self.sway[0], 0.0, self.sway[1]])
        return transform


@dataclass(frozen=True)
class Posed:
    """Geometry of one frame, in world space.

    Attributes:
        vertices, normals: `(M, 3)` of the mesh: first the head's own vertices, then teeth, then cloth.
        balls, ball_normals: `(2 E, 3)` of the eyeballs, the subject's left one first.
        skull: `(4, 4)` transform that rigid hair follows.
    """

    vertices: Array
    normals: Array
    balls: Array
    ball_normals: Array
    skull: Array


class Figure:
    """One person, dressed and painted, ready to be posed.

    Attributes:
        faces: `(F, 4)` quads of the whole mesh (see `Posed`).
        rest, albedo, material, trim: what surface.vert calls in_rest and so on, for each vertex.
        ball, ball_faces: one eyeball of radius 1 with the pupil at (0, -1, 0).
        sky_faces: coarse quads that are enough to cast the sky's soft shadows.
        tufts: hair of all kinds.
        middle: the point between the eyes that cameras and lamps aim at.
    """

    def __init__(self, heads: HeadFactory, person: Person) -> None:
        self.person = person
        self.head = head = heads.build(person.shape)
        self.topology = topology = head.topology
        body = topology.parts["body"]
        regions = Regions(topology)
        normals = smooth_normals(head.rest, body)
        self._shell = shell = sew(head, regions, person.garment, normals)
        self.tufts = dress(head, regions, person, normals)

        self._eyes = [fit_ball(head.rest[np.unique(topology.parts[name])]) for name in ("eye_l", "eye_r")]
        self._guards = [
            LidGuard(head, regions, centre, radius * 1.02, 0.0016) for centre, radius in self._eyes
        ]
        self.middle = (self._eyes[0][0] + self._eyes[1][0]) / 2 + np.array([0, 0.02, 0])
        self.ball, self.ball_faces = _eyeball()

        first = topology.subdivisions[0].coarse_count
        self._teeth = []
        for name, upper in (("teeth_upper", True), ("teeth_lower", False)):
            guide = np.unique(topology.parts[name])
            guide = guide[guide < first]
            self._teeth.append((guide, mouth.build_row(topology.template[guide], upper=upper)))
        rows = [row for _, row in self._teeth]

        ends = np.cumsum([len(topology.template), *(len(row.vertices) for row in rows)])
        pieces = [row.faces + start for row, start in zip(rows, ends, strict=False)]
        self.faces = np.concatenate([body, topology.parts["tongue"], *pieces, shell.faces + ends[-1]])
        self.rest = np.concatenate(
            [topology.template, *(row.vertices for row in rows), topology.template[shell.over]]
        )
        coarse = topology.subdivisions[-1].coarse_faces
        self.sky_faces = coarse[(regions.body[coarse] > 0).all(axis=1)]

        skin = paint(
            topology, regions, person.skin, scalp(regions, person.hair), person.hair.colour, person.seed
        )
        gum = np.concatenate([row.gum for row in rows])[:, None]
        cloth = np.ones((len(shell.over), 1))
        self.albedo = np.concatenate(
            [
                skin.albedo,
                linear(_ENAMEL) * (1 - gum) + linear(_GUM) * gum,
                linear(person.garment.colour) * cloth,
            ]
        )
        wet, knitted = np.array([0.22, 2.6, 0, 0]), np.array([0.9, 0, 0, person.garment.weave])
        self.material = np.concatenate([skin.material, wet * np.ones_like(gum), knitted * cloth])
        self.trim = np.concatenate([np.full(ends[-1], -1.0), shell.height])

    def pose(self, pose: Pose) -> Posed:
        """Everything in its place for one frame."""
        head = self.head
        expression = dict(self.person.posture)
        for name, strength in pose.expression.items():
            expression[name] = expression.get(name, 0.0) + strength
        face = head.express(expression)
        for guard in self._guards:
            guard.apply(face)
        bones = head.bone_transforms(pose.yaw, pose.pitch, pose.roll, pose.shift)
        trunk = pose.trunk()
        body = head.skin(face, bones) @ trunk[:3, :3].T + trunk[:3, 3]
        skull = trunk @ bones[-1]

        parts = [body]
        for guide, row in self._teeth:
            affine = mouth.fit_affine(self.topology.template[guide], body[guide])
            parts.append((row.vertices @ affine[:3] + affine[3]).astype(np.float32))
        parts.append(body[self._shell.over] + self._shell.offset)
        vertices = np.concatenate(parts)
        balls = self._turn_eyes(expression, skull)
        faces = np.concatenate([self.ball_faces, self.ball_faces + len(self.ball)])
        return Posed(
            vertices, smooth_normals(vertices, self.faces), balls, smooth_normals(balls, faces), skull
        )

    def _turn_eyes(self, expression: Mapping[str, float], skull: Array) -> Array:
        placed = []
        for (centre, radius), side, sign in zip(self._eyes, ("Left", "Right"), (1, -1), strict=True):

            def look(way: str, side: str = side) -> float:
                return expression.get(f"eyeLook{way}{side}", 0.0)

            sideways = sign * (look("Out") - look("In")) * GAZE_SIDE
            turn = about_z(sideways) @ about_x(look("Up") * GAZE_UP - look("Down") * GAZE_DOWN)
            local = self.ball * radius @ turn.T + centre
            placed.append(local @ skull[:3, :3].T + skull[:3, 3])
        return np.concatenate(placed).astype(np.float32)


def smooth_normals(vertices: Array, faces: Array) -> Array:
    """`(N, 3)` normals of a quad mesh, averaged over the faces by area."""
    a, b, c, d = (vertices[faces[:, k]] for k in range(4))
    across = np.cross(c - a, d - b)
    normals = np.empty_like(vertices)
    for axis in range(3):
        weights = np.repeat(across[:, axis], 4)
        normals[:, axis] = np.bincount(faces.ravel(), weights, minlength=len(vertices))
    smooth: Array = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
    return smooth


def fit_ball(points: Array) -> tuple[Array, float]:
    """Centre `(3,)` and radius of the ball on which points `(N, 3)` lie."""
    centre = points.mean(axis=0)
    return centre, float(np.median(np.linalg.norm(points - centre, axis=1)))


def _eyeball() -> tuple[Array, Array]:
    """A unit ball with a bulging cornea, and its quads."""
    rings, columns = 64, 64
    angle = np.concatenate([np.linspace(0, 0.75, 36), np.linspace(0.80, np.pi, rings - 36)])[:, None]
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    bulge = 1 + 0.075 * np.clip(1 - (angle / 0.56) ** 2, 0, 1) ** 1.2
    x, z = np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn)
    y = -np.cos(angle) * np.ones_like(turn)
    vertices = (np.stack([x, y, z], axis=-1) * bulge[..., None]).reshape(-1, 3)
    return vertices.astype(np.float32), mouth.tube(rings, columns)[:, ::-1]
