"""What a training keeps on disk, written so that a kill or a full disk never costs what was kept before."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from fomm.errors import ConfigError, TrainingError

STATE = "state.pt"

#: Of what `state.pt` holds; another number is refused.
_FORMAT = 1


class UnwrittenError(TrainingError):
    """A file cannot be written; what was there before is."""


def check_folder(folder: Path, *, resume: bool) -> None:
    """Make a training's folder, if it may be used.

    Raises:
        TrainingError: it holds a training, or none to resume, or cannot be made.
    """
    state = folder / STATE
    if resume and not state.is_file():
        raise TrainingError(f"{folder} holds no training to resume (no {STATE}); leave out --resume")
    if not resume and state.exists():
        raise TrainingError(
            f"{folder} holds a training already; add --resume to go on, or choose another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{folder} cannot be made ({error.strerror}); choose another folder") from None


def save(path: Path, contents: Mapping[str, Any]) -> None:
    """Write a file of tensors and plain values, replacing the old one only once the new one is whole and on disk.

    Raises:
        UnwrittenError: it cannot be written; the old one is as it was.
    """
    _write(path, lambda file: torch.save(dict(contents), file))


def write(path: Path, contents: bytes) -> None:
    """Write a file of bytes in the same way.

    Raises:
        UnwrittenError: it cannot be written; the old one is as it was.
    """
    _write(path, lambda file: file.write(contents))


def _write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    # torch tells of a full disk by a RuntimeError of its own.
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        kept = "; the one before is kept" if path.exists() else ""
        raise UnwrittenError(f"{path} cannot be written ({reason}){kept}; make room") from None
    finally:
        unfinished.unlink(missing_ok=True)


def refuse_spoilt(path: Path, networks: Iterable[nn.Module], *, step: int, advice: str) -> None:
    """Hold back a state whose weights are no numbers: a step that overshoots spoils them after its loss was seen.

    Args:
        path: of the state.
        networks: whose weights.
        step: the last one.
        advice: how to go on.

    Raises:
        TrainingError: one is no number.
    """
    if not all(bool(torch.isfinite(p).all()) for network in networks for p in network.parameters()):
        raise TrainingError(
            f"weights are no numbers any more at step {step}; {path} keeps the last good state. {advice}"
        )


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote of a training.

    Raises:
        TrainingError: it is damaged, or no training's.
    """
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
        raise TrainingError(
            f"{path} is damaged ({str(error).splitlines()[0]}); go on from another copy, or begin in another folder"
        ) from None
    if not isinstance(contents, dict) or contents.get("format") != _FORMAT:
        raise TrainingError(f"{path} is not the state of a training by this version; begin in another folder")
    return contents


def head() -> dict[str, Any]:
    """What every state begins with."""
    return {"format": _FORMAT}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Where two configs differ, a clause each: the key's path, then both values."""
    old, new = dict(_flat(before)), dict(_flat(now))
    return [
        f"{key} was {_shown(old, key)} and is {_shown(new, key)}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def refuse_changes(path: Path, changed: list[str], *, networks: str, other: str, accept: bool) -> None:
    """Hold a training that is resumed to the config that it had.

    Args:
        path: of its state.
        changed: see `differences`.
        networks: the section that settles the networks' sizes, which must not change.
        other: what the state is of where that differs.
        accept: whether everything else may.

    Raises:
        ConfigError: something differs that may not.
    """
    if any(clause.startswith(networks) for clause in changed):
        raise ConfigError(f"{path} is of {other}: {'; '.join(changed)}; begin in another folder")
    if changed and not accept:
        raise ConfigError(
            f"{path} was trained otherwise: {'; '.join(changed)}; give the same config, or add "
            "--accept-changes to go on with the new one"
        )


def _flat(config: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, here)
        else:
            yield here, value


def _shown(config: Mapping[str, Any], key: str) -> str:
    return repr(config[key]) if key in config else "absent"
