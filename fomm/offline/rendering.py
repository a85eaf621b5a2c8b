"""Motion in, frames out: the lost-face policy, and batches for models that take them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from fomm.animators import Animator, DrivingFrame, Frame, Motion, SourceState
from fomm.presence import Presence

#: A face that comes back is followed again within this many seconds.
_BACK = 0.2


@runtime_checkable
class BatchAnimator(Protocol):
    """An animator that renders several frames at once.

    Attributes:
        best_batch: as many as keep what executes it busy, without more memory than it takes.
    """

    best_batch: int

    def drive_batch(self, state: Any, motions: Sequence[Motion]) -> list[Frame]:
        """One frame for each motion; all share their neutral frame."""
        ...


@dataclass(frozen=True, eq=False)
class Shot:
    """One driving frame, and what it asks of the animator.

    Attributes:
        driving: the frame.
        timestamp: seconds since the start.
        driven: whether it holds what motion is taken from.
        motion: None where the picture stays as it is.
    """

    driving: DrivingFrame
    timestamp: float
    driven: bool
    motion: Motion | None


def shots(
    frames: Iterable[tuple[DrivingFrame, float]], neutral: DrivingFrame | None, *, needs_face: bool
) -> Iterator[Shot]:
    """What is to be rendered: nothing until the first face; a lost face is held, then eased back to neutral.

    Args:
        frames: driving frames with their times.
        neutral: the neutral frame; None takes the first with a face.
        needs_face: False lets every frame drive.
    """
    last: DrivingFrame | None = None
    presence = Presence(back=_BACK)
    presence.begin()
    for driving, timestamp in frames:
        driven = driving.landmarks is not None or not needs_face
        strength = presence.update(timestamp, face=driven)
        if driven:
            last = driving
            neutral = neutral or driving
        motion = None
        if last is not None and neutral is not None and (driven or strength < 1):
            motion = Motion(last, neutral, strength)
        yield Shot(driving, timestamp, driven, motion)


def render(
    animator: Animator, state: SourceState, wanted: Iterable[Shot], *, batch: int
) -> Iterator[tuple[Frame, Shot]]:
    """A frame for every shot, `batch` at a time."""
    latest: Frame = state.portrait
    for some in _batches(wanted, batch):
        motions = [shot.motion for shot in some if shot.motion is not None]
        if batch > 1 and isinstance(animator, BatchAnimator):
            made = iter(animator.drive_batch(state, motions))
        else:
            made = (animator.drive(state, motion) for motion in motions)
        for shot in some:
            if shot.motion is not None:
                latest = next(made)
            # A copy, since a frame belongs to whom it is given, and this one may be shown again.
            yield latest.copy() if shot.motion is None else latest, shot


def batch_size(animator: Animator, wanted: int | None) -> int:
    """How many frames to render at once, where `wanted` may leave it open."""
    if not isinstance(animator, BatchAnimator):
        return 1
    return wanted or animator.best_batch


def _batches(items: Iterable[Shot], size: int) -> Iterator[list[Shot]]:
    iterator = iter(items)
    while some := list(itertools.islice(iterator, size)):
        yield some
