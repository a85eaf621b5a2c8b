"""OpenVINO makes PyTorch's pictures, and its cache survives whatever happens to it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fomm import engines
from fomm.engines import cache
from fomm.engines.base import Engine, to_pictures
from fomm.engines.examples import examples
from fomm.engines.fidelity import BOUNDS, Fidelity, judge
from fomm.engines.openvino import choosing, converting
from fomm.engines.openvino import engine as module
from fomm.engines.openvino.engine import OpenVinoEngine, supported
from fomm.errors import ConfigError, EngineError
from fomm.keypoints import Transfer
from fomm.networks.first_order import FirstOrderModel

pytestmark = pytest.mark.usefixtures("engine_cache")


@pytest.fixture(scope="module")
def truth(networks: FirstOrderModel) -> Engine:
    return engines.create("torch", networks, device="cpu")


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_pictures_are_within_the_bounds(networks: FirstOrderModel, truth: Engine, precision: str) -> None:
    if precision not in supported():
        pytest.skip("no bf16 instructions on this processor")
    engine = OpenVinoEngine(networks, precision=precision)
    engine.warm_up((64, 64))
    found = judge(engine, truth, (64, 64))
    lowest, largest = BOUNDS[precision]
    assert found.psnr_db >= lowest
    assert found.error_over_std <= largest


def test_the_three_steps_are_pytorchs(networks: FirstOrderModel, truth: Engine) -> None:
    engine = OpenVinoEngine(networks)
    (first, second) = examples((64, 96), 2)
    sources = to_pictures(np.stack([first.source, second.source]))
    driving = engine.detect(to_pictures(np.stack([first.driving, second.driving])))
    expected = truth.decode(truth.encode(sources), driving)
    made = engine.decode(engine.encode(sources), driving)
    assert made.shape == expected.shape
    assert torch.allclose(made, expected, atol=0.6 / 255)


def test_several_frames_of_one_source(networks: FirstOrderModel) -> None:
    engine = OpenVinoEngine(networks)
    tried = examples((64, 64), 3)
    source = engine.encode(to_pictures(tried[0].source[None]))
    frames = np.stack([example.driving for example in tried])
    together = engine.step(source, frames, Transfer.absolute())
    alone = [engine.step(source, frame[None], Transfer.absolute())[0] for frame in frames]
    assert np.array_equal(together, np.stack(alone))
    assert len(engine.step(source, frames[:0], Transfer.absolute())) == 0


def test_a_second_start_converts_nothing(networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    OpenVinoEngine(networks).warm_up((64, 64))

    def refuse(*_: Any) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(module, "convert", refuse)
    OpenVinoEngine(networks).warm_up((64, 64))


@pytest.mark.parametrize("precision", ["fp32", None])
def test_nothing_is_compiled_at_the_first_frame(
    networks: FirstOrderModel, truth: Engine, monkeypatch: pytest.MonkeyPatch, precision: str | None
) -> None:
    """Nor where all that was found out is remembered."""
    engines.create("openvino", networks, precision=precision)
    engine = engines.create("openvino", networks, precision=precision)
    monkeypatch.setattr(OpenVinoEngine, "_compile", lambda *_: pytest.fail("compiled"))
    assert judge(engine, truth, (64, 64)).within(engine.precision)


@pytest.fixture(scope="module")
def filled(networks: FirstOrderModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache as a first start leaves it."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOMM_ENGINE_CACHE", str(folder))
        patch.setattr(OpenVinoEngine, "_fastest_threads", _all_threads)
        OpenVinoEngine(networks).warm_up((64, 64))
    return folder


@pytest.fixture
def kept(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its copy, in use, on an idle machine: what is kept does not depend on what else runs."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    monkeypatch.setattr(OpenVinoEngine, "_fastest_threads", _all_threads)
    return tmp_path


def _all_threads(*_: Any) -> int:
    return max(module._thread_counts())


def test_fewer_threads_are_no_choice_for_good(
    networks: FirstOrderModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have been faster only because another program was running."""
    answers, looked = iter([2, 2, 4]), 0

    def choose(_engine: OpenVinoEngine, _graph: Any) -> int:
        nonlocal looked
        looked += 1
        return next(answers)

    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_thread_counts", lambda: [4, 2, 1])
    monkeypatch.setattr(OpenVinoEngine, "_fastest_threads", choose)
    for expected in (1, 2, 3, 3):
        OpenVinoEngine(networks).warm_up((64, 64))
        assert looked == expected


@pytest.mark.parametrize("what", ["program", "processor"])
def test_what_other_code_or_another_machine_made_is_stale(
    networks: FirstOrderModel, kept: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    before = {path: path.read_bytes() for path in kept.iterdir()}
    monkeypatch.setattr(cache, what, lambda: "another")
    converted = []

    def note(graph: Any) -> Any:
        converted.append(graph)
        return converting.convert(graph)

    monkeypatch.setattr(module, "convert", note)
    OpenVinoEngine(networks).warm_up((64, 64))
    assert len(converted) == 3
    assert len(list(kept.iterdir())) == 2 * len(before)
    assert all(path.read_bytes() == content for path, content in before.items()), "they may be of use yet"


def test_a_choice_that_other_code_made_is_made_anew(
    networks: FirstOrderModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path))
    monkeypatch.setattr(choosing, "supported", lambda: ["fp32"])
    judged = []

    def near(*_: Any) -> Fidelity:
        judged.append(1)
        return Fidelity(90.0, 0.0, 0)

    monkeypatch.setattr(choosing, "judge", near)
    for program in ("this", "this", "another"):
        monkeypatch.setattr(cache, "program", lambda program=program: program)
        engines.create("openvino", networks)
    assert len(judged) == 2


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_cache_is_made_anew(networks: FirstOrderModel, kept: Path, damage: bytes | None) -> None:
    files = sorted(kept.glob("openvino-*"))
    assert len(files) == 4
    before = {path: path.read_bytes() for path in files}
    for path, content in before.items():
        path.write_bytes(content[:-7] if damage is None else damage)
    example = examples((64, 64), 1)[0]
    engine = OpenVinoEngine(networks)
    source = engine.encode(to_pictures(example.source[None]))
    made = engine.step(source, example.driving[None], Transfer.absolute())
    assert made.std() > 1
    assert all(cache.read(path) is not None for path in files)


def test_a_cache_that_cannot_be_written_is_done_without(
    networks: FirstOrderModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FOMM_ENGINE_CACHE", str(tmp_path / "file" / "engines"))
    OpenVinoEngine(networks).warm_up((64, 64))


def test_other_weights_are_another_entry(networks: FirstOrderModel, engine_cache: Path) -> None:
    import copy

    OpenVinoEngine(networks).warm_up((64, 64))
    before = set(engine_cache.iterdir())
    changed = copy.deepcopy(networks)
    changed.generator.final.bias += 0.5
    OpenVinoEngine(changed).warm_up((64, 64))
    assert set(engine_cache.iterdir()) > before


def test_pictures_too_far_off_are_refused(networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_fidelity", lambda *_: Fidelity(20.0, 0.4, 99))
    with pytest.raises(EngineError, match=r"int8 makes pictures too far off \(PSNR 20.0 dB, error 0.400"):
        engines.create("openvino", networks, precision="int8")
    with pytest.raises(EngineError, match=r"int8 skipped.*fp32 skipped"):
        engines.create("openvino", networks)


def test_what_is_too_far_off_is_skipped_by_name(
    networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(engine: OpenVinoEngine, _: FirstOrderModel) -> Fidelity:
        return (
            Fidelity(90.0, 0.0, 0) if engine.precision == "fp32" else Fidelity(float("nan"), float("nan"), 0)
        )

    monkeypatch.setattr(choosing, "_fidelity", found)
    engine = engines.create("openvino", networks)
    assert engine.precision == "fp32"
    assert any(notice.startswith("openvino int8 skipped") for notice in engine.notices)


def test_a_precision_that_does_not_run_is_skipped_by_name(
    networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(engine: OpenVinoEngine, _: FirstOrderModel) -> Fidelity:
        if engine.precision == "int8":
            raise RuntimeError("Exception from src/inference:\ncould not execute a primitive\n")
        return Fidelity(90.0, 0.0, 0)

    monkeypatch.setattr(choosing, "_fidelity", found)
    engine = engines.create("openvino", networks)
    assert engine.precision != "int8"
    assert engine.notices[0] == "openvino int8 skipped: could not execute a primitive"


def test_what_the_processor_lacks_is_named(
    networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "supported", lambda: ["fp32"])
    with pytest.raises(EngineError, match="no instructions for bf16"):
        OpenVinoEngine(networks, precision="bf16")
    monkeypatch.setattr(choosing, "supported", lambda: ["fp32"])
    engine = engines.create("openvino", networks)
    assert engine.precision == "fp32"
    assert "this processor has no instructions" in engine.notices[0]


def test_absent_openvino_is_named(networks: FirstOrderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match="openvino cannot be loaded"):
        engines.create("openvino", networks)


@pytest.mark.parametrize("options", [{"device": "cuda"}, {"precision": "fp8"}])
def test_unknown_settings(networks: FirstOrderModel, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="openvino"):
        engines.create("openvino", networks, **options)
