"""A training from beginning to end: steps, numbers, sheets, checkpoints, and going on after a stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn
from torch.utils.data import DataLoader

from fomm import checkpoints
from fomm.config import Config
from fomm.errors import ConfigError, TrainingError
from fomm.model import load_networks
from fomm.networks.first_order import FirstOrderModel, build_discriminator
from fomm.training import features, losses, states
from fomm.training.averaging import Average
from fomm.training.dataset import (
    Clips,
    EpochSampler,
    PairDataset,
    ShownPair,
    Skipped,
    collate,
    find,
    shown_pairs,
)
from fomm.training.logs import Log, Window
from fomm.training.processes import Processes, processes
from fomm.training.sheets import sheet
from fomm.training.transform import RandomTransform
from fomm.wording import counted

#: Learning rates fall to this share of what they were at each milestone.
_FALL = 0.1

_CALMER = "Go on with --resume --accept-changes at lower learning rates, or with train_params.clip_grad_norm"

#: Pairs on a sample sheet.
_SHOWN = 6


@dataclass(frozen=True)
class Schedule:
    """What a run does besides the config: none of it changes the weights, but for `steps`.

    Attributes:
        steps: stop after so many steps in all; None goes through the config's epochs.
        log_every: steps between rows of the log.
        sheet_every: steps between sample sheets; 0 makes none.
        save_every: seconds between states.
        workers: processes that read clips, or render people; 0 does it in the training process.
    """

    steps: int | None = None
    log_every: int = 50
    sheet_every: int = 1000
    save_every: float = 300
    workers: int = 0


@dataclass(frozen=True)
class Teacher:
    """A trained model to learn from: a large one teaches a smaller one (distillation).

    Attributes:
        config: its own.
        checkpoint: its weights.
    """

    config: Config
    checkpoint: Path


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        folder: where everything is.
        step: steps done in all.
        finished: whether it came to its end, and was not stopped.
        weights: the checkpoint that `--checkpoint` takes; None where it is not finished.
        skipped: clips that could not be used.
    """

    folder: Path
    step: int
    finished: bool
    weights: Path | None
    skipped: tuple[Skipped, ...]


def train(
    config: Config,
    folder: Path | str,
    *,
    schedule: Schedule | None = None,
    device: str | None = None,
    vgg19: Path | None = None,
    perceptual: features.Features | None = None,
    init: Path | None = None,
    teacher: Teacher | None = None,
    resume: bool = False,
    accept_changes: bool = False,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = print,
) -> Summary:
    """Train a model as its config says, in the processes that `torchrun` started, or in this one alone.

    Args:
        config: model, data set and training.
        folder: where log, sheets, states and checkpoints go.
        schedule: see there.
        device: see `fomm.training.processes.processes`.
        vgg19: see `fomm.training.features.load`.
        perceptual: features to use instead of those that the config names.
        init: a checkpoint whose weights are begun with.
        teacher: a trained model whose pictures are learnt from as well.
        resume: go on with the training in `folder`.
        accept_changes: go on although data or config have changed since, but for the networks' sizes.
        stop: asked after each step; where it says yes, the state is kept and the run ends.
        tell: takes lines for the user.

    Raises:
        ConfigError: a setting does not fit, or differs from the training that is to be resumed.
        VideoError: there is nothing to train on.
        TrainingError: a loss is no number any more, the state cannot be read or written.
    """
    folder, schedule = Path(folder), schedule or Schedule()
    with processes(device) as ours:
        _check(config, ours)
        states.check_folder(folder, resume=resume)
        if not ours.first:
            tell = _silent
        if perceptual is None:
            name, judge = _perceptual(config, vgg19)
        else:
            name, judge = type(perceptual).__name__, perceptual.freeze()
        clips = find(config.dataset_params)
        for one in clips.skipped:
            tell(f"skipped {one.name}: {one.reason}")
        amount = f"{counted(len(clips.train), 'clip')} to train on, {len(clips.test)} to show"
        where = f"on {ours.device}, {counted(ours.world, 'process', 'processes')}"
        tell(f"{amount}, {len(clips.skipped)} skipped; perceptual features: {name}; {where}")
        taught = None if teacher is None else _teacher(teacher, config)
        if taught is None and not losses.any_weight(config):
            raise ConfigError("train_params.loss_weights: all are 0, and so nothing is learnt")
        training = _Training(config, folder, schedule, ours, clips, judge, taught, tell)
        training.facts["perceptual_features"] = name
        training.facts["teacher"] = "none" if teacher is None else teacher.config.name
        if resume:
            training.resume(accept_changes=accept_changes)
        elif init is not None:
            training.begin_with(init)
        if ours.first:
            training.settle()
        return training.run(stop)


def _silent(_: str) -> None:
    """Only the first process tells."""


def _perceptual(config: Config, vgg19: Path | None) -> tuple[str, features.Features]:
    if not any(config.train_params.loss_weights.perceptual):
        return "none", features.Features((0, 0, 0), (1, 1, 1))
    return features.load(config.train_params.perceptual_features, vgg19=vgg19)


def _teacher(teacher: Teacher, config: Config) -> FirstOrderModel:
    """The teacher's networks, frozen.

    Raises:
        ConfigError: it takes other pictures, or nothing is to be learnt from it.
        CheckpointError: its weights are damaged, or another model's.
    """
    if not config.train_params.loss_weights.distillation:
        raise ConfigError(
            "train_params.loss_weights.distillation: is 0, and so nothing is learnt from the teacher"
        )
    networks = load_networks(teacher.config, teacher.checkpoint)
    height, width = config.dataset_params.frame_shape[:2]
    if height % networks.size_step or width % networks.size_step:
        raise ConfigError(
            f"dataset_params.frame_shape: the teacher takes multiples of {networks.size_step}, not {width}x{height}"
        )
    return networks


def _check(config: Config, ours: Processes) -> None:
    """What a config may say, but a training cannot do."""
    params, common = config.train_params, config.model_params.common_params
    losses.check(config)
    if params.precision not in ("fp32", "bf16"):
        raise ConfigError(f"train_params.precision: {params.precision!r} is unknown; give fp32 or bf16")
    if common.num_channels != 3 or config.dataset_params.frame_shape[2] != 3:
        raise ConfigError("dataset_params.frame_shape: only frames with 3 channels can be trained on")
    if not 0 <= params.ema_decay < 1:
        raise ConfigError(f"train_params.ema_decay: must be at least 0 and below 1, not {params.ema_decay}")
    for key in ("batch_size", "num_repeats", "num_epochs", "checkpoint_freq"):
        if getattr(params, key) < 1:
            raise ConfigError(f"train_params.{key}: must be at least 1, not {getattr(params, key)}")
    ours.share(params.batch_size)
    height, width = config.dataset_params.frame_shape[:2]
    with torch.device("meta"):
        step = FirstOrderModel(config).size_step
    if height % step or width % step:
        raise ConfigError(
            f"dataset_params.frame_shape: heights and widths must be multiples of {step}, not {width}x{height}"
        )


class _Training:
    """Networks, optimizers and data of one run."""

    def __init__(
        self,
        config: Config,
        folder: Path,
        schedule: Schedule,
        ours: Processes,
        clips: Clips,
        judge: features.Features,
        teacher: FirstOrderModel | None,
        tell: Callable[[str], None],
    ) -> None:
        self._config, self._folder, self._schedule, self._ours = config, folder, schedule, ours
        self._clips, self._tell = clips, tell
        params = config.train_params
        torch.manual_seed(params.seed)
        self._model = FirstOrderModel(config).to(ours.device)
        self._discriminator = build_discriminator(config).to(ours.device)
        self._average = Average(self._model, params.ema_decay) if params.ema_decay else None
        generator_objective = losses.GeneratorObjective(
            config,
            self._model,
            judge.to(ours.device),
            self._discriminator,
            None if teacher is None else teacher.to(ours.device),
        )
        self._generator_step = ours.wrap(generator_objective.to(ours.device).train())
        self._adversarial = params.loss_weights.generator_gan != 0
        discriminator_objective = losses.DiscriminatorObjective(config, self._discriminator).to(ours.device)
        self._discriminator_step = (
            ours.wrap(discriminator_objective.train()) if self._adversarial else discriminator_objective
        )
        self._networks: dict[str, tuple[nn.Module, float]] = {
            "generator": (self._model.generator, params.lr_generator),
            "kp_detector": (self._model.kp_detector, params.lr_kp_detector),
            "discriminator": (self._discriminator, params.lr_discriminator),
        }
        # One launch for all parameters; the numbers are the same.
        self._optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=rate, betas=(0.5, 0.999), foreach=True)
            for name, (network, rate) in self._networks.items()
        }
        self._dataset = PairDataset(clips.train, config)
        self._sampler = EpochSampler(
            len(self._dataset),
            repeats=params.num_repeats,
            batch=params.batch_size,
            seed=params.seed,
            rank=ours.rank,
            world=ours.world,
        )
        if self._sampler.steps == 0:
            raise ConfigError(
                f"train_params.batch_size: {params.batch_size} is more than an epoch's {len(self._dataset)} x "
                f"num_repeats {params.num_repeats} pairs; raise num_repeats"
            )
        self._step = 0
        self._skipped = dict(clips.skipped)
        self._shown: list[ShownPair] = []
        #: What must be the same for a training to go on as it was, besides the config.
        self.facts: dict[str, Any] = {"identities": len(self._dataset), "processes": ours.world}

    # -- keeping and going on ---------------------------------------------------------------------------

    def begin_with(self, path: Path) -> None:
        """Take the weights of a checkpoint, discriminator included where it has one."""
        weights = checkpoints.read(path)
        weights.load_into(self._model, model=self._config.name)
        if weights.discriminator is not None:
            try:
                self._discriminator.load_state_dict(weights.discriminator)
            except RuntimeError:
                self._tell(f"{path}: its discriminator is another; a new one is trained")
        if self._average is not None:
            self._average = Average(self._model, self._average.decay)

    def resume(self, *, accept_changes: bool) -> None:
        """Go on where the state in the folder ends."""
        path = self._folder / states.STATE
        state = states.load(path)
        changed = states.differences(
            {**state["config"], "facts": state["facts"]}, {**self._config.to_dict(), "facts": self.facts}
        )
        states.refuse_changes(
            path, changed, networks="model_params", other="other networks", accept=accept_changes
        )
        for name, (network, _) in self._networks.items():
            network.load_state_dict(state[name])
            self._optimizers[name].load_state_dict(state["optimizers"][name])
        if self._average is not None and state["average"] is not None:
            self._average.load_state_dict(state["average"])
        self._step = state["step"]
        self._tell(f"going on after step {self._step}")

    def settle(self) -> None:
        """Write what a training begins with: a folder that cannot be written is refused before hours are spent."""
        try:
            (self._folder / "samples").mkdir(exist_ok=True)
            text = yaml.safe_dump(self._config.to_dict(), sort_keys=False)
            (self._folder / f"{self._config.name}.yaml").write_text(text, encoding="utf-8")
        except OSError as error:
            raise TrainingError(
                f"{self._folder} cannot be written ({error.strerror}); choose another"
            ) from None
        self._save()

    def _save(self) -> None:
        """Keep all that is needed to go on to the bit, unless it is spoilt."""
        path, networks = self._folder / states.STATE, [network for network, _ in self._networks.values()]
        states.refuse_spoilt(path, networks, step=self._step, advice=_CALMER)
        contents = {
            **states.head(),
            **{name: network.state_dict() for name, (network, _) in self._networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self._optimizers.items()},
            "average": None if self._average is None else self._average.state_dict(),
            "config": self._config.to_dict(),
            "facts": self.facts,
            "step": self._step,
            "epoch": self._step // self._sampler.steps,
        }
        states.save(path, contents)

    def _export(self, name: str) -> Path:
        """Write weights as the published checkpoints are: averaged, where they are averaged."""
        model = self._model if self._average is None else self._average.network
        path = self._folder / f"{name}.pth.tar"
        states.save(
            path,
            {
                "generator": model.generator.state_dict(),
                "kp_detector": model.kp_detector.state_dict(),
                "discriminator": self._discriminator.state_dict(),
                "epoch": self._step // self._sampler.steps,
            },
        )
        return path

    def _keep(self, write: Callable[[], object]) -> None:
        """Write, and go on if there is no room: what is there is kept, and the next time there may be."""
        try:
            write()
        except states.UnwrittenError as error:
            self._tell(f"{error}. Training goes on.")

    # -- the loop ---------------------------------------------------------------------------------------

    def run(self, stop: Callable[[], bool]) -> Summary:
        """Train to the end, or until `stop`."""
        params, first = self._config.train_params, self._ours.first
        total = params.num_epochs * self._sampler.steps
        total = min(total, self._schedule.steps or total)
        window, saved, stopped = Window(), time.monotonic(), False
        with Log(self._folder, step=self._step) if first else nullcontext() as log:
            for batch in self._batches(total):
                self._note_skipped(batch["skipped"])
                window.add(self._train_on(batch), len(batch["source"]) * self._ours.world)
                self._step += 1
                stopped = self._ours.any(stop())
                epoch_ends = self._step % self._sampler.steps == 0
                epoch = self._step // self._sampler.steps
                if log is not None:
                    if self._step % self._schedule.log_every == 0 or self._step == total:
                        self._log(log, window, epoch)
                    every = self._schedule.sheet_every
                    if every and (self._step % every == 0 or self._step == total):
                        self._show(log)
                    if epoch_ends and epoch % params.checkpoint_freq == 0:
                        self._keep(lambda name=f"epoch-{epoch:04d}": self._export(name))  # type: ignore[misc]
                    if time.monotonic() - saved > self._schedule.save_every:
                        self._keep(self._save)
                        saved = time.monotonic()
                if stopped:
                    break
            finished = self._step >= total
            if first:
                self._save()
        weights = self._export(self._config.name) if first and finished else None
        self._ours.wait()
        return Summary(
            self._folder, self._step, finished, weights, tuple(Skipped(*one) for one in self._skipped.items())
        )

    def _batches(self, total: int) -> Iterator[dict[str, Any]]:
        workers = self._schedule.workers
        loader = DataLoader(
            self._dataset,
            batch_sampler=self._sampler,
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
            # A forked copy of a process with threads in it (OpenCV's, FFmpeg's, PyTorch's) may crash or hang.
            multiprocessing_context="spawn" if workers else None,
            pin_memory=self._ours.device.type == "cuda",
        )
        while self._step < total:
            epoch, start = divmod(self._step, self._sampler.steps)
            self._sampler.set(epoch, start)
            self._set_rates(epoch)
            for batch in loader:
                yield batch
                if self._step >= total:
                    return

    def _set_rates(self, epoch: int) -> None:
        fallen = _FALL ** sum(epoch >= milestone for milestone in self._config.train_params.epoch_milestones)
        for name, (_, rate) in self._networks.items():
            for group in self._optimizers[name].param_groups:
                group["lr"] = rate * fallen

    def _train_on(self, batch: dict[str, Any]) -> dict[str, float]:
        """One step of all networks; the losses by name."""
        device = self._ours.device
        source, driving = (batch[key].to(device, non_blocking=True) for key in ("source", "driving"))
        transform = self._transform(len(source)).to(device)
        self._discriminator.requires_grad_(False)
        with self._autocast():
            found, prediction, keypoints = self._generator_step(source, driving, transform)
        self._refuse_nan(found)
        self._learn(found, "generator", "kp_detector")
        if self._adversarial:
            self._discriminator.requires_grad_(True)
            with self._autocast():
                judged = self._discriminator_step(driving, prediction.detach(), losses.detached(keypoints))
            self._refuse_nan(judged)
            self._learn(judged, "discriminator")
            found |= judged
        if self._average is not None:
            self._average.update(self._model)
        return {name: float(value.detach()) for name, value in found.items()}

    def _learn(self, found: losses.Losses, *names: str) -> None:
        for name in names:
            self._optimizers[name].zero_grad(set_to_none=True)
        torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
        limit = self._config.train_params.clip_grad_norm
        if limit:
            parameters = [p for name in names for p in self._networks[name][0].parameters()]
            torch.nn.utils.clip_grad_norm_(parameters, limit)
        for name in names:
            self._optimizers[name].step()

    def _refuse_nan(self, found: losses.Losses) -> None:
        wrong = [name for name, value in found.items() if not math.isfinite(float(value.detach()))]
        if not self._ours.any(bool(wrong)):
            return
        raise TrainingError(
            f"{' and '.join(wrong) or 'a loss of another process'} is no number any more at step {self._step + 1}; "
            f"{self._folder / states.STATE} keeps the last good state. {_CALMER}"
        )

    def _transform(self, batch: int) -> RandomTransform:
        seed = np.random.SeedSequence([self._config.train_params.seed, self._step, self._ours.rank])
        generator = torch.Generator().manual_seed(int(seed.generate_state(1)[0]))
        return RandomTransform.draw(batch, self._config.train_params.transform_params, generator)

    def _autocast(self) -> torch.autocast:
        enabled = self._config.train_params.precision == "bf16"
        return torch.autocast(self._ours.device.type, torch.bfloat16, enabled=enabled)

    # -- what is told -----------------------------------------------------------------------------------

    def _note_skipped(self, skipped: list[Skipped]) -> None:
        for name, reason in skipped:
            if name not in self._skipped:
                self._skipped[name] = reason
                self._tell(f"skipped {name}: {reason}")

    def _log(self, log: Log, window: Window, epoch: int) -> None:
        numbers, rate = window.close()
        log.write(self._step, {"epoch": epoch, **numbers, "pairs_per_second": rate})
        shown = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        self._tell(f"step {self._step}, epoch {epoch}: {shown}; {rate:.3g} pairs/s")

    def _show(self, log: Log) -> None:
        if not self._shown:
            self._shown = shown_pairs(self._clips, self._config.dataset_params, count=_SHOWN)
        model = self._model if self._average is None else self._average.network
        training = model.training
        model.eval()
        align_corners = self._config.model_params.common_params.align_corners
        picture = sheet(model, self._shown, self._config.visualizer_params, align_corners=align_corners)
        model.train(training)
        log.show(self._step, picture, self._tell)
