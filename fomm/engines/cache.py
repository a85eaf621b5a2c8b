"""What engines worked out once for a model on a machine, kept between starts.

An entry is a file of bytes under a name made of everything it depends on, so that whatever changes (weights, library
versions, processor, our own program) leads to another name. It begins with a checksum: what is cut short or altered
counts as absent.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fomm

if TYPE_CHECKING:
    from fomm.networks.first_order import FirstOrderModel

_MAGIC = b"fomm engine cache 1\n"
#: What entries are called that say which engine `auto` chose.
CHOICE = "auto"
_DIGEST = hashlib.sha256().digest_size


def folder() -> Path:
    """Where entries are: the environment variable FOMM_ENGINE_CACHE, or the user's cache folder."""
    chosen = os.environ.get("FOMM_ENGINE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("fomm-live", appauthor=False) / "engines"


def path_of(name: str, **depends_on: object) -> Path:
    """The file of an entry.

    Args:
        name: what it is, for people who look into the folder.
        depends_on: everything else that it depends on, by `str`.
    """
    text = json.dumps({key: str(value) for key, value in depends_on.items()}, sort_keys=True)
    return folder() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.bin"


def read(path: Path) -> bytes | None:
    """An entry; None where it is absent, unreadable or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST
    content = data[start:]
    if not data.startswith(_MAGIC) or hashlib.sha256(content).digest() != data[len(_MAGIC) : start]:
        return None
    return content


def write(path: Path, content: bytes) -> None:
    """Keep an entry, all or nothing. Where nothing can be kept (a full disk), the next start takes longer."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            for part in (_MAGIC, hashlib.sha256(content).digest(), content):
                file.write(part)
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def read_record(path: Path) -> dict[str, Any] | None:
    """An entry that is a JSON object; None where there is none."""
    content = read(path)
    if content is None:
        return None
    try:
        values = json.loads(content)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def write_record(path: Path, values: dict[str, Any]) -> None:
    """Keep a JSON object; see `write`."""
    write(path, json.dumps(values, indent=2).encode())


def choices() -> list[str]:
    """The engines that `auto` chose so far, in words and each once, the latest first."""
    try:
        entries = sorted(
            folder().glob(f"{CHOICE}-*.bin"), key=lambda path: path.stat().st_mtime, reverse=True
        )
    except OSError:
        return []
    records = (read_record(path) or {} for path in entries)
    return list(dict.fromkeys(str(record["description"]) for record in records if "description" in record))


def fingerprint(networks: FirstOrderModel) -> str:
    """What a model computes, as a hash: its weights, and what its layers do with them."""
    digest = hashlib.sha256(repr(networks).encode())
    generator, detector = networks.generator, networks.kp_detector
    motion = generator.dense_motion_network
    digest.update(f"{generator.align_corners} {motion.kp_variance} {detector.temperature}".encode())
    for name, tensor in networks.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()


@functools.cache
def program(*places: str) -> str:
    """What works entries out, as a hash, so that an update leaves no stale entry.

    Args:
        places: folders of `fomm`; without any, the engines and networks.
    """
    digest = hashlib.sha256()
    for place in places or ("engines", "networks"):
        for path in sorted((Path(fomm.__file__).parent / place).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def processor() -> str:
    """The processor's name, as its maker calls it where the system tells."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} threads"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} threads"
