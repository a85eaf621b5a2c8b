"""Where settings come from: the defaults, the user's file, `--set`, flags; each overrules the one before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fomm import resources
from fomm.errors import ConfigError
from fomm.sections import Field, describe, fields, parse_yaml, read_yaml, suggestion
from live.config.schema import COMMANDS, RENAMED, LiveConfig
from live.sources.base import Notify

#: The defaults, explained.
DEFAULTS = "live.yaml"


@dataclass(frozen=True)
class Setting:
    """One value, and where it comes from: "default", a file, or what was typed."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Effective:
    """What a session runs with.

    Attributes:
        config: the settings.
        settings: path, such as "output.size" → the same value, with where it comes from.
    """

    config: LiveConfig
    settings: Mapping[str, Setting]


def user_file() -> Path:
    """Where the user's own settings are, whether the file exists or not."""
    import platformdirs

    return platformdirs.user_config_path("fomm-live", appauthor=False) / "live.yaml"


def effective(
    *,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    flags: Mapping[str, tuple[str, Any]] | None = None,
    notify: Notify,
) -> Effective:
    """All layers together.

    Args:
        file: instead of the user's own file; it must exist.
        assignments: what `--set` was given: "output.size=640x480".
        flags: flag → path and value; those that were not given are left out.
        notify: takes a sentence about each key of a file that is no longer known.

    Raises:
        ConfigError: one line that names the file or flag, and the path of the key.
    """
    settings = dict(_file_layer(resources.CONFIGS / DEFAULTS, "default", notify))
    if file is not None or user_file().is_file():
        own = file or user_file()
        settings |= _file_layer(own, str(own), notify)
    for assignment in assignments:
        settings |= _assigned(assignment)
    for flag, (path, value) in (flags or {}).items():
        settings[path] = Setting(_field_at(path).value(value, flag), flag)
    config = assemble(settings)
    try:
        config.table()
    except ConfigError as error:
        origins = {setting.origin for path, setting in settings.items() if path.startswith("hotkeys.")}
        raise ConfigError(f"{', '.join(sorted(origins))}: {error}") from None
    return Effective(config, settings)


def assemble(settings: Mapping[str, Setting]) -> LiveConfig:
    """The dataclasses from the values under their paths; what is not there keeps its default."""
    values: dict[str, Any] = {}
    for name, field in fields(LiveConfig).items():
        inside = {
            path.partition(".")[2]: setting.value
            for path, setting in settings.items()
            if path.startswith(f"{name}.")
        }
        values[name] = inside if field.section is None else field.section(**inside)
    return LiveConfig(**values)


def _file_layer(path: Path, origin: str, notify: Notify) -> dict[str, Setting]:
    data = read_yaml(path, advice="fomm-live config edit-path makes one to begin with")
    try:
        return {
            key: Setting(value, origin)
            for key, value in _leaves(data, lambda text: notify(f"{path}: {text}"))
        }
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _assigned(assignment: str) -> dict[str, Setting]:
    """One `--set`."""
    path, equals, text = assignment.partition("=")
    path = RENAMED.get(path.strip(), path.strip())
    try:
        if not equals or not path:
            raise ConfigError("write key=value, such as output.size=640x480")
        field = _field_at(path)
        return {path: Setting(field.value(parse_yaml(text), path), "--set")}
    except ConfigError as error:
        raise ConfigError(f'--set "{assignment}": {error}') from None


def _field_at(path: str) -> Field:
    """The field of a whole path.

    Raises:
        ConfigError: no setting is called that.
    """
    name, _, inside = path.partition(".")
    field = fields(LiveConfig).get(name)
    if field is not None and field.is_mapping and inside in COMMANDS:
        return field
    if field is not None and field.section is not None and inside in fields(field.section):
        return fields(field.section)[inside]
    raise ConfigError(
        f"{path}: no such setting{suggestion(path, all_paths())}; fomm-live config show lists them"
    )


def all_paths() -> list[str]:
    """The path of everything that can be set."""
    return [
        f"{name}.{inside}"
        for name, field in fields(LiveConfig).items()
        for inside in (COMMANDS if field.section is None else fields(field.section))
    ]


def _leaves(data: object, notify: Notify) -> Iterator[tuple[str, Any]]:
    """Path and checked value of everything that a file says. What is not known is told, and left out:
    settings survive upgrades, downgrades and slips of the hand.

    Raises:
        ConfigError: a value cannot be what its key takes.
    """
    seen: set[str] = set()
    for name, section in _entries(data, "the file"):
        if name not in fields(LiveConfig):
            notify(f"{name}: no such section{suggestion(name, fields(LiveConfig))}; it is left out")
            continue
        for key, value in _entries(section, name):
            written = f"{name}.{key}"
            path = RENAMED.get(written, written)
            if path not in all_paths():
                notify(f"{written}: no such setting{suggestion(path, all_paths())}; it is left out")
                continue
            if path != written:
                notify(f"{written} is now called {path}; it is taken as that")
            if path in seen:
                raise ConfigError(f"{written}: says the same as {path}; keep one of the two")
            seen.add(path)
            yield path, _field_at(path).value(value, path)


def _entries(data: object, path: str) -> Iterable[tuple[str, object]]:
    if data is None:  # a section with everything commented out
        return ()
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path}: expected a mapping of keys, found {describe(data)}")
    return [(str(key), value) for key, value in data.items()]
