"""`fomm evaluate` over short cuts of the bundled clip, with the bundled model and with small neural ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from fomm import cli_errors, commands, evaluation, face_alignment, resources
from fomm.animators import Frame, Motion
from fomm.animators.landmark_warp import LandmarkWarp
from fomm.animators.landmark_warp.animator import WarpState
from fomm.errors import ConfigError, VideoError
from fomm.evaluation import Report, identity
from fomm.evaluation.metrics import Scores
from fomm.model import load_model
from fomm.video import VideoReader, VideoWriter

FRAMES = 4


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short cuts of the bundled clip, a video and a folder of pictures, and two clips that are none."""
    folder = tmp_path_factory.mktemp("dataset")
    with VideoReader(resources.CLIPS / "talking_head.mp4") as reader:
        frames = [pixels for pixels, _ in islice(reader, 0, 6 * 2 * FRAMES, 6)]
    height, width = frames[0].shape[:2]
    with VideoWriter(folder / "a.mp4", size=(width, height)) as writer:
        for pixels in frames[:FRAMES]:
            writer.write(pixels)
    (folder / "b").mkdir()
    for index, pixels in enumerate(frames[FRAMES:]):
        Image.fromarray(cv2.resize(pixels, (256, 256), interpolation=cv2.INTER_AREA)).save(
            folder / "b" / f"{index}.png"
        )
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "c").mkdir()
    return folder


@pytest.fixture(autouse=True)
def no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment has installed."""
    monkeypatch.setattr(identity, "_dlib_weights", lambda: None)


@pytest.fixture(scope="module")
def warped(dataset: Path) -> Report:
    return evaluation.evaluate(dataset, embedder="none")


class TestLandmarkWarp:
    def test_every_clip_is_measured(self, warped: Report) -> None:
        assert list(warped.clips) == ["a.mp4", "b"]
        for scores in warped.clips.values():
            assert scores.frames == scores.faces == FRAMES
            assert 0 < scores.l1 < 0.05
            assert scores.akd is not None
            assert 0 < scores.akd < 3
            assert (scores.mkr, scores.aed) == (0, None)

    def test_the_mean_is_over_frames(self, warped: Report) -> None:
        a, b = warped.clips.values()
        assert warped.mean.frames == 2 * FRAMES
        assert warped.mean.l1 == pytest.approx((a.l1 + b.l1) / 2)

    def test_what_was_skipped_is_named(self, warped: Report) -> None:
        assert [clip.name for clip in warped.skipped] == ["broken.mp4", "c"]
        assert "cannot be read as a video" in warped.skipped[0].reason
        assert "holds no pictures" in warped.skipped[1].reason

    def test_moving_is_better_than_standing_still(
        self, dataset: Path, warped: Report, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stand_still(self: LandmarkWarp, state: WarpState, motion: Motion) -> Frame:
            return state.portrait.copy()

        monkeypatch.setattr(LandmarkWarp, "drive", stand_still)
        still = evaluation.evaluate(dataset, embedder="none")
        assert warped.mean.akd is not None
        assert still.mean.akd is not None
        assert warped.mean.akd < 0.7 * still.mean.akd

    def test_how_it_was_measured_is_told(self, warped: Report) -> None:
        assert (warped.model, warped.checkpoint, warped.size) == ("landmark-warp", None, (256, 256))
        assert warped.motion == "relative to the first frame, the mouth painted"
        assert (warped.detector, warped.embedder) == ("mediapipe", None)
        assert warped.unmeasured == {"aed": "no identity embedder was asked for"}

    def test_a_frame_without_a_face_is_answered_with_the_last_picture(
        self, dataset: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "gap").mkdir()
        for index in range(3):
            (tmp_path / "gap" / f"{index}.png").write_bytes((dataset / "b" / f"{index}.png").read_bytes())
        Image.new("RGB", (256, 256), (90, 90, 90)).save(tmp_path / "gap" / "3.png")
        scores = evaluation.evaluate(tmp_path, embedder="none").clips["gap"]
        assert (scores.frames, scores.faces, scores.mkr) == (4, 3, 0)


class TestNeural:
    def test_colours_are_those_of_the_papers_reconstruction(
        self, dataset: Path, make_small_model: Callable[..., Any]
    ) -> None:
        """Absolute motion from the first frame, against the library's own call."""
        small = make_small_model("evaluated", face_crop=True)
        report = evaluation.evaluate(
            dataset, model=small.config, checkpoint=small.checkpoint, device="cpu", embedder="none"
        )
        pictures = [Image.open(dataset / "b" / f"{index}.png") for index in range(FRAMES)]
        frames = [cv2.resize(np.asarray(p), (64, 64), interpolation=cv2.INTER_AREA) for p in pictures]
        clip = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
        model = load_model(small.config, checkpoint=small.checkpoint, device="cpu")
        expected = (model.reconstruct(clip[:1], clip) - clip).abs().mean().item()
        assert report.clips["b"].l1 == pytest.approx(expected, rel=1e-5)
        assert (report.motion, report.size) == ("absolute", (64, 64))
        assert report.checkpoint == small.checkpoint
        faces = report.clips["b"].faces
        assert faces is not None
        assert report.clips["b"].mkr == (1.0 if faces else None), "random weights show no face"

    def test_long_clips_run_in_batches(
        self, dataset: Path, tmp_path: Path, make_small_model: Callable[..., Any]
    ) -> None:
        (tmp_path / "long").mkdir()
        for index in range(19):
            picture = dataset / "b" / f"{index % FRAMES}.png"
            (tmp_path / "long" / f"{index}.png").write_bytes(picture.read_bytes())
        small = make_small_model("evaluated", face_crop=False)
        report = evaluation.evaluate(tmp_path, model=small.config, checkpoint=small.checkpoint, device="cpu")
        assert report.mean.frames == 19

    def test_bodies_are_unmeasured_and_it_says_so(
        self, dataset: Path, make_small_model: Callable[..., Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        small = make_small_model("bodies", face_crop=False)
        arguments = [str(dataset), "--model", str(small.config), "--checkpoint", str(small.checkpoint)]
        assert cli_errors.run(commands.app, ["evaluate", *arguments], program="fomm") == 0
        shown = capsys.readouterr().out
        assert "AKD, MKR unmeasured: no body keypoint detector here" in shown
        assert "AED unmeasured: no identity embedder for bodies here" in shown
        assert "2 of 4 clips skipped:\n  broken.mp4: " in shown


class TestCommand:
    def test_table_and_json(
        self, dataset: Path, tmp_path: Path, warped: Report, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target = tmp_path / "numbers.json"
        arguments = ["evaluate", str(dataset), "--limit", "1", "--json", str(target)]
        assert cli_errors.run(commands.app, arguments, program="fomm") == 0
        shown = capsys.readouterr().out
        assert "skipped" not in shown
        assert (
            "AED unmeasured: no identity embedder is installed (pip install 'fomm-live[identity]')" in shown
        )
        assert "AKD (pixels) and MKR by mediapipe" in shown
        values = json.loads(target.read_text())
        assert Scores(**values["clips"]["a.mp4"]) == warped.clips["a.mp4"]
        assert values["mean"] == values["clips"]["a.mp4"]
        assert values["unmeasured"].keys() == {"aed"}
        (row,) = (line for line in shown.splitlines() if line.startswith("a.mp4"))
        assert row.split() == [
            "a.mp4",
            str(FRAMES),
            f"{values['mean']['l1']:.4f}",
            f"{values['mean']['akd']:.2f}",
            "0.000",
            "-",
        ]
        assert list(tmp_path.iterdir()) == [target]

    def test_progress(self, dataset: Path) -> None:
        calls: list[tuple[str, int, int, int]] = []
        evaluation.evaluate(dataset, embedder="none", progress=lambda *call: calls.append(call))
        expected = [("a.mp4", frame + 1, 0, 4) for frame in range(FRAMES)]
        expected += [("b", frame + 1, 1, 4) for frame in range(FRAMES)]
        assert calls == [*expected, ("", 0, 4, 4)]

    def test_an_installed_embedder_measures(self, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Brightness:
            name = "brightness"

            @staticmethod
            def obstacle() -> None:
                return None

            def embed(self, pixels: Any, anchors: Any) -> Any:
                return np.array([pixels.mean()], np.float32)

        monkeypatch.setitem(identity.EMBEDDERS, "dlib", Brightness)
        report = evaluation.evaluate(dataset, limit=1)
        assert report.embedder == "brightness"
        assert report.mean.aed is not None
        assert 0 < report.mean.aed < 5
        assert report.unmeasured == {}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("{empty}",), "holds no clips"),
            (("{empty}/gone",), "no such folder"),
            (("{dataset}", "--model", "vox"), "unknown model 'vox'; choose one of: landmark-warp"),
            (("{dataset}", "--model", "vox-256"), "fomm models pull vox-256"),
            (("{dataset}", "--device", "cpu"), "landmark-warp takes no device; leave it out"),
            (("{dataset}", "--embedder", "dlib"), "pip install 'fomm-live[identity]'"),
            (("{dataset}", "--detector", "eyes"), "unknown detector 'eyes'; choose one of: mediapipe"),
            (("{dataset}", "--detector", "face-alignment"), "face-alignment is not installed: pip install"),
            (("{dataset}", "--json", "{dataset}"), "is a folder; name a file in it"),
            (("{dataset}", "--json", "{dataset}/broken.mp4"), "already exists; add --overwrite"),
            (("{dataset}", "--json", "{dataset}/no/where.json"), "does not exist; create it"),
            (("{dataset}", "--limit", "0"), "--limit"),
            (
                ("{wall}",),
                "1 clip, none of which can be evaluated; the first: wall, first frame: no face found",
            ),
        ],
    )
    def test_refused_in_one_line(
        self,
        arguments: tuple[str, ...],
        message: str,
        dataset: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "store"))
        monkeypatch.setattr(face_alignment, "_version", lambda: None)
        (tmp_path / "empty").mkdir()
        (tmp_path / "set" / "wall").mkdir(parents=True)
        Image.new("RGB", (128, 128), (90, 90, 90)).save(tmp_path / "set" / "wall" / "0.png")
        places = {"dataset": dataset, "empty": tmp_path / "empty", "wall": tmp_path / "set"}
        filled = [argument.format(**places) for argument in arguments]
        assert cli_errors.run(commands.app, ["evaluate", *filled], program="fomm") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("fomm: ")
        assert message in line


def test_a_library_user_gets_the_same_errors(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(VideoError):
        evaluation.evaluate(tmp_path)
    with pytest.raises(ConfigError):
        evaluation.evaluate(dataset, model="no-such-model")
