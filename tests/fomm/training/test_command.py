"""`fomm train` as its user meets it, killed and resumed, and by two processes at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import yaml

from fomm import cli_errors, commands
from fomm.config import Config
from fomm.errors import ConfigError
from fomm.training import run, train
from fomm.training.processes import Processes
from tests.fomm.training.test_run import assert_same, log, state

COMMAND = [sys.executable, "-c", "from fomm.cli import main; main()", "train"]

#: One thread each: processes that fight for cores spend their time waiting.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def config(small: Callable[..., Config], tmp_path: Path) -> Path:
    """A config that needs no features: only the discriminator and the keypoints teach."""
    weights = {"perceptual": [0] * 5, "generator_gan": 1}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(small(loss_weights=weights, batch_size=4).to_dict()))
    return path


def call(*arguments: object) -> int:
    return cli_errors.run(commands.app, ["train", *map(str, arguments)], program="fomm")


def test_it_tells_what_it_does(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert call(config, "-o", out, "--steps", 2, "--log-every", 1, "--device", "cpu") == 0
    told = capsys.readouterr().out
    assert "7 clips to train on, 2 to show, 0 skipped; perceptual features: none" in told
    assert "step 2, epoch 0: generator_gan" in told
    assert f"{out / 'tiny.pth.tar'}: 2 steps" in told
    assert (out / "samples" / "step-00000002.png").is_file()


def test_what_is_refused_leaves_no_folder(config: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert call(config, "-o", tmp_path / "runs" / "out", "--data", nothing, "--device", "cpu") == 2
    assert not (tmp_path / "runs").exists()


def test_keys_are_set(config: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, options = tmp_path / "out", ["--steps", 1, "--sheet-every", 0, "--device", "cpu"]
    changes = ["--set", "train_params.batch_size=2", "--set", "train_params.loss_weights.generator_gan=0"]
    assert call(config, "-o", out, "--data", clips, *changes, *options) == 0
    trained = yaml.safe_load((out / "tiny.yaml").read_text())["train_params"]
    assert (trained["batch_size"], trained["loss_weights"]["generator_gan"]) == (2, 0)
    capsys.readouterr()
    for change, message in (
        ("train_params.batchsize=2", "train_params.batchsize: unknown key (did you mean batch_size?)"),
        ("batch_size", "give a key's whole path and its value"),
        ("train_params.batch_size=[", "--set train_params.batch_size=[:"),
        ("train_params.batch_size=two", "expected a whole number, found 'two'"),
    ):
        assert call(config, "-o", tmp_path / "no", "--set", change) == cli_errors.REFUSED
        assert message in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.yaml"], "no such file"),
        (["vox-265"], "did you mean vox-256?"),
        (["nothing"], "no such model here: 'nothing'; name one of face-lite, bair-256, "),
        (["face-light"], "did you mean face-lite?"),
        (["{config}", "--data", "absent"], "no such folder"),
        (["{config}", "--resume"], "no training to resume"),
        (["{config}", "--resume", "--init", "x"], "give one"),
        (["{config}", "--init", "absent.pth"], "no such file"),
        (["{config}", "--teacher", "absent.yaml"], "no such file"),
        (["{config}", "--teacher-checkpoint", "x.pth"], "say with --teacher which model"),
        (["{config}", "--teacher", "{config}", "--teacher-checkpoint", "x.pth"], "no such file"),
        (["{config}", "--device", "tpu"], "give cpu, cuda or cuda:N"),
    ],
)
def test_bad_input_is_one_line(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    given = [argument.format(config=config) for argument in arguments]
    assert call(*given, "-o", tmp_path / "out") == cli_errors.REFUSED
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "state.pt").exists()


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [*COMMAND, *map(str, arguments), "--device", "cpu", "--sheet-every", "0", "--log-every", "1"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT
    )


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"ended without {text!r}")


def test_killed_and_resumed_is_as_if_never_killed(config: Path, tmp_path: Path) -> None:
    """To the bit: weights, averages and optimizers; and the log has each step once."""
    killed = start(config, "-o", tmp_path / "parts", "--steps", 500, "--save-minutes", 0)
    wait_for(killed, "step 4,")
    killed.kill()
    killed.wait()
    done = state(tmp_path / "parts")["step"]
    assert done >= 3
    assert not (tmp_path / "parts" / "tiny.pth.tar").exists()
    options = ["--steps", done + 2, "--device", "cpu", "--sheet-every", 0, "--log-every", 1]
    assert call(config, "-o", tmp_path / "whole", *options) == 0
    assert call(config, "-o", tmp_path / "parts", "--resume", *options) == 0
    assert_same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    rows = [{k: v for k, v in row.items() if k != "pairs_per_second"} for row in log(tmp_path / "parts")]
    assert rows == [
        {k: v for k, v in row.items() if k != "pairs_per_second"} for row in log(tmp_path / "whole")
    ]


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals on this system")
def test_ctrl_c_keeps_the_step_that_was_done(config: Path, tmp_path: Path) -> None:
    process = start(config, "-o", tmp_path / "out", "--steps", 500)
    wait_for(process, "step 2,")
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == cli_errors.INTERRUPTED
    step = state(tmp_path / "out")["step"]
    assert step >= 2
    assert told.splitlines()[-1] == f"stopped after step {step}; --resume goes on"


def test_two_processes_train_one_model(config: Path, tmp_path: Path) -> None:
    """By torchrun, over gloo. Their gradients are averaged: both hold the weights that the first one writes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "fomm.training", str(config), "-o", str(tmp_path / "both"), "--device", "cpu"]
    command += ["--steps", "2", "--sheet-every", "0", "--log-every", "1"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=250, env=ENVIRONMENT, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "on cpu, 2 processes" in result.stdout
    assert result.stdout.count("step 2, epoch 0") == 1
    kept = state(tmp_path / "both")
    assert (kept["step"], kept["facts"]["processes"]) == (2, 2)
    # One process draws other random transforms, and so learns something a little different.
    assert call(config, "-o", tmp_path / "one", "--steps", 2, "--device", "cpu", "--sheet-every", 0) == 0
    ours, theirs = (one["generator"]["final.weight"] for one in (kept, state(tmp_path / "one")))
    assert torch.allclose(ours, theirs, atol=0.01)
    assert not torch.equal(ours, theirs)


def test_a_batch_that_processes_cannot_share(
    small: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def three(device: str | None) -> Iterator[Processes]:
        yield Processes(0, 3, torch.device("cpu"))

    monkeypatch.setattr(run, "processes", three)
    with pytest.raises(ConfigError, match="4 cannot be shared by 3 processes"):
        train(small(), tmp_path / "out")


def test_help_loads_nothing_that_trains() -> None:
    code = "import sys; from fomm import commands; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
