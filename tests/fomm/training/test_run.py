"""Whole trainings of a tiny model: they learn, stop, go on, and keep what they had."""

from __future__ import annotations

import csv
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fomm import checkpoints
from fomm.config import Config
from fomm.errors import ConfigError, TrainingError
from fomm.model import load_model
from fomm.training import Schedule, Summary, Teacher, features, train
from tests.fomm.training.conftest import TinyFeatures

QUICK = Schedule(log_every=5, sheet_every=0)


def run(config: Config, folder: Path, steps: int, **options: Any) -> Summary:
    schedule = replace(options.pop("schedule", QUICK), steps=steps)
    options = {"device": "cpu", "perceptual": TinyFeatures(), "tell": lambda _: None, **options}
    return train(config, folder, schedule=schedule, **options)


def state(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(folder / "state.pt", weights_only=True)
    return loaded


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_same(one: Any, two: Any, path: str = "") -> None:
    """Equal to the bit, all the way down."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), path
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), path
        for key in one:
            assert_same(one[key], two[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), path
        for index, pair in enumerate(zip(one, two, strict=True)):
            assert_same(*pair, f"{path}[{index}]")
    else:
        assert one == two, path


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns(small: Callable[..., Config], tmp_path: Path, precision: str) -> None:
    config = small(precision=precision, clip_grad_norm=50, loss_weights={"generator_gan": 1})
    done = run(config, tmp_path, 30)
    rows = log(tmp_path)
    assert [row["step"] for row in rows] == [str(step) for step in range(5, 31, 5)]
    names = {"perceptual", "generator_gan", "feature_matching", "equivariance_value", "discriminator_gan"}
    assert names | {"equivariance_jacobian", "epoch", "pairs_per_second"} < set(rows[0])
    first, last = (np.mean([float(row["perceptual"]) for row in part]) for part in (rows[:2], rows[-2:]))
    assert last < 0.85 * first
    assert done.finished
    assert done.step == 30


def test_what_it_writes_is_a_model(small: Callable[..., Config], tmp_path: Path) -> None:
    done = run(small(ema_decay=0.9, num_epochs=1, checkpoint_freq=1), tmp_path, 7)
    assert done.weights == tmp_path / "small.pth.tar"
    model = load_model(tmp_path / "small.yaml", checkpoint=done.weights, engine="torch", device="cpu")
    pictures = torch.rand(2, 3, 64, 64)
    assert model.reconstruct(pictures[:1], pictures).shape == (2, 3, 64, 64)
    assert (tmp_path / "epoch-0001.pth.tar").is_file()
    # The averaged weights, not the last step's; the state itself is read as a checkpoint too.
    kept, averaged = state(tmp_path), checkpoints.read(done.weights)
    assert_same(
        averaged.generator,
        {
            n.removeprefix("generator."): t
            for n, t in kept["average"]["network"].items()
            if n.startswith("generator.")
        },
    )
    assert not torch.equal(averaged.generator["final.weight"], kept["generator"]["final.weight"])
    assert checkpoints.read(tmp_path / "state.pt").discriminator is not None


def test_sheets(small: Callable[..., Config], tmp_path: Path) -> None:
    run(small(), tmp_path, 4, schedule=Schedule(log_every=2, sheet_every=2))
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "step-00000002.png", "step-00000004.png",
    ]  # fmt: skip
    with Image.open(tmp_path / "samples" / "step-00000004.png") as sheet:
        assert sheet.size == (5 * 64, 6 * 64)
        assert np.asarray(sheet)[1:63, 1:63].std() > 10


def test_stopped_and_resumed_is_as_if_never_stopped(small: Callable[..., Config], tmp_path: Path) -> None:
    """Across the end of an epoch, with everything on."""
    config = small(num_repeats=2, epoch_milestones=[1], ema_decay=0.99, loss_weights={"generator_gan": 1})
    run(config, tmp_path / "whole", 6)
    asked = iter([False, True])
    stopped = run(config, tmp_path / "parts", 6, stop=lambda: next(asked))
    assert (stopped.step, stopped.finished, stopped.weights) == (2, False, None)
    run(config, tmp_path / "parts", 6, resume=True)
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert whole["step"] == 6
    assert_same(whole, parts)
    assert whole["optimizers"]["generator"]["param_groups"][0]["lr"] == pytest.approx(2e-4)


def test_another_seed_is_another_training(small: Callable[..., Config], tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(small(seed=seed), tmp_path / name, 2)
        weights.append(state(tmp_path / name)["generator"]["final.weight"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_clips_read_by_workers_are_the_same(small: Callable[..., Config], tmp_path: Path) -> None:
    run(small(), tmp_path / "here", 3)
    run(small(), tmp_path / "there", 3, schedule=replace(QUICK, workers=2))
    assert_same(state(tmp_path / "here"), state(tmp_path / "there"))


def test_resuming_with_another_config_says_which_keys_differ(
    small: Callable[..., Config], tmp_path: Path
) -> None:
    run(small(), tmp_path, 1)
    other = small(batch_size=2, loss_weights={"equivariance_value": 5})
    with pytest.raises(ConfigError) as error:
        run(other, tmp_path, 2, resume=True)
    message = str(error.value)
    assert "train_params.batch_size was 4 and is 2" in message
    assert "train_params.loss_weights.equivariance_value was 10 and is 5" in message
    assert "--accept-changes" in message
    assert run(other, tmp_path, 2, resume=True, accept_changes=True).step == 2
    larger = replace(other.model_params.common_params, num_kp=7)
    other = replace(other, model_params=replace(other.model_params, common_params=larger))
    with pytest.raises(
        ConfigError, match=r"other networks: model_params\.common_params\.num_kp was 5 and is 7"
    ):
        run(other, tmp_path, 3, resume=True, accept_changes=True)


def test_a_folder_is_neither_overwritten_nor_made_up(small: Callable[..., Config], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training to resume"):
        run(small(), tmp_path / "a", 1, resume=True)
    run(small(), tmp_path / "a", 1)
    with pytest.raises(TrainingError, match="holds a training already; add --resume"):
        run(small(), tmp_path / "a", 1)
    (tmp_path / "a" / "state.pt").write_bytes((tmp_path / "a" / "state.pt").read_bytes()[:1000])
    with pytest.raises(TrainingError, match="is damaged"):
        run(small(), tmp_path / "a", 1, resume=True)
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be made"):
        run(small(), tmp_path / "file" / "run", 1)


def test_beginning_with_a_checkpoint(
    small: Callable[..., Config], make_small_model: Callable[..., Any], tmp_path: Path
) -> None:
    given = make_small_model("begun")
    still = small(lr_generator=0, lr_kp_detector=0, lr_discriminator=0)
    run(still, tmp_path, 1, init=given.checkpoint)
    theirs = checkpoints.read(given.checkpoint)
    assert torch.equal(state(tmp_path)["generator"]["final.weight"], theirs.generator["final.weight"])
    assert theirs.discriminator is not None
    assert_same(
        state(tmp_path)["discriminator"]["discs.1.conv.bias"], theirs.discriminator["discs.1.conv.bias"]
    )


def test_a_loss_that_is_no_number_ends_it_with_the_last_good_state(
    small: Callable[..., Config], tmp_path: Path
) -> None:
    class Spoilt(TinyFeatures):
        calls = 0

        def levels(self, normalized: torch.Tensor) -> list[torch.Tensor]:
            Spoilt.calls += 1
            levels = super().levels(normalized)
            return [level * float("nan") for level in levels] if Spoilt.calls > 12 else levels

    with pytest.raises(TrainingError, match=r"perceptual is no number any more at step 4;.*state\.pt keeps"):
        run(small(), tmp_path, 9, perceptual=Spoilt(), schedule=replace(QUICK, save_every=0))
    kept = state(tmp_path)
    assert kept["step"] == 3
    assert all(bool(torch.isfinite(value).all()) for value in kept["generator"].values())


def test_spoilt_weights_are_not_kept(small: Callable[..., Config], tmp_path: Path) -> None:
    """A step that overshoots spoils the weights after its loss was looked at."""
    with pytest.raises(TrainingError, match=r"no numbers? any more"):
        run(small(lr_generator=1e38), tmp_path, 3, schedule=replace(QUICK, save_every=0))
    assert all(bool(torch.isfinite(value).all()) for value in state(tmp_path)["generator"].values())


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file grows beyond `limit` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_costs_nothing_that_was_kept(small: Callable[..., Config], tmp_path: Path) -> None:
    run(small(), tmp_path, 1)
    before = (tmp_path / "state.pt").read_bytes()
    told: list[str] = []
    with full_disk(len(before) // 2), pytest.raises(TrainingError, match="the one before is kept; make room"):
        run(small(), tmp_path, 3, resume=True, schedule=replace(QUICK, save_every=0), tell=told.append)
    assert (tmp_path / "state.pt").read_bytes() == before
    assert not list(tmp_path.glob(".*.part"))
    assert run(small(), tmp_path, 3, resume=True).finished


def test_a_disk_that_is_full_for_a_while(
    small: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training goes on, and the next state is kept."""
    told: list[str] = []
    config = small(num_repeats=1, batch_size=7, checkpoint_freq=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def stop() -> bool:
        done = sum("Training goes on" in line for line in told) >= 2
        resource.setrlimit(resource.RLIMIT_FSIZE, limits if done else (10_000, limits[1]))
        return False

    try:
        done = run(config, tmp_path, 4, stop=stop, schedule=replace(QUICK, save_every=0), tell=told.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.finished
    failed = [line for line in told if "Training goes on" in line]
    assert [Path(line.split()[0]).name for line in failed] == ["epoch-0001.pth.tar", "state.pt"]
    assert "the one before is kept" in failed[1]
    assert not (tmp_path / "epoch-0001.pth.tar").exists()
    assert (tmp_path / "epoch-0002.pth.tar").is_file()
    assert state(tmp_path)["step"] == 4


def test_clips_that_break_are_named_once(small: Callable[..., Config], clips: Path, tmp_path: Path) -> None:
    shutil.copytree(clips, tmp_path / "clips")
    (tmp_path / "clips" / "train" / "bad.mp4").write_bytes(b"no video")
    (tmp_path / "clips" / "train" / "one1#a" / "003.png").write_bytes(b"no picture")
    config = small(num_repeats=8)
    config = replace(config, dataset_params=replace(config.dataset_params, root_dir=str(tmp_path / "clips")))
    told: list[str] = []
    done = run(config, tmp_path / "run", 14, tell=told.append)
    assert {one.name for one in done.skipped} == {"bad.mp4", "one1#a"}
    assert sum(line.startswith("skipped one1#a") for line in told) == 1
    assert any("7 clips to train on, 2 to show, 1 skipped" in line for line in told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precision": "int8"}, "give fp32 or bf16"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"batch_size": 0}, "batch_size: must be at least 1"),
        (
            {"loss_weights": {"perceptual": [0] * 5, "equivariance_value": 0, "equivariance_jacobian": 0}},
            "all are 0, and so nothing is learnt",
        ),
        ({"batch_size": 64, "num_repeats": 1}, "raise num_repeats"),
    ],
)
def test_what_cannot_be_trained(
    small: Callable[..., Config], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(small(**change), tmp_path, 1)


def test_devices(small: Callable[..., Config], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot train on 'tpu'"):
        run(small(), tmp_path, 1, device="tpu")
    with pytest.raises(TrainingError, match="no CUDA device 99 here"):
        run(small(), tmp_path, 1, device="cuda:99")


def test_no_features_are_loaded_where_none_are_compared(
    small: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "load", lambda *_, **__: pytest.fail("loaded"))
    run(small(loss_weights={"perceptual": [0] * 5}), tmp_path, 1, perceptual=None)
    assert "perceptual" not in log(tmp_path)[0]


def test_a_small_model_learns_from_a_larger_one(
    small: Callable[..., Config], make_small_model: Callable[..., Any], tmp_path: Path
) -> None:
    from fomm import config as configs

    given = make_small_model("teacher", single_jacobian_map=True)
    teacher = Teacher(configs.load(given.config), given.checkpoint)
    alone = {"perceptual": [0] * 5, "equivariance_value": 1, "equivariance_jacobian": 0, "distillation": 100}
    pupil = small(loss_weights=alone, num_repeats=16)
    before = given.checkpoint.read_bytes()
    run(pupil, tmp_path / "run", 25, teacher=teacher)
    rows = [float(row["distillation"]) for row in log(tmp_path / "run")]
    assert rows[-1] < 0.85 * rows[0]
    assert given.checkpoint.read_bytes() == before
    assert state(tmp_path / "run")["facts"]["teacher"] == "teacher"
    with pytest.raises(ConfigError, match=r"facts\.teacher was 'teacher' and is 'none'"):
        run(pupil, tmp_path / "run", 26, resume=True)
    with pytest.raises(ConfigError, match="nothing is learnt from the teacher"):
        run(small(loss_weights={"distillation": 0}), tmp_path / "other", 1, teacher=teacher)
