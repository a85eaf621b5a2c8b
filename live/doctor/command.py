"""`fomm-live doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from live.background import Background
from live.devices import graphics, torch_build
from live.doctor import hardware, software
from live.doctor.findings import Finding, Level
from live.doctor.speed import speed

#: PyTorch may take this long to be imported.
_TORCH_S = 4.0

#: What the exit status says: a webcam cannot drive a portrait into the virtual camera.
NOT_WORKING = 1

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Check all that a call needs.

    Takes less than ten seconds. Each finding comes with its fix; the status is 1 where a webcam cannot drive a
    portrait into the virtual camera.
    """
    started = time.monotonic()
    findings = examine()
    elapsed = time.monotonic() - started
    show = print_json if as_json else print_table
    show(findings, elapsed)
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(NOT_WORKING)


def examine() -> list[Finding]:
    """Everything. What waits for hardware is done side by side; the speed is measured when nothing else runs."""
    # Before anything else, since these take longest.
    torch_answers = Background(lambda: software.ask_torch(_TORCH_S), name="torch")
    graphics_found = Background(graphics, name="graphics")
    cameras = Background(lambda: list(hardware.cameras()), name="cameras")
    microphone = Background(hardware.microphone, name="microphone")

    answer = torch_answers.result()
    folders = [Path.cwd(), *([Path(answer.folder)] if answer.folder else [])]
    steps: dict[str, Callable[[], list[Finding]]] = {
        "Python": lambda: [software.python()],
        "PyTorch and GPU": lambda: [software.torch(graphics_found.result(), torch_build(), answer)],
        "models": lambda: list(software.models(answer)),
        "engine": lambda: [software.engine()],
        "camera": cameras.result,
        # After the cameras, which must not be measured while it is opened.
        "virtual camera": lambda: [hardware.virtual_camera()],
        "microphone": lambda: [microphone.result()],
        "disk": lambda: list(software.disk(folders)),
        "speed": lambda: [speed()],
    }
    return [finding for subject, look in steps.items() for finding in _guarded(subject, look)]


def _guarded(subject: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What was found. Where looking itself breaks down, that is a finding too, and the others are still made."""
    try:
        return look()
    except Exception as error:  # from native libraries comes whatever they like
        broke = f"looking at it failed: {type(error).__name__}: {error}"
        return [Finding.warning(subject, broke, "install fomm-live again; if that is no help, report it")]


def print_json(findings: Sequence[Finding], seconds: float) -> None:
    """For programs."""
    import json

    listed = [
        {"subject": found.subject, "level": found.level.value, "text": found.text, "fix": found.fix}
        for found in findings
    ]
    works = all(found.level is not Level.PROBLEM for found in findings)
    print(json.dumps({"works": works, "seconds": round(seconds, 1), "findings": listed}, indent=2))


def print_table(findings: Sequence[Finding], seconds: float) -> None:
    """For people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "found", box=None, pad_edge=False)
    for found in findings:
        text = Text(found.text)
        if found.fix:
            text.append(f"\n→ {found.fix}", style="bold")
        table.add_row(Text(found.level.value, style=_COLOURS[found.level]), found.subject, text)
    console = Console()
    console.print(table)
    problems = sum(found.level is Level.PROBLEM for found in findings)
    verdict = "ready for a call" if problems == 0 else "not ready for a call: see problem above"
    console.print(f"\nfomm-live is {verdict} ({seconds:.1f} s)", highlight=False)
