"""Draws synthetic people with OpenGL, off screen, by EGL: no display and no GPU needed.

Light is a shadowed key lamp, a fill and a rim lamp, and a sky whose soft shadows come from depth maps taken
from all around the head in every frame. Pictures are drawn several times too large and averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from fomm.errors import FommError
from fomm.synthetic import strands
from fomm.synthetic.arrays import Array, unit
from fomm.synthetic.figure import Figure, Pose, Posed
from fomm.synthetic.hairdresser import Tuft
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.paint import Colour, linear
from fomm.synthetic.people import Person

SHADERS = Path(__file__).parent / "shaders"
SHADOW_SIZE, SHADOW_RADIUS = 2048, 0.26
SKY_SIZE, SKY_RADIUS, SKY_DIRECTIONS = 256, 0.21, 30


class EglError(FommError, OSError):
    """No off-screen OpenGL context can be made."""


@dataclass(frozen=True)
class Lighting:
    """Lamps: directions towards them (x right, y into the picture, z up), linear colours, and the sky."""

    key: tuple[float, float, float] = (-0.55, -0.75, 0.55)
    key_colour: Colour = (1.45, 1.36, 1.24)
    fill: tuple[float, float, float] = (0.8, -0.75, 0.15)
    fill_colour: Colour = (0.34, 0.38, 0.44)
    rim: tuple[float, float, float] = (0.65, 0.75, 0.45)
    rim_colour: Colour = (0.8, 0.85, 0.95)
    sky_colour: Colour = (0.50, 0.53, 0.58)
    floor_colour: Colour = (0.22, 0.18, 0.15)


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

    settings: dict[str, Any] = {"standalone": True, "backend": "egl"}
    try:
        return moderngl.create_context(**settings)
    except Exception as error:  # moderngl raises bare Exceptions
        raise EglError(
            f"No off-screen OpenGL context: {error}. Rendering needs EGL and a software or GPU driver; "
            "on Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri"
        ) from error


def shader(*files: str, **defines: object) -> str:
    """The text of a shader: files of `SHADERS` one after another, with macros defined before them."""
    lines = ["#version 330", *(f"#define {name} {value}" for name, value in defines.items())]
    return "\n".join([*lines, *((SHADERS / file).read_text() for file in files)])


@dataclass(frozen=True)
class _DrawnTuft:
    """Hair on the graphics side: the same ribbons, to be shaded and to be measured in depth."""

    tuft: Tuft
    points: Any
    shaded: Any
    depth: Any

    def model(self, skull: Array) -> bytes:
        return columns(skull if self.tuft.rigid else np.eye(4))


class Renderer:
    """Draws one person.

    Args:
        heads: the factory to build the head with.
        size: width and height of the pictures in pixels.
        supersample: the picture is drawn this many times larger in each direction.
        backdrop: `(h, w, 3)` uint8 RGB picture behind the person, stretched to fit.

    Raises:
        EglError: there is no off-screen OpenGL.
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
        self._context = open_context()
        try:
            self._lighting, framing = lighting or Lighting(), framing or Framing()
            self._size, self._large = size, size * supersample
            self._figure = Figure(heads, person)
            self._eye_point = self._figure.middle - np.array([0, framing.distance, 0])
            self._camera = perspective(self._eye_point, framing)
            self._make_targets()
            self._make_mesh()
            self._make_eyes()
            self._hair = [self._make_tuft(tuft) for tuft in self._figure.tufts]
            self._make_backdrop(backdrop)
            self._set_lights()
        except BaseException:
            self.close()
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

    def render(self, pose: Pose) -> Array:
        """The person in a pose: `(size, size, 3)` uint8 RGB."""
        posed = self._figure.pose(pose)
        body = posed.vertices[: len(self._figure.topology.template)]
        for drawn in self._hair:
            if not drawn.tuft.rigid:
                drawn.points.write(_ribbon_points(drawn.tuft, body))
        # Depth maps need positions only; light follows once they are drawn.
        self._moving.write(_interleave(posed.vertices, posed.normals, np.zeros_like(posed.vertices)))
        self._draw_shadow(posed)
        sky, ball_sky = self._sky_light(posed)
        self._moving.write(_interleave(posed.vertices, posed.normals, sky))
        local = np.concatenate([self._figure.ball, self._figure.ball])
        self._ball_buffer.write(_interleave(posed.balls, posed.ball_normals, ball_sky, local))
        return self._draw(posed)

    # -- what is drawn ----------------------------------------------------------------------------------

    def _program(self, name: str, fragment: str | None = None) -> Any:
        return self._context.program(
            vertex_shader=shader(f"{name}.vert"),
            fragment_shader=shader("noise.glsl", "common.glsl", f"{fragment or name}.frag", SEED="0."),
        )

    def _make_targets(self) -> None:
        import moderngl

        gl, size = self._context, (self._large, self._large)
        self._canvas = gl.framebuffer([gl.renderbuffer(size, 3)], gl.depth_renderbuffer(size))
        self._shadow_map = gl.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow = gl.framebuffer(depth_attachment=self._shadow_map)
        self._sky_map = gl.depth_texture((SKY_SIZE, SKY_SIZE))
        self._sky = gl.framebuffer(depth_attachment=self._sky_map)
        self._sky_directions, self._sky_colours = _sky_dome(self._lighting)
        gl.enable(moderngl.DEPTH_TEST)
        gl.depth_func = "<="

    def _make_mesh(self) -> None:
        gl, figure = self._context, self._figure
        self._surface, self._depth = self._program("surface"), self._program("depth")
        self._surface["collar"] = figure.person.garment.collar
        fixed = gl.buffer(_interleave(figure.rest, figure.albedo, figure.material, figure.trim[:, None]))
        self._moving = gl.buffer(reserve=len(figure.rest) * 36, dynamic=True)
        indices = gl.buffer(triangles(figure.faces))
        content = [
            (self._moving, "3f 3f 3f", "in_position", "in_normal", "in_sky"),
            (fixed, "3f 3f 4f 1f", "in_rest", "in_albedo", "in_material", "in_trim"),
        ]
        positions = [(self._moving, "3f 24x", "in_position")]
        self._mesh = gl.vertex_array(self._surface, content, indices)
        self._cut = self._program("surface", "cut")
        self._mesh_cut = gl.vertex_array(self._cut, [*positions, (fixed, "40x 1f", "in_trim")], indices)
        self._sky_mesh = gl.vertex_array(self._depth, positions, gl.buffer(triangles(figure.sky_faces)))
        self._depth["model"].write(columns(np.eye(4)))

    def _make_eyes(self) -> None:
        gl, figure = self._context, self._figure
        self._eye = self._program("eye")
        self._eye["iris_colour"] = tuple(linear(figure.person.iris))
        self._eye["iris_angle"], self._eye["pupil"] = 0.47, 0.38
        self._ball_buffer = gl.buffer(reserve=2 * len(figure.ball) * 48, dynamic=True)
        faces = np.concatenate([figure.ball_faces, figure.ball_faces + len(figure.ball)])
        content = [(self._ball_buffer, "3f 3f 3f 3f", "in_position", "in_normal", "in_sky", "in_local")]
        self._balls = gl.vertex_array(self._eye, content, gl.buffer(triangles(faces)))
        self._strand, self._strand_depth = self._program("strand"), self._program("strand", "depth")

    def _make_tuft(self, tuft: Tuft) -> _DrawnTuft:
        gl = self._context
        points = gl.buffer(_ribbon_points(tuft, self._figure.head.rest), dynamic=True)
        ribbons = gl.buffer(strands.ribbon_shape(tuft.strands).tobytes())
        order = gl.buffer(strands.ribbon_indices(*tuft.strands.points.shape[:2]).tobytes())
        content = [(points, "3f 3f", "in_position", "in_tangent"), (ribbons, "4f", "in_ribbon")]
        shaded, depth = (gl.vertex_array(it, content, order) for it in (self._strand, self._strand_depth))
        return _DrawnTuft(tuft, points, shaded, depth)

    def _make_backdrop(self, backdrop: Array) -> None:
        gl, program = self._context, self._program("backdrop")
        pixels = np.ascontiguousarray(backdrop).tobytes()
        self._backdrop = gl.texture(backdrop.shape[1::-1], 3, pixels, alignment=1)
        program["picture"] = 1
        corners = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], "f4").tobytes())
        self._back_quad = gl.vertex_array(program, [(corners, "2f", "in_corner")])

    def _set_lights(self) -> None:
        light = self._lighting
        values = {
            "eye": self._eye_point,
            "key_direction": unit(np.array(light.key)),
            "key_colour": light.key_colour,
            "fill_direction": unit(np.array(light.fill)),
            "fill_colour": light.fill_colour,
            "rim_direction": unit(np.array(light.rim)),
            "rim_colour": light.rim_colour,
        }
        for program in (self._surface, self._eye, self._strand):
            program["camera"].write(columns(self._camera))
            program["key_shadow"], program["shadow_texel"] = 0, 1 / SHADOW_SIZE
            for name, value in values.items():
                if name in program:
                    program[name] = tuple(float(x) for x in value)

    # -- a frame ----------------------------------------------------------------------------------------

    def _draw_shadow(self, posed: Posed) -> None:
        direction = unit(np.array(self._lighting.key))
        centre = posed.skull[:3, :3] @ self._figure.middle + posed.skull[:3, 3] - np.array([0, 0, 0.05])
        matrix = columns(_orthographic(direction, centre, SHADOW_RADIUS))
        for program in (self._surface, self._eye, self._strand):
            program["key_matrix"].write(matrix)
        self._shadow.use()
        self._shadow.clear(depth=1.0)
        self._cut["camera"].write(matrix)
        self._mesh_cut.render()
        self._draw_hair_depth(matrix, centre + direction, posed.skull)

    def _draw_hair_depth(self, camera: bytes, eye: Array, skull: Array) -> None:
        program = self._strand_depth
        program["camera"].write(camera)
        program["eye"] = tuple(float(x) for x in eye)
        for drawn in self._hair:
            program["model"].write(drawn.model(skull))
            drawn.depth.render()

    def _sky_light(self, posed: Posed) -> tuple[Array, Array]:
        """Light of the sky at every vertex of mesh and eyeballs, shadowed by the mesh.

        The skin's is worked out before its last subdivision and interpolated: such soft light needs no more.
        """
        last = self._figure.topology.subdivisions[-1]
        coarse, fine = last.coarse_count, last.count
        points = np.concatenate([posed.vertices[:coarse], posed.vertices[fine:], posed.balls])
        facing = np.concatenate([posed.normals[:coarse], posed.normals[fine:], posed.ball_normals])
        shifted = (points + facing * 0.0015).T
        light = np.zeros((len(points), 3), np.float32)
        centre = self._figure.middle - np.array([0, -0.03, 0.05])
        for direction, colour in zip(self._sky_directions, self._sky_colours, strict=True):
            matrix = _orthographic(direction, centre, SKY_RADIUS).astype(np.float32)
            self._sky.use()
            self._sky.clear(depth=1.0)
            self._depth["camera"].write(columns(matrix))
            self._sky_mesh.render()
            depth = np.frombuffer(self._sky_map.read(), np.float32).reshape(SKY_SIZE, SKY_SIZE)
            x, y, z = (matrix[:3, :3] @ shifted + matrix[:3, 3:]) * 0.5 + 0.5
            row, column = (np.clip(side * SKY_SIZE, 0, SKY_SIZE - 1).astype(np.int32) for side in (y, x))
            seen = np.clip(1 - (z - cv2.blur(depth, (3, 3))[row, column] - 0.0008) / 0.006, 0, 1)
            cosine = np.clip((facing @ direction + 0.12) / 1.12, 0, 1)
            light += (seen * cosine)[:, None] * colour
        others = coarse + len(posed.vertices) - fine
        return np.concatenate([last.linear(light[:coarse]), light[coarse:others]]), light[others:]

    def _draw(self, posed: Posed) -> Array:
        self._canvas.use()
        self._canvas.clear(depth=1.0)
        self._shadow_map.use(0)
        self._backdrop.use(1)
        # Depth first, then colour where it is seen: hair hides skin, and itself many times over.
        self._canvas.color_mask = False, False, False, False
        self._cut["camera"].write(columns(self._camera))
        self._mesh_cut.render()
        self._draw_hair_depth(columns(self._camera), self._eye_point, posed.skull)
        self._canvas.color_mask = True, True, True, True
        self._mesh.render()
        self._balls.render()
        for drawn in self._hair:
            program, tuft = self._strand, drawn.tuft
            program["model"].write(drawn.model(posed.skull))
            program["hair_colour"] = tuple(linear(tuft.colour))
            program["hair_shine"], program["hair_variety"] = tuft.shine, tuft.variety
            program["root_shade"] = tuft.root_shade
            drawn.shaded.render()
        self._back_quad.render(mode=self._context.TRIANGLE_STRIP)
        data = np.frombuffer(self._canvas.read(components=3, alignment=1), np.uint8)
        large = data.reshape(self._large, self._large, 3)[::-1]
        return cv2.resize(large, (self._size, self._size), interpolation=cv2.INTER_AREA)


def _sky_dome(light: Lighting) -> tuple[Array, Array]:
    """Directions spread over the sphere `(D, 3)`, and the light from each."""
    n = SKY_DIRECTIONS
    z = 1 - (2 * np.arange(n) + 1) / n
    turn, flat = np.arange(n) * np.pi * (3 - np.sqrt(5)), np.sqrt(1 - z**2)
    directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
    up = (0.5 + 0.5 * z)[:, None]
    colours = np.array(light.floor_colour) * (1 - up) + np.array(light.sky_colour) * up
    colours = colours * (0.55 + 0.75 * np.clip(-directions[:, 1:2], 0, 1))  # the room is lit in front
    return directions.astype(np.float32), (colours * 4 / n).astype(np.float32)


def _ribbon_points(tuft: Tuft, body: Array) -> bytes:
    return _interleave(*strands.ribbons(tuft.strands.place(body)))


def _interleave(*columns: Array) -> bytes:
    """Vertex attributes side by side, as OpenGL takes them."""
    return np.concatenate(columns, axis=-1).astype("f4").tobytes()


def triangles(quads: Array) -> bytes:
    """Quads `(F, 4)` as the indices that OpenGL draws."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype("i4").tobytes()


def columns(matrix: Array) -> bytes:
    """A 4×4 matrix as OpenGL takes it, column after column."""
    return np.ascontiguousarray(np.asarray(matrix, "f4").T).tobytes()


def _orthographic(direction: Array, centre: Array, radius: float) -> Array:
    """Looks from `direction` at `centre` and shows a cube of ±`radius` as [-1, 1]³."""
    up = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
    right = unit(np.cross(up, direction))
    axes = np.stack([right, np.cross(direction, right), -direction]) / radius
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = axes, -axes @ centre
    return matrix


def perspective(eye: Array, framing: Framing) -> Array:
    """Looks along +y from `eye`; the eyes' middle lands where the framing wants it."""
    zoom, near, far = 2 * framing.distance / framing.height, 0.3, 5.0
    x, y = framing.eyes_at
    projection = np.array(
        [
            [zoom, 2 * x - 1, 0, 0],
            [0, 1 - 2 * y, zoom, 0],
            [0, (far + near) / (far - near), 0, -2 * far * near / (far - near)],
            [0, 1, 0, 0],
        ]
    )
    view = np.eye(4)
    view[:3, 3] = -eye
    looking: Array = projection @ view
    return looking
