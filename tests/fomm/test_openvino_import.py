"""OpenVINO is imported without its telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = "import sys; from fomm.openvino_import import load_openvino; "


def run(code: str, home: Path) -> str:
    """What some code in a process with an empty home folder prints; the folder is still empty afterwards."""
    home.mkdir()
    command = [sys.executable, "-c", code]
    environment = {name: str(home) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA")}
    # Where our own compiled networks are kept: what is looked for is what others leave.
    environment["FOMM_ENGINE_CACHE"] = str(home.with_name("engines"))
    done = subprocess.run(
        command, env=environment, cwd=Path.cwd(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []
    return done.stdout.strip()


def test_converting_uses_the_stub(tmp_path: Path) -> None:
    code = """
import torch
ov = load_openvino()
ov.convert_model(torch.nn.ReLU(), example_input=torch.zeros(1, 3, 4, 4))
print(sys.modules["openvino_telemetry"], "openvino.tools.ovc.telemetry_stub" in sys.modules)
"""
    assert run(PRELUDE + code, tmp_path / "home") == "None True"


def test_whoever_imported_it_first_gets_no_consent(tmp_path: Path) -> None:
    code = """
import openvino_telemetry as tm
settings = dict(app_name="a", app_version="1", tid="t", backend="ga4", enable_opt_in_dialog=False)
from openvino_telemetry.utils.opt_in_checker import OptInChecker
load_openvino()
print(tm.Telemetry(**settings).consent)
"""
    assert run(PRELUDE + code, tmp_path / "home") == "False"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill with SIGINT")
def test_a_signal_arrives_when_networks_have_come_and_gone(tmp_path: Path) -> None:
    """With a Core each, the thread's stack for signals would be gone with the first one."""
    code = """
import os, signal, zipfile
from fomm import resources
from fomm.tflite import CompiledNetwork
with zipfile.ZipFile(resources.FACE_MODEL) as bundle:
    content = bundle.read("face_detector.tflite")
first, second = (CompiledNetwork(content, 128) for _ in range(2))
del first
del second
signal.signal(signal.SIGINT, lambda *_: print("arrived"))
os.kill(os.getpid(), signal.SIGINT)
"""
    assert run(PRELUDE + code, tmp_path / "home") == "arrived"
