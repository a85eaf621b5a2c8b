"""People who are rendered while the network trains: who comes follows from the step, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fomm import cli_errors
from fomm.errors import ConfigError, TrainingError, VideoError
from fomm.synthetic.pairs import Plan, write_shards
from fomm.synthetic.render import EglError
from fomm.training import Schedule, states
from fomm.training.correction import CorrectionConfig, parse, stream, train
from fomm.training.correction.samples import Samples, of_shard
from fomm.training.correction.settings import DatasetParams
from fomm.training.correction.stream import Crew, Renderer, Stream
from fomm.training.processes import Processes
from tests.fomm.synthetic.rendering import needs_renderer
from tests.fomm.training.correction.people import PAIRS, Render

BATCH = 3 * PAIRS
ALONE = Processes(0, 1, torch.device("cpu"))
PARAMS = DatasetParams(stream=True, identities=3, pairs=PAIRS)


@pytest.fixture
def render(tmp_path: Path) -> Render:
    (tmp_path / "notes").mkdir()
    return Render(tmp_path / "notes")


@pytest.fixture
def streamed(render: Render, tmp_path: Path) -> Iterator[Callable[..., Stream]]:
    """Streams whose people cost nothing: `streamed(workers=2, faceless=(4,))`."""
    made: list[Stream] = []

    def make(
        *,
        workers: int = 0,
        params: DatasetParams = PARAMS,
        ours: Processes = ALONE,
        tell: Any = str,
        **changes: Any,
    ) -> Stream:
        rendering = replace(render, **changes)
        made.append(Stream(params, tmp_path, ours, workers=workers, tell=tell, render=rendering))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drawn(streamed: Stream, *steps: int) -> list[Samples]:
    return [streamed.draw(step, [np.random.default_rng(k) for k in range(BATCH)]) for step in steps]


def who(made: Samples) -> list[int]:
    return [int(number) for number in made["pose"][:, 0]]


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 200
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_who_comes_follows_from_the_step_whatever_renders(streamed: Callable[..., Stream]) -> None:
    here, there = drawn(streamed(), 0, 1, 2, 3), drawn(streamed(workers=2), 0, 1, 2, 3)
    assert [who(one) for one in here] == [
        [0, 0, 1, 1, 2, 2],
        [3, 3, 4, 4, 5, 5],
        [6, 6, 7, 7, 8, 8],
        [9, 9, 10, 10, 11, 11],
    ]
    for one, other in zip(here, there, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert who(drawn(streamed(), 2)[0]) == who(here[2])  # as a training that goes on after step 2 has it


def test_processes_share_the_people_of_a_step(streamed: Callable[..., Stream]) -> None:
    first, second = (streamed(ours=replace(ALONE, rank=rank, world=2)) for rank in (0, 1))
    assert second.held_out == []
    ours, theirs = (drawn(one, 1, 2) for one in (first, second))
    assert [who(one) for one in ours] == [[6, 6, 7, 7, 8, 8], [12, 12, 13, 13, 14, 14]]
    assert [who(one) for one in theirs] == [[9, 9, 10, 10, 11, 11], [15, 15, 16, 16, 17, 17]]


def test_who_is_held_out_is_rendered_once_and_never_trained_on(
    streamed: Callable[..., Stream], render: Render
) -> None:
    (unseen,) = streamed().held_out
    assert len(set(who(unseen))) == 3
    first = render.asked()
    assert min(first) > 10**8
    for name, values in streamed(without_egl=True).held_out[0].items():  # nothing needs to be rendered
        np.testing.assert_array_equal(values, unseen[name])
    told: list[str] = []
    others = streamed(params=replace(PARAMS, held_out=2), tell=told.append)
    assert len(set(who(others.held_out[0]))) == 6
    assert told == ["rendering 6 people who are held out"]


def test_others_stand_in_for_whom_no_face_is_found_in(streamed: Callable[..., Stream]) -> None:
    assert who(drawn(streamed(faceless=(1,)), 0)[0]) == [0, 0, 2, 2, 0, 0]
    with pytest.raises(VideoError, match=r"step 1: no face.*another dataset_params\.seed"):
        drawn(streamed(faceless=(0, 1, 2)), 0)


def test_what_is_not_taken_is_not_rendered(streamed: Callable[..., Stream], render: Render) -> None:
    """Memory is bounded: two people a process are waiting at most."""
    drawn(streamed(workers=2), 0)
    wait_until(lambda: 4 in render.asked())
    time.sleep(0.3)
    assert max(number for number in render.asked() if number < 10**8) <= 6


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals on this system")
def test_a_worker_that_dies_is_one_clear_error(streamed: Callable[..., Stream], render: Render) -> None:
    people = streamed(workers=1)
    drawn(people, 0)
    os.kill(int((render.notes / "0").read_text()), signal.SIGKILL)
    with pytest.raises(TrainingError, match=r"has died.*fewer --workers.*--resume"):
        drawn(people, *range(1, 9))


def test_what_rendering_needs_is_named(streamed: Callable[..., Stream]) -> None:
    with pytest.raises(EglError, match="apt install it"):
        streamed(without_egl=True, workers=1)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # So is one that nobody has buried yet.
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals on this system")
def test_workers_end_with_a_parent_that_is_killed(render: Render) -> None:
    code = (
        "import time, pathlib\n"
        "from fomm.training.correction.stream import Crew\n"
        "from tests.fomm.training.correction.people import Render\n"
        "if __name__ == '__main__':\n"
        f"    next(Crew(Render(pathlib.Path({str(render.notes)!r})), 1).render(range(9)))\n"
        "    time.sleep(60)\n"
    )
    root = Path(__file__).parents[4]
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    note = render.notes / "0"
    wait_until(lambda: note.exists() and bool(note.read_text()))
    worker = int(note.read_text())
    assert not gone(worker)
    parent.kill()
    parent.wait()
    wait_until(lambda: gone(worker))


def test_closing_ends_the_workers(render: Render) -> None:
    crew = Crew(render, 1)
    next(crew.render(range(9)))
    worker = int((render.notes / "0").read_text())
    crew.close()
    crew.close()
    wait_until(lambda: gone(worker))


# -- the training -----------------------------------------------------------------------------------------


def config(**dataset: Any) -> CorrectionConfig:
    return parse(
        {
            "model": "face-lite",
            "network_params": {"width": 8},
            "dataset_params": {"stream": True, "identities": 2, "pairs": PAIRS, **dataset},
            "train_params": {"steps": 6, "batch_size": BATCH, "warm_up": 1},
        }
    )


def test_a_resumed_training_has_the_people_that_would_have_come(
    render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "Renderer", lambda _: render)
    schedule = Schedule(log_every=1, sheet_every=2)
    whole = train(config(), tmp_path / "whole", schedule=schedule)
    assert render.closed
    asked = iter(range(100))
    train(config(), tmp_path / "parts", schedule=schedule, stop=lambda: next(asked) >= 3)
    for path in render.notes.iterdir():
        path.unlink()
    parts = train(config(), tmp_path / "parts", schedule=schedule, resume=True)
    assert render.asked() == set(range(9, 18))
    assert whole.weights is not None
    assert parts.weights is not None
    assert whole.weights.read_bytes() == parts.weights.read_bytes()


def test_other_people_are_a_change(render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "Renderer", lambda _: render)
    train(config(), tmp_path / "run", schedule=Schedule(steps=1))
    with pytest.raises(ConfigError, match=r"dataset_params\.seed was 0 and is 1"):
        train(config(seed=1), tmp_path / "run", resume=True)


def test_people_are_not_shared_by_batches(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"with 4 pairs each.*give a multiple of 4, not 6"):
        train(config(pairs=4), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pairs": 0}, r"dataset_params\.pairs: must be at least 1"),
        ({"size": 32}, r"dataset_params\.size: must be from 64 to 1024"),
        ({"seed": -1}, r"dataset_params\.seed"),
    ],
)
def test_streams_that_cannot_be(change: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(**change)


@needs_renderer
def test_people_are_those_that_synthesize_writes(tmp_path: Path) -> None:
    (path,) = write_shards(tmp_path, Plan(size=96, seed=3, identities=1, pairs=1), [5])
    written, renderer = of_shard(path), Renderer(DatasetParams(size=96, seed=3, pairs=1))
    try:
        for name, values in renderer(5).items():
            # A shard's motion is rounded.
            np.testing.assert_allclose(values, written[name], atol=2e-4, err_msg=name)
    finally:
        renderer.close()


@needs_renderer
def test_the_command_streams_ends_at_ctrl_c_and_goes_on(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("fomm")),
        "train",
        "face-lite",
        "--stream",
        "--workers",
        "1",
    ]
    for change in ("pairs=1", "identities=1", "size=96"):
        command += ["--set", f"dataset_params.{change}"]
    command += ["--set", "train_params.batch_size=2", "--log-every", "1", "-o", str(tmp_path / "run")]
    # In a session of its own, so that Ctrl-C reaches the workers as well, as in a terminal.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 2:"):
            break
    os.killpg(process.pid, signal.SIGINT)
    told, errors = process.communicate(timeout=200)
    assert process.returncode == cli_errors.INTERRUPTED, errors
    assert "Traceback" not in errors
    assert told.splitlines()[-1].endswith("--resume goes on")
    wait_until(lambda: gone(-process.pid))
    step = states.load(tmp_path / "run" / states.STATE)["step"]
    assert step >= 2
    result = subprocess.run(
        [*command, "--resume", "--steps", str(step + 1)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert f"going on after step {step}" in result.stdout
    assert "held out" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["face-lite", "--stream", "--data", "pairs"], "leave out one of the two"),
        (["vox-256", "--stream"], "only face-lite"),
    ],
)
def test_options_that_contradict(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fomm import commands

    given = ["train", *arguments, "-o", str(tmp_path / "run")]
    assert cli_errors.run(commands.app, given, program="fomm") == cli_errors.REFUSED
    assert words in capsys.readouterr().err
