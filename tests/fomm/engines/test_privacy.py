"""Converting, quantizing, running and measuring connect to nothing and leave the home folder alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: Of all threads and children; by --seccomp-bpf no other call stops for the watcher.
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o")


def traced(tmp_path: Path, *arguments: str) -> tuple[list[str], str]:
    """The network calls of `fomm` with these arguments, its threads and children, and what it printed; its home stays
    empty."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, to see what native code does (Debian: apt install strace)")
    home, log = tmp_path / "home", tmp_path / "calls.log"
    home.mkdir()
    environment = {
        **os.environ,
        "HOME": str(home),
        "FOMM_ENGINE_CACHE": str(tmp_path / "engines"),
        "FOMM_MODELS": str(tmp_path / "models"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    environment.pop("FOMM_ENGINE", None)
    code = "from fomm.cli import main; main()"
    done = subprocess.run(
        [*STRACE, str(log), sys.executable, "-c", code, *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "PTRACE" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("strace may not trace here (a container without the SYS_PTRACE capability)")
    assert done.returncode == 0, done.stderr
    written = [path for path in home.rglob("*") if path.is_file() and ".cache" not in path.parts]
    assert written == []
    return [line for line in log.read_text().splitlines() if "AF_INET" in line], done.stdout


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--engine", "openvino", "--precision", "int8"], id="int8"),
        pytest.param(["--engine", "auto"], id="auto", marks=pytest.mark.long),
    ],
)
def test_quantizing_and_running(
    tmp_path: Path, make_small_model: Callable[..., Any], options: list[str]
) -> None:
    small = make_small_model("private")
    calls, printed = traced(
        tmp_path, "bench", "--model", str(small.config), *options, "--frames", "3", "--json"
    )
    assert calls == []
    # Whatever native libraries say, a program that reads this finds one object.
    assert json.loads(printed)["engine"] in {"openvino", "onnx", "torch"}


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_exporting(tmp_path: Path, make_small_model: Callable[..., Any], engine: str) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    small = make_small_model("private")
    options = ["--model", str(small.config), "--checkpoint", str(small.checkpoint), "--engine", engine]
    assert traced(tmp_path, "export", *options, "-o", "out")[0] == []
