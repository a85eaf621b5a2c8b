"""A picture made ready once, then animated by any number of clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from fomm.animators import DrivingFrame, Frame, SourceImage, create, is_neural
from fomm.annotation import load_source
from fomm.crops import Square, source_square
from fomm.errors import ConfigError
from fomm.offline import driver
from fomm.offline.driver import Neutral, Progress, SourcePose, Survey, TimedFrame
from fomm.offline.layout import SideBySide
from fomm.offline.outputs import Output
from fomm.offline.rendering import BatchAnimator, batch_size, render, shots
from fomm.paste import Paste
from fomm.prefetch import prefetch
from fomm.video import VideoReader

#: What is cut to a square around the face before anything else.
Crop: TypeAlias = Literal["none", "source", "driving", "both"]

#: Pictures are animated at most this large, pixels a side, unless told otherwise: a 4K screen's width.
MAX_SIDE = 3840

#: What hardware decoders of H.264 commonly show, pixels a side.
PLAYABLE_SIDE = 4096


class AnimatedFrame(NamedTuple):
    """One frame of the result.

    Attributes:
        pixels: `(H, W, 3)` uint8 RGB, all of one size.
        timestamp: seconds since the start, the driving frame's own.
        driven: whether the driving frame held what motion is taken from: a face, for models that need one.
    """

    pixels: Frame
    timestamp: float
    driven: bool


@dataclass(frozen=True)
class Summary:
    """What was written.

    Attributes:
        path: the finished file, or the folder of pictures.
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


class Animation:
    """A picture, prepared for a model.

    Args:
        source: the picture.
        model: a name in `fomm.animators.MODELS`, or a YAML config of one's own with `checkpoint=FILE`.
        crop: what is cut to a square around the face: the picture, the driving frames (one square that holds the face
            all through the clip), both or none. None means both for models that were trained on faces, and none for
            the others.
        paste_back: put what a model renders of a part of the picture back into the whole picture.
        side_by_side: frames show source, driving frame and result in a row.
        batch: how many frames a neural model renders at once; None takes 16 on a GPU, 1 elsewhere.
        max_side: larger pictures are scaled down to this many pixels a side.
        options: for the model, e.g. `mouth="painted"` for landmark-warp, or for a neural one `checkpoint`, `device`,
            `engine`, `relative=False` (absolute motion) and `adapt_scale=True`.

    Attributes:
        animator: what animates.
        size: `(width, height)` of the result, without what `side_by_side` adds.

    Raises:
        ConfigError: an unknown model, or options that it does not take.
        CheckpointError: a neural model's weights are not there, or not its own.
        ImageError: the picture cannot be read.
        NoFaceError: no face in the picture, where one is needed.
    """

    def __init__(
        self,
        source: SourceImage | Path | str,
        *,
        model: str = "landmark-warp",
        crop: Crop | None = None,
        paste_back: bool = False,
        side_by_side: bool = False,
        batch: int | None = None,
        max_side: int = MAX_SIDE,
        **options: Any,
    ) -> None:
        neural = is_neural(model)
        self.animator = create(model, **options, **({"crop": False} if neural else {}))
        if batch is not None and batch > 1 and not isinstance(self.animator, BatchAnimator):
            raise ConfigError(f"{model} makes one frame at a time; leave the batch out")
        if crop is None:
            crop = "both" if neural and self.animator.needs_face else "none"
        self._crop_driving = crop in ("driving", "both")
        self._follow = self._crop_driving if neural else self.animator.needs_face
        self._side_by_side = side_by_side
        self._batch = batch_size(self.animator, batch)

        self._picture = _load(source, max_side)
        region = Square.around_all(self._picture.pixels.shape) if neural else None
        shown, notices = self._picture, self._picture.notices
        if crop in ("source", "both"):
            region, _, found = source_square(self._picture)
            notices = (*notices, *found)
            shown = region.take_source(self._picture)
        if paste_back and region is None:
            notices = (*notices, f"{model} animates the whole picture; --paste-back has nothing to add.")
        self._state = self.animator.prepare(shown)
        self._notices = (*notices, *getattr(self._state, "notices", ()))
        self._paste = Paste(self._picture.pixels, region) if paste_back and region is not None else None
        self._rest: Frame = self._state.portrait if self._paste is None else self._paste(self._state.portrait)
        self.size = (self._rest.shape[1], self._rest.shape[0])

    def frames(
        self,
        driving: VideoReader | Path | str,
        *,
        neutral: Neutral = "first",
        progress: Progress | None = None,
    ) -> Iterator[AnimatedFrame]:
        """Animate with one clip, frame by frame, in constant memory; see `animate`.

        Args:
            driving: the clip; a reader that was opened here is closed here too.
            neutral: the driving frame that counts as no motion.
            progress: called while looking ahead, which a crop of the driving frames and "best" need.
        """
        path = driving.path if isinstance(driving, VideoReader) else Path(driving)
        opened = nullcontext(driving) if isinstance(driving, VideoReader) else VideoReader(path)
        with opened as reader, self._look_ahead(path, neutral, progress) as ahead:
            yield from self._frames(reader, neutral, ahead, self._finish(reader, ahead))

    def to_file(
        self,
        driving: Path | str,
        output: Output | Path | str,
        *,
        neutral: Neutral = "first",
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Summary:
        """Animate into a file or a folder of pictures; see `animate_to_file`."""
        target = output if isinstance(output, Output) else Output.parse(output)
        target.check(overwrite=overwrite, inputs=(driving,))
        undriven = 0
        with VideoReader(driving) as reader, self._look_ahead(reader.path, neutral, progress) as ahead:
            finish = self._finish(reader, ahead)
            with (
                target.writer(finish.size, reader, sound=reader.sound) as writer,
                closing(prefetch(self._frames(reader, neutral, ahead, finish))) as frames,
            ):
                for frame in frames:
                    writer.write(frame.pixels, frame.timestamp)
                    undriven += not frame.driven
                    if progress is not None:
                        progress("animating", writer.frames_written, reader.frame_count)
        notices = [*self._notices]
        if ahead is not None:
            notices += ahead.notices
        if reader.frame_count is not None and writer.frames_written < reader.frame_count:
            notices.append(
                f"{reader.path.name}: only {writer.frames_written} of its {reader.frame_count} frames can be read."
            )
        if ahead is not None and ahead.best is not None:
            chosen, _ = ahead.best
            notices.append(
                f"{reader.path.name}: frame {chosen} is most like the picture, and the neutral pose."
            )
        if target.is_video and max(finish.size) > PLAYABLE_SIDE:
            width, height = finish.size
            notices.append(
                f"{target.path.name}: {width}x{height} is more than many players show; use a smaller picture."
            )
        silenced = getattr(writer, "silenced", None)
        if silenced is not None:
            notices.append(f"{reader.path.name}: its sound cannot be carried over ({silenced}).")
        return Summary(
            path=target.path,
            size=finish.size,
            frames=writer.frames_written,
            undriven=undriven,
            device=self.animator.device,
            notices=tuple(dict.fromkeys(notices)),
        )

    def _look_ahead(
        self, path: Path, neutral: Neutral, progress: Progress | None
    ) -> AbstractContextManager[Survey | None]:
        if neutral != "best":
            return driver.survey(path, progress=progress) if self._crop_driving else nullcontext()
        with closing(SourcePose(self._picture)) as pose:
            return driver.survey(path, pose, progress)

    def _frames(
        self, reader: VideoReader, neutral: Neutral, ahead: Survey | None, finish: _Finish
    ) -> Iterator[AnimatedFrame]:
        """Decoding and tracking run ahead in threads of their own."""
        at_rest = self._neutral_frame(reader.path, neutral, ahead)
        frames: Iterable[TimedFrame]
        if not self._follow:
            frames = driver.untracked(reader)
        elif ahead is not None:
            frames = driver.known(reader, ahead.faces)
        else:
            frames = driver.tracked(reader)
        if ahead is not None and self._crop_driving:
            frames = driver.cropped(frames, ahead.square)
        any_driven = False
        with closing(prefetch(frames)) as ready:
            wanted = shots(ready, at_rest, needs_face=self._follow)
            for pixels, shot in render(self.animator, self._state, wanted, batch=self._batch):
                any_driven = any_driven or shot.driven
                yield AnimatedFrame(finish(pixels, shot.driving), shot.timestamp, shot.driven)
        if not any_driven:
            raise driver.no_face(reader.path)

    def _neutral_frame(self, path: Path, neutral: Neutral, ahead: Survey | None) -> DrivingFrame | None:
        if neutral == "first":
            return None
        if neutral == "best":
            assert ahead is not None
            assert ahead.best is not None
            _, frame = ahead.best
        else:
            frame = driver.frame_at(path, neutral, needs_face=self._follow)
        return driver.crop(frame, ahead.square) if ahead is not None and self._crop_driving else frame

    def _finish(self, reader: VideoReader, ahead: Survey | None) -> _Finish:
        beside = None
        if self._side_by_side:
            cut = ahead is not None and self._crop_driving
            driving = (ahead.square.side, ahead.square.side) if ahead is not None and cut else reader.size
            whole = self._state.portrait if self._paste is None else self._picture.pixels
            beside = SideBySide(whole, driving, self.size)
        return _Finish(self.size if beside is None else beside.size, self._paste, beside)


@dataclass(frozen=True)
class _Finish:
    """What becomes of an animator's frame before it is handed out."""

    size: tuple[int, int]
    paste: Callable[[Frame], Frame] | None
    beside: SideBySide | None

    def __call__(self, pixels: Frame, driving: DrivingFrame) -> Frame:
        if self.paste is not None:
            pixels = self.paste(pixels)
        return pixels if self.beside is None else self.beside(driving.pixels, pixels)


def _load(source: SourceImage | Path | str, max_side: int) -> SourceImage:
    """The picture, no larger than this, and a notice where it was."""
    if isinstance(source, SourceImage):
        picture, before = _shrunk(source, max_side), source.pixels.shape[1::-1]
    else:
        from PIL import Image

        picture = load_source(source, max_side=max_side)
        with Image.open(source) as opened:
            before = opened.size
    if max(before) <= max_side:
        return picture
    height, width = picture.pixels.shape[:2]
    # The header of a picture that a phone took upright may say what it is lying on its side.
    long, short = max(before), min(before)
    full = f"{long}x{short}" if width >= height else f"{short}x{long}"
    notice = f"{picture.name}: {full} is animated at {width}x{height}; --max-side changes that."
    return replace(picture, notices=(*picture.notices, notice))


def _shrunk(source: SourceImage, max_side: int) -> SourceImage:
    height, width = source.pixels.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return source
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    return source.resized(size)
