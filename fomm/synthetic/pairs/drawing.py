"""Draws two frames of one person, and knows where every point went between them.

A quarter of a second would be spent on a portrait's light and strands; here the base mesh is drawn once, painted by
formulas and lit by one lamp, so that a core makes many frames a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from fomm.synthetic.arrays import Array
from fomm.synthetic.figure import GAZE_DOWN, GAZE_SIDE, GAZE_UP, Pose, fit_ball, smooth_normals
from fomm.synthetic.hairdresser import scalp
from fomm.synthetic.heads import Head, HeadFactory, about_x, about_z
from fomm.synthetic.lids import LidGuard
from fomm.synthetic.paint import LIPS, Regions
from fomm.synthetic.pairs.characters import Character
from fomm.synthetic.pairs.hairdos import beard, beard_layers
from fomm.synthetic.pairs.hands import Palm
from fomm.synthetic.pairs.meshes import Posed, Worn
from fomm.synthetic.render import Framing, columns, open_context, perspective, shader, triangles

#: What a portrait needs of the base mesh beyond a head: the shell that long hair is, and lashes.
EXTRA_PARTS = {
    "hair": "helper-hair",
    "lashes_l1": "helper-l-eyelashes-1",
    "lashes_l2": "helper-l-eyelashes-2",
    "lashes_r1": "helper-r-eyelashes-1",
    "lashes_r2": "helper-r-eyelashes-2",
}

#: How each kind of mesh is painted: the shader's file, and whether its back is never seen.
KINDS = {
    "BODY": ("body", True),
    "LEFT_EYE": ("eye", True),
    "RIGHT_EYE": ("eye", True),
    "TEETH": ("teeth", False),
    "TONGUE": ("tongue", False),
    "LASHES": ("lashes", False),
    "SHELL": ("shell", False),
    "LAYER": ("layer", False),
    "LOCK": ("lock", False),
    "KNOT": ("lock", False),
    "HARD": ("hard", False),
    "CLOTH": ("cloth", False),
    "HAND": ("hand", True),
    "LENS": ("lens", False),
}

#: What is looked through: drawn last, over the rest, and not there where motion is measured.
_CLEAR = "LENS"

#: What the base mesh's parts are; the rest are lashes.
_PARTS = {
    "body": "BODY",
    "eye_l": "LEFT_EYE",
    "eye_r": "RIGHT_EYE",
    "teeth_upper": "TEETH",
    "teeth_lower": "TEETH",
    "tongue": "TONGUE",
    "hair": "SHELL",
}

#: Where a hat's height is measured from, on the template.
BROWS = 0.7534

#: A point is hidden if something is nearer to the camera by more than this, metres.
_BEHIND = 0.004


@dataclass(frozen=True)
class Drawn:
    """Two frames of one person.

    Attributes:
        source, driving: `(S, S, 3)` float32 RGB in [0, 1], as the renderer made them.
        source_person, driving_person: `(S, S)` float32, 1 where the person is, soft at the edges.
        motion: `(S, S, 2)` float32: where each pixel of the driving frame is in the source frame, in [-1, 1], x
            first, -1 and 1 being the outermost pixels' centres. Behind the person nothing moves.
        visible: `(S, S)` bool: whether the source frame shows it.
    """

    source: Array
    driving: Array
    source_person: Array
    driving_person: Array
    motion: Array
    visible: Array


@dataclass(frozen=True)
class Taken:
    """A frame of a clip; motion and visibility lead to the clip's first frame, else as in `Drawn`."""

    picture: Array
    person: Array
    motion: Array
    visible: Array


class Actor:
    """One person's geometry, ready to be posed."""

    def __init__(self, heads: HeadFactory, regions: Regions, palm: Palm, character: Character) -> None:
        self.character = character
        self.head: Head = heads.build(character.shape)
        topology = self.head.topology
        self._eyes = []
        for name in ("eye_l", "eye_r"):
            vertices = np.unique(topology.parts[name])
            centre, radius = fit_ball(self.head.rest[vertices])
            guard = LidGuard(self.head, regions, centre, radius * 1.02, 0.0012)
            self._eyes.append((vertices, centre, guard))
        self._faces = np.concatenate(list(topology.parts.values()))
        self.beard = beard(regions, character.beard)
        self.worn: list[Worn] = []
        if character.hairdo is not None:
            self.worn += character.hairdo.fit(self.head, regions, character.style)
        if character.bushy:
            self.worn.append(beard_layers(self.head, regions, self.beard, character.bushy))
        if character.glasses is not None:
            self.worn += character.glasses.fit(self.head, regions)
        if character.hat is not None:
            self.worn += character.hat.fit(self.head, regions, hair=0.022 * character.shell)
        if character.hand is not None:
            self.worn.append(character.hand.fit(palm))
        self.middle = (self._eyes[0][1] + self._eyes[1][1]) / 2 + np.array([0, 0.02, 0])

    def pose(self, pose: Pose) -> Posed:
        """Where everything is in one frame."""
        face = self.head.express(pose.expression)
        for (vertices, centre, guard), side, sign in zip(self._eyes, ("Left", "Right"), (1, -1), strict=True):
            guard.apply(face)
            local = self.head.rest[vertices] - centre
            face[vertices] = local @ _gaze(pose.expression, side, sign).T + centre
        bones = self.head.bone_transforms(pose.yaw, pose.pitch, pose.roll, pose.shift)
        trunk = pose.trunk()
        vertices = np.asarray(self.head.skin(face, bones) @ trunk[:3, :3].T + trunk[:3, 3], np.float32)
        normals = smooth_normals(vertices, self._faces)
        skull = trunk @ bones[-1]
        hand = self.character.hand
        held = np.eye(4) if hand is None else hand.place(self.head, skull, pose.hand)
        return Posed(vertices, normals, skull, trunk, held, _creases(pose.expression))


def _creases(expression: Mapping[str, float]) -> Array:
    """What an expression folds; see `Posed`."""

    def pulled(**muscles: float) -> float:
        """The strongest of some muscles, each by how much it folds; the stronger side counts."""
        sides = ("", "Left", "Right")
        return max(
            weight * max(expression.get(name + side, 0.0) for side in sides)
            for name, weight in muscles.items()
        )

    return np.array(
        [
            pulled(browInnerUp=1, browOuterUp=0.8),
            pulled(browDown=1, noseSneer=0.5),
            pulled(cheekSquint=1, eyeSquint=0.7, mouthSmile=0.6, noseSneer=0.4),
            pulled(mouthSmile=1, noseSneer=0.8, mouthUpperUp=0.6, mouthStretch=0.5, cheekSquint=0.5),
        ]
    )


def _gaze(expression: Mapping[str, float], side: str, sign: int) -> Array:
    def look(way: str) -> float:
        return expression.get(f"eyeLook{way}{side}", 0.0)

    turn: Array = about_z(sign * (look("Out") - look("In")) * GAZE_SIDE) @ about_x(
        look("Up") * GAZE_UP - look("Down") * GAZE_DOWN
    )
    return turn.astype(np.float32)


class Stage:
    """The OpenGL side: one context for any number of people.

    Args:
        heads: made with `extra=EXTRA_PARTS`.
        size: width and height of the frames in pixels.

    Raises:
        EglError: there is no off-screen OpenGL.
    """

    def __init__(self, heads: HeadFactory, *, size: int) -> None:
        self.size, self._heads, self._topology = size, heads, heads.topology
        self.regions, self._palm = Regions(heads.topology), Palm(heads)
        self._context: Any = open_context()
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        import moderngl

        gl, size = self._context, (self.size, self.size)
        gl.enable(moderngl.DEPTH_TEST)
        # Where a lens is seen through, as much of the person is there as was before.
        gl.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ZERO, gl.ONE
        self._programs = {kind: self._compile(kind) for kind in KINDS}
        self._canvas = gl.framebuffer(
            [gl.renderbuffer(size, 4, samples=4)], gl.depth_renderbuffer(size, samples=4)
        )
        self._flat = gl.framebuffer([gl.renderbuffer(size, 4)])
        self._floats = gl.framebuffer([gl.renderbuffer(size, 4, dtype="f4")], gl.depth_renderbuffer(size))
        count = len(self._topology.template)
        moving, fixed = (
            gl.buffer(reserve=count * 36, dynamic=True),
            gl.buffer(reserve=count * 28, dynamic=True),
        )
        self._own = [
            self._layer(_PARTS.get(name, "LASHES"), moving, fixed, quads)
            for name, quads in self._topology.parts.items()
        ]
        self._worn: list[tuple[Worn, _Layer]] = []
        self._dressed: Actor | None = None

    def _compile(self, kind: str) -> tuple[Any, Any]:
        """Programs that draw a kind and that measure it."""
        # From 1: what is not defined is 0 to the preprocessor.
        macros = {name: number for number, name in enumerate(KINDS, 1)} | {"KIND": kind}
        vertex = shader("pair/point.vert")
        common = "pair/common.glsl", "noise.glsl", "pair/cut.glsl"
        painted = (*common, "pair/paint.glsl", f"pair/{KINDS[kind][0]}.glsl", "pair/light.frag")
        fragments = shader(*painted, **macros), shader(*common, "pair/motion.frag", **macros)
        colour, motion = (
            self._context.program(vertex_shader=vertex, fragment_shader=fragment) for fragment in fragments
        )
        return colour, motion

    def _layer(self, kind: str, moving: Any, fixed: Any, quads: Array) -> _Layer:
        order = self._context.buffer(triangles(quads))
        content = [
            (moving, "3f 3f 3f", "in_position", "in_normal", "in_other"),
            (fixed, "3f 4f", "in_rest", "in_mask"),
        ]
        arrays = []
        for program in self._programs[kind]:
            used = [(buffer, *_used(program, layout, names)) for buffer, layout, *names in content]
            arrays.append(self._context.vertex_array(program, [one for one in used if len(one) > 2], order))
        return _Layer(kind, moving, fixed, order, *arrays)

    def close(self) -> None:
        """Free the OpenGL context; idempotent."""
        context, self._context = self._context, None
        if context is not None:
            context.release()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def actor(self, character: Character) -> Actor:
        """Somebody to draw."""
        return Actor(self._heads, self.regions, self._palm, character)

    def pair(self, actor: Actor, source: Pose, driving: Pose, backdrop: Array) -> Drawn:
        """Two frames of one person in front of one backdrop, `(S, S, 3)` float32."""
        one, other = self.clip(actor, (source, driving), backdrop)
        return Drawn(one.picture, other.picture, one.person, other.person, other.motion, other.visible)

    def clip(self, actor: Actor, poses: Iterable[Pose], backdrop: Array) -> Iterator[Taken]:
        """Frames of one person, one after another, each with its motion to the first."""
        first, depth = None, None
        for pose in poses:
            here = actor.pose(pose)
            first = here if first is None else first
            # Others may have drawn since, on this stage or on another, and left theirs the current context.
            with self._context:
                self._dress(actor)
                self._place(here, first)
                self._programs["BODY"][0]["creases"] = tuple(map(float, here.creases))
                picture, person = self._draw(backdrop)
                measured = self._measure()
            depth = measured[..., 3] if depth is None else depth
            yield Taken(picture, person, *trace(measured, depth))

    def _dress(self, actor: Actor) -> None:
        """Everything that stays the same from frame to frame."""
        if actor is self._dressed:
            return
        self._dressed = actor
        who, regions = actor.character, self.regions
        masks = np.stack([actor.beard, regions.mouth, scalp(regions, who.style), regions.lips], axis=1)
        self._own[0].fixed.write(_bytes(self._topology.template, masks))
        for _, layer in self._worn:
            layer.release()
        self._worn = []
        for worn in actor.worn:
            buffers = (
                self._context.buffer(reserve=len(worn.rest) * 36, dynamic=True),
                self._context.buffer(_bytes(worn.rest, worn.traits)),
            )
            self._worn.append((worn, self._layer(worn.kind, *buffers, worn.quads)))
        framing = Framing(distance=who.distance, height=who.height, eyes_at=who.eyes_at)
        eye = actor.middle - np.array([0, framing.distance, 0])
        values: dict[str, Any] = {
            "eye": eye,
            "left_eye": regions.left_eye,
            "right_eye": regions.right_eye,
            "lips_at": LIPS,
            "key_direction": who.key[0],
            "key_colour": who.key[1],
            "sky_colour": who.sky,
            "floor_colour": who.floor,
            "texture_seed": who.texture,
            "has_hair": float(who.style.count > 0),
            "glare": who.glare,
            "hat_from": _hat_from(who),
        }
        for name in ("skin", "lips", "brow", "hair", "iris", "cloth", "brow_thickness", "brow_raised", "gloss",
                     "stubble", "blush", "mottle", "neckline", "weave", "lines", "fringe", "cut"):  # fmt: skip
            values[name] = getattr(who, name)
        camera = columns(perspective(eye, framing))
        for program in (one for both in self._programs.values() for one in both):
            program["camera"].write(camera)
            for name in values.keys() & set(program):
                value = values[name]
                program[name] = value if isinstance(value, float) else tuple(float(x) for x in value)

    def _place(self, here: Posed, other: Posed) -> None:
        self._own[0].moving.write(_bytes(here.vertices, here.normals, other.vertices))
        for worn, layer in self._worn:
            layer.moving.write(_bytes(*worn.carrier(here), worn.carrier(other)[0]))

    def _draw(self, backdrop: Array) -> tuple[Array, Array]:
        """The frame, and where the person is in it."""
        self._render(self._canvas, measuring=False)
        self._context.copy_framebuffer(self._flat, self._canvas)
        data = np.frombuffer(self._flat.read(components=4, dtype="f1"), np.uint8)
        drawn = data.reshape(self.size, self.size, 4)[::-1].astype(np.float32) / 255
        person = drawn[..., 3]
        # Edges are averaged with the empty canvas, that is, multiplied by their share already.
        return drawn[..., :3] + backdrop * (1 - person)[..., None], person

    def _measure(self) -> Array:
        """`(S, S, 4)` what motion.frag writes, zero where nothing is."""
        self._render(self._floats, measuring=True)
        data = np.frombuffer(self._floats.read(components=4, dtype="f4"), np.float32)
        return data.reshape(self.size, self.size, 4)[::-1].copy()

    def _render(self, target: Any, *, measuring: bool) -> None:
        gl = self._context
        target.use()
        target.clear(0, 0, 0, 0, depth=1.0)
        assert self._dressed is not None
        shell = self._dressed.character.shell
        layers = [*self._own, *(layer for _, layer in self._worn)]
        layers.sort(key=lambda layer: layer.kind == _CLEAR)
        for layer in layers:
            if (layer.kind == "SHELL" and not shell) or (layer.kind == _CLEAR and measuring):
                continue
            (gl.enable if KINDS[layer.kind][1] else gl.disable)(gl.CULL_FACE)
            (gl.enable if layer.kind == _CLEAR else gl.disable)(gl.BLEND)
            (layer.motion if measuring else layer.colour).render()


@dataclass(frozen=True)
class _Layer:
    """One mesh on the graphics side."""

    kind: str
    moving: Any
    fixed: Any
    order: Any
    colour: Any
    motion: Any

    def release(self) -> None:
        for one in (self.colour, self.motion, self.moving, self.fixed, self.order):
            one.release()


def _hat_from(who: Character) -> float:
    """Above which height, see cut.glsl, a hat hides the hair."""
    if who.hat is None or not who.hat.covers_hair:
        return 9.0
    return BROWS + who.hat.line + 0.004


def _bytes(*columns_: Array) -> bytes:
    return np.concatenate(columns_, axis=1).astype("f4").tobytes()


def trace(measured: Array, source_depth: Array) -> tuple[Array, Array]:
    """Motion and visibility of `Drawn`, from where the driving frame's points are in the source frame.

    Args:
        measured: `(S, S, 4)` of the driving frame: x and y in the source frame as OpenGL counts (-1 and 1 at the
            picture's edges, y up), depth there, depth here; zero where the person is not.
        source_depth: `(S, S)` of the source frame.
    """
    size = len(measured)
    person = measured[..., 3] > 0
    column, row = (measured[..., 0] + 1) / 2 * size - 0.5, (1 - measured[..., 1]) / 2 * size - 0.5
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    column, row = np.where(person, column, x), np.where(person, row, y)
    motion = np.stack([column, row], axis=-1) * np.float32(2 / (size - 1)) - 1
    inside = (column > -0.5) & (column < size - 0.5) & (row > -0.5) & (row < size - 0.5)
    # The farthest of the pixels around: an edge that lies between two of them hides neither side.
    farthest = cv2.dilate(source_depth, np.ones((3, 3), np.uint8))
    columns_, rows = (np.clip(np.round(v), 0, size - 1).astype(np.int32) for v in (column, row))
    there = farthest[rows, columns_]
    shown = np.where(person, measured[..., 2] <= there + _BEHIND, source_depth == 0)
    return motion.astype(np.float32), inside & shown


def _used(program: Any, layout: str, names: list[str]) -> list[str]:
    """A buffer's layout with padding for what a program does not read, and the names that it does."""
    parts = []
    for part, name in zip(layout.split(), names, strict=True):
        parts.append(part if name in program else f"{4 * int(part[0])}x")
    return [" ".join(parts), *(name for name in names if name in program)]
