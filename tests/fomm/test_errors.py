"""One hierarchy of errors, each also the builtin that it resembles."""

from __future__ import annotations

import inspect

import pytest

from fomm import errors
from fomm.errors import FommError

CLASSES = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
]

BUILTIN = {
    "NoFaceError": ValueError,
    "ImageError": ValueError,
    "VideoError": OSError,
    "CameraError": OSError,
    "SinkError": OSError,
    "CheckpointError": OSError,
    "ConfigError": ValueError,
    "EngineError": RuntimeError,
    "TrainingError": RuntimeError,
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_one_hierarchy(kind: type[Exception]) -> None:
    assert issubclass(kind, FommError)
    assert kind.__doc__


@pytest.mark.parametrize("name", BUILTIN)
def test_also_the_builtin(name: str) -> None:
    with pytest.raises(BUILTIN[name], match="the thing: what was wrong; the next step"):
        raise getattr(errors, name)("the thing: what was wrong; the next step")


def test_the_table_above_is_complete() -> None:
    assert {kind.__name__ for kind in CLASSES} - {"FommError"} == set(BUILTIN)
