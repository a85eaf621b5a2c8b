"""The published checkpoints, known by content: the same file name exists as two different files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Called with the bytes done so far and the total, None where that is unknown.
Progress = Callable[[int, int | None], None]

#: Of the repository that the authors published the weights with; nothing more is said of the weights.
LICENCE = "MIT (the authors' repository)"

_MIRROR = "https://github.com/graphemecluster/first-order-model-demo/releases/download/checkpoints"


@dataclass(frozen=True)
class Release:
    """One published file.

    Attributes:
        model: the config it belongs to.
        file: the name it was published under.
        contents: "full" (with discriminator and optimizers) or "inference only".
        size: in bytes; None where nobody here has seen the file.
        sha256: lower-case hex; None where unknown.
        md5: lower-case hex, for the one release of which only that is known.
        mirrors: addresses to download from, tried in order.
        licence: what is known of it.
    """

    model: str
    file: str
    contents: str = "full"
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    mirrors: tuple[str, ...] = ()
    licence: str = LICENCE

    @property
    def known(self) -> bool:
        """Whether there is a hash to hold a file against."""
        return self.sha256 is not None or self.md5 is not None


def _published(model: str, file: str, size: int | None = None, sha256: str | None = None) -> Release:
    return Release(model, file, size=size, sha256=sha256, mirrors=(f"{_MIRROR}/{file}",))


#: Every release known, the one that `pull` takes first for each model.
RELEASES: tuple[Release, ...] = (
    _published(
        "vox-256",
        "vox-cpk.pth.tar",
        728_766_691,
        "abb41ab1f279f26326c0d6e4d20702de6658364665aa1313daa7a63e89ea2b23",
    ),
    _published(
        "vox-adv-256",
        "vox-adv-cpk.pth.tar",
        750_926_934,
        "6792d6810d7f46e3c5c487a1cfec916b96fad8912c3c6cc81baa1fc300c820d3",
    ),
    Release(
        "vox-adv-256",
        "vox-adv-cpk.pth.tar",
        contents="inference only",
        md5="8a45a24037871c045fbb8a6a8aa95ebc",
    ),
    _published("taichi-256", "taichi-cpk.pth.tar"),
    _published(
        "taichi-adv-256",
        "taichi-adv-cpk.pth.tar",
        sha256="cf17bbb05bece3a75f353e42699a4c3ddc8152f486065c2c6741f4d1edecda64",
    ),
    _published("nemo-256", "nemo-cpk.pth.tar"),
    _published("mgif-256", "mgif-cpk.pth.tar"),
    _published("bair-256", "bair-cpk.pth.tar"),
    _published("fashion-256", "fashion.pth.tar"),
)


def releases_of(model: str) -> list[Release]:
    """The releases of a model, the preferred one first; empty for a model that was never published."""
    return [release for release in RELEASES if release.model == model]


@dataclass(frozen=True)
class Identity:
    """What a file is, by its content.

    Attributes:
        size: in bytes.
        sha256: lower-case hex.
        release: the known release with this content, None for any other file.
    """

    size: int
    sha256: str
    release: Release | None


def identify(path: Path, *, progress: Progress | None = None) -> Identity:
    """Hash a file and look it up among the known releases.

    Args:
        path: any file.
        progress: called as the file is read.
    """
    sha256 = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    total, done = path.stat().st_size, 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
            md5.update(block)
            done += len(block)
            if progress is not None:
                progress(done, total)
    digest = sha256.hexdigest()
    release = next(
        (
            known
            for known in RELEASES
            if digest == known.sha256 or (known.md5 is not None and known.md5 == md5.hexdigest())
        ),
        None,
    )
    return Identity(done, digest, release)
