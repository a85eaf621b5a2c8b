"""The correcting network learns, goes on where it was stopped, and sees in training what it sees in use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from fomm.animators.face_lite.clues import Stills, clues, displacement
from fomm.animators.face_lite.execution import create, read_weights
from fomm.animators.face_lite.network import CLUE_CELLS
from fomm.animators.landmark_warp import sampling_grid
from fomm.animators.landmark_warp.mesh import build_mesh
from fomm.errors import ConfigError, TrainingError, VideoError
from fomm.landmarks import RIGID, MotionTransfer, relative_motion, rotation_matrix
from fomm.synthetic.pairs import Pair
from fomm.synthetic.pairs.shards import shard_path, write_pairs
from fomm.training import Schedule, states
from fomm.training.correction import CorrectionConfig, find, parse, train
from fomm.training.correction.objective import Batch, CorrectionNetwork, measure
from fomm.training.correction.samples import of_shard, samples
from fomm.training.correction.settings import LossWeights
from tests.fomm.faces import collins
from tests.fomm.training.test_run import full_disk

SIZE = 128


def pair(seed: int) -> Pair:
    """A portrait that turns and whose points all go five hundredths of the picture further than the warp says."""
    rng = np.random.default_rng(seed)
    portrait = collins()
    scale = SIZE / max(portrait.image.pixels.shape[:2])
    source = (portrait.landmarks * scale).astype(np.float32)
    centre = source[RIGID].mean(axis=0)
    turn = rotation_matrix(*rng.normal(0, [12, 8, 6]))
    driving = ((source - centre) @ turn.T + centre + rng.normal(0, [4, 2, 0])).astype(np.float32)
    mesh = build_mesh(source)
    motion = MotionTransfer(mesh.landmarks, SIZE)(relative_motion(source, driving), source, 1.0)
    truth = sampling_grid(mesh, (SIZE, SIZE), motion) + np.array([0.05 * SIZE, 0], np.float32)
    pixels = np.full((SIZE, SIZE, 3), 90, np.uint8)
    person = np.zeros((SIZE, SIZE), np.uint8)
    person[8:, 20:108] = 255
    return Pair(
        seed,
        pixels,
        pixels,
        source,
        driving,
        person,
        person,
        (truth / (SIZE - 1) * 2 - 1).astype(np.float32),
        np.ones((SIZE, SIZE), bool),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for number in range(3):
        write_pairs(shard_path(folder, number), [pair(10 * number + k) for k in range(4)])
    return folder


def config(folder: Path, **params: Any) -> CorrectionConfig:
    return parse(
        {
            "model": "face-lite",
            "network_params": {"width": 8},
            "dataset_params": {"root_dir": str(folder)},
            "train_params": {"steps": 30, "batch_size": 8, "warm_up": 1, "learning_rate": 2e-3, **params},
        }
    )


EACH_STEP = Schedule(log_every=1, sheet_every=10)


def rows(run: Path) -> list[dict[str, float]]:
    import csv

    with (run / "log.csv").open() as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def test_what_the_network_sees_in_training_is_what_it_sees_in_use() -> None:
    one = pair(3)
    mesh = build_mesh(one.source_landmarks)
    motion = MotionTransfer(mesh.landmarks, SIZE)(
        relative_motion(one.source_landmarks, one.driving_landmarks), one.source_landmarks, 1.0
    )
    stills = Stills.of(mesh.landmarks, one.source_person.astype(np.float32) / 255)
    grid = sampling_grid(mesh, (SIZE, SIZE), motion)
    target = stills.square.normalised(motion.landmarks)
    in_use = [
        clues(stills, displacement(grid, stills.square), target),
        clues(stills, np.zeros((CLUE_CELLS, CLUE_CELLS, 2), np.float32), stills.landmarks),
    ]
    in_training = Batch.of(samples([one])).clues().numpy()
    np.testing.assert_allclose(in_training, np.stack(in_use), atol=0.02)


def test_a_mirrored_pair_is_the_pair_of_the_mirrored_frames() -> None:
    """Measured twice in the mirror, it is the same; and a network without a correction is as far off."""
    batch = Batch.of(samples([pair(k) for k in range(3)]))
    there = batch.mirrored(torch.tensor([True, False, True]))
    back = there.mirrored(torch.tensor([True, False, True]))
    torch.testing.assert_close(back.clues(), batch.clues())
    network = CorrectionNetwork(8).eval()
    (_, before), (_, after) = (measure(network, one, LossWeights()) for one in (batch, there))
    assert before["rest"] == pytest.approx(after["rest"], rel=1e-3)


def test_less_exact_senses_change_what_is_seen_and_not_what_is_true() -> None:
    batch = Batch.of(samples([pair(k) for k in range(3)]))

    def chance() -> list[np.random.Generator]:
        return [np.random.default_rng(k) for k in range(3)]

    exactly = batch.blurred_senses(chance(), 0.0)
    torch.testing.assert_close(exactly.warp, batch.warp)
    torch.testing.assert_close(exactly.pose, batch.pose)
    blurred = batch.blurred_senses(chance(), 1.0)
    for name in ("true", "visible", "inside", "matte", "driving_matte", "sketches"):
        assert getattr(blurred, name) is getattr(batch, name)
    assert (blurred.warp - batch.warp).abs().max() > 1e-3
    assert (blurred.pose != batch.pose).all()
    assert (blurred.seen_matte != batch.seen_matte).any()
    assert 0 <= blurred.seen_matte.min() <= blurred.seen_matte.max() <= 1


def test_a_batch_is_measured_where_it_is() -> None:
    """On a device that mixes with no other, as a GPU; only the numbers to log cannot be had from it."""
    meta = torch.device("meta")
    batch, network = Batch.of(samples([pair(0)])).to(meta), CorrectionNetwork(8).to(meta)
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        measure(network, batch, LossWeights())


def test_the_loss_falls_and_the_weights_run(folder: Path, tmp_path: Path) -> None:
    done = train(config(folder, steps=60), tmp_path / "run", schedule=EACH_STEP)
    log = rows(tmp_path / "run")
    assert done.finished
    assert sorted(path.name for path in (tmp_path / "run" / "samples").iterdir())[-1] == "step-00000060.png"
    assert log[-1]["held_out_rest"] < 0.75 * log[-1]["held_out_rest_before"]
    assert done.weights is not None
    execution = create(read_weights(done.weights))
    seen = Batch.of(samples([pair(77)])).clues().numpy()
    corrected = execution(seen[0]) - execution(seen[1])
    assert corrected[0, 8:24, 8:24].mean() > 0.05  # to the right, as it learned


def test_a_resumed_training_is_the_same_to_the_bit(folder: Path, tmp_path: Path) -> None:
    whole = train(config(folder), tmp_path / "whole", schedule=EACH_STEP)
    asked = iter(range(100))
    train(config(folder), tmp_path / "parts", schedule=EACH_STEP, stop=lambda: next(asked) >= 12)
    parts = train(config(folder), tmp_path / "parts", schedule=EACH_STEP, resume=True)
    assert whole.weights is not None
    assert parts.weights is not None
    assert whole.weights.read_bytes() == parts.weights.read_bytes()
    assert [row["step"] for row in rows(tmp_path / "parts")] == list(range(1, 31))


def test_resuming_with_another_config_says_what_differs(folder: Path, tmp_path: Path) -> None:
    train(config(folder, steps=2), tmp_path / "run", schedule=EACH_STEP)
    with pytest.raises(ConfigError, match=r"train_params\.steps was 2 and is 4.*--accept-changes"):
        train(config(folder, steps=4), tmp_path / "run", schedule=EACH_STEP, resume=True)
    done = train(
        config(folder, steps=4), tmp_path / "run", schedule=EACH_STEP, resume=True, accept_changes=True
    )
    assert done.step == 4
    other = parse({**config(folder, steps=4).to_dict(), "network_params": {"width": 12}})
    with pytest.raises(ConfigError, match="another network"):
        train(other, tmp_path / "run", schedule=EACH_STEP, resume=True, accept_changes=True)


def test_a_loss_that_is_no_number_stops_with_the_last_good_state(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"no number any more.*state\.pt keeps"):
        train(
            config(folder, learning_rate=1e30, clip_grad_norm=0.0, precision="fp32"), run, schedule=EACH_STEP
        )
    assert (run / "state.pt").is_file()


def test_spoilt_weights_are_not_kept(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that overshoots spoils the weights after its loss was looked at."""

    def overshoot(optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["params"][0].data.fill_(float("inf"))

    monkeypatch.setattr(torch.optim.AdamW, "step", overshoot)
    with pytest.raises(TrainingError, match=r"weights are no numbers any more at step 1.*state\.pt keeps"):
        train(config(folder, steps=1), tmp_path / "run")
    state = states.load(tmp_path / "run" / states.STATE)
    assert state["step"] == 0
    assert all(bool(torch.isfinite(value).all()) for value in state["network"].values())


@pytest.mark.skipif(os.name == "nt", reason="no RLIMIT_FSIZE on this system")
def test_a_full_disk_costs_nothing_that_was_kept(folder: Path, tmp_path: Path) -> None:
    train(config(folder, steps=3), tmp_path, schedule=Schedule(steps=1))
    before = (tmp_path / states.STATE).read_bytes()
    told: list[str] = []
    often = Schedule(log_every=1, save_every=0)
    with full_disk(len(before) // 2), pytest.raises(TrainingError, match="the one before is kept; make room"):
        train(config(folder, steps=3), tmp_path, schedule=often, resume=True, tell=told.append)
    assert sum("Training goes on" in line for line in told) == 2
    assert (tmp_path / states.STATE).read_bytes() == before
    assert not list(tmp_path.glob(".*.part"))
    assert train(config(folder, steps=3), tmp_path, schedule=often, resume=True).step == 3


def test_sheets_come_when_they_are_due(folder: Path, tmp_path: Path) -> None:
    """Whatever rows of the log there are."""
    train(config(folder, steps=7), tmp_path, schedule=Schedule(log_every=5, sheet_every=3))
    assert sorted(path.stem for path in (tmp_path / "samples").iterdir()) == [
        "step-00000003",
        "step-00000006",
        "step-00000007",
    ]


def test_samples_that_are_damaged_are_made_again(folder: Path, tmp_path: Path) -> None:
    path = shard_path(tmp_path, 0)
    path.write_bytes(shard_path(folder, 0).read_bytes())
    made = of_shard(path)
    (kept,) = tmp_path.glob("*.samples-*")
    kept.write_bytes(kept.read_bytes()[:-100])
    again = of_shard(path)
    for name, values in made.items():
        np.testing.assert_array_equal(values, again[name])


def test_damaged_shards_are_skipped_and_named(folder: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for number in range(3):
        shard_path(pairs, number).write_bytes(shard_path(folder, number).read_bytes())
    shard_path(pairs, 1).write_bytes(b"nothing of the kind")
    shard_path(pairs, 3).write_bytes(b"")
    told: list[str] = []
    done = train(config(pairs, steps=1), tmp_path / "run", schedule=EACH_STEP, tell=told.append)
    assert [line.startswith("skipped") for line in told[:2]] == [True, True]
    assert "shard-00001.npz is no shard" in told[0]
    assert "shard-00003.npz is no shard" in told[1]
    assert [one.name for one in done.skipped] == ["shard-00001.npz", "shard-00003.npz"]
    shard_path(pairs, 2).unlink()
    with pytest.raises(VideoError, match=r"fewer than 2 shards of pairs, besides 2 that cannot be used"):
        train(config(pairs, steps=1), tmp_path / "other")


def test_a_folder_without_pairs_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="fomm synthesize"):
        train(config(tmp_path), tmp_path / "run", schedule=EACH_STEP)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_params": {"steps": 0}}, r"train_params\.steps: must be at least 1"),
        ({"train_params": {"precision": "int4"}}, r"train_params\.precision"),
        ({"train_params": {"ema_decay": 1.0}}, r"train_params\.ema_decay"),
        ({"network_params": {"widht": 8}}, "widht"),
    ],
)
def test_configs_that_cannot_be(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse({"model": "face-lite", **change})


def test_the_command_trains_what_the_config_names(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({"model": "face-lite", "network_params": {"width": 8}}))
    command = [
        Path(sys.executable).with_name("fomm"),
        "train",
        path,
        "--data",
        folder,
        "-o",
        tmp_path / "run",
    ]
    small = ["--set", "train_params.steps=2", "--set", "train_params.batch_size=2"]
    result = subprocess.run([*command, *small], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "--model face-lite --checkpoint" in result.stdout
    refused = subprocess.run(
        [*command, "--resume", "--vgg19", "vgg19.pth"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "--vgg19" in refused.stderr


def test_two_processes_learn_what_one_learns(folder: Path, tmp_path: Path) -> None:
    """By torchrun, over gloo: each has half of every batch, and the weights are those of the whole batches."""
    path, steps = tmp_path / "small.yaml", 2
    wanted = config(folder, precision="fp32", steps=steps)
    path.write_text(yaml.safe_dump(wanted.to_dict()))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "fomm.training", str(path), "-o", str(tmp_path / "both"), "--device", "cpu"]
    result = subprocess.run(
        [*command, "--log-every", "1", "--sheet-every", "2"],
        capture_output=True,
        text=True,
        timeout=250,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "on cpu, 2 processes" in result.stdout
    assert result.stdout.count(f"step {steps}:") == 1
    one = train(wanted, tmp_path / "one", schedule=Schedule(log_every=1, sheet_every=2))
    for ours, theirs in zip(rows(one.folder), rows(tmp_path / "both"), strict=True):
        for name in set(ours) - {"pairs_per_second"}:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3), name
    torch.manual_seed(wanted.train_params.seed)
    begun = CorrectionNetwork(8)
    alone, shared = (states.load(run / states.STATE) for run in (one.folder, tmp_path / "both"))
    astray: list[torch.Tensor] = []
    for number, (name, before) in enumerate(begun.named_parameters()):
        if name == "convolutions.out.bias":
            continue  # taken off again with what is said at rest: its gradient is rounding
        ours, theirs = (state["optimizer"]["state"][number]["exp_avg"] for state in (alone, shared))
        # Rounding makes up to 0.2 percent; batch statistics of each process's own would make 30 at least.
        assert (ours - theirs).norm() < 1e-2 * ours.norm(), name
        ours, theirs = (state["network"][name] for state in (alone, shared))
        astray.append(((ours - theirs).abs() > 0.1 * (ours - before).abs()).flatten())
    # Adam makes as much of a gradient that is rounding as of any other: 2 weights in ten thousand. By statistics of
    # each process's own it were 3 in ten.
    assert torch.cat(astray).float().mean() < 2e-3
    for name, ours in alone["network"].items():
        torch.testing.assert_close(ours, shared["network"][name], rtol=0, atol=5e-3, msg=name)


def test_the_shipped_config_is_valid() -> None:
    data = find("face-lite")
    assert data is not None
    assert parse(data).dataset_params.pairs > 1
    assert find("vox-256") is None
