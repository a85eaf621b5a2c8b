"""The settings as text: for `fomm-live config show`, and a file to begin with."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from fomm import resources
from fomm.errors import ConfigError
from fomm.sections import fields
from live.config.layers import DEFAULTS, Effective
from live.config.schema import LiveConfig, as_written


def as_yaml(effective: Effective) -> str:
    """YAML of the same meaning, each line followed by where its value comes from."""
    lines: list[tuple[str, str]] = []
    for name in fields(LiveConfig):
        inside = {
            path.partition(".")[2]: setting
            for path, setting in effective.settings.items()
            if path.startswith(f"{name}.")
        }
        lines.append((f"{name}:" if inside else f"{name}: {{}}", ""))
        for key, setting in inside.items():
            value = yaml.safe_dump(as_written(setting.value), default_flow_style=True, width=10_000)
            lines.append(
                (f"  {key}: {value.removesuffix(chr(10)).removesuffix('...').strip()}", setting.origin)
            )
    width = min(40, max(len(text) for text, _ in lines))
    return "\n".join(f"{text:<{width}}  # {origin}" if origin else text for text, origin in lines)


def begin_file(path: Path) -> None:
    """Write the defaults with their explanations, each of them commented out; an existing file stays.

    Raises:
        ConfigError: it cannot be written.
    """
    if path.exists():
        return
    text = (resources.CONFIGS / DEFAULTS).read_text(encoding="utf-8")
    _, _, settings = text.partition("\n\n")
    commented = re.sub(r"^(?=  )", "#", settings.replace(" {}", ""), flags=re.MULTILINE)
    unfinished = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(f"{_HEAD}\n{commented}", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); use --config FILE instead") from None


_HEAD = """\
# Your settings of FOMM Live. Every line shows a default: take away the # before it, and change it. What is not
# said here stays as it is, also when a newer version has better defaults.
# `fomm-live config show` prints what a session would run with, and where each value comes from.
"""
