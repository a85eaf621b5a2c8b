"""What the doctor has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    #: Something works less well than it could.
    WARNING = "warning"
    #: A webcam cannot drive a portrait into the virtual camera.
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: in a word or two.
        level: how bad it is.
        text: what was found.
        fix: what to do about it; "" where nothing is to be done.
    """

    subject: str
    level: Level
    text: str
    fix: str = ""

    @classmethod
    def ok(cls, subject: str, text: str) -> Finding:
        """All is well."""
        return cls(subject, Level.OK, text)

    @classmethod
    def warning(cls, subject: str, text: str, fix: str) -> Finding:
        """It works, but could be better."""
        return cls(subject, Level.WARNING, text, fix)

    @classmethod
    def problem(cls, subject: str, text: str, fix: str) -> Finding:
        """The main job cannot be done."""
        return cls(subject, Level.PROBLEM, text, fix)

    @classmethod
    def of_message(cls, subject: str, level: Level, message: str) -> Finding:
        """From an error's message, which names the thing, what is wrong, and behind the last semicolon what to do."""
        text, _, fix = message.rpartition("; ")
        return cls(subject, level, text or message, fix if text else "")
