"""What client and session say to each other: one short line of JSON each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from fomm.errors import ConfigError
from live.hotkeys import Command, parse_command
from live.requests import Answer

#: No message is longer, in bytes. Whoever sends more is cut off.
LIMIT = 4096

#: Seconds in which a message must have come, and a session must have answered.
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Order:
    """A command with its argument, "" for none."""

    command: Command
    argument: str = ""


def encode_order(order: Order) -> bytes:
    """As a client sends it."""
    return _line({"command": order.command.value, "argument": order.argument})


def decode_order(message: bytes) -> Order:
    """As a session reads it.

    Raises:
        ConfigError: it is no order, or the command is unknown.
    """
    said = _said(message)
    command, argument = said.get("command"), said.get("argument", "")
    if not isinstance(command, str) or not isinstance(argument, str):
        raise ConfigError("that is no command")
    return Order(parse_command(command), argument)


def encode_answer(answer: Answer) -> bytes:
    """As a session sends it; shortened where it is too long."""
    return _line(asdict(replace(answer, text=answer.text[: LIMIT // 8])))


def decode_answer(message: bytes) -> Answer:
    """As a client reads it.

    Raises:
        ConfigError: it is no answer.
    """
    said = _said(message)
    text, done = said.get("text"), said.get("done")
    if not isinstance(text, str) or not isinstance(done, bool):
        raise ConfigError("the session gave no answer that can be read; it may be of another version")
    return Answer(text, done)


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _said(message: bytes) -> dict[str, Any]:
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, a thousand brackets
        said = None
    if not isinstance(said, dict):
        raise ConfigError("that is no command")
    return said
