"""Spoiling good files, the same way each time for the same random numbers."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import yaml

#: Bytes that decoders tend to stumble over.
_ODD_BYTES = [
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff",
]

#: Values that stand where others are expected.
_ODD_VALUES: list[Any] = [
    *(None, True, "", "x", [], {}, [[]], {"a": None}, 0, -1, 1, 10**6, 2**31, 2**63, 10**30, -(10**30)),
    *(0.0, -0.5, 1e-300, 1e300, float("nan"), float("inf"), "\x00", "ä" * 300, "../../x", [0] * 50, "1e9"),
]

#: Pieces of text that YAML and JSON give a meaning to.
_ODD_TEXTS = [
    *(
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "&a",
        "*a",
        "<<: *a",
        "!!python/object:os.system",
        "|",
        ">",
        "%",
    ),
    *(
        "\t",
        "\n",
        "\x00",
        "\ufeff",
        "\u2028",
        "1e999",
        ".nan",
        ".inf",
        "null",
        "~",
        "0x",
        "0o8",
        "2001-13-45",
        "#",
    ),
    *("[" * 200, "{a: " * 200, "\ud7ff", "--- ", "...", "? ", "!!binary x", "!!timestamp x", "12:30:45"),
]


def spoiled_bytes(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """A file with a few bytes changed, cut, repeated, or mixed with another file."""
    spoiled = bytearray(data)
    for _ in range(int(random.integers(1, 6))):
        at = int(random.integers(0, len(spoiled) + 1))
        # Headers are where most is said.
        if random.random() < 0.4:
            at = min(at, int(random.integers(0, 64)))
        length = int(random.integers(1, 40))
        match int(random.integers(0, 8)):
            case 0:
                if at < len(spoiled):
                    spoiled[at] ^= 1 << int(random.integers(0, 8))
            case 1:
                spoiled[at : at + length] = random.bytes(length)
            case 2:
                odd = _ODD_BYTES[random.integers(len(_ODD_BYTES))]
                spoiled[at : at + len(odd)] = odd
            case 3:
                spoiled[at:at] = random.bytes(length)
            case 4:
                del spoiled[at : at + length]
            case 5:
                spoiled[at:at] = spoiled[at : at + 10 * length]
            case 6 if random.random() < 0.3:
                del spoiled[at:]
            case 7 if random.random() < 0.1:
                other = others[random.integers(len(others))]
                spoiled[at:] = other[int(random.integers(0, len(other))) :]
    return bytes(spoiled)


def spoiled_text(text: str, random: np.random.Generator) -> bytes:
    """A text in which words are lost, swapped, or replaced by what has a meaning to parsers; or its bytes spoiled."""
    if random.random() < 0.15:
        return spoiled_bytes(text.encode(), [text.encode()], random)
    for _ in range(int(random.integers(1, 4))):
        words = re.split(r"(\s+|[:,\[\]{}])", text)
        at = int(random.integers(len(words)))
        match int(random.integers(0, 5)):
            case 0:
                words[at] = _ODD_TEXTS[random.integers(len(_ODD_TEXTS))]
            case 1:
                words[at] += _ODD_TEXTS[random.integers(len(_ODD_TEXTS))]
            case 2:
                words[at] = json.dumps(_ODD_VALUES[random.integers(len(_ODD_VALUES))])
            case 3:
                del words[at : at + int(random.integers(1, 8))]
            case 4:
                other = int(random.integers(len(words)))
                words[at], words[other] = words[other], words[at]
        text = "".join(words)
    return text.encode("utf-8", "surrogatepass")


def spoiled_values(data: Any, random: np.random.Generator) -> Any:
    """Data in which some values, somewhere inside, are others."""
    data = json.loads(json.dumps(data))
    for _ in range(int(random.integers(1, 4))):
        places = list(_places(data))
        if not places:
            break
        holder, key = places[random.integers(len(places))]
        match int(random.integers(0, 4)):
            case 0 | 1:
                holder[key] = _ODD_VALUES[random.integers(len(_ODD_VALUES))]
            case 2:
                del holder[key]
            case 3 if isinstance(holder, dict):
                holder[str(key) + "x"] = holder.pop(key)
    return data


def _places(data: Any) -> Any:
    """Every holder and key in it."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield data, key
            yield from _places(value)
    elif isinstance(data, list):
        for index in range(min(len(data), 3)):
            yield data, index
            yield from _places(data[index])


def spoiled_yaml(text: str, random: np.random.Generator) -> bytes:
    """A YAML file, spoiled in what it says or in how."""
    if random.random() < 0.5:
        return spoiled_text(text, random)
    return yaml.safe_dump(spoiled_values(yaml.safe_load(text), random), allow_unicode=True).encode(
        "utf-8", "surrogatepass"
    )


def spoiled_json(text: str, random: np.random.Generator) -> bytes:
    """A JSON file, likewise."""
    if random.random() < 0.5:
        return spoiled_text(text, random)
    return json.dumps(spoiled_values(json.loads(text), random)).encode("utf-8", "surrogatepass")
