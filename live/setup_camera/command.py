"""`fomm-live setup-camera`."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from fomm.errors import SinkError
from live.setup_camera.steps import Plan, Step, make_plan


def setup_camera(
    run: Annotated[bool, typer.Option("--run", help="Run the commands, each after you agreed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --run: agree to all that is needed.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Print, or run, what FOMM Cam needs here.

    Nothing is run without --run, and then each command only after you agreed.
    """
    plan = make_plan()
    print("\n".join(plan.lines()))
    if not run:
        if any(step.commands for step in plan.steps):
            print("\nRun these yourself, or: fomm-live setup-camera --run")
        return
    if not yes and not sys.stdin.isatty():
        raise SinkError(
            "--run asks before each command, and there is nobody to ask; add --yes to agree to all"
        )
    carry_out(plan, agreed=yes)


def carry_out(plan: Plan, *, agreed: bool) -> None:
    """Run the plan's commands, and look again.

    Args:
        agreed: without asking; what is optional is left out then.

    Raises:
        SinkError: a command failed, or something that is needed is left to be done.
    """
    for step in plan.steps:
        if step.commands and (not step.optional if agreed else _agrees(step)):
            _run(step)
    after = make_plan()
    if after.ready:
        print(f'\nReady: calls list it as "{after.name}".')
        return
    left = next(step for step in after.steps if not step.optional)
    raise SinkError(f"the virtual camera is not ready yet; next: {left.what}")


def _agrees(step: Step) -> bool:
    print(f"\n{step.what}")
    for command in step.commands:
        print(f"     {command}")
    return typer.confirm("Run this?", default=False)


def _run(step: Step) -> None:
    for command in step.commands:
        print(f"\n$ {command}", flush=True)
        status = subprocess.run(command, shell=True, check=False).returncode
        if status != 0:
            raise SinkError(f"`{command}` failed with status {status}; {_remedy(command)}")


def _remedy(command: str) -> str:
    if "modprobe -r" in command:
        return "close the programs that use the camera (calls, browsers, OBS), then try again"
    if "modprobe" in command:
        return "see the kernel's reason with: sudo dmesg | tail (with Secure Boot, the module must be signed)"
    return "mend what it says, then try again"
