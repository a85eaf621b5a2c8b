"""A call goes on when the GPU does not: a session on an engine that raises what a full or lost GPU raises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm import engines
from live.app import Settings, run
from live.config import Setting, assemble
from live.interrupts import Interrupts
from live.notices import Notices
from live.report import Report
from tests.fomm.engines.stand_in import FULL, LOST, StandIn


@pytest.mark.parametrize("fault", [FULL, LOST], ids=["full", "lost"])
def test_the_session_goes_on_with_the_processor_and_says_so(
    make_small_model: Callable[..., Any],
    clip: Path,
    avatar: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Exception,
) -> None:
    steps = iter(range(10_000))

    class Failing(StandIn):
        def step(self, *arguments: Any) -> Any:
            StandIn.fails_with = fault if next(steps) >= 5 else None
            return super().step(*arguments)

    StandIn.fails_with, StandIn.largest, StandIn.made = None, 99, []
    monkeypatch.setitem(engines.ENGINES, "stand-in", Failing)
    small = make_small_model("faces", face_crop=True)
    wanted = {
        "gallery.avatars": (str(avatar),),
        "output.size": (128, 128),
        "output.sinks": ("null",),
        "camera.source": str(clip),
        "model.name": str(small.config),
        "model.checkpoint": str(small.checkpoint),
        "model.engine": "stand-in",
    }
    config = assemble({path: Setting(value, "test") for path, value in wanted.items()})
    told: list[Report] = []
    run(
        Settings(config, paced=False, frames=15),
        notices=Notices(),
        interrupts=Interrupts(),
        tell=told.append,
    )
    assert (told[0].frames_in, told[0].frames_out) == (15, 15), "no frame was lost"
    assert told[0].engine == "torch fp32 on CPU"
    notes = [line for line in capsys.readouterr().err.splitlines() if "Stand-in GPU" in line]
    assert len(notes) == 1, notes
    assert "going on with torch fp32 on CPU" in notes[0]
