"""YAML files read into frozen dataclasses: every mistake is named with the path of its key.

A field's type says what is accepted: `bool`, `int`, `float`, `str`, tuples of them, other dataclasses, mappings
from names to tuples of text, and any of these `| None`. A field whose metadata has `read` is read by that
function instead, see `setting`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fomm.errors import ConfigError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Field:
    """What a dataclass accepts under one key.

    Attributes:
        read: turns what the file says into the value; raises `ConfigError` without the key's path.
    """

    type: Any
    required: bool
    read: Callable[[object], Any] | None

    @property
    def section(self) -> type | None:
        """The dataclass that it holds, or None."""
        return typing.cast(type, self.type) if dataclasses.is_dataclass(self.type) else None

    @property
    def is_mapping(self) -> bool:
        """Whether it holds entries under names that are not fields."""
        return typing.get_origin(self.type) is Mapping

    def value(self, value: object, path: str) -> Any:
        """What the file says under `path`, checked.

        Raises:
            ConfigError: it is of the wrong type, or refused by `read`.
        """
        if self.read is None:
            return read_value(self.type, value, path)
        try:
            return self.read(value)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None


def setting(default: Any, read: Callable[[object], Any]) -> Any:
    """A dataclass's field with a check of its own."""
    return dataclasses.field(default=default, metadata={"read": read})


@functools.cache
def fields(section: type) -> dict[str, Field]:
    """The keys of a dataclass; those whose metadata says `in_file: False` are left out."""
    hints = typing.get_type_hints(section)
    return {
        f.name: Field(hints[f.name], f.default is dataclasses.MISSING, f.metadata.get("read"))
        for f in dataclasses.fields(section)
        if f.metadata.get("in_file", True)
    }


def read_yaml(path: Path, *, advice: str) -> object:
    """What a YAML file holds.

    Args:
        advice: what to do where there is no such file.

    Raises:
        ConfigError: it is absent, unreadable, or no valid YAML; one line that begins with the path.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; {advice}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error


def parse_yaml(text: str) -> object:
    """What YAML text means.

    Raises:
        ConfigError: it is not valid; one line.
    """
    # Imported here: configs that are no files do not need it.
    from fomm import yaml_text

    return yaml_text.parse(text)


def read_section(section: type[_T], data: object, path: str, aliases: Mapping[str, str]) -> _T:
    """A dataclass from a mapping.

    Args:
        path: of the section in its file, "" for the whole.
        aliases: path of an older spelling → the key's name now.

    Raises:
        ConfigError: a key is unknown, missing, or holds what it cannot.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path or 'the file'}: expected a mapping of keys, found {describe(data)}")
    known = fields(typing.cast(Any, section))
    values: dict[str, Any] = {}
    for raw_key, value in data.items():
        key = aliases.get(f"{path}.{raw_key}", str(raw_key))
        here = f"{path}.{raw_key}" if path else str(raw_key)
        if key not in known:
            raise ConfigError(f"{here}: unknown key{suggestion(key, known)}")
        if key in values:
            raise ConfigError(f"{here}: says the same as {key}; keep one of the two")
        values[key] = _read_field(known[key], value, here, aliases)
    for key, description in known.items():
        if key not in values and description.required:
            raise ConfigError(f"{f'{path}.{key}' if path else key}: missing")
    return section(**values)


def _read_field(field: Field, value: object, path: str, aliases: Mapping[str, str]) -> Any:
    inner = _section_in(field.type)
    if inner is None:
        return field.value(value, path)
    if value is None:
        # `augmentation_params:` with nothing under it is an empty section, not a wrong one.
        return None if field.section is None else read_section(inner, {}, path, aliases)
    return read_section(inner, value, path, aliases)


def _section_in(expected: Any) -> type | None:
    """The dataclass that a type is, or may be where it may be None as well."""
    options = typing.get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
    found = (option for option in options if isinstance(option, type) and dataclasses.is_dataclass(option))
    return next(found, None)


def read_value(expected: Any, value: object, path: str) -> Any:
    """A value of a type that is no dataclass.

    Raises:
        ConfigError: it is of another type.
    """
    origin = typing.get_origin(expected)
    if origin is types.UnionType:
        if value is None:
            return None
        (expected,) = (option for option in typing.get_args(expected) if option is not type(None))
        return read_value(expected, value, path)
    if origin is tuple:
        return _read_list(expected, value, path)
    if expected is float:
        return _read_number(value, path)
    if expected is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, expected) and not (expected is int and isinstance(value, bool)):
        return value
    raise ConfigError(f"{path}: expected {_NAMES[expected]}, found {describe(value)}")


def _read_number(value: object, path: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        # YAML 1.1 takes 2e-4 (no dot) for text.
        try:
            return float(value)
        except ValueError:
            pass
    raise ConfigError(f"{path}: expected a number, found {describe(value)}")


def _read_list(expected: Any, value: object, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{path}: expected a list, found {describe(value)}")
    item, *rest = typing.get_args(expected)
    if rest != [Ellipsis] and len(value) != len(rest) + 1:
        raise ConfigError(f"{path}: expected {len(rest) + 1} values, found {len(value)}")
    return tuple(read_value(item, entry, f"{path}[{index}]") for index, entry in enumerate(value))


_NAMES = {int: "a whole number", bool: "true or false", str: "text"}


def describe(value: object) -> str:
    """What was found, in few words."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return repr(value)


def suggestion(key: str, known: Iterable[str]) -> str:
    """ " (did you mean ...?)", or "" where nothing known is near."""
    close = difflib.get_close_matches(key, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def plain(value: object) -> object:
    """What `dataclasses.asdict` gives, as YAML writes it: lists for tuples, without what is None."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, tuple):
        return [plain(entry) for entry in value]
    return value
