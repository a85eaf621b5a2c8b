"""A correction's training from beginning to end, and going on after a stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from fomm.errors import ConfigError, TrainingError
from fomm.training import states
from fomm.training.averaging import Average
from fomm.training.correction.objective import Batch, CorrectionNetwork, measure, sheet
from fomm.training.correction.samples import Supply
from fomm.training.correction.settings import CorrectionConfig
from fomm.training.correction.shards import Shards
from fomm.training.correction.stream import Stream
from fomm.training.logs import Log, Window
from fomm.training.processes import Processes, processes
from fomm.training.run import Schedule, Summary
from fomm.wording import counted

#: What is exported.
WEIGHTS = "face-lite.safetensors"

#: Held-out samples that are measured at once.
_CHUNK = 64

#: Pairs on a sample sheet.
_SHOWN = 8

_CALMER = "Go on with --resume --accept-changes at a lower learning rate"

#: The learning rate ends at this share of its highest.
_LEAST_RATE = 0.01


def train(
    config: CorrectionConfig,
    folder: Path,
    *,
    schedule: Schedule | None = None,
    device: str | None = "cpu",
    resume: bool = False,
    accept_changes: bool = False,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = print,
) -> Summary:
    """Train the correcting network, in the processes that `torchrun` started, or in this one alone.

    Args:
        config: network, data and training.
        folder: where log, sample sheets, state and weights go.
        schedule: see there; where sheets are due, what is held out is measured and new shards are taken in.
        device: see `fomm.training.processes.processes`; the network is small, and learns on the processor as well.
        resume: go on with the training in `folder`.
        accept_changes: go on although the config has changed since, but for the network's size.
        stop: asked before each step; where it says yes, the state is kept and the run ends.
        tell: takes lines for the user.

    Raises:
        ConfigError: a setting differs from the training that is to be resumed.
        VideoError: there is nothing to train on.
        ExtraError, EglError: people are streamed, and cannot be rendered here.
        TrainingError: a loss is no number any more, the state cannot be read or written, a process died.
    """
    schedule = schedule or Schedule()
    with processes(device) as ours:
        _check(config, ours)
        states.check_folder(folder, resume=resume)
        if not ours.first:
            tell = _silent
        data = config.dataset_params
        supply: Supply = (
            Stream(data, folder, ours, workers=schedule.workers, tell=tell)
            if data.stream
            else Shards(data, ours, tell)
        )
        with closing(supply):
            training = _Training(config, folder, schedule, ours, supply, tell)
            if resume:
                training.resume(accept_changes=accept_changes)
            elif ours.first:
                training.settle()
            return training.run(stop)


def _silent(_: str) -> None:
    """Only the first process tells."""


def _check(config: CorrectionConfig, ours: Processes) -> None:
    """What a config may say, but so many processes cannot do."""
    share, data = ours.share(config.train_params.batch_size), config.dataset_params
    if data.stream and share % data.pairs:
        raise ConfigError(
            f"train_params.batch_size: people are streamed with {data.pairs} pairs each (dataset_params.pairs); give "
            f"a multiple of {ours.world * data.pairs}, not {config.train_params.batch_size}"
        )


class _Training:
    """Network, optimizer and data of one run."""

    def __init__(
        self,
        config: CorrectionConfig,
        folder: Path,
        schedule: Schedule,
        ours: Processes,
        supply: Supply,
        tell: Callable[[str], None],
    ) -> None:
        self._config, self._folder, self._schedule, self._tell = config, folder, schedule, tell
        self._ours, self._supply = ours, supply
        params = config.train_params
        torch.manual_seed(params.seed)
        self._network = CorrectionNetwork(config.network_params.width).to(ours.device)
        self._average = Average(self._network, params.ema_decay)
        self._shared = ours.wrap(self._network)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(),
            lr=params.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=params.weight_decay,
        )
        self._step = 0
        weights = sum(p.numel() for p in self._network.parameters())
        where = f"on {ours.device}, {counted(ours.world, 'process', 'processes')}"
        tell(f"{supply.describe()}, {weights} weights; {where}")

    def resume(self, *, accept_changes: bool) -> None:
        """Go on where the state in the folder ends."""
        path = self._folder / states.STATE
        state = states.load(path)
        changed = states.differences(state["config"], self._config.to_dict())
        states.refuse_changes(
            path, changed, networks="network_params", other="another network", accept=accept_changes
        )
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average.load_state_dict(state["average"])
        self._step = state["step"]
        self._tell(f"going on after step {self._step}")

    def settle(self) -> None:
        """Write what a training begins with."""
        try:
            (self._folder / "samples").mkdir(exist_ok=True)
            text = yaml.safe_dump(self._config.to_dict(), sort_keys=False)
            (self._folder / "face-lite.yaml").write_text(text, encoding="utf-8")
        except OSError as error:
            raise TrainingError(
                f"{self._folder} cannot be written ({error.strerror}); choose another"
            ) from None
        self._save()

    def run(self, stop: Callable[[], bool]) -> Summary:
        """Train to the end, or until `stop`."""
        params, schedule = self._config.train_params, self._schedule
        total = min(params.steps, schedule.steps or params.steps)
        every, first = schedule.sheet_every, self._ours.first
        window, saved, held_out = Window(), time.monotonic(), self._held_out()
        with Log(self._folder, step=self._step) if first else nullcontext() as log:
            while self._step < total and not self._ours.any(stop()):
                window.add(self._train(), params.batch_size)
                self._step += 1
                last = self._step == total
                if every and (self._step % every == 0 or last):
                    if log is not None:
                        held_out = self._held_out()
                        self._show(log)
                    self._supply.refresh()
                if log is not None:
                    if self._step % schedule.log_every == 0 or last:
                        self._log(log, window, held_out)
                    if time.monotonic() - saved > schedule.save_every:
                        self._keep()
                        saved = time.monotonic()
        if first:
            self._save()
        weights = self._export() if first else None
        self._ours.wait()
        return Summary(self._folder, self._step, self._step >= total, weights, tuple(self._supply.skipped))

    def _train(self) -> dict[str, float]:
        params = self._config.train_params
        share = self._ours.share(params.batch_size)
        places = range(self._ours.rank * share, (self._ours.rank + 1) * share)
        chance = [np.random.default_rng([params.seed, self._step, place]) for place in places]
        batch = Batch.of(self._supply.draw(self._step, chance))
        batch = batch.mirrored(torch.tensor([rng.random() < 0.5 for rng in chance]))
        if params.blurred_senses:
            batch = batch.blurred_senses(chance, params.blurred_senses)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        device = self._ours.device
        with torch.autocast(device.type, torch.bfloat16, enabled=params.precision == "bf16"):
            loss, numbers = measure(self._shared, batch.to(device), params.loss_weights, self._ours)
        if not math.isfinite(numbers["loss"]):
            raise TrainingError(
                f"the loss is no number any more at step {self._step + 1}; {self._folder / states.STATE} keeps the "
                f"last good state. {_CALMER}"
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if params.clip_grad_norm:
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), params.clip_grad_norm)
        self._optimizer.step()
        self._average.update(self._network)
        return numbers

    def _rate(self) -> float:
        params = self._config.train_params
        warm = min(1.0, (self._step + 1) / max(params.warm_up, 1))
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, self._step / params.steps)))
        return params.learning_rate * warm * (_LEAST_RATE + (1 - _LEAST_RATE) * fall)

    @torch.no_grad()
    def _held_out(self) -> dict[str, float]:
        """What the averaged network reaches on people it has never seen; the first process says it."""
        if not self._ours.first:
            return {}
        found: list[dict[str, float]] = []
        for shard in self._supply.held_out:
            for start in range(0, len(shard["pose"]), _CHUNK):
                batch = Batch.of({name: values[start : start + _CHUNK] for name, values in shard.items()})
                batch = batch.to(self._ours.device)
                found.append(measure(self._average.network, batch, self._config.train_params.loss_weights)[1])
        return {f"held_out_{name}": float(np.mean([one[name] for one in found])) for name in found[0]}

    def _log(self, log: Log, window: Window, held_out: dict[str, float]) -> None:
        means, rate = window.close()
        numbers = {**means, "pairs_per_second": rate, **held_out}
        log.write(self._step, numbers)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        self._tell(f"step {self._step}: {shown}")

    def _show(self, log: Log) -> None:
        """A sample sheet of people it has never seen."""
        shown = {name: values[:_SHOWN] for name, values in self._supply.held_out[0].items()}
        picture = sheet(self._average.network, Batch.of(shown).to(self._ours.device))
        log.show(self._step, picture, self._tell)

    def _save(self) -> None:
        path = self._folder / states.STATE
        states.refuse_spoilt(path, [self._network], step=self._step, advice=_CALMER)
        contents: dict[str, Any] = {
            **states.head(),
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self._average.state_dict(),
            "config": self._config.to_dict(),
            "step": self._step,
        }
        states.save(path, contents)

    def _keep(self) -> None:
        """Save and export; if there is no room, what is there is kept, and the next time there may be."""
        try:
            self._save()
            self._export()
        except states.UnwrittenError as error:
            self._tell(f"{error}. Training goes on.")

    def _export(self) -> Path:
        """Write the averaged weights as they are executed, in half precision."""
        from safetensors.torch import save

        network = self._average.network
        contents = save({name: tensor.half().contiguous() for name, tensor in network.folded().items()})
        path = self._folder / WEIGHTS
        states.write(path, contents)
        return path
