from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm.errors import SinkError
from live.setup_camera import command, other_systems, steps
from live.setup_camera.steps import Plan, Step


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that are made one after the other; the last one stays."""
    made: list[Plan] = []
    monkeypatch.setattr(command, "make_plan", lambda: made.pop(0) if len(made) > 1 else made[0])
    return made


READY = Plan("FOMM Cam", [], [])


def test_the_commands_that_are_shown_are_run_in_order(
    plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    plan = Plan(
        "FOMM Cam",
        [],
        [Step("a", [f"echo 1 >> {log}", f"echo 2 >> {log}"]), Step("b"), Step("c", [f"echo 3 >> {log}"])],
    )
    plans.append(READY)
    command.carry_out(plan, agreed=True)
    assert log.read_text().split() == ["1", "2", "3"]
    assert f"$ echo 1 >> {log}" in capsys.readouterr().out


def test_with_yes_nothing_optional_is_run(plans: list[Plan], tmp_path: Path) -> None:
    plans.append(READY)
    plan = Plan("FOMM Cam", [], [Step("rename it", [f"touch {tmp_path}/done"], optional=True)])
    command.carry_out(plan, agreed=True)
    assert not (tmp_path / "done").exists()


def test_what_is_not_agreed_to_is_not_run(
    plans: list[Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(command.typer, "confirm", lambda text, **_: asked.append(text))
    plan = Plan("FOMM Cam", [], [Step("install it", [f"touch {tmp_path}/done"])])
    plans.append(plan)
    with pytest.raises(SinkError, match="not ready yet; next: install it"):
        command.carry_out(plan, agreed=False)
    assert asked
    assert not (tmp_path / "done").exists()


def test_a_command_that_fails_is_the_end(plans: list[Plan], tmp_path: Path) -> None:
    failing = "false modprobe -r v4l2loopback"
    plan = Plan("FOMM Cam", [], [Step("again", [failing, f"touch {tmp_path}/done"])])
    with pytest.raises(SinkError, match=r"`false modprobe.* failed with status 1; close the programs"):
        command.carry_out(plan, agreed=True)
    assert not (tmp_path / "done").exists()


def test_without_anybody_to_ask_nothing_is_run(
    plans: list[Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.append(Plan("FOMM Cam", [], [Step("x", [f"touch {tmp_path}/done"])]))
    monkeypatch.setattr(command.sys.stdin, "isatty", lambda: False)
    with pytest.raises(SinkError, match="add --yes"):
        command.setup_camera(run=True)
    assert not (tmp_path / "done").exists()


def test_the_real_command_prints_its_plan(fomm_live: Callable[..., Any]) -> None:
    done = fomm_live("setup-camera")
    assert done.status == 0, done.stderr
    assert "calls list it as" in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no pseudo-terminal on this system")
def test_ctrl_c_at_the_question_ends_it() -> None:
    import pty

    if steps.make_plan().ready:
        pytest.skip("this machine has cameras, and nothing is left to be asked")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "from live.cli import main; main()", "setup-camera", "--run"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as asking:
        assert asking.stdout is not None
        said = ""
        while "[y/N]" not in said:
            said += asking.stdout.read(1)
        asking.send_signal(signal.SIGINT)
        assert asking.wait(10) == 130
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("system", ["Windows", "Darwin"])
def test_elsewhere_the_name_that_will_be_seen_is_said(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.platform, "system", lambda: system)
    monkeypatch.setattr(other_systems, "_is_registered", lambda _: False)
    plan = steps.make_plan()
    text = "\n".join(plan.lines())
    assert not plan.ready
    assert 'calls list it as "OBS Virtual Camera"' in text
    assert "cannot be renamed" in text


def test_on_windows_what_is_installed_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_systems, "_is_registered", lambda key: key == other_systems._OBS_CLASS)
    assert other_systems.windows().ready
    monkeypatch.setattr(other_systems, "_is_registered", lambda key: key == other_systems._UNITY_CLASS)
    assert other_systems.windows().name == "Unity Video Capture"
