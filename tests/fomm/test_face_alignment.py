"""face-alignment: consent, downloads, absence, and what is made of its points."""

from __future__ import annotations

import functools
import hashlib
import http.server
import sys
import threading
import types
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fomm import cli_errors, commands, face_alignment
from fomm.animators import Frame, SourceImage
from fomm.crops import Square
from fomm.errors import CheckpointError, ConfigError, NoFaceError
from fomm.face_alignment import FaceAlignment, WeightsFile
from fomm.face_points import FaceAlignmentPoints
from fomm.faces import face_box
from fomm.model import load_model
from tests.fomm.faces import collins

#: MediaPipe's points on the outline that the 68 points cover: eyebrows, jaw, temples.
OUTLINE = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152]
OUTLINE += [377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 127, 356]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights, and a package that is installed whatever the environment has."""
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "store"))
    monkeypatch.delenv("FOMM_OFFLINE", raising=False)
    monkeypatch.setattr(face_alignment, "_version", lambda: "1.5.0")
    return tmp_path / "store"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to serve with two small files of weights, which count as the published ones."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name in ("DETECTOR", "NETWORK"):
        file = folder / getattr(face_alignment, name).name
        torch.save({name: torch.zeros(3)}, file)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        monkeypatch.setattr(face_alignment, name, WeightsFile(file.name, sha256))
    return folder


@pytest.fixture
def mirror(published: Path) -> Iterator[str]:
    """Its address, while it is served."""
    handler = functools.partial(_Quiet, directory=str(published))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


class TestConsent:
    def test_an_absent_package_is_told_with_the_next_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(face_alignment, "_version", lambda: None)
        with pytest.raises(ConfigError) as error:
            FaceAlignment()
        assert str(error.value) == (
            "face-alignment is not installed: pip install 'fomm-live[face-alignment]' && "
            "pip install --no-deps 'face-alignment>=1.5,<2', then fomm models pull face-alignment"
        )

    def test_an_old_package_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(face_alignment, "_version", lambda: "1.4.1")
        with pytest.raises(ConfigError, match=r"face-alignment 1\.4\.1 is too old: pip install"):
            FaceAlignment()

    def test_weights_are_not_downloaded_without_being_asked_for(
        self, mirror: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(face_alignment, "_MIRROR", mirror)
        with pytest.raises(CheckpointError, match="are not on this machine: fomm models pull face-alignment"):
            FaceAlignment()
        assert not face_alignment.folder().exists()

    def test_the_command_is_the_consent(
        self, mirror: str, published: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["models", "pull", "face-alignment", "--mirror", mirror]
        assert cli_errors.run(commands.app, arguments, program="fomm") == 0
        assert str(face_alignment.folder()) in capsys.readouterr().out
        for file in (face_alignment.DETECTOR, face_alignment.NETWORK):
            assert file.path.read_bytes() == (published / file.name).read_bytes()
        assert len(list(face_alignment.NETWORK.path.parent.iterdir())) == 2, "nothing else stays"
        assert face_alignment.obstacle() is None

    @pytest.mark.parametrize("how", ["flag", "environment"])
    def test_offline_says_so(
        self, how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["models", "pull", "face-alignment"]
        if how == "flag":
            arguments.append("--offline")
        else:
            monkeypatch.setenv("FOMM_OFFLINE", "1")
        assert cli_errors.run(commands.app, arguments, program="fomm") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "downloads are switched off" in line
        assert "put the file into" in line

    def test_what_is_in_place_is_not_downloaded_again(self, mirror: str) -> None:
        first = face_alignment.pull(mirrors=[mirror])
        assert face_alignment.pull(mirrors=["http://127.0.0.1:1"], forbid_network=True) == first

    def test_a_wrong_file_is_refused_and_the_next_mirror_tried(
        self, mirror: str, published: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        right = face_alignment.NETWORK
        monkeypatch.setattr(face_alignment, "NETWORK", WeightsFile(right.name, "0" * 64))
        with pytest.raises(
            CheckpointError, match=r"sha256 [0-9a-f]{64} is not the published 0{64}; it was deleted"
        ):
            face_alignment.pull(mirrors=[mirror])
        assert not right.path.exists()
        monkeypatch.setattr(face_alignment, "NETWORK", right)
        assert face_alignment.pull(mirrors=[mirror + "nowhere", mirror])[1] == right.path

    def test_a_web_page_is_refused(self, mirror: str, published: Path) -> None:
        (published / face_alignment.DETECTOR.name).write_text("<!DOCTYPE html><html>moved</html>")
        with pytest.raises(CheckpointError, match=r"face-alignment could not be pulled: .* is a web page"):
            face_alignment.pull(mirrors=[mirror])


class _Package(types.ModuleType):
    """Stands for the package: "finds" the points it is told, and notes the pictures it is shown."""

    class LandmarksType:
        TWO_D = 1

    def __init__(self, faces: list[NDArray[np.float32]]) -> None:
        super().__init__("face_alignment")
        self.faces = faces
        self.shown: list[tuple[int, ...]] = []
        self.hub = ""
        self.options: dict[str, Any] = {}

    def FaceAlignment(self, kind: int, **options: Any) -> _Package:  # noqa: N802 - its name
        self.hub = torch.hub.get_dir()
        self.options = options
        return self

    def get_landmarks_from_image(self, pixels: Frame) -> list[NDArray[np.float32]] | None:
        self.shown.append(pixels.shape)
        return self.faces or None


@pytest.fixture
def package(published: Path, mirror: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., _Package]:
    """Put a package in place that finds these faces: `package(points, ...)`."""
    face_alignment.pull(mirrors=[mirror])

    def install(*faces: NDArray[np.float32]) -> _Package:
        made = _Package(list(faces))
        monkeypatch.setitem(sys.modules, "face_alignment", made)
        return made

    return install


def outline(scale: float = 1.0) -> NDArray[np.float32]:
    """68 points around the bundled portrait's face, as far out as face-alignment's."""
    points = collins().landmarks[OUTLINE, :2]
    return np.concatenate([points, points, points])[:68] * np.float32(scale)


class TestPoints:
    def test_large_pictures_are_searched_small(self, package: Callable[..., _Package]) -> None:
        installed = package(np.full((68, 2), [100, 50], np.float32))
        (points,) = FaceAlignment().detect(np.zeros((960, 1280, 3), np.uint8))
        assert installed.shown == [(480, 640, 3)]
        assert points.shape == (68, 2)
        assert points.dtype == np.float32
        np.testing.assert_allclose(points, np.full((68, 2), [200, 100]))

    def test_no_face_is_an_empty_list(self, package: Callable[..., _Package]) -> None:
        package()
        assert FaceAlignment().detect(np.zeros((64, 64, 3), np.uint8)) == []
        assert FaceAlignmentPoints().detect(np.zeros((64, 64, 3), np.uint8)) is None

    def test_the_largest_face_is_taken(self, package: Callable[..., _Package]) -> None:
        package(outline(0.5), outline())
        points = FaceAlignmentPoints().detect(np.zeros((512, 512, 3), np.uint8))
        assert points is not None
        np.testing.assert_allclose(points, outline())

    def test_its_weights_are_ours_and_nothing_is_compiled(self, package: Callable[..., _Package]) -> None:
        installed, before = package(), torch.hub.get_dir()
        FaceAlignment()
        assert installed.hub == str(face_alignment.folder())
        assert installed.options["face_detector_kwargs"] == {
            "path_to_detector": str(face_alignment.DETECTOR.path)
        }
        assert installed.options["compile"] is False
        assert torch.hub.get_dir() == before

    def test_damaged_weights_are_told(
        self, package: Callable[..., _Package], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed = package()

        def fail(kind: int, **options: Any) -> None:
            raise RuntimeError("Error(s) in loading state_dict for FAN:\n\tMissing keys")

        monkeypatch.setattr(installed, "FaceAlignment", fail)
        with pytest.raises(
            CheckpointError, match=r"cannot be loaded .*FAN:.*; delete them, then fomm models pull"
        ):
            FaceAlignment()


class TestSources:
    """Where a face model crops a picture in which MediaPipe sees no face."""

    WALL = SourceImage(np.full((400, 400, 3), 90, np.uint8), "cartoon.png")

    def test_the_box_is_where_mediapipe_would_put_it(self) -> None:
        found = np.array(face_alignment.face_box(outline()))
        expected = np.array(face_box(collins().landmarks))
        assert np.abs(found - expected).max() < 0.02 * (expected[3] - expected[1])

    def test_the_crop_of_a_neural_model(
        self, package: Callable[..., _Package], make_small_model: Callable[..., Any]
    ) -> None:
        package(outline(0.6))
        small = make_small_model("cartoons", face_crop=True)
        animator = load_model(small.config, checkpoint=small.checkpoint, device="cpu").animator()
        pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
        state = animator.prepare(SourceImage(pixels, "cartoon.png"))
        square = Square.around_box(face_alignment.face_box(outline(0.6)), pixels.shape)
        np.testing.assert_array_equal(state.portrait, square.cut(pixels, (64, 64)))
        assert state.notices == ("cartoon.png: MediaPipe finds no face; it is placed by face-alignment.",)
        assert state.landmarks is None

    def test_neither_finds_a_face(self, package: Callable[..., _Package]) -> None:
        package()
        missed = NoFaceError("cartoon.png: no face found.")
        with pytest.raises(NoFaceError) as error:
            face_alignment.source_box(self.WALL, missed)
        assert error.value is missed

    def test_a_tiny_face_is_none(self, package: Callable[..., _Package]) -> None:
        package(outline(0.05))
        with pytest.raises(NoFaceError, match="no face found"):
            face_alignment.source_box(self.WALL, NoFaceError("cartoon.png: no face found."))

    def test_without_face_alignment_the_next_step_is_told(
        self, monkeypatch: pytest.MonkeyPatch, make_small_model: Callable[..., Any]
    ) -> None:
        monkeypatch.setattr(face_alignment, "_version", lambda: None)
        small = make_small_model("cartoons", face_crop=True)
        animator = load_model(small.config, checkpoint=small.checkpoint, device="cpu").animator()
        with pytest.raises(
            NoFaceError, match=r"cartoon\.png: no face found.* Paintings and cartoons may need"
        ) as error:
            animator.prepare(self.WALL)
        assert "pip install 'fomm-live[face-alignment]'" in str(error.value)


class TestRealPackage:
    """The package itself, with networks of the published sizes and random weights."""

    @pytest.fixture
    def weights(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        try:
            version = metadata.version("face-alignment")
        except metadata.PackageNotFoundError:
            pytest.skip("needs the extra 'face-alignment'")
        monkeypatch.setattr(face_alignment, "_version", lambda: version)
        from face_alignment.detection.sfd.net_s3fd import s3fd
        from face_alignment.models import FAN

        torch.manual_seed(0)
        detector = s3fd().state_dict()
        for name, tensor in detector.items():
            if "_conf" in name:  # everything is background
                tensor.fill_(0)
                if name.endswith("bias"):
                    tensor[-1] = -20
        face_alignment.DETECTOR.path.parent.mkdir(parents=True)
        torch.save(detector, face_alignment.DETECTOR.path)
        torch.save(FAN(4).state_dict(), face_alignment.NETWORK.path)

    def test_it_loads_from_our_folder_and_finds_68_points(
        self, weights: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*arguments: Any, **options: Any) -> None:
            raise AssertionError("a download")

        monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
        monkeypatch.setattr("face_alignment.utils.download_url_to_file", refuse)
        tracker = FaceAlignment()
        picture = np.random.default_rng(0).integers(0, 256, (800, 1280, 3), np.uint8)
        assert tracker.detect(picture) == []
        box = [200.0, 100.0, 300.0, 200.0, 0.9]  # in pixels of the picture at half its size
        monkeypatch.setattr(tracker._network.face_detector, "detect_from_image", lambda _: [box])
        (points,) = tracker.detect(picture)
        assert points.shape == (68, 2)
        low, high = points.min(axis=0), points.max(axis=0)
        # The network looks at a square of about twice the box around it.
        assert (low >= [2 * 130, 2 * 20]).all()
        assert (high <= [2 * 370, 2 * 270]).all()
