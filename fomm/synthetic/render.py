"""Draws synthetic people with OpenGL, off screen, by EGL: no display and no GPU needed.

Light is a shadowed key lamp, a fill and a rim lamp, and a sky whose soft shadows are worked out at every vertex
from depth maps taken from all around, in every frame. Pictures are drawn several times too large and averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm.errors import FommError
from fomm.synthetic import mouth
from fomm.synthetic import strands as hair
from fomm.synthetic.garment import sew
from fomm.synthetic.heads import Head, HeadFactory
from fomm.synthetic.lids import LidGuard
from fomm.synthetic.paint import Regions, linear, paint
from fomm.synthetic.people import Person, dress, scalp

Array = NDArray[Any]

SHADERS = Path(__file__).parent / "shaders"
SHADOW_SIZE = 2048
SKY_SIZE = 320
SKY_RADIUS = 0.21
SKY_DIRECTIONS = 36

#: How far the eyes turn at full strength of an eyeLook action, degrees.
GAZE_SIDE, GAZE_UP, GAZE_DOWN = 32.0, 26.0, 28.0


class EglError(FommError, OSError):
    """No off-screen OpenGL context can be made."""


@dataclass(frozen=True)
class Pose:
    """One frame of acting: facial actions (0 to 1), head rotation in degrees, and sway in metres."""

    expression: Mapping[str, float] = field(default_factory=dict)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    sway: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Lighting:
    """Lamps: directions towards them (x right, y into the picture, z up), linear colours, and the sky."""

    key: tuple[float, float, float] = (-0.55, -0.75, 0.55)
    key_colour: tuple[float, float, float] = (1.45, 1.36, 1.24)
    fill: tuple[float, float, float] = (0.8, -0.75, 0.15)
    fill_colour: tuple[float, float, float] = (0.34, 0.38, 0.44)
    rim: tuple[float, float, float] = (0.65, 0.75, 0.45)
    rim_colour: tuple[float, float, float] = (0.8, 0.85, 0.95)
    sky_colour: tuple[float, float, float] = (0.50, 0.53, 0.58)
    floor_colour: tuple[float, float, float] = (0.22, 0.18, 0.15)


@dataclass(frozen=True)
class Framing:
    """The camera: its distance and the picture's height at the face, metres; where the eyes' middle lies (0..1)."""

    distance: float = 1.25
    height: float = 0.46
    eyes_at: tuple[float, float] = (0.5, 0.43)


def open_context() -> Any:
    """A stand-alone OpenGL context by EGL.

    Raises:
        EglError: there is none; the message names the packages that bring one.
    """
    import moderngl

    try:
        return moderngl.create_standalone_context(backend="egl")
    except Exception as error:
        raise EglError(
            f"No off-screen OpenGL context: {error}. Rendering needs EGL and a software or GPU driver; "
            "on Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri"
        ) from error


class Renderer:
    """Draws one person.

    Args:
        heads: the factory to build the head with.
        size: width and height of the pictures in pixels.
        supersample: the picture is drawn this many times larger in each direction.
        backdrop: `(h, w, 3)` uint8 RGB picture behind the person, stretched to fit.
    """

    def __init__(
        self,
        heads: HeadFactory,
        person: Person,
        *,
        size: int = 512,
        supersample: int = 3,
        backdrop: Array,
        lighting: Lighting | None = None,
        framing: Framing | None = None,
    ) -> None:
        self._lighting = lighting or Lighting()
        self._framing = framing or Framing()
        self._size, self._large = size, size * supersample
        self._prepare_person(heads, person)
        self._context = open_context()
        try:
            self._prepare_gl(person, backdrop)
        except BaseException:
            self._context.release()
            raise

    def close(self) -> None:
        """Free the OpenGL context; idempotent."""
        context, self._context = self._context, None
        if context is not None:
            context.release()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the person -------------------------------------------------------------------------------------

    def _prepare_person(self, heads: HeadFactory, person: Person) -> None:
        topology = heads.topology
        self._regions = Regions(topology)
        self._posture = person.posture
        self._head = heads.build(person.shape)
        rest = self._head.rest
        normals = self._smooth_normals(rest, topology.parts["body"].faces)
        self._shell = sew(self._head, self._regions, person.garment, normals)
        self._paint = paint(topology, self._regions, person.skin, scalp(self._regions, person.hair), person.hair.colour, person.seed)
        self._tufts = dress(self._head, self._regions, person, normals)

        self._eye_guides = [np.unique(topology.parts[name].faces) for name in ("eye_l", "eye_r")]
        self._eyes = []
        for guide in self._eye_guides:
            centre = rest[guide].mean(axis=0)
            radius = float(np.median(np.linalg.norm(rest[guide] - centre, axis=1)))
            self._eyes.append((centre, radius))
        self._guards = [
            LidGuard(self._head, self._regions, centre, radius * 1.02, 0.0016) for centre, radius in self._eyes
        ]
        self._ball = _eyeball()
        self._teeth = []
        for name, upper in (("teeth_upper", True), ("teeth_lower", False)):
            guide = np.unique(topology.parts[name].faces)
            guide = guide[guide < topology.subdivisions[0].coarse_count]
            self._teeth.append((guide, mouth.build_row(topology.template[guide], upper=upper)))
        middle = (self._eyes[0][0] + self._eyes[1][0]) / 2
        self._middle = middle + [0, 0.02, 0]

    @staticmethod
    def _smooth_normals(vertices: Array, faces: Array) -> Array:
        triangles = _triangles(faces)
        a, b, c = (vertices[triangles[:, k]] for k in range(3))
        face = np.cross(b - a, c - a)
        normals = np.empty_like(vertices)
        for axis in range(3):
            total = np.zeros(len(vertices))
            for k in range(3):
                total += np.bincount(triangles[:, k], face[:, axis], minlength=len(vertices))
            normals[:, axis] = total
        return (normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)).astype(np.float32)

    # -- OpenGL -----------------------------------------------------------------------------------------

    def _program(self, name: str, fragment: str | None = None) -> Any:
        common = (SHADERS / "common.glsl").read_text()
        return self._context.program(
            vertex_shader="#version 330\n" + (SHADERS / f"{name}.vert").read_text(),
            fragment_shader=common + (SHADERS / f"{fragment or name}.frag").read_text(),
        )

    def _prepare_gl(self, person: Person, backdrop: Array) -> None:
        import moderngl

        gl = self._context
        self._surface, self._eye = self._program("surface"), self._program("eye")
        self._strand, self._depth = self._program("strand"), self._program("depth")
        self._strand_depth = self._program("strand", "depth")
        self._back = self._program("backdrop")

        self._picture = gl.framebuffer(
            [gl.texture((self._large, self._large), 3)], gl.depth_renderbuffer((self._large, self._large))
        )
        self._shadow_map = gl.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow = gl.framebuffer(depth_attachment=self._shadow_map)
        self._sky_map = gl.depth_texture((SKY_SIZE, SKY_SIZE))
        self._sky = gl.framebuffer(depth_attachment=self._sky_map)
        self._sky_directions, self._sky_colours = self._sky_dome()

        topology, teeth = self._head.topology, [row for _, row in self._teeth]
        start = len(topology.template)
        skin_faces = [topology.parts["body"].faces, topology.parts["tongue"].faces]
        for row in teeth:
            skin_faces.append(row.faces + start)
            start += len(row.vertices)
        shell, garment = self._shell, person.garment
        skin_faces.append(shell.faces + start)
        start += len(shell.over)
        self._mesh_faces = np.concatenate(skin_faces)
        self._mesh_count = start
        rest = np.concatenate([topology.template, *(row.vertices for row in teeth), topology.template[shell.over]])
        gum = np.concatenate([row.gum for row in teeth])[:, None]
        enamel = linear((0.90, 0.86, 0.78)) * (1 - gum) + linear((0.70, 0.36, 0.36)) * gum
        cloth = np.tile(linear(garment.colour), (len(shell.over), 1))
        albedo = np.concatenate([self._paint.albedo, enamel, cloth])
        glossy = np.tile(np.array([0.22, 1.8, 0.0, 0.0]), (len(gum), 1))
        knitted = np.tile(np.array([0.9, 0.0, 0.0, garment.weave]), (len(shell.over), 1))
        material = np.concatenate([self._paint.material, glossy, knitted])
        below = np.full(len(rest) - len(shell.over), -1.0)
        trim = np.concatenate([below, shell.height])[:, None]
        fixed = np.hstack([rest, albedo, material, trim]).astype("f4")
        self._fixed = gl.buffer(fixed.tobytes())
        self._moving = gl.buffer(reserve=self._mesh_count * 36, dynamic=True)
        indices = gl.buffer(_triangles(self._mesh_faces).astype("i4").tobytes())
        self._mesh = gl.vertex_array(
            self._surface,
            [
                (self._moving, "3f 3f 3f", "in_position", "in_normal", "in_sky"),
                (self._fixed, "3f 3f 4f 1f", "in_rest", "in_albedo", "in_material", "in_trim"),
            ],
            indices,
        )
        self._mesh_shadow = gl.vertex_array(self._depth, [(self._moving, "3f 24x", "in_position")], indices)
        coarse = topology.subdivisions[-1].coarse_faces
        coarse = coarse[(self._regions.body[coarse] > 0).all(axis=1)]
        self._sky_mesh = gl.vertex_array(
            self._depth,
            [(self._moving, "3f 24x", "in_position")],
            gl.buffer(_triangles(coarse).astype("i4").tobytes()),
        )

        ball_vertices, ball_faces = self._ball
        self._ball_buffer = gl.buffer(reserve=2 * len(ball_vertices) * 48, dynamic=True)
        both = np.concatenate([ball_faces, ball_faces + len(ball_vertices)])
        ball_indices = gl.buffer(_triangles(both).astype("i4").tobytes())
        self._balls = gl.vertex_array(
            self._eye,
            [(self._ball_buffer, "3f 3f 3f 3f", "in_position", "in_normal", "in_sky", "in_local")],
            ball_indices,
        )
        self._surface["collar"] = garment.collar
        self._eye["iris_colour"] = tuple(linear(person.iris))
        self._eye["iris_angle"] = 0.47
        self._eye["pupil"] = 0.38

        self._tuft_gl = []
        for tuft in self._tufts:
            placed = tuft.strands.place(self._head.rest)
            positions, tangents, extra = hair.ribbons(placed, tuft.strands)
            moving = gl.buffer(np.concatenate([positions, tangents], axis=-1).astype("f4").tobytes(), dynamic=True)
            still = gl.buffer(extra.tobytes())
            order = gl.buffer(hair.ribbon_indices(*placed.shape[:2]).tobytes())
            content = [(moving, "3f 3f", "in_position", "in_tangent"), (still, "4f", "in_ribbon")]
            self._tuft_gl.append(
                (
                    tuft,
                    moving,
                    gl.vertex_array(self._strand, content, order),
                    gl.vertex_array(self._strand_depth, content, order),
                )
            )

        self._backdrop = gl.texture(backdrop.shape[1::-1], 3, np.ascontiguousarray(backdrop).tobytes(), alignment=1)
        self._backdrop.filter = (moderngl.LINEAR, moderngl.LINEAR)
        corners = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], "f4").tobytes())
        self._back_quad = gl.vertex_array(self._back, [(corners, "2f", "in_corner")])
        gl.enable(moderngl.DEPTH_TEST)

    def _sky_dome(self) -> tuple[Array, Array]:
        """Directions spread over the sphere and the light from each."""
        light, n = self._lighting, SKY_DIRECTIONS
        z = 1 - (2 * np.arange(n) + 1) / n
        turn = np.arange(n) * np.pi * (3 - np.sqrt(5))
        flat = np.sqrt(1 - z**2)
        directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
        up = (0.5 + 0.5 * z)[:, None]
        colours = np.array(light.floor_colour) * (1 - up) + np.array(light.sky_colour) * up
        colours = colours * (0.55 + 0.75 * np.clip(-directions[:, 1:2], 0, 1))  # the room is lit in front
        return directions.astype(np.float32), (colours * 4 / n).astype(np.float32)

    # -- a frame ----------------------------------------------------------------------------------------

    def render(self, pose: Pose) -> Array:
        """The person in a pose: `(size, size, 3)` uint8 RGB."""
        head = self._head
        expression = dict(self._posture)
        for name, strength in pose.expression.items():
            expression[name] = expression.get(name, 0.0) + strength
        face = head.express(expression)
        for guard in self._guards:
            guard.apply(face)
        bones = head.bone_transforms(pose.yaw, pose.pitch, pose.roll)
        sway = np.array([pose.sway[0], 0.0, pose.sway[1]], np.float32)
        body = head.skin(face, bones) + sway
        skull = bones[-1].copy()
        skull[:3, 3] += sway

        parts = [body]
        template = head.topology.template
        for guide, row in self._teeth:
            affine = mouth.fit_affine(template[guide], body[guide])
            parts.append((row.vertices @ affine[:3] + affine[3]).astype(np.float32))
        parts.append(body[self._shell.over] + self._shell.offset)
        vertices = np.concatenate(parts)
        normals = self._smooth_normals(vertices, self._mesh_faces)
        moving = np.zeros((len(vertices), 9), "f4")
        moving[:, :3], moving[:, 3:6] = vertices, normals
        self._moving.write(moving.tobytes())
        balls = self._place_eyes(expression, skull)
        self._place_tufts(body)

        self._draw_shadow(skull)
        sky, ball_sky = self._sky_light(vertices, normals, balls)
        moving[:, 6:9] = sky
        self._moving.write(moving.tobytes())
        balls[:, 6:9] = ball_sky
        self._ball_buffer.write(balls.tobytes())
        return self._draw(skull)

    def _place_eyes(self, expression: Mapping[str, float], skull: Array) -> Array:
        vertices, _ = self._ball
        placed = []
        for (centre, radius), side in zip(self._eyes, ("Left", "Right"), strict=True):
            out = expression.get(f"eyeLookOut{side}", 0.0) - expression.get(f"eyeLookIn{side}", 0.0)
            up = expression.get(f"eyeLookUp{side}", 0.0) * GAZE_UP - expression.get(f"eyeLookDown{side}", 0.0) * GAZE_DOWN
            a, b = np.radians([out * GAZE_SIDE * (1 if side == "Left" else -1), up])
            about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
            about_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
            turn = skull[:3, :3] @ about_z @ about_x
            world = vertices * radius @ turn.T + (skull[:3, :3] @ centre + skull[:3, 3])
            normals = self._smooth_normals(world.astype(np.float32), self._ball[1])
            placed.append(np.hstack([world, normals, np.zeros_like(world), vertices]))
        return np.concatenate(placed).astype("f4")

    def _place_tufts(self, body: Array) -> None:
        for tuft, moving, _, _ in self._tuft_gl:
            if not tuft.rigid:
                positions, tangents, _ = hair.ribbons(tuft.strands.place(body), tuft.strands)
                moving.write(np.concatenate([positions, tangents], axis=-1).astype("f4").tobytes())

    def _draw_shadow(self, skull: Array) -> None:
        direction = hair.unit(np.array(self._lighting.key))
        centre = skull[:3, :3] @ self._middle + skull[:3, 3] - [0, 0, 0.05]
        self._key_matrix = _orthographic(direction, centre, 0.26)
        self._shadow.use()
        self._shadow.clear(depth=1.0)
        self._depth["camera"].write(_columns(self._key_matrix))
        self._depth["model"].write(_columns(np.eye(4)))
        self._mesh_shadow.render()
        self._strand_depth["camera"].write(_columns(self._key_matrix))
        self._strand_depth["eye"] = tuple(centre + direction)
        for tuft, _, _, shadow in self._tuft_gl:
            self._strand_depth["model"].write(_columns(skull if tuft.rigid else np.eye(4)))
            shadow.render()

    def _sky_light(self, vertices: Array, normals: Array, balls: Array) -> tuple[Array, Array]:
        """Light of the sky at every vertex of mesh and eyeballs, shadowed by the mesh."""
        points = np.concatenate([vertices, balls[:, :3]])
        facing = np.concatenate([normals, balls[:, 3:6]])
        homogeneous = np.hstack([points + facing * 0.0015, np.ones((len(points), 1), np.float32)])
        light = np.zeros((len(points), 3), np.float32)
        centre = self._middle - [0, -0.03, 0.05]
        self._depth["model"].write(_columns(np.eye(4)))
        for direction, colour in zip(self._sky_directions, self._sky_colours, strict=True):
            matrix = _orthographic(direction, centre, SKY_RADIUS)
            self._sky.use()
            self._sky.clear(depth=1.0)
            self._depth["camera"].write(_columns(matrix))
            self._sky_mesh.render()
            depth = np.frombuffer(self._sky_map.read(), np.float32).reshape(SKY_SIZE, SKY_SIZE)
            depth = cv2.blur(depth, (3, 3))
            at = homogeneous @ matrix[:3].T.astype(np.float32)
            column = np.clip((at[:, 0] * 0.5 + 0.5) * SKY_SIZE, 0, SKY_SIZE - 1).astype(np.int32)
            row = np.clip((at[:, 1] * 0.5 + 0.5) * SKY_SIZE, 0, SKY_SIZE - 1).astype(np.int32)
            behind = (at[:, 2] * 0.5 + 0.5) - depth[row, column]
            seen = np.clip(1 - (behind - 0.0008) / 0.006, 0, 1)
            cosine = np.clip((facing @ direction + 0.12) / 1.12, 0, 1)
            light += (seen * cosine)[:, None] * colour
        return light[: len(vertices)], light[len(vertices) :]

    def _draw(self, skull: Array) -> Array:
        framing = self._framing
        eye = self._middle + [0, -framing.distance, 0]
        camera = _perspective(eye, framing)
        self._set_lights(eye)
        self._picture.use()
        self._picture.clear(depth=1.0)
        self._shadow_map.use(0)
        for program in (self._surface, self._eye, self._strand):
            program["camera"].write(_columns(camera))
        self._mesh.render()
        self._balls.render()
        for tuft, _, strands, _ in self._tuft_gl:
            program = self._strand
            program["model"].write(_columns(skull if tuft.rigid else np.eye(4)))
            program["hair_colour"] = tuple(linear(tuft.colour))
            program["hair_shine"], program["hair_variety"] = tuft.shine, tuft.variety
            program["root_shade"] = tuft.root_shade
            strands.render()
        self._backdrop.use(1)
        self._back["picture"] = 1
        self._back_quad.render(mode=5)
        data = np.frombuffer(self._picture.read(components=3), np.uint8)
        large = data.reshape(self._large, self._large, 3)[::-1]
        return cv2.resize(large, (self._size, self._size), interpolation=cv2.INTER_AREA)

    def _set_lights(self, eye: Array) -> None:
        light = self._lighting
        values = {
            "eye": eye,
            "key_direction": hair.unit(np.array(light.key)),
            "key_colour": light.key_colour,
            "fill_direction": hair.unit(np.array(light.fill)),
            "fill_colour": light.fill_colour,
            "rim_direction": hair.unit(np.array(light.rim)),
            "rim_colour": light.rim_colour,
        }
        for program in (self._surface, self._eye, self._strand):
            for name, value in values.items():
                if name in program:
                    program[name] = tuple(float(x) for x in value)
            if "key_matrix" in program:
                program["key_matrix"].write(_columns(self._key_matrix))
            if "key_shadow" in program:
                program["key_shadow"] = 0
                program["shadow_texel"] = 1.0 / SHADOW_SIZE


def _triangles(quads: Array) -> Array:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _columns(matrix: Array) -> bytes:
    """A 4×4 matrix as OpenGL takes it, column after column."""
    return np.ascontiguousarray(np.asarray(matrix, "f4").T).tobytes()


def _orthographic(direction: Array, centre: Array, radius: float) -> Array:
    """Looks from `direction` at `centre` and shows a cube of ±`radius` as [-1, 1]³."""
    up = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
    right = hair.unit(np.cross(up, direction))
    above = np.cross(direction, right)
    axes = np.stack([right, above, -np.asarray(direction)]) / radius
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = axes, -axes @ centre
    return matrix


def _perspective(eye: Array, framing: Framing) -> Array:
    """Looks along +y from `eye`; the eyes' middle lands where the framing wants it."""
    zoom = 2 * framing.distance / framing.height
    x, y = framing.eyes_at
    near, far = 0.3, 5.0
    shift_x, shift_y = 2 * x - 1, 1 - 2 * y
    projection = np.array(
        [
            [zoom, shift_x, 0, 0],
            [0, shift_y, zoom, 0],
            [0, (far + near) / (far - near), 0, -2 * far * near / (far - near)],
            [0, 1, 0, 0],
        ]
    )
    view = np.eye(4)
    view[:3, 3] = -eye
    return projection @ view


def _eyeball() -> tuple[Array, Array]:
    """A unit ball with a bulging cornea, its pole (the pupil) at (0, -1, 0)."""
    rings, columns = 64, 64
    angle = np.concatenate([np.linspace(0, 0.75, 36), np.linspace(0.80, np.pi, rings - 36)])[:, None]
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    bulge = 1 + 0.075 * np.clip(1 - (angle / 0.56) ** 2, 0, 1) ** 1.2
    x, z = np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn)
    y = -np.cos(angle) * np.ones_like(turn)
    vertices = (np.stack([x, y, z], axis=-1) * bulge[..., None]).reshape(-1, 3)
    r, c = np.meshgrid(np.arange(rings - 1), np.arange(columns), indexing="ij")
    n = (c + 1) % columns
    faces = np.stack([r * columns + c, (r + 1) * columns + c, (r + 1) * columns + n, r * columns + n], axis=-1)
    return vertices, faces.reshape(-1, 4)
