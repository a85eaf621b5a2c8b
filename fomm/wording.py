"""Numbers as a reader wants them: "1 frame", "2 frames", "0.4 FPS"."""

from __future__ import annotations


def counted(number: int, thing: str, many: str | None = None) -> str:
    """How many there are of what `thing` names, such as "1 clip" and "2 clips".

    Args:
        many: the name of several, where it is not `thing` with an s.
    """
    return f"{number} {thing if number == 1 else many or f'{thing}s'}"


def frame_rate(fps: float) -> str:
    """Frames a second, such as "58.3 FPS"; two digits of what is slower than one a second, and never "0.0 FPS"."""
    return f"{fps:.1f} FPS" if fps >= 1 else f"{fps:.2g} FPS"
