"""Numbers as a reader wants them: "1 frame", "2 frames", "0.4 FPS", "0.04 s"."""

from __future__ import annotations


def counted(number: int, thing: str, many: str | None = None) -> str:
    """How many there are of what `thing` names, such as "1 clip" and "2 clips".

    Args:
        many: the name of several, where it is not `thing` with an s.
    """
    return f"{number} {thing if number == 1 else many or f'{thing}s'}"


def measured(value: float, unit: str) -> str:
    """What was measured, such as "58.3 FPS"; two digits of what is less than one, and never "0.0 FPS"."""
    return f"{value:.1f} {unit}" if value >= 1 else f"{value:.2g} {unit}"
