"""A plan: what is well, what is to be done, and by which commands."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        what: in words.
        commands: shell lines; empty where a person has to do it.
        optional: whether the virtual camera works without.
    """

    what: str
    commands: Sequence[str] = ()
    optional: bool = False


@dataclass(frozen=True)
class Plan:
    """What `fomm-live setup-camera` has found.

    Attributes:
        name: what calls list the camera as, once it is there.
        facts: what was found, in sentences.
        steps: what is to be done, in order.
        works: whether frames can be sent to it now, whatever is left to be done.
    """

    name: str
    facts: Sequence[str]
    steps: Sequence[Step]
    works: bool = False

    @property
    def ready(self) -> bool:
        """Whether nothing that is needed is left to be done."""
        return all(step.optional for step in self.steps)

    def lines(self) -> list[str]:
        """As it is printed."""
        state = "is ready" if self.ready else "works, for now" if self.works else "is not ready yet"
        lines = [f'The virtual camera {state}; calls list it as "{self.name}".']
        lines += [f"  {fact}" for fact in self.facts]
        for number, step in enumerate(self.steps, 1):
            lines += ["", f"{number}. {step.what}{' (optional)' if step.optional else ''}"]
            lines += [f"     {command}" for command in step.commands]
        return lines


def make_plan() -> Plan:
    """The plan for this system."""
    system = platform.system()
    if system == "Linux":
        from live.setup_camera import linux

        return linux.plan(linux.look())
    from live.setup_camera import other_systems

    return other_systems.windows() if system == "Windows" else other_systems.macos()
