"""Reading weights, and saying what a file is that holds none."""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fomm.errors import CheckpointError

#: What converted files say of themselves in their safetensors metadata.
FORMAT = "fomm-live"

_PARTS = ("generator", "kp_detector")
_REPLACE = "download it again (`fomm models pull`), or use another copy"


@dataclass(frozen=True, eq=False)
class Weights:
    """The tensors of a checkpoint.

    Attributes:
        path: the file they came from.
        generator: parameters and buffers by their published names.
        kp_detector: likewise.
        discriminator: likewise; None in an inference-only file.
        rest: whatever else the file holds: optimizers, epoch.
    """

    path: Path
    generator: dict[str, Tensor]
    kp_detector: dict[str, Tensor]
    discriminator: dict[str, Tensor] | None = None
    rest: dict[str, Any] = field(default_factory=dict)

    def load_into(self, networks: nn.Module, *, model: str) -> None:
        """Copy the weights into networks with `generator` and `kp_detector`, every name and shape matching.

        Args:
            networks: a `fomm.networks.first_order.FirstOrderModel`.
            model: what messages call it.

        Raises:
            CheckpointError: names or shapes do not match; the message names the first of them.
        """
        problems = self.misfits(networks)
        if problems:
            raise CheckpointError(f"{self.path} does not fit {model}: {'; '.join(problems)}")
        for part in _PARTS:
            getattr(networks, part).load_state_dict(getattr(self, part), strict=True)

    def misfits(self, networks: nn.Module) -> list[str]:
        """What keeps the weights from fitting the networks, a clause each; empty where they fit."""
        problems = []
        for part in _PARTS:
            wanted = getattr(networks, part).state_dict()
            found = getattr(self, part)
            missing = [name for name in wanted if name not in found]
            surplus = [name for name in found if name not in wanted]
            reshaped = [
                f"{name} {tuple(found[name].shape)}, not {tuple(wanted[name].shape)}"
                for name in wanted
                if name in found and found[name].shape != wanted[name].shape
            ]
            for what, names in (
                ("lacks", missing),
                ("has unknown", surplus),
                ("has other shapes of", reshaped),
            ):
                if names:
                    problems.append(f"its {part} {what} {_some(names)}")
        return problems


def read(path: Path | str) -> Weights:
    """Read a checkpoint: a published file, one trained by the reference code, or a converted one.

    Nothing in the file is executed: only tensors and plain values are accepted.

    Raises:
        CheckpointError: the file is missing, damaged, or holds something else; the message says which.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; check the checkpoint's path") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); give a file of weights") from error
    reason = not_weights(head)
    if reason is not None:
        raise CheckpointError(f"{path} {reason}")
    contents = _read_safetensors(path) if _is_safetensors(head) else _read_pickle(path, head)
    return _sort(path, contents)


def not_weights(head: bytes) -> str | None:
    """What a file evidently is instead of weights, from its first bytes; None where it may be weights.

    The sentence continues one that begins with the file's name.
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return f"is empty; {_REPLACE}"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return (
            "is a web page, not a checkpoint: the site answered with a page (a confirmation, a login or an "
            "error) in place of the file; open the link in a browser and save the file itself"
        )
    if text.startswith(b"version https://git-lfs"):
        return (
            "is a git-lfs pointer, a few lines that stand for the file; fetch the file itself with "
            "`git lfs pull`, or use `fomm models pull`"
        )
    if head.startswith(b"\x1f\x8b"):
        return "is a gzip archive; unpack it first and give the file inside"
    if head[257:262] == b"ustar":
        return "is a tar archive; unpack it first (a published .pth.tar is no archive, despite its name)"
    return None


def _is_safetensors(head: bytes) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] < 100_000_000


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    contents: dict[str, Any] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                part, _, parameter = name.partition(".")
                contents.setdefault(part, {})[parameter] = file.get_tensor(name)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or incomplete ({error}); {_REPLACE}") from error
    return contents


def _read_pickle(path: Path, head: bytes) -> Any:
    zipped = head.startswith(b"PK\x03\x04")
    if zipped:
        _refuse_other_zips(path)
    elif not head.startswith(b"\x80"):
        raise CheckpointError(
            f"{path} is not a PyTorch checkpoint (it begins with {head[:8]!r}); give a .pth.tar or "
            ".safetensors file"
        )
    try:
        # Mapped, so that optimizers nobody asks for are never read.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        if "truncated" in str(error) or "EOF" in str(error):
            raise _truncated(path, error) from error
        culprit = re.search(r"(?:GLOBAL |Unsupported class |operand )([\w.]+)", str(error))
        what = f" ({culprit.group(1)})" if culprit else ""
        raise CheckpointError(
            f"{path} holds Python objects besides tensors{what}, which could run code when read, and was not "
            "loaded; save its state dicts alone"
        ) from error
    except Exception as error:  # there is no saying what damaged bytes make a parser raise
        raise _truncated(path, error) from error


def _refuse_other_zips(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise _truncated(path, "its end is missing")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as error:
        raise _truncated(path, error) from error
    if not any(name.rpartition("/")[2] == "data.pkl" for name in names):
        raise CheckpointError(
            f"{path} is a ZIP archive with {_some(names)}; unpack it and give the file inside"
        )


def _truncated(path: Path, error: object) -> CheckpointError:
    size = path.stat().st_size
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return CheckpointError(f"{path} is damaged or incomplete ({size:,} bytes; {reason}); {_REPLACE}")


def _sort(path: Path, contents: Any) -> Weights:
    if not isinstance(contents, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(contents).__name__}, not a checkpoint with generator and kp_detector"
        )
    missing = [part for part in _PARTS if not isinstance(contents.get(part), Mapping)]
    if missing:
        found = [str(key) for key in contents]
        raise CheckpointError(
            f"{path} is another model's checkpoint: it lacks {' and '.join(missing)}, and has {_some(found)}"
        )
    states = {part: _state_dict(contents[part]) for part in _PARTS}
    discriminator = contents.get("discriminator")
    rest = {key: value for key, value in contents.items() if key not in {*_PARTS, "discriminator"}}
    return Weights(
        path,
        **states,
        discriminator=_state_dict(discriminator) if isinstance(discriminator, Mapping) else None,
        rest=rest,
    )


def _state_dict(state: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    # Saved from inside DataParallel, every name begins so.
    if tensors and all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _some(names: list[str], limit: int = 3) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
