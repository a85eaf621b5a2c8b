"""A model of face crops, shown in the whole picture that the crop was cut from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm.animators.base import Animator, Frame, Landmarks, Motion, SourceImage
from fomm.animators.neural import NeuralAnimator, NeuralState
from fomm.crops import source_square
from fomm.errors import ConfigError
from fomm.paste import Paste


@dataclass(frozen=True, eq=False)
class PastedState:
    """One avatar, prepared.

    Attributes:
        crop: what the model made of its face.
        paste: puts that back into the picture.
        portrait: the picture with the face at rest.
        landmarks: `(478, 3)` in its pixels; None for faces that only face-alignment finds.
        notices: sentences worth showing the user.
    """

    crop: NeuralState
    paste: Paste
    portrait: Frame
    landmarks: Landmarks | None
    notices: tuple[str, ...]


class PastedBack:
    """Animates the face of a picture and leaves the rest of it as it is, the seam faded.

    Args:
        animator: crops its pictures around faces.

    Raises:
        ConfigError: it does not.
    """

    needs_face = True

    def __init__(self, animator: Animator) -> None:
        if not isinstance(animator, NeuralAnimator) or not animator.crop:
            raise ConfigError(f"{animator.name} shows the whole picture already; leave --paste-back out")
        self._animator = animator
        self.name = animator.name

    @property
    def device(self) -> str:
        """See `Animator.device`."""
        return self._animator.device

    def look(self, source: SourceImage) -> Landmarks | None:
        """See `Animator.look`."""
        return self._animator.look(source)

    def prepare(self, source: SourceImage) -> PastedState:
        """See `Animator.prepare`."""
        crop = self._animator.prepare(source)
        square, landmarks, _ = source_square(source)
        paste = Paste(np.ascontiguousarray(source.pixels), square)
        return PastedState(crop, paste, paste(crop.portrait), landmarks, crop.notices)

    def drive(self, state: PastedState, motion: Motion) -> Frame:
        """See `Animator.drive`."""
        return state.paste(self._animator.drive(state.crop, motion))
