"""`fomm bench` says what ran, how fast beside the reference, and how near its pictures are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm import benchmarking, cli_errors, commands
from fomm.errors import ConfigError

KEYS = {
    "model",
    "engine",
    "precision",
    "device",
    "fps",
    "reference_fps",
    "ratio",
    "psnr_db",
    "error_over_std",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path / "engines"))
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "models"))


def run(*arguments: str) -> int:
    return cli_errors.run(commands.app, ["bench", *arguments], program="fomm")


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_json_is_one_object_and_nothing_else(
    make_small_model: Callable[..., Any], capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    small = make_small_model("bench")
    assert run("--model", str(small.config), "--engine", engine, "--frames", "3", "--json") == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert values.keys() >= KEYS
    assert values["engine"] == engine
    assert values["weights"] == "recipe"
    assert values["psnr_db"] > 35
    assert values["error_over_std"] < 0.1
    assert 0 <= values["max_difference"] < 100
    assert values["ratio"] == pytest.approx(values["fps"] / values["reference_fps"], rel=0.01)
    assert "measured with the recipe's" in err


def test_a_checkpoint_is_measured_as_it_is(make_small_model: Callable[..., Any]) -> None:
    small = make_small_model("bench")
    result = benchmarking.bench(str(small.config), checkpoint=small.checkpoint, engine="torch", frames=3)
    assert result.weights == str(small.checkpoint)
    assert result.notes == []


def test_landmark_warp_has_no_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", "landmark-warp", "--frames", "4", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values.keys() >= KEYS
    assert values["fps"] > 0
    assert values["reference_fps"] is values["ratio"] is None
    assert any("no reference" in note for note in values["notes"])


def test_without_json_it_is_told_in_words(
    make_small_model: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model", str(make_small_model("bench").config), "--engine", "torch", "--frames", "3") == 0
    out = capsys.readouterr().out
    assert "bench: " in out
    assert "times the reference" in out
    assert "of 255" in out


def test_what_it_does_not_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="landmark-warp has no weights"):
        benchmarking.bench("landmark-warp", precision="int8")
    assert run("--model", "vox-257") == 2
    assert run("--model", "vox-256", "--engine", "warp9") == 2
    assert run("--model", "vox-256", "--checkpoint", str(tmp_path / "none.pth")) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
