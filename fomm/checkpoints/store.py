"""Where the weights are kept on this machine, one file and one record a model.

`<folder>/<model>.pth.tar` (or .safetensors) with `<folder>/<model>.json` beside it, and `first-use.json`: the
hashes of files that nobody published a hash of, as they were when they first arrived. A later download must
match.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from fomm import config
from fomm.animators import MODELS, is_neural
from fomm.checkpoints.downloading import download
from fomm.checkpoints.reading import Weights, read
from fomm.checkpoints.registry import Identity, Progress, Release, identify, releases_of
from fomm.errors import CheckpointError
from fomm.sections import suggestion

#: How far a file's hash can be trusted: it is a published one; it is the same as when first seen; nothing is
#: known.
Trust = Literal["published", "first use", "unknown"]


@dataclass(frozen=True)
class Installed:
    """A model's weights on this machine.

    Attributes:
        model: its config's name.
        path: the file.
        size: in bytes.
        sha256: as it was when it arrived.
        trust: how far that hash can be trusted.
        contents: "full" or "inference only" of a known release, else "".
        origin: the address or the file it came from.
        arrived: when, in ISO 8601 UTC.
    """

    model: str
    path: Path
    size: int
    sha256: str
    trust: Trust
    contents: str
    origin: str
    arrived: str


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: see `Installed` for the attributes."""

    path: Path
    size: int
    sha256: str
    trust: Trust
    models: tuple[str, ...]
    """The published configs whose every parameter name and shape the file fits."""
    release: Release | None


def folder() -> Path:
    """Where weights are kept: the environment variable FOMM_MODELS, or the user's cache folder."""
    chosen = os.environ.get("FOMM_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("fomm-live", appauthor=False) / "models"


def offline() -> bool:
    """Whether the environment variable FOMM_OFFLINE forbids downloads."""
    return os.environ.get("FOMM_OFFLINE", "").lower() not in {"", "0", "false", "no"}


def installed(model: str) -> Installed | None:
    """A model's weights on this machine, None where there are none."""
    record = _record(model)
    try:
        values = json.loads(record.read_text(encoding="utf-8"))
        found = Installed(**{**values, "path": folder() / values["path"]})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{record} is damaged ({error}); delete it and import the weights again"
        ) from error
    return found if found.path.is_file() else None


def stored() -> list[str]:
    """The models whose weights are in place, sorted; a user's own among them."""
    return sorted(
        path.stem
        for path in folder().glob("*.json")
        if path != _first_use() and installed(path.stem) is not None
    )


def locate(model: str) -> Path:
    """The file of a model's weights.

    Raises:
        CheckpointError: there are none; the message says how to get them.
    """
    found = installed(model)
    if found is not None:
        return found.path
    file = "FILE"
    ways = []
    releases = releases_of(model)
    if releases:
        size = releases[0].size or 750_000_000
        ways.append(f"`fomm models pull {model}` (about {size / 1e6:.0f} MB)")
        file = releases[0].file
    ways.append(f"`fomm models import {file} --model {model}` if you have them")
    raise CheckpointError(
        f"{model}: its weights are not on this machine; get them with {', or '.join(ways)}, or name a "
        "file with --checkpoint"
    )


def find(name: str | Path) -> Path:
    """The file that `name` means: that file, or else the weights of the model that is called so.

    Raises:
        CheckpointError: there is no such file and no such model, or its weights are not here.
    """
    path, name = Path(name), str(name)
    if path.is_file():
        return path
    if installed(name) is not None or name in config.names():
        return locate(name)
    if path.exists() or path.parent != Path() or path.suffix:
        return path  # whoever reads it says what is wrong with it
    _refuse_bundled(name)
    known = list(dict.fromkeys([*config.names(), *stored()]))
    raise CheckpointError(
        f"{name}: no such file, and no model is called so{suggestion(name, known)}; "
        f"give a file of weights, or one of {', '.join(known)}"
    )


def _refuse_bundled(model: str) -> None:
    if model in MODELS and not is_neural(model):
        raise CheckpointError(
            f"{model} comes with FOMM Live, ready to use; `fomm models list` shows whose weights are kept apart"
        )


def pull(
    model: str,
    *,
    progress: Progress | None = None,
    mirrors: Sequence[str] | None = None,
    forbid_network: bool = False,
    pause_s: float = 1.0,
) -> Installed:
    """Download a model's weights, check them, and put them in place. What is in place already is kept.

    Args:
        model: a published model.
        progress: called with the bytes done so far and the total.
        mirrors: addresses to use instead of the known ones.
        forbid_network: refuse to download; so does FOMM_OFFLINE.
        pause_s: see `download`.

    Raises:
        CheckpointError: no mirror delivered the right file; the message gives each one's reason.
    """
    present = installed(model)
    if present is not None:
        return present
    _refuse_bundled(model)
    if not releases_of(model) and mirrors is None:
        raise CheckpointError(
            f"{model}: no weights were ever published under this name{suggestion(model, config.names())}; name one "
            f"of {', '.join(config.names())}, or import your own with `fomm models import FILE --model {model}`"
        )
    if forbid_network or offline():
        raise CheckpointError(
            f"{model}: its weights are not on this machine, and downloads are switched off (--offline or "
            "FOMM_OFFLINE); pull them while online, or import a file"
        )
    addresses = mirrors if mirrors is not None else [u for r in releases_of(model) for u in r.mirrors]
    arrived = folder() / f"{model}.download"
    reasons = []
    for url in addresses:
        try:
            download(url, arrived, progress=progress, pause_s=pause_s)
            return _accept(arrived, model, origin=url)
        except CheckpointError as error:
            reasons.append(str(error))
        except OSError as error:
            raise CheckpointError(f"{folder()} cannot be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                arrived.unlink(missing_ok=True)
    raise CheckpointError(f"{model} could not be pulled: {'; '.join(reasons)}")


def import_file(
    path: Path | str, *, model: str | None = None, overwrite: bool = False, progress: Progress | None = None
) -> Installed:
    """Put a copy of a file of weights in place.

    Args:
        path: what `read` reads.
        model: which model's they are; needed where the content does not tell.
        overwrite: whether weights already in place may be replaced.
        progress: called as the file is hashed.

    Raises:
        CheckpointError: the file is no checkpoint of that model, the model cannot be told, or weights are in
            place already.
    """
    path = Path(path)
    weights = read(path)
    identity = identify(path, progress=progress)
    model = model or _guess(path, weights, identity)
    present = installed(model)
    if present is not None and present.sha256 != identity.sha256 and not overwrite:
        raise CheckpointError(
            f"{model}: other weights are in place ({present.path}); replace them with --overwrite"
        )
    _refuse_other_models(model, identity)
    _check_fit(weights, model)
    trust: Trust = "unknown" if identity.release is None else "published"
    copy = folder() / f"{model}.import"
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        return _place(copy, model, identity, trust, origin=str(path.resolve()))
    except OSError as error:
        raise CheckpointError(f"{copy} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            copy.unlink(missing_ok=True)


def verify(name: str | Path, *, progress: Progress | None = None) -> Verdict:
    """Check a file of weights: its hash, and that every name and shape fits a published config.

    Args:
        name: a model that is in place, or any file.
        progress: called as the file is hashed.

    Raises:
        CheckpointError: the file is missing, damaged, has changed since it arrived, or is no checkpoint.
    """
    known = None if Path(name).is_file() else installed(str(name))
    path = find(name)
    weights = read(path)
    identity = identify(path, progress=progress)
    if known is not None and known.sha256 != identity.sha256:
        raise CheckpointError(
            f"{path} has changed since it arrived (sha256 {identity.sha256[:12]}..., was "
            f"{known.sha256[:12]}...); delete it and pull or import {known.model} again"
        )
    if identity.release is not None:
        trust: Trust = "published"
    else:
        trust = "unknown" if known is None else known.trust
    return Verdict(path, identity.size, identity.sha256, trust, tuple(_fitting(weights)), identity.release)


def _accept(arrived: Path, model: str, *, origin: str) -> Installed:
    """Take a download that is complete, once it has been checked."""
    identity = identify(arrived)
    _refuse_other_models(model, identity)
    trust = _trust_download(model, identity, origin)
    try:
        _check_fit(read(arrived), model)
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(arrived), origin)) from None
    if trust == "first use":
        _write_json(_first_use(), {**_read_first_use(), model: identity.sha256})
    return _place(arrived, model, identity, trust, origin=origin)


def _refuse_other_models(model: str, identity: Identity) -> None:
    release = identity.release
    if release is not None and release.model != model and model in config.names():
        raise CheckpointError(
            f"the file is the published {release.file} of {release.model}, whatever its name, not {model}'s"
        )


def _trust_download(model: str, identity: Identity, origin: str) -> Trust:
    """How far a download can be trusted to be the model's published weights.

    Raises:
        CheckpointError: its hash is not the published one, or not the one that came first.
    """
    if identity.release is not None:
        return "published"
    if any(release.known for release in releases_of(model)):
        raise CheckpointError(
            f"{origin}: the file's sha256 {identity.sha256} is not a published one of {model}; it was deleted"
        )
    expected = _read_first_use().get(model, identity.sha256)
    if expected != identity.sha256:
        raise CheckpointError(
            f"{origin}: the file's sha256 {identity.sha256} differs from {expected}, which came first (see "
            f"{_first_use()}); it was deleted"
        )
    return "first use"


def _place(file: Path, model: str, identity: Identity, trust: Trust, *, origin: str) -> Installed:
    """Move a checked file to where `locate` finds it, and write its record."""
    with file.open("rb") as opened:
        converted = opened.read(9)[8:] == b"{"
    name = f"{model}.safetensors" if converted else f"{model}.pth.tar"
    release = identity.release
    record = Installed(
        model=model,
        path=folder() / name,
        size=identity.size,
        sha256=identity.sha256,
        trust=trust,
        contents="" if release is None else release.contents,
        origin=origin,
        arrived=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    file.replace(record.path)
    _write_json(_record(model), {**asdict(record), "path": name})
    return record


def _check_fit(weights: Weights, model: str) -> None:
    if model not in config.names():
        return  # a config of the user's own: checked when it is loaded with it
    problems = weights.misfits(_skeleton(model))
    if problems:
        others = [name for name in _fitting(weights) if name != model]
        hint = f"; it would fit {', '.join(others)}" if others else ""
        raise CheckpointError(f"{weights.path} does not fit {model}: {'; '.join(problems)}{hint}")


def _fitting(weights: Weights) -> list[str]:
    return [name for name in config.names() if not weights.misfits(_skeleton(name))]


@functools.cache
def _skeleton(model: str) -> torch.nn.Module:
    """A model's networks without memory for their parameters."""
    from fomm.networks.first_order import FirstOrderModel

    with torch.device("meta"):
        return FirstOrderModel(config.load(model))


def _guess(path: Path, weights: Weights, identity: Identity) -> str:
    """The model that a file belongs to: by its content, or by its name where several would fit."""
    if identity.release is not None:
        return identity.release.model
    fitting = _fitting(weights)
    if len(fitting) == 1:
        return fitting[0]
    # Longest first: "vox-adv-cpk" is vox-adv, not vox.
    for name in sorted(fitting, key=len, reverse=True):
        if path.name.startswith(name.removesuffix("-256")):
            return name
    choice = ", ".join(fitting) or "a model of your own"
    raise CheckpointError(
        f"{path}: which model's weights these are cannot be told ({choice}); say so with --model"
    )


def _first_use() -> Path:
    return folder() / "first-use.json"


def _read_first_use() -> dict[str, str]:
    try:
        known = json.loads(_first_use().read_text(encoding="utf-8"))
        return {str(model): str(sha256) for model, sha256 in known.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{_first_use()} is damaged ({error}); delete it") from error


def _record(model: str) -> Path:
    return folder() / f"{model}.json"


def _write_json(path: Path, value: object) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
