"""`--engine auto`: tried, remembered, honest about what it skips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fomm import engines
from fomm.engines import cache, choosing
from fomm.engines.base import Engine, Frames, Source
from fomm.engines.torch import TorchEngine
from fomm.errors import ConfigError, EngineError
from fomm.keypoints import Transfer
from fomm.networks.first_order import FirstOrderModel


class Quick(TorchEngine):
    """An engine that is faster than PyTorch, since it makes nothing new."""

    name = "quick"
    spoil: Any = staticmethod(lambda frames: frames)

    def step(self, source: Source, frames: Frames, transfer: Transfer) -> Frames:
        return np.asarray(self.spoil(super().step(source, frames, transfer)))


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no engine prescribed."""
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    monkeypatch.delenv("FOMM_ENGINE")
    return tmp_path


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Offer this engine beside PyTorch's, and pretend these times."""

    def make(factory: Any, times: dict[str, float] | None = None) -> None:
        monkeypatch.setattr(engines, "ENGINES", {"quick": factory, "torch": engines.ENGINES["torch"]})
        if times is not None:
            monkeypatch.setattr(choosing, "milliseconds_per_frame", lambda engine, _: times[engine.name])

    return make


def create(networks: FirstOrderModel) -> Engine:
    return engines.create("auto", networks, device="cpu")


def test_the_fastest_is_taken_and_says_why(networks: FirstOrderModel, offer: Any) -> None:
    offer(Quick, {"quick": 10.0, "torch": 40.0})
    engine = create(networks)
    assert engine.name == "quick"
    assert engine.description == "quick fp32 on CPU (the fastest here: quick 100.0 FPS, torch 25.0 FPS)"
    assert engine.notices == ()


def test_the_choice_is_remembered(
    networks: FirstOrderModel, offer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(Quick, {"quick": 10.0, "torch": 40.0})
    first = create(networks)
    monkeypatch.setattr(choosing, "_try", lambda *_: pytest.fail("tried again"))
    assert create(networks).description == first.description


def test_a_damaged_record_is_made_anew(networks: FirstOrderModel, offer: Any, fresh: Path) -> None:
    offer(Quick, {"quick": 10.0, "torch": 40.0})
    create(networks)
    (record,) = fresh.glob("auto-*")
    for content in (b"", record.read_bytes()[:-3]):
        record.write_bytes(content)
        assert create(networks).name == "quick"
        assert cache.read_record(record) is not None
    cache.write_record(record, {"engine": "gone"})
    assert create(networks).name == "quick"


def test_what_was_chosen_and_is_gone_is_chosen_anew(networks: FirstOrderModel, offer: Any) -> None:
    offer(Quick, {"quick": 10.0, "torch": 40.0})
    create(networks)

    def broken(*_: Any, **__: Any) -> Engine:
        raise EngineError("its library was removed")

    offer(broken)
    engine = create(networks)
    assert engine.name == "torch"
    assert engine.notices == ("engine quick skipped: its library was removed",)


class ForeignError(Exception):
    """ONNX Runtime's errors are nothing but exceptions."""


@pytest.mark.parametrize(
    "error",
    [
        EngineError("does not compile"),
        RuntimeError("at line 7:\ndoes not compile"),
        ForeignError("does not compile"),
    ],
)
def test_an_engine_that_fails_is_named_and_skipped(
    networks: FirstOrderModel, offer: Any, error: Exception
) -> None:
    def broken(*_: Any, **__: Any) -> Engine:
        raise error

    offer(broken)
    engine = create(networks)
    assert engine.name == "torch"
    assert engine.why == "the only one that runs here"
    assert engine.notices == ("engine quick skipped: does not compile",)


def test_an_error_without_words_is_named_by_its_kind(networks: FirstOrderModel, offer: Any) -> None:
    class Mute(Quick):
        def step(self, *_: Any) -> Frames:
            raise ForeignError

    offer(Mute)
    assert create(networks).notices == ("engine quick skipped: ForeignError",)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), EngineError("it is out of memory for this model")],
)
def test_a_gpu_that_is_full_once_is_tried_again_at_the_next_start(
    networks: FirstOrderModel, offer: Any, fresh: Path, error: Exception
) -> None:
    def full(*_: Any, **__: Any) -> Engine:
        raise error

    offer(full)
    engine = create(networks)
    assert engine.name == "torch"
    assert "out of memory" in engine.notices[0]
    assert not list(fresh.glob("auto-*"))
    offer(Quick, {"quick": 10.0, "torch": 40.0})
    assert create(networks).name == "quick"


@pytest.mark.parametrize("spoil", [lambda frames: 255 - frames, lambda frames: frames * 0])
def test_wrong_pictures_are_named_and_skipped(networks: FirstOrderModel, offer: Any, spoil: Any) -> None:
    class Wrong(Quick):
        pass

    Wrong.spoil = staticmethod(spoil)
    offer(Wrong)
    engine = create(networks)
    assert engine.name == "torch"
    assert "engine quick skipped: quick fp32 makes pictures too far off" in engine.notices[0]


def test_nothing_that_runs_is_an_error(networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Engine:
        raise EngineError("out of order")

    monkeypatch.setattr(engines, "ENGINES", {"quick": broken})
    with pytest.raises(EngineError, match="no engine can run this model here: engine quick skipped"):
        create(networks)


def test_a_device_that_is_not_there_is_the_users_error(networks: FirstOrderModel) -> None:
    with pytest.raises(ConfigError, match="cuda:7"):
        engines.create("auto", networks, device="cuda:7")


def test_the_environment_may_prescribe(networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOMM_ENGINE", "torch")
    assert create(networks).description == "torch fp32 on CPU (FOMM_ENGINE says so)"
    monkeypatch.setenv("FOMM_ENGINE", "warp9")
    with pytest.raises(ConfigError, match="warp9"):
        create(networks)


def test_the_real_candidates(networks: FirstOrderModel) -> None:
    assert choosing.candidates("cpu")[-1] == "torch"
    assert "openvino" in choosing.candidates(None)
    assert "openvino" not in choosing.candidates("cuda:0")
