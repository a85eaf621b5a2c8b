"""Animating a picture with a video file: every driving frame gives one frame of the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fomm.animators import SourceImage
from fomm.offline.animation import MAX_SIDE, AnimatedFrame, Animation, Crop, Summary
from fomm.offline.driver import Neutral, Progress
from fomm.offline.outputs import FORMATS, Output, clips_in, outputs_for
from fomm.video import VideoReader

__all__ = [
    "FORMATS",
    "MAX_SIDE",
    "AnimatedFrame",
    "Animation",
    "Crop",
    "Neutral",
    "Output",
    "Progress",
    "Summary",
    "animate",
    "animate_to_file",
    "clips_in",
    "outputs_for",
]


def animate(
    source: SourceImage | Path | str,
    driving: VideoReader | Path | str,
    *,
    model: str = "landmark-warp",
    neutral: Neutral = "first",
    crop: Crop | None = None,
    paste_back: bool = False,
    side_by_side: bool = False,
    batch: int | None = None,
    max_side: int = MAX_SIDE,
    **options: Any,
) -> Iterator[AnimatedFrame]:
    """Animate a picture with a video, frame by frame, in constant memory.

    Frame i of the result is made from driving frame i, at its time. The neutral portrait is shown until the
    first face; where the driving video loses its face, the last frame is held, then eased back to neutral.

    Args:
        source: the picture.
        driving: the video; a reader that was opened here is closed here too.
        model: a name in `fomm.animators.MODELS`, or a YAML config of one's own with `checkpoint=FILE`.
        neutral: the driving frame that counts as no motion: "first" with a face, its number from 0, or "best", the
            one whose pose is most like the picture's. Frames before and after it are animated alike, from it.
        crop, paste_back, side_by_side, batch, max_side, options: see `Animation`.

    Raises:
        ConfigError: an unknown model, or options that it does not take.
        CheckpointError: a neural model's weights are not there, or not its own.
        ImageError, VideoError: the source or the driving video cannot be read.
        NoFaceError: no face in the source, in the neutral frame, or anywhere in the driving video.

    Example:
        >>> for frame in fomm.animate("portrait.jpg", "talking.mp4"):  # doctest: +SKIP
        ...     show(frame.pixels)
    """
    animation = Animation(
        source,
        model=model,
        crop=crop,
        paste_back=paste_back,
        side_by_side=side_by_side,
        batch=batch,
        max_side=max_side,
        **options,
    )
    return animation.frames(driving, neutral=neutral)


def animate_to_file(
    source: SourceImage | Path | str,
    driving: Path | str,
    output: Path | str,
    *,
    model: str = "landmark-warp",
    neutral: Neutral = "first",
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Summary:
    """`animate` into a file with the driving video's frame count, rate, timestamps and sound.

    The file appears under its name only when it is complete; on an error or Ctrl-C nothing is left behind.

    Args:
        source, driving, model, neutral: as in `animate`.
        output: where to write: a video (.mp4, .m4v, .mov, .webm), a .gif, or a folder of pictures ("frames/" or
            "frames/%05d.png"); GIFs and pictures are silent.
        overwrite: replace an existing file instead of refusing.
        progress: called after each frame with what is being done, the number of frames done and the number
            expected, None where unknown.
        options: whatever else `animate` takes.

    Raises:
        VideoError: also where the output exists or cannot be written.
        ConfigError, CheckpointError, ImageError, NoFaceError: as `animate`.
    """
    target = Output.parse(output)
    read = [item for item in (source, driving) if isinstance(item, (str, Path))]
    target.check(overwrite=overwrite, inputs=read)
    VideoReader(driving).close()  # refused before the picture is prepared, which takes longer
    return Animation(source, model=model, **options).to_file(
        driving, target, neutral=neutral, overwrite=overwrite, progress=progress
    )
