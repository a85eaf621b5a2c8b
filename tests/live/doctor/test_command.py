from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from live.doctor import command
from live.doctor.findings import Finding, Level
from live.doctor.speed import judge, speed
from live.report import Meter

ON_LINUX = sys.platform.startswith("linux")


def test_the_real_command_as_json(fomm_live: Callable[..., Any], tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    done = fomm_live("doctor", "--json")
    assert set(tmp_path.iterdir()) == before, "nothing is left in the folder"
    told = json.loads(done.stdout)
    subjects = {found["subject"] for found in told["findings"]}
    assert {
        "Python",
        "PyTorch and GPU",
        "models",
        "virtual camera",
        "microphone",
        "disk",
        "speed",
    } <= subjects
    assert any(subject.startswith("camera") for subject in subjects)
    assert done.status == (0 if told["works"] else 1)
    assert all(found["fix"] for found in told["findings"] if found["level"] != "ok")
    assert done.stderr == ""


def test_speed_is_measured_on_the_real_pipeline() -> None:
    found = speed(1.0)
    assert found.level in (Level.OK, Level.WARNING)
    assert "1280x720, landmark-warp" in found.text or "did not start" in found.text


@pytest.mark.parametrize(("fps", "level"), [(60, Level.OK), (15, Level.WARNING), (2, Level.WARNING)])
def test_what_a_rate_means(fps: float, level: Level) -> None:
    report = replace(Meter().report(model="m", engine="cpu", size=(1, 1), dropped=0), fps=fps)
    assert judge(report).level is level


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    found = [Finding.ok("a", "well"), Finding.warning("b", "so so", "do this")]
    monkeypatch.setattr(command, "examine", lambda: found)
    return found


def test_a_warning_is_no_failure(findings: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    command.doctor()
    shown = capsys.readouterr().out
    assert "ready for a call" in shown
    assert "→ do this" in shown


def test_a_problem_is_one(findings: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    findings.append(Finding.problem("c", "broken [sic]", "mend it"))
    with pytest.raises(typer.Exit) as ended:
        command.doctor()
    assert ended.value.exit_code == command.NOT_WORKING
    assert "broken [sic]" in capsys.readouterr().out


def test_a_look_that_breaks_down_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> Finding:
        raise MemoryError("no room")

    monkeypatch.setattr(command, "speed", crash)
    monkeypatch.setattr(command.software, "ask_torch", lambda _: command.software.TorchAnswer(asked=False))
    found = {finding.subject: finding for finding in command.examine()}
    assert found["speed"].level is Level.WARNING
    assert "MemoryError: no room" in found["speed"].text
    assert found["Python"].level is Level.OK


def test_an_errors_message_is_taken_apart() -> None:
    found = Finding.of_message("x", Level.PROBLEM, "a.jpg is broken; use another; or none")
    assert (found.text, found.fix) == ("a.jpg is broken; use another", "or none")
    assert Finding.of_message("x", Level.PROBLEM, "broken").text == "broken"
