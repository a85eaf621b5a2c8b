"""Animating a picture with a video file: every driving frame gives one frame of the result."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from fomm.animators import MODELS, Animator, DrivingFrame, Frame, Motion, SourceImage
from fomm.errors import ConfigError, NoFaceError, VideoError
from fomm.faces import FaceFollower, FaceLandmarker
from fomm.images import load_image
from fomm.prefetch import prefetch
from fomm.presence import Presence
from fomm.video import VideoReader, VideoWriter, check_output

#: Which driving frame counts as "no motion": the first one with a face, or the one of this index.
Neutral: TypeAlias = Literal["first"] | int

#: What hardware decoders of H.264 commonly show, pixels a side.
PLAYABLE_SIDE = 4096


class AnimatedFrame(NamedTuple):
    """One frame of the result.

    Attributes:
        pixels: `(H, W, 3)` uint8 RGB, the source picture's size.
        timestamp: seconds since the start, the driving frame's own.
        driven: whether the driving frame held what motion is taken from: a face, for models that need one.
    """

    pixels: Frame
    timestamp: float
    driven: bool


@dataclass(frozen=True)
class Summary:
    """What `animate_to_file` wrote.

    Attributes:
        path: the finished video.
        size: `(width, height)` of its frames, before the padding of odd sides.
        frames: how many there are: one for each driving frame.
        undriven: how many of them no face drove.
        device: what executed the model.
        notices: sentences worth showing the user.
    """

    path: Path
    size: tuple[int, int]
    frames: int
    undriven: int
    device: str
    notices: tuple[str, ...]


def animate(
    source: SourceImage | Path | str,
    driving: VideoReader | Path | str,
    *,
    model: str = "landmark-warp",
    neutral: Neutral = "first",
    **options: Any,
) -> Iterator[AnimatedFrame]:
    """Animate a picture with a video, frame by frame, in constant memory.

    Frame i of the result is made from driving frame i, at its time. The neutral portrait is shown until the
    first face; where the driving video loses its face, the last frame is held, then eased back to neutral.

    Args:
        source: the picture.
        driving: the video; a reader that was opened here is closed here too.
        model: a name in `fomm.animators.MODELS`.
        neutral: the driving frame that counts as no motion.
        options: for the model, e.g. `mouth="painted"` for landmark-warp.

    Raises:
        ConfigError: an unknown model.
        ImageError, VideoError: the source or the driving video cannot be read.
        NoFaceError: no face in the source, in the neutral frame, or anywhere in the driving video.

    Example:
        >>> for frame in animate("portrait.jpg", "talking.mp4"):  # doctest: +SKIP
        ...     show(frame.pixels)
    """
    animator = _create(model, options)
    if not isinstance(source, SourceImage):
        source = load_image(source)
    state = animator.prepare(source)
    if isinstance(driving, VideoReader):
        yield from _drive(animator, state, driving, neutral)
    else:
        with VideoReader(driving) as reader:
            yield from _drive(animator, state, reader, neutral)


def animate_to_file(
    source: SourceImage | Path | str,
    driving: Path | str,
    output: Path | str,
    *,
    model: str = "landmark-warp",
    neutral: Neutral = "first",
    overwrite: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    **options: Any,
) -> Summary:
    """`animate` into a video file with the driving video's frame count, rate and timestamps.

    The file appears under its name only when it is complete; on an error or Ctrl-C nothing is left behind.

    Args:
        source, driving, model, neutral, options: as in `animate`.
        output: where to write; see `fomm.video.EXTENSIONS`.
        overwrite: replace an existing file instead of refusing.
        progress: called after each frame with the number done and the number expected, None where unknown.

    Raises:
        VideoError: also where the output exists or cannot be written.
        ConfigError, ImageError, NoFaceError: as `animate`.
    """
    output = Path(output)
    check_output(output, overwrite=overwrite)
    animator = _create(model, options)
    if not isinstance(source, SourceImage):
        source = load_image(source)
    unfinished = output.with_name(f".{output.stem}.{os.getpid()}.part{output.suffix}")
    undriven = 0
    with VideoReader(driving) as reader:
        state = animator.prepare(source)
        height, width = state.portrait.shape[:2]
        try:
            with (
                VideoWriter(unfinished, size=(width, height), rate=reader.rate, overwrite=True) as writer,
                closing(prefetch(_drive(animator, state, reader, neutral))) as frames,
            ):
                for frame in frames:
                    writer.write(frame.pixels, frame.timestamp)
                    undriven += not frame.driven
                    if progress is not None:
                        progress(writer.frames_written, reader.frame_count)
            _publish(unfinished, output)
        finally:
            unfinished.unlink(missing_ok=True)
    notices = [*source.notices, *getattr(state, "notices", ())]
    if max(width, height) > PLAYABLE_SIDE:
        notices.append(
            f"{output.name}: {width}x{height} is more than many players show; use a smaller picture."
        )
    notices = list(dict.fromkeys(notices))
    return Summary(output, (width, height), writer.frames_written, undriven, animator.device, tuple(notices))


def _create(model: str, options: dict[str, Any]) -> Animator:
    if model not in MODELS:
        raise ConfigError(f"unknown model {model!r}; choose one of: {', '.join(MODELS)}")
    try:
        return MODELS[model](**options)
    except TypeError as error:
        raise ConfigError(f"{model} does not take these options ({error}); leave them out") from error


def _publish(unfinished: Path, output: Path) -> None:
    try:
        unfinished.replace(output)
    except OSError as error:
        raise VideoError(f"{output} cannot be replaced ({error.strerror}); choose another name") from None


def _drive(animator: Animator, state: Any, reader: VideoReader, neutral: Neutral) -> Iterator[AnimatedFrame]:
    """Motion in, frames out, with the lost-face policy. Decoding and tracking run ahead in other threads."""
    at_rest = _neutral_frame(reader.path, neutral, animator.needs_face) if neutral != "first" else None
    last: DrivingFrame | None = None
    pixels: Frame = state.portrait
    presence = Presence(back=0.2)
    presence.begin()
    with closing(prefetch(_tracked(reader, animator.needs_face))) as tracked:
        for driving, timestamp in tracked:
            driven = driving.landmarks is not None or not animator.needs_face
            strength = presence.update(timestamp, face=driven)
            if driven:
                last = driving
                at_rest = at_rest or driving
            if last is not None and at_rest is not None and (driven or strength < 1):
                pixels = animator.drive(state, Motion(last, at_rest).eased(strength))
            yield AnimatedFrame(pixels, timestamp, driven)
    if last is None:
        raise NoFaceError(f"{reader.path}: no face in any frame; use a video in which a face is seen")


def _tracked(frames: Iterable[tuple[Frame, float]], needs_face: bool) -> Iterator[tuple[DrivingFrame, float]]:
    """The frames with the landmarks of the face that is followed."""
    if not needs_face:
        yield from ((DrivingFrame(pixels, None), timestamp) for pixels, timestamp in frames)
        return
    follower = FaceFollower()
    with FaceLandmarker(mode="video") as landmarker, closing(prefetch(frames)) as decoded:
        for pixels, timestamp in decoded:
            face = follower.choose(landmarker.detect(pixels, timestamp))
            yield DrivingFrame(pixels, face), timestamp


def _neutral_frame(path: Path, index: int, needs_face: bool) -> DrivingFrame:
    """The driving frame of this index, with the landmarks of its largest face."""
    with VideoReader(path) as reader:
        pixels = next((pixels for pixels, _ in itertools.islice(reader, index, None)), None)
    if pixels is None:
        raise VideoError(f"{path} has no frame {index}; choose a smaller neutral frame (they count from 0)")
    if not needs_face:
        return DrivingFrame(pixels, None)
    with FaceLandmarker(mode="image") as landmarker:
        face = FaceFollower().choose(landmarker.detect(pixels))
    if face is None:
        raise NoFaceError(f"{path}: no face in frame {index}; choose another neutral frame")
    return DrivingFrame(pixels, face)
