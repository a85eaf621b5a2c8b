"""One hierarchy for everything that can go wrong, so that a command can print one line and exit with 2.

Each class is also the builtin exception it resembles. A message names the thing, what was wrong with it, and
the next step to take.
"""

from __future__ import annotations


class FommError(Exception):
    """Base of every error this project raises on purpose."""


class NoFaceError(FommError, ValueError):
    """A picture or a clip holds no face that can be used."""


class ImageError(FommError, ValueError):
    """A picture is missing, unreadable or too small."""


class VideoError(FommError, OSError):
    """A video is missing, unreadable, empty, or cannot be written."""


class CameraError(FommError, OSError):
    """A camera is absent, busy or stopped delivering frames."""


class SinkError(FommError, OSError):
    """An output (virtual camera, window, file) cannot be opened or written."""


class CheckpointError(FommError, OSError):
    """Model weights are missing, damaged or belong to another model."""


class ConfigError(FommError, ValueError):
    """A setting or a model config is unknown or has the wrong type."""


class EngineError(FommError, RuntimeError):
    """What should execute a model is not installed, cannot run here, or makes wrong pictures."""


class TrainingError(FommError, RuntimeError):
    """A training cannot begin, go on, or be kept."""


def first_line(error: BaseException) -> str:
    """What an error says to begin with; its kind where it says nothing."""
    return _lines(error)[0]


def last_line(error: BaseException) -> str:
    """What an error says in the end, which is where native libraries say why; its kind where it says nothing."""
    return _lines(error)[-1]


def _lines(error: BaseException) -> list[str]:
    return str(error).strip().splitlines() or [type(error).__name__]
