"""Making pairs: somebody, two poses, a look, and the landmarks that a face tracker finds in the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from fomm.animators.base import Frame, Landmarks
from fomm.faces import FaceLandmarker
from fomm.synthetic.arrays import Array
from fomm.synthetic.heads import HeadFactory
from fomm.synthetic.needs import require_extra
from fomm.synthetic.pairs.characters import Character, acting
from fomm.synthetic.pairs.drawing import EXTRA_PARTS, Actor, Stage
from fomm.synthetic.pairs.looks import Look, backdrop
from fomm.synthetic.pairs.performing import performance

#: Pairs of frames that are tried until a face is found in both, before somebody else is drawn.
_ATTEMPTS = 6

#: The share of source frames that are nearly at rest, as portraits are.
_CALM = 0.7


@dataclass(frozen=True, eq=False)
class Pair:
    """A source and a driving frame of one person.

    Attributes:
        identity: the person's number.
        source, driving: `(S, S, 3)` uint8 RGB.
        source_landmarks, driving_landmarks: `(478, 3)` float32 in pixels, as the face tracker found them.
        source_person, driving_person: `(S, S)` uint8, 255 where the person is.
        motion: `(S, S, 2)` float32: where each pixel of the driving frame is in the source frame, in [-1, 1], x
            first, -1 and 1 being the outermost pixels' centres.
        visible: `(S, S)` bool: whether the source frame shows it there.
    """

    identity: int
    source: Frame
    driving: Frame
    source_landmarks: Landmarks
    driving_landmarks: Landmarks
    source_person: Array
    driving_person: Array
    motion: Array
    visible: Array


class Maker:
    """Makes pairs. Loading anny takes seconds, once; after that a core makes several frames a second.

    Args:
        size: width and height of the frames in pixels.
        seed: settles everybody.

    Raises:
        ExtraError: the extra `synthetic` is not installed.
        EglError: there is no off-screen OpenGL.
    """

    def __init__(self, *, size: int = 256, seed: int = 0) -> None:
        require_extra()
        heads = HeadFactory(levels=0, extra=EXTRA_PARTS)
        self._changes, self._actions = heads.changes, heads.topology.action_names
        self._size, self._seed = size, seed
        self._stage = Stage(heads, size=size)
        try:
            self._landmarker = FaceLandmarker(mode="image", max_faces=1)
        except BaseException:
            self._stage.close()
            raise

    def close(self) -> None:
        """Free what is native; idempotent."""
        self._stage.close()
        self._landmarker.close()

    def __enter__(self) -> Maker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def pairs(self, identity: int, count: int) -> Iterator[Pair]:
        """Pairs of one person; fewer only if the tracker finds nobody's face."""
        rng, actor, look, behind = self._somebody(identity)
        made = failed = 0
        while made < count and failed < 10 * _ATTEMPTS:
            source = acting(rng, self._actions, calm=bool(rng.random() < _CALM))
            drawn = self._stage.pair(actor, source, acting(rng, self._actions, calm=False), behind)
            source_picture, driving_picture = (look.apply(one, rng) for one in (drawn.source, drawn.driving))
            found = [self._landmarker.detect(one) for one in (source_picture, driving_picture)]
            if not all(found):
                failed += 1
                if failed % _ATTEMPTS == 0:
                    actor = self._stage.actor(Character.draw(rng, self._changes))
                continue
            made += 1
            yield Pair(
                identity,
                source_picture,
                driving_picture,
                found[0][0],
                found[1][0],
                np.round(255 * drawn.source_person).astype(np.uint8),
                np.round(255 * drawn.driving_person).astype(np.uint8),
                drawn.motion,
                drawn.visible,
            )

    def sequence(self, identity: int, frames: int, fps: float = 25) -> Iterator[Pair]:
        """A clip of one person who speaks, listens, blinks and looks around.

        Args:
            identity: the person's number: the same person as in `pairs`.
            frames: how many.
            fps: how many a second.

        Yields:
            A pair for each frame, in order: that frame as the driving one, and the first as the source. Where the
            face tracker finds no face, as behind a hand, landmarks are NaN.
        """
        rng, actor, look, behind = self._somebody(identity)
        chance = np.random.default_rng([self._seed, identity, 1])
        poses = performance(chance, frames, fps)
        for _ in range(_ATTEMPTS):
            (still,) = self._stage.clip(actor, poses[:1], behind)
            if self._landmarker.detect(look.apply(still.picture, chance)):
                break
            actor = self._stage.actor(Character.draw(rng, self._changes))
        first: tuple[Frame, Landmarks, Array] | None = None
        for taken in self._stage.clip(actor, poses, behind):
            picture = look.apply(taken.picture, rng)
            faces = self._landmarker.detect(picture)
            landmarks = faces[0] if faces else np.full((478, 3), np.nan, np.float32)
            person = np.round(255 * taken.person).astype(np.uint8)
            first = first or (picture, landmarks, person)
            yield Pair(
                identity,
                source=first[0],
                driving=picture,
                source_landmarks=first[1],
                driving_landmarks=landmarks,
                source_person=first[2],
                driving_person=person,
                motion=taken.motion,
                visible=taken.visible,
            )

    def _somebody(self, identity: int) -> tuple[np.random.Generator, Actor, Look, Array]:
        """Who has this number, how the pictures look, what is behind; and chance for what is left."""
        rng = np.random.default_rng([self._seed, identity])
        actor = self._stage.actor(Character.draw(rng, self._changes))
        return rng, actor, Look.draw(rng, self._size), backdrop(rng, self._size)


def stream(
    *, size: int = 256, seed: int = 0, first: int = 0, step: int = 1, count: int = 2
) -> Iterator[Pair]:
    """Pairs of ever new people, without end; nobody comes twice.

    Args:
        size: of the frames in pixels.
        seed: settles everybody.
        first: the number of the first person.
        step: how far apart their numbers are: several processes share them by `first=k, step=n`.
        count: pairs of each person.

    Raises:
        ExtraError, EglError: see `Maker`.
    """
    with Maker(size=size, seed=seed) as maker:
        identity = first
        while True:
            yield from maker.pairs(identity, count)
            identity += step
