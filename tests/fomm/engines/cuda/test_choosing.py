"""The way of execution and the precision are found out once, and remembered; what fails is named."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from fomm import engines
from fomm.engines import cache
from fomm.engines.cuda import availability, choosing
from fomm.engines.cuda.engine import CudaEngine
from fomm.engines.cuda.runtime import EagerRuntime
from fomm.engines.cuda.settings import PLAIN, Settings
from fomm.engines.fidelity import Fidelity
from fomm.errors import ConfigError, EngineError
from fomm.networks.first_order import FirstOrderModel

IDENTITY = {"gpu": "a stand-in", "driver": "1"}


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def no_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose PyTorch has none; the kernels have tests of their own."""
    import sys

    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "fomm.engines.cuda.fused", raising=False)
    monkeypatch.delitem(sys.modules, "fomm.engines.cuda.kernels", raising=False)


def choose(networks: FirstOrderModel, precision: str | None = "fp16", **options: Any) -> CudaEngine:
    identity = options.pop("identity", IDENTITY)
    return choosing.choose(
        networks, EagerRuntime(), precision=precision, identity=identity, **{"seconds": 0, **options}
    )


def test_without_triton_it_runs_and_says_so(networks: FirstOrderModel) -> None:
    engine = choose(networks, None)
    assert engine.precision == "fp16"
    assert engine.settings == PLAIN
    (notice,) = engine.notices
    assert notice.startswith("fused kernels skipped, which is slower: Triton cannot be loaded")


def test_what_was_found_out_is_remembered(
    networks: FirstOrderModel, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = choose(networks)
    (record,) = fresh.glob("cuda-*")
    written = record.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(choosing, "judge", lambda *_: pytest.fail("compared again"))
        again = choose(networks)
    assert (again.settings, again.notices) == (first.settings, first.notices)
    record.write_bytes(written[:-5])
    assert choose(networks).settings == first.settings
    assert record.read_bytes() == written
    cache.write_record(record, {"settings": {"warp": 9}})
    assert choose(networks).settings == first.settings


def test_another_driver_is_another_record(networks: FirstOrderModel, fresh: Path) -> None:
    choose(networks)
    choose(networks, identity={**IDENTITY, "driver": "2"})
    assert len(list(fresh.glob("cuda-*"))) == 2


def test_a_precision_that_is_off_is_named_and_the_next_one_used(
    networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(engine: CudaEngine, *_: Any) -> Fidelity:
        return Fidelity(12.0, 0.9, 99) if engine.precision == "fp16" else Fidelity(44.0, 0.02, 9)

    monkeypatch.setattr(choosing, "judge", off)
    engine = choose(networks, None)
    assert engine.precision == "bf16"
    assert engine.notices[0].startswith(
        "cuda fp16 skipped: cuda fp16 makes pictures too far off (PSNR 12.0 dB"
    )
    with pytest.raises(EngineError, match="cuda fp16 skipped"):
        choose(networks, "fp16")


def test_pictures_of_no_numbers_are_off(networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    run = CudaEngine._build

    def spoilt(engine: CudaEngine, given: FirstOrderModel) -> Any:
        network, encode = run(engine, given)
        network._final.weight = torch.full_like(network._final.weight, float("nan"))
        return network, encode

    monkeypatch.setattr(CudaEngine, "_build", spoilt)
    with pytest.raises(EngineError, match="makes pictures too far off"):
        choose(networks)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend these times by settings."""

    def pretend(**faster: float) -> None:
        def taken(engine: CudaEngine, *_: Any, **__: Any) -> float:
            return faster.get(f"{engine.settings.up}{engine.settings.block}", 10.0)

        monkeypatch.setattr(choosing, "milliseconds_per_frame", taken)

    return pretend


def make(networks: FirstOrderModel) -> Any:
    return lambda settings: CudaEngine(networks, EagerRuntime(), precision="fp32", settings=settings)


def test_what_is_faster_is_kept(networks: FirstOrderModel, timed: Any) -> None:
    timed(phases4=8.0, phases1=9.9, direct4=7.0, transpose4=6.9)
    engine, skipped = choosing.tune(
        make(networks)(PLAIN), make(networks), choosing.CHANGES, networks.picture_size, time.monotonic() + 60
    )
    assert (engine.settings.block, engine.settings.up) == (4, "direct")
    assert not engine.settings.relu
    assert [line.partition(" skipped")[0] for line in skipped] == [
        "cuda with relu, block 2, phases"  # there is no cuDNN here
    ]


def test_nothing_is_begun_late(networks: FirstOrderModel, timed: Any) -> None:
    timed(phases4=1.0)
    engine, _ = choosing.tune(
        make(networks)(PLAIN), make(networks), choosing.CHANGES, networks.picture_size, time.monotonic() - 1
    )
    assert engine.settings == PLAIN


def test_what_does_not_compile_is_named(networks: FirstOrderModel, timed: Any) -> None:
    timed()

    def fail(settings: Settings) -> CudaEngine:
        raise RuntimeError("no compiler\nand a long story")

    _, skipped = choosing.tune(
        make(networks)(PLAIN), fail, [{"compiled": "default"}], networks.picture_size, time.monotonic() + 60
    )
    assert skipped == ["cuda with compiled (default), block 2, phases skipped: no compiler"]


@pytest.mark.parametrize(
    ("cuda", "driver", "error", "said"),
    [
        (None, False, "", "engine cuda needs an NVIDIA GPU and its driver, and there is none here"),
        (
            None,
            True,
            "",
            "is the CPU build, so that your NVIDIA GPU cannot be used: install PyTorch's CUDA build",
        ),
        ("12.8", False, "", "there is none here; leave --engine out"),
        (
            "12.8",
            True,
            "The NVIDIA driver on your system is too old (found version 11040).",
            "update the NVIDIA driver",
        ),
        ("12.8", True, "CUDA unknown error", "check that nvidia-smi lists it"),
    ],
)
def test_why_there_is_no_gpu(
    networks: FirstOrderModel,
    monkeypatch: pytest.MonkeyPatch,
    cuda: str | None,
    driver: bool,
    error: str,
    said: str,
) -> None:
    def fail() -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", fail)
    monkeypatch.setattr(availability, "has_driver", lambda: driver)
    with pytest.raises(EngineError) as caught:
        engines.create("cuda", networks)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_devices_and_precisions_of_another_kind(networks: FirstOrderModel) -> None:
    with pytest.raises(ConfigError, match="engine cuda runs on NVIDIA GPUs, not on 'cpu'"):
        engines.create("cuda", networks, device="cpu")
    with pytest.raises(ConfigError, match="cuda has no precision 'int8'"):
        engines.create("cuda", networks, precision="int8")
