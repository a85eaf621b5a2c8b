"""The renderer, where anny and EGL are at hand; the standard test environment has neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fomm.faces import FaceLandmarker
from fomm.synthetic import backdrops, cast, hairdresser
from fomm.synthetic.figure import Pose
from fomm.synthetic.heads import Head, HeadFactory, Shape, rotation
from fomm.synthetic.lids import lid_edges
from fomm.synthetic.paint import Regions
from fomm.synthetic.render import Framing, Renderer
from tests.fomm.synthetic.rendering import needs_renderer

pytestmark = needs_renderer

#: The driver with a tenth of his hair: quick to comb.
SUBJECT = replace(cast.DRIVER, hair=replace(cast.DRIVER.hair, count=6_000))


@pytest.fixture(scope="module")
def heads() -> HeadFactory:
    return HeadFactory(levels=1)


@pytest.fixture(scope="module")
def head(heads: HeadFactory) -> Head:
    return heads.build(Shape({"gender": 0.2}))


@pytest.fixture(scope="module")
def renderer(heads: HeadFactory) -> Iterator[Renderer]:
    with Renderer(heads, SUBJECT, size=256, supersample=2, backdrop=backdrops.studio(64)) as made:
        yield made


def test_pictures_are_the_same_every_time(heads: HeadFactory, renderer: Renderer) -> None:
    pose = Pose({"jawOpen": 0.4, "eyeBlinkLeft": 0.5}, yaw=10)
    first = renderer.render(pose)
    renderer.render(Pose(yaw=-20))
    assert first.shape == (256, 256, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, renderer.render(pose))
    with Renderer(heads, SUBJECT, size=256, supersample=2, backdrop=backdrops.studio(64)) as again:
        assert np.array_equal(first, again.render(pose))


@pytest.mark.parametrize(
    "pose",
    [
        Pose(),
        Pose({"jawOpen": 0.9}),
        Pose({"eyeBlinkLeft": 1, "eyeBlinkRight": 1}),
        Pose(yaw=20),
        Pose(roll=-12),
    ],
)
def test_one_face_is_found(renderer: Renderer, pose: Pose) -> None:
    with FaceLandmarker(mode="image") as landmarker:
        assert len(landmarker.detect(renderer.render(pose))) == 1


def test_head_turns_to_the_subjects_left(renderer: Renderer) -> None:
    with FaceLandmarker(mode="image") as landmarker:
        ahead, turned = (landmarker.detect(renderer.render(Pose(yaw=yaw)))[0] for yaw in (0, 20))
    nose, width = 1, np.ptp(ahead[:, 0])
    assert turned[nose, 0] > ahead[nose, 0] + 0.1 * width  # the subject's left is the picture's right


def test_jaw_and_lids_move(renderer: Renderer) -> None:
    shapes = [Pose(), Pose({"jawOpen": 0.8}), Pose({"eyeBlinkLeft": 1, "eyeBlinkRight": 1})]
    with FaceLandmarker(mode="image") as landmarker:
        rest, jaw, shut = (landmarker.detect(renderer.render(pose))[0] for pose in shapes)
    height = np.ptp(rest[:, 1])
    assert jaw[14, 1] - jaw[13, 1] > 0.12 * height
    assert rest[14, 1] - rest[13, 1] < 0.03 * height
    for upper, lower in ((159, 145), (386, 374)):
        assert shut[lower, 1] - shut[upper, 1] < 0.5 * (rest[lower, 1] - rest[upper, 1])


def test_background_shows_through_nowhere(heads: HeadFactory) -> None:
    """In front of pure green, the inside of the face stays free of green."""
    green = np.full((8, 8, 3), (0, 255, 0), np.uint8)
    with Renderer(
        heads, SUBJECT, size=256, supersample=2, backdrop=green, framing=Framing(height=0.3)
    ) as made:
        for pose in (Pose(), Pose({"jawOpen": 0.9}), Pose({"eyeBlinkLeft": 1, "eyeBlinkRight": 1}, yaw=15)):
            picture = made.render(pose)
            with FaceLandmarker(mode="image") as landmarker:
                outline = cv2.convexHull(landmarker.detect(picture)[0][:, :2].astype(np.int32))
            inside = cv2.fillConvexPoly(np.zeros(picture.shape[:2], np.uint8), outline, 1)
            inside = cv2.erode(inside, np.ones((15, 15), np.uint8)) > 0
            face = picture[inside].astype(int)
            assert (face[:, 1] - np.maximum(face[:, 0], face[:, 2])).max() < 40


def test_faces_of_all_identities_share_their_expressions(head: Head) -> None:
    open_mouth = head.express({"jawOpen": 1.0})
    assert np.abs(open_mouth - head.rest).max() > 0.01
    assert np.allclose(head.express({}), head.rest)
    half = head.express({"jawOpen": 0.5})
    assert np.allclose(half, (open_mouth + head.rest) / 2, atol=1e-5)


def test_resting_bones_change_nothing(head: Head) -> None:
    still = head.bone_transforms(0, 0, 0)
    assert np.allclose(head.skin(head.rest, still), head.rest, atol=1e-6)


def test_skull_takes_the_whole_rotation(head: Head) -> None:
    last = head.bone_transforms(20, 0, 0)[-1, :3, :3]
    assert np.allclose(last, rotation(20, 0, 0), atol=1e-6)


def test_lid_edges_run_from_the_nose_outwards(heads: HeadFactory) -> None:
    topology = heads.topology
    edges = lid_edges(topology, Regions(topology))
    assert {(edge.left, edge.upper) for edge in edges} == {
        (a, b) for a in (True, False) for b in (True, False)
    }
    for edge in edges:
        assert len(edge.vertices) >= 8
        assert np.all(np.diff(np.abs(topology.template[edge.vertices, 0])) >= 0)


def test_known_styles(heads: HeadFactory) -> None:
    for style in hairdresser.STYLES:
        bare = replace(cast.AMARA, hair=replace(cast.AMARA.hair, style=style, count=1_000))
        with Renderer(heads, bare, size=128, supersample=1, backdrop=backdrops.studio(64)) as made:
            assert made.render(Pose()).std() > 10
