"""Neural models live: small ones with seeded weights, through the real command and through a session's keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fomm.animators import create
from fomm.crops import source_square
from fomm.images import load_image
from fomm.video import VideoReader
from live.gallery import AvatarLoader
from live.hotkeys import Command
from live.notices import Notices
from live.requests import Request
from live.session import Session, SessionOptions
from live.sources import SourceOptions, open_source
from live.tracking import FaceTracker, LandmarkTracker, NoTracker, TrackingStage
from tests.live.conftest import Finished
from tests.live.doubles import Collector, gallery_of, write_video

FRAMES = 24
KINDS = pytest.mark.parametrize("needs_face", [True, False], ids=["vox-like", "taichi-like"])


@pytest.fixture(scope="module")
def cut(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the bundled clip, small, and the driver moves aside meanwhile."""
    with VideoReader(clip) as reader:
        frames = [pixels for _, (pixels, _) in zip(range(FRAMES), reader, strict=False)]
    small = [cv2.resize(pixels, (320, 320), interpolation=cv2.INTER_AREA) for pixels in frames]
    aside = [np.roll(pixels, 2 * index, axis=1) for index, pixels in enumerate(small)]
    return write_video(tmp_path_factory.mktemp("cut") / "cut.mp4", [np.asarray(f, np.uint8) for f in aside])


@KINDS
def test_the_command_animates_with_a_config_and_weights_of_ones_own(
    fomm_live: Callable[..., Finished],
    make_small_model: Callable[..., Any],
    cut: Path,
    avatar: Path,
    tmp_path: Path,
    needs_face: bool,
) -> None:
    small = make_small_model("faces" if needs_face else "whole", face_crop=needs_face)
    done = fomm_live(
        *("--model", small.config, "--checkpoint", small.checkpoint, "--device", "cpu", "--avatar", avatar),
        *("--camera", cut, "--sink", "null", "--sink", "out.mp4", "--no-pace", "--size", "128x128"),
        *("--report", "r.json"),
    )
    report = done.report(tmp_path / "r.json")
    assert done.stderr == ""
    assert (report["frames_out"], report["frames_repeated"], report["face_lost_frames"]) == (FRAMES, 0, 0)
    assert (report["model"], report["engine"]) == (
        small.config.stem,
        "torch fp32 on CPU (FOMM_ENGINE says so)",
    )
    with VideoReader(tmp_path / "out.mp4") as reader:
        frames = [pixels.astype(int) for pixels, _ in reader]
    assert len(frames) == FRAMES
    assert max(np.abs(frame - frames[0]).mean() for frame in frames) > 0.2, "the driver's motion shows"


def test_a_face_is_put_back_into_its_picture(
    fomm_live: Callable[..., Finished],
    make_small_model: Callable[..., Any],
    cut: Path,
    avatar: Path,
    tmp_path: Path,
) -> None:
    small = make_small_model("faces", face_crop=True)
    options = ("--model", small.config, "--checkpoint", small.checkpoint, "--avatar", avatar, "--camera", cut)
    done = fomm_live(*options, "--paste-back", "--sink", "out.mp4", "--no-pace", "--size", "320x320")
    assert done.status == 0, done.stderr
    picture = load_image(avatar, max_side=320)
    square = source_square(picture)[0]
    with VideoReader(tmp_path / "out.mp4") as reader:
        frames = np.stack([pixels for pixels, _ in reader]).astype(int)
    moved = np.abs(frames - frames[0]).max(axis=(0, 3))
    left = (320 - picture.pixels.shape[1]) // 2
    around = np.ones((320, 320), bool)
    around[
        max(0, square.top) : square.top + square.side,
        left + max(0, square.left) : left + square.left + square.side,
    ] = False
    assert around.mean() > 0.1
    assert np.abs(frames[5] - np.asarray(frames[0]))[around].mean() < 2, "the rest of the picture stays"
    assert moved[~around].mean() > 2 * moved[around].mean()

    whole = make_small_model("whole", face_crop=False)
    options = ("--model", whole.config, "--checkpoint", whole.checkpoint, "--avatar", avatar, "--camera", cut)
    refused = fomm_live(*options, "--paste-back", "--sink", "null")
    assert refused.status == 2
    assert "shows the whole picture already; leave --paste-back out" in refused.stderr


def test_the_command_says_what_is_missing(
    fomm_live: Callable[..., Finished], make_small_model: Callable[..., Any], cut: Path, tmp_path: Path
) -> None:
    rest = ("--camera", cut, "--sink", "null")
    missing = fomm_live("--model", "vox-256", *rest, FOMM_MODELS=str(tmp_path))
    assert missing.status == 2
    assert "fomm models pull vox-256" in missing.stderr
    assert "--checkpoint" in missing.stderr
    other = fomm_live("--model", "vox-256", "--checkpoint", make_small_model("whole").checkpoint, *rest)
    assert other.status == 2
    assert "Traceback" not in other.stderr
    nowhere = fomm_live("--model", "mine.yaml", *rest)
    assert nowhere.status == 2
    assert "mine.yaml" in nowhere.stderr
    place = fomm_live(
        *("--model", make_small_model("whole").config, "--checkpoint", make_small_model("whole").checkpoint),
        *("--device", "abacus", *rest),
    )
    assert place.status == 2
    assert "abacus" in place.stderr


class Keys(Collector):
    """A window whose user presses keys at certain frames."""

    showing_rate = showing_help = False

    def __init__(self, script: dict[int, Command]) -> None:
        super().__init__((128, 128))
        self.script = script

    def preview(self, *_: Any) -> None:
        pass

    def requests(self) -> list[Request]:
        due = self.script.pop(len(self.frames), None)
        return [] if due is None else [Request(due)]


@KINDS
def test_keys_recalibrate_and_change_the_avatar(
    make_small_model: Callable[..., Any], cut: Path, avatar: Path, needs_face: bool
) -> None:
    small = make_small_model("faces" if needs_face else "whole", face_crop=needs_face)
    animator = create(str(small.config), checkpoint=str(small.checkpoint), device="cpu")
    neutrals: list[Any] = []
    drive = animator.drive

    def recorded(state: Any, motion: Any) -> Any:
        if not neutrals or motion.neutral is not neutrals[-1]:
            neutrals.append(motion.neutral)
        return drive(state, motion)

    animator.drive = recorded  # type: ignore[method-assign]
    notices = Notices()
    loader = AvatarLoader((128, 128), "blur")
    paths = sorted(avatar.parent.glob("*.jpg"))[:2]
    gallery = gallery_of(loader, animator, paths, notices)
    source = open_source(str(cut), SourceOptions(30.0, paced=False, loop=True, notify=notices))
    tracker: FaceTracker = LandmarkTracker() if needs_face else NoTracker()
    stage = TrackingStage(source, tracker, notify=notices)
    window = Keys({5: Command.RECALIBRATE, 45: Command.NEXT_AVATAR, 240: Command.QUIT})
    session = Session(
        stage=stage,
        dropped=lambda: source.dropped,
        animator=animator,
        gallery=gallery,
        sinks=[window],
        window=window,  # type: ignore[arg-type]
        options=SessionOptions((128, 128), live=False, frames=300),
        notices=notices,
        check=lambda: None,
    )
    stage.start()
    try:
        session.run()
    finally:
        stage.close()
        source.close()
        gallery.close()
    assert len(neutrals) == 2, "the first pose, and the one after the key"
    assert gallery.current.path == paths[1]
    assert not np.array_equal(window.frames[-1], window.frames[44])
    assert notices.recent == ["the session ends"], "nothing else was worth telling"
