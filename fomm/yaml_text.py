"""YAML text, read strictly."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from fomm.errors import ConfigError


def parse(text: str) -> object:
    """What YAML text means.

    Raises:
        ConfigError: it is not valid; one line.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    # A date such as 2001-99-99 is a ValueError, a thousand brackets a RecursionError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(" ".join(str(error).split())) from error
    except Exception as error:  # PyYAML's own stumbling, as over "!!timestamp x"
        raise ConfigError("a value is not what its tag (!!...) says") from error


class _Loader(yaml.SafeLoader):
    """YAML's safe loader that refuses a key said twice, where YAML forgets what came first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f'the key "{key.value}" is there twice', problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)
