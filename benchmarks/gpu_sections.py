"""What `gpu_suite.py` measures: one function for each section of its results."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import torch

import fomm
from fomm import config, recipe
from fomm.engines.base import Engine, Frames, to_pictures
from fomm.engines.cuda import availability
from fomm.engines.cuda.choosing import choose
from fomm.engines.cuda.counting import count
from fomm.engines.cuda.engine import CudaEngine
from fomm.engines.cuda.network import SourceBuffers
from fomm.engines.cuda.operations import pack_transfer
from fomm.engines.cuda.plans import Plan
from fomm.engines.cuda.runtime import EagerRuntime, GraphRuntime, Runtime
from fomm.engines.cuda.settings import CHANGES, PLAIN, Settings
from fomm.engines.examples import examples
from fomm.engines.fidelity import Fidelity
from fomm.engines.torch import TorchEngine, convolving
from fomm.keypoints import Transfer
from fomm.reference import Reference

#: configs/vox-256.yaml without what inference does not need: reading YAML takes a package that may not be here.
VOX_256: dict[str, Any] = {
    "dataset_params": {"frame_shape": [256, 256, 3]},
    "model_params": {
        "common_params": {"num_kp": 10, "num_channels": 3, "estimate_jacobian": True, "align_corners": True},
        "kp_detector_params": {
            "temperature": 0.1, "block_expansion": 32, "max_features": 1024, "scale_factor": 0.25,
            "num_blocks": 5,
        },
        "generator_params": {
            "block_expansion": 64, "max_features": 512, "num_down_blocks": 2, "num_bottleneck_blocks": 6,
            "estimate_occlusion_map": True,
            "dense_motion_params": {
                "block_expansion": 64, "max_features": 1024, "num_blocks": 5, "scale_factor": 0.25,
            },
        },
    },
}  # fmt: skip

#: PSNR of equal pictures, which is infinite and no JSON number.
_EQUAL_DB = 100.0


class Suite:
    """What the sections share."""

    def __init__(self, arguments: argparse.Namespace, report: dict[str, Any]) -> None:
        self.quick: bool = arguments.quick
        self.report = report
        #: Writes what there is.
        self.save: Callable[[], None] = lambda: None
        self.until = arguments.until
        self.place = (
            availability.find_gpu(arguments.device) if arguments.device != "cpu" else torch.device("cpu")
        )
        self.on_gpu = self.place.type == "cuda"
        if self.on_gpu:
            torch.cuda.set_device(self.place)
        else:
            # The quick model is quicker on one thread than on several that wait for each other.
            torch.set_num_threads(1 if self.quick else torch.get_num_threads())
        self.repeats = 4 if self.quick else 200
        self.batches = (1, 2) if self.quick else (1, 2, 4, 8, 16)
        self.networks = recipe.networks_of(config.parse(model_config(self.quick), name="vox-256"))
        self.size = self.networks.picture_size
        self.scenes = {
            "recipe": [tuple(recipe.frame(phase, self.size[0]) for phase in (0.0, 0.7, 1.3))],
            "real": [(each.source, each.neutral, each.driving) for each in examples(self.size, 3)],
        }

    def runtime(self) -> Runtime:
        return GraphRuntime(self.place) if self.on_gpu else EagerRuntime(self.place)

    def engine(self, precision: str, settings: Settings, plan: Plan | None = None) -> CudaEngine:
        made = CudaEngine(self.networks, self.runtime(), precision=precision, settings=settings, plan=plan)
        made.warm_up(self.size)
        return made

    @property
    def best(self) -> tuple[str, Settings]:
        """Precision and settings that the section `engines` ended with."""
        for row in self.report.get("engines", []):
            settings = Settings.of(row.get("settings"))
            if row["engine"] == "cuda" and settings is not None and row["precision"] != "fp32":
                return row["precision"], settings
        return ("fp16", Settings()) if self.on_gpu else ("fp16", PLAIN)

    def reference_ms(self, batch: int = 1, *, tf32: bool = True) -> float | None:
        for row in self.report.get("reference", []):
            if row["batch"] == batch and row["tf32"] == tf32:
                return float(row["latency_ms"])
        return None

    def ratio(self, ms: float, batch: int = 1, *, tf32: bool = True) -> float | None:
        reference = self.reference_ms(batch, tf32=tf32)
        return None if reference is None else round(reference / ms, 2)

    def synchronize(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize(self.place)

    def time(self, step: Callable[[], object], repeats: int | None = None) -> list[float]:
        """Milliseconds of each call, sorted; the first few do not count."""
        repeats = repeats or self.repeats
        times = []
        for _ in range(repeats + max(2, repeats // 10)):
            started = time.perf_counter()
            step()
            self.synchronize()
            times.append(1e3 * (time.perf_counter() - started))
        return sorted(times[-repeats:])

    def device_us(self, work: Callable[[], object], inside: int = 20) -> float | None:
        """Device time of some work, `inside` times in one graph; None where it is no GPU."""
        if not self.on_gpu:
            return None
        runtime = GraphRuntime(self.place)
        stream = runtime.stream()

        def several() -> None:
            for _ in range(inside):
                work()

        with torch.inference_mode(), convolving(exact=True, tuned=True):
            replay = runtime.prepare(several, stream, graph=True)
        times = []
        for _ in range(max(5, self.repeats // inside) + 3):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record(stream)
            replay()
            end.record(stream)
            end.synchronize()
            times.append(1e3 * start.elapsed_time(end) / inside)
        return round(statistics.median(times[3:]), 2)

    @contextlib.contextmanager
    def memory(self, row: dict[str, Any]) -> Iterator[None]:
        """Note the most memory that was taken within."""
        if self.on_gpu:
            torch.cuda.synchronize(self.place)
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.place)
        yield
        if self.on_gpu:
            row["peak_mib"] = round(torch.cuda.max_memory_reserved(self.place) / 2**20)
        else:
            row["peak_mib"] = None


def model_config(quick: bool) -> dict[str, Any]:
    """What is measured; the quick one has the same parts, few channels and small pictures."""
    plain: dict[str, Any] = json.loads(json.dumps(VOX_256))
    if quick:
        plain["dataset_params"]["frame_shape"] = [64, 64, 3]
        detector, generator = (
            plain["model_params"][f"{name}_params"] for name in ("kp_detector", "generator")
        )
        for part in (detector, generator["dense_motion_params"]):
            part.update(block_expansion=8, max_features=32, num_blocks=2)
        generator.update(block_expansion=8, max_features=32, num_bottleneck_blocks=2)
    return plain


def drive(engine: Engine, scene: tuple[Frames, Frames, Frames]) -> tuple[Any, Frames, Transfer]:
    """What `Engine.step` takes."""
    source, neutral, driving = scene
    encoded = engine.encode(to_pictures(source[None]))
    found = engine.detect(to_pictures(neutral[None]))
    return encoded, driving[None], Transfer.relative(encoded.keypoints, found)


def compare(made: Frames, wanted: Frames) -> dict[str, float]:
    found = Fidelity.of(made, wanted)
    return {
        "psnr_db": round(min(found.psnr_db, _EQUAL_DB), 2),
        "max_difference": found.max_difference,
        "error_over_std": round(found.error_over_std, 5),
    }


def worst(found: list[dict[str, float]]) -> dict[str, float]:
    return {
        "psnr_db": min(each["psnr_db"] for each in found),
        "max_difference": max(each["max_difference"] for each in found),
        "error_over_std": max(each["error_over_std"] for each in found),
    }


@contextlib.contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """PyTorch's own setting allows it in convolutions; matrix products never round here."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def summary(times: list[float], batch: int = 1) -> dict[str, float]:
    median = statistics.median(times)
    return {
        "latency_ms": round(median, 4),
        "latency_p95_ms": round(times[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)], 4),
        "latency_min_ms": round(times[0], 4),
        "fps": round(1e3 * batch / median, 1),
    }


# The sections, in their order: the ones that matter most come first.


def reference(suite: Suite) -> None:
    """The published code's way."""
    rows = suite.report["reference"] = []
    model = Reference(suite.networks, *suite.scenes["recipe"][0][:2], device=suite.place)
    for allowed in (True, False):
        for batch in suite.batches if allowed else (1,):
            row: dict[str, Any] = {"tf32": allowed, "batch": batch}
            frames = np.repeat(suite.scenes["recipe"][0][2][None], batch, axis=0)
            with tf32(allowed), suite.memory(row):
                row |= summary(suite.time(lambda frames=frames: model(frames)), batch)
            rows.append(row)


def engines(suite: Suite) -> None:
    """Every engine and precision, one frame after the other."""
    rows = suite.report["engines"] = []
    right = {}
    with tf32(False):
        for kind, scenes in suite.scenes.items():
            right[kind] = [
                Reference(suite.networks, *scene[:2], device=suite.place)(scene[2][None]) for scene in scenes
            ]

    def cuda(precision: str) -> CudaEngine:
        known = availability.identity(suite.place) if suite.on_gpu else {"place": "cpu"}
        identity = {**known, "suite": str(suite.quick)}
        with contextlib.nullcontext() if suite.on_gpu else _without_triton():
            return choose(
                suite.networks, suite.runtime(), precision=precision, identity=identity,
                seconds=(25 if precision == "fp16" else 8) if suite.on_gpu else 0,
            )  # fmt: skip

    makers: list[tuple[str, str, Callable[[], Engine]]] = [
        ("cuda", precision, lambda precision=precision: cuda(precision))
        for precision in ("fp16", "bf16", "fp32")
    ]
    makers += [
        ("torch", precision, lambda precision=precision: TorchEngine(
            suite.networks, device=str(suite.place), precision=precision))
        for precision in ("fp32", "fp16", "bf16")
        if suite.on_gpu or precision == "fp32"
    ]  # fmt: skip
    for name, precision, make in makers:
        row: dict[str, Any] = {"engine": name, "precision": precision}
        rows.append(row)
        try:
            started = time.perf_counter()
            with suite.memory(row):
                engine = make()
                engine.warm_up(suite.size)
                row["start_s"] = round(time.perf_counter() - started, 2)
                row["settings"] = engine.settings.to_dict() if isinstance(engine, CudaEngine) else None
                row["notices"] = list(engine.notices)
                for kind, scenes in suite.scenes.items():
                    found = [
                        compare(engine.step(*drive(engine, scene)), wanted)
                        for scene, wanted in zip(scenes, right[kind], strict=True)
                    ]
                    row[kind] = worst(found)
                given = drive(engine, suite.scenes["recipe"][0])
                row |= summary(suite.time(lambda engine=engine, given=given: engine.step(*given)))
            row["ratio"] = suite.ratio(row["latency_ms"])
            row["ratio_no_tf32"] = suite.ratio(row["latency_ms"], tf32=False)
            engine.close()
        except Exception as error:
            _not_lost(error)
            row["skipped"] = words(error)
        suite.save()


def batches(suite: Suite) -> None:
    """Several frames at once; latency, and throughput with several batches on their way."""
    rows = suite.report["batches"] = []
    precision, settings = suite.best
    for batch in suite.batches:
        row: dict[str, Any] = {"precision": precision, "batch": batch}
        rows.append(row)
        try:
            with suite.memory(row):
                engine = suite.engine(precision, settings, Plan(batch=batch))
                source, frame, transfer = drive(engine, suite.scenes["recipe"][0])
                frames = np.repeat(frame, batch, axis=0)
                step = lambda engine=engine, source=source, frames=frames, transfer=transfer: engine.step(  # noqa: E731
                    source, frames, transfer
                )
                times = suite.time(step)
                row["latency_ms"] = round(statistics.median(times), 4)
                row["latency_fps"] = round(1e3 * batch / row["latency_ms"], 1)
                length = max(4, suite.repeats // 4)
                taken = []
                for _ in range(4):
                    started = time.perf_counter()
                    for _pictures in engine.stream(source, [(frames, transfer)] * length):
                        pass
                    taken.append(time.perf_counter() - started)
                row["throughput_fps"] = round(batch * length / statistics.median(taken[1:]), 1)
                row["lanes"] = engine.plan.lanes
            row["ratio"] = suite.ratio(row["latency_ms"], batch)
            engine.close()
        except Exception as error:
            _not_lost(error)
            row["skipped"] = words(error)
        suite.save()


def plans(suite: Suite) -> None:
    """What each choice is worth: everything as in the best plan but for one."""
    precision, best = suite.best
    tried = [("as chosen", best, Plan()), ("no graph", best, Plan(graph=False))]
    tried += [(best.changed(**change).words, best.changed(**change), Plan()) for change in CHANGES]
    tried += [("without Triton", PLAIN, Plan())]
    if best != Settings() and suite.on_gpu:
        tried.append(("default", Settings(), Plan()))
    rows = suite.report["plans"] = []
    for what, settings, plan in tried:
        if settings == best and what not in ("as chosen", "no graph"):
            continue
        rows.append(_plan(suite, what, precision, settings, plan))
        suite.save()


def _plan(suite: Suite, what: str, precision: str, settings: Settings, plan: Plan) -> dict[str, Any]:
    row: dict[str, Any] = {"what": what}
    try:
        engine = suite.engine(precision, settings, plan)
        given = drive(engine, suite.scenes["recipe"][0])
        row["latency_ms"] = round(statistics.median(suite.time(lambda: engine.step(*given))), 4)
        row["ratio"] = suite.ratio(row["latency_ms"])
        taken = suite.device_us(_network_work(suite, engine, given), inside=4) if plan.graph else None
        row["device_ms"] = None if taken is None else round(taken / 1e3, 4)
        engine.close()
    except Exception as error:
        _not_lost(error)
        row["skipped"] = words(error)
    return row


def _static(suite: Suite, engine: CudaEngine, given: tuple[Any, Frames, Transfer]) -> tuple[Any, ...]:
    """What `Network.__call__` takes."""
    source, frames, transfer = given
    pixels = torch.from_numpy(frames).to(suite.place)
    packed = pack_transfer(transfer, len(frames), engine.network.num_kp).to(suite.place)
    return pixels, packed, SourceBuffers(*source.tensors), torch.empty_like(pixels)


def _network_work(
    suite: Suite, engine: CudaEngine, given: tuple[Any, Frames, Transfer]
) -> Callable[[], None]:
    static = _static(suite, engine, given)

    return lambda: engine.run(*static)


def rates(suite: Suite) -> None:
    """What this GPU does at its best: matrix products, copies, launches."""
    found: dict[str, Any] = {"gemm_tflops": {}}
    suite.report["rates"] = found
    side = 8192 if suite.on_gpu else 256
    kinds = {"fp16": torch.float16, "bf16": torch.bfloat16, "tf32": torch.float32, "fp32": torch.float32}
    for name, dtype in kinds.items():
        if not suite.on_gpu and name in ("bf16", "tf32"):
            continue
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        try:
            best = 0.0
            for n in (side, side // 2):
                a, b = (torch.randn(n, n, device=suite.place, dtype=dtype) for _ in range(2))
                taken = suite.time(lambda a=a, b=b: a @ b, 12 if suite.on_gpu else 3)[0]
                best = max(best, 2 * n**3 / taken / 1e9)
            found["gemm_tflops"][name] = round(best, 3)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before
    for name, size in (("copy_memory_gbs", 2**30), ("copy_cache_gbs", 2**23)):
        a, b = (
            torch.zeros(size // (1 if suite.on_gpu else 8), dtype=torch.uint8, device=suite.place)
            for _ in range(2)
        )
        taken = suite.device_us(lambda a=a, b=b: b.copy_(a))
        if taken is None:
            taken = 1e3 * suite.time(lambda a=a, b=b: b.copy_(a), 5)[0]
        found[name] = round(2 * a.numel() / taken / 1e3, 1)
    if suite.on_gpu:
        host = torch.empty(2**27, dtype=torch.uint8, pin_memory=True)
        there = torch.empty(2**27, dtype=torch.uint8, device=suite.place)
        for name, work in (
            ("upload_gbs", lambda: there.copy_(host, non_blocking=True)),
            ("download_gbs", lambda: host.copy_(there, non_blocking=True)),
        ):
            found[name] = round(host.numel() / suite.time(work, 10)[0] / 1e6, 1)
        tiny = torch.zeros(1, device=suite.place)
        found["launch_us"] = suite.device_us(lambda: tiny.add_(1), inside=200)


def counts(suite: Suite) -> None:
    """Operations and bytes of a frame, and the least time they can take here."""
    precision, settings = suite.best
    settings = settings if not settings.compiled else Settings()
    found = count(suite.networks, settings)
    measured = suite.report.get("rates", {})
    flops = 1e12 * measured.get("gemm_tflops", {}).get(precision, 0)
    memory, cache = (1e9 * measured.get(f"copy_{where}_gbs", 0) for where in ("memory", "cache"))
    rows: dict[str, dict[str, Any]] = {}
    for each in found:
        row = rows.setdefault(each.stage, {"stage": each.stage, "kernels": 0, "gflop": 0.0, "weights_mb": 0.0,
                                           "activations_mb": 0.0, "floor_us": 0.0})  # fmt: skip
        row["kernels"] += 1
        row["gflop"] += each.flop / 1e9
        row["weights_mb"] += each.weights / 1e6
        row["activations_mb"] += each.activations / 1e6
        if flops and memory:
            # What lies in the cache cannot be slower than what does not.
            row["floor_us"] += 1e6 * each.seconds(flops=flops, memory=memory, cache=max(memory, cache))
    keys = ("kernels", "gflop", "weights_mb", "activations_mb", "floor_us")
    total = {key: round(sum(row[key] for row in rows.values()), 3) for key in keys}
    floor = total.pop("floor_us") / 1e3
    stages = [{"stage": name, **{key: round(row[key], 3) for key in keys}} for name, row in rows.items()]
    chosen = [row for row in suite.report.get("plans", []) if row["what"] == "as chosen"]
    taken = chosen[0].get("device_ms") if chosen else None
    suite.report["counts"] = {
        "settings": settings.words, **total, "stages": stages, "floor_ms": round(floor, 4), "device_ms": taken,
        "fraction_of_floor": round(floor / taken, 3) if taken and floor else None,
    }  # fmt: skip


def stages(suite: Suite) -> None:
    """Device time of every stage of the engine, and of the reference."""
    precision, settings = suite.best
    settings = settings if not settings.compiled else Settings()
    rows = suite.report["stages"] = []
    engine = suite.engine(precision, settings)
    given = drive(engine, suite.scenes["recipe"][0])
    with torch.inference_mode():
        for name, stage in engine.network.stages(*_static(suite, engine, given)):
            rows.append({"stage": name, "device_us": _taken_us(suite, stage)})
            # Once more, so that the next stage does not read what belongs to a graph.
            stage()
    engine.close()
    source, neutral, driving = suite.scenes["recipe"][0]
    model = Reference(suite.networks, source, neutral, device=suite.place)
    with torch.no_grad():
        picture = model.upload(driving[None])
        target = model.relative(model.detect(picture))
        features = model.encode()
        motion = model.dense_motion(target)
        warped = model.warp(features, *motion)
        suite.report["reference_stages"] = [
            {"stage": name, "device_us": _eager_us(suite, work)}
            for name, work in (
                ("detector and keypoints", lambda: model.relative(model.detect(picture))),
                ("source", model.encode),
                ("dense motion", lambda: model.dense_motion(target)),
                ("warp", lambda: model.warp(features, *motion)),
                ("bottleneck, upsampling, last convolution", lambda: model.decode(warped)),
            )
        ]


def _taken_us(suite: Suite, stage: Callable[[], object]) -> float:
    taken = suite.device_us(stage)
    return taken if taken is not None else _eager_us(suite, stage)


def _eager_us(suite: Suite, work: Callable[[], object]) -> float:
    """Time of work that is no graph: between events, the GPU waiting for the processor where that is slower."""
    if not suite.on_gpu:
        return round(1e3 * statistics.median(suite.time(work, 5)), 1)
    times = []
    for _ in range(suite.repeats // 4 + 5):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(1e3 * start.elapsed_time(end))
    return round(statistics.median(times[5:]), 1)


def kernels(suite: Suite) -> None:
    """Which kernels a frame is made of."""
    if not suite.on_gpu:
        suite.report["kernels"] = {"a_frame": None, "device_us": None, "top": []}
        return
    from torch.profiler import ProfilerActivity, profile

    precision, settings = suite.best
    engine = suite.engine(precision, settings)
    given = drive(engine, suite.scenes["recipe"][0])
    engine.step(*given)
    frames = 20
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
        for _ in range(frames):
            engine.step(*given)
        suite.synchronize()
    rows = []
    for each in seen.key_averages():
        taken = getattr(each, "self_device_time_total", 0) or getattr(each, "self_cuda_time_total", 0)
        if taken > 0 and str(each.device_type).endswith("CUDA"):
            rows.append(
                {
                    "name": each.key[:160],
                    "calls": round(each.count / frames, 2),
                    "us": round(taken / frames, 2),
                }
            )
    rows.sort(key=lambda row: -row["us"])
    suite.report["kernels"] = {
        "a_frame": round(sum(row["calls"] for row in rows), 1),
        "device_us": round(sum(row["us"] for row in rows), 1),
        "top": rows[:60],
    }


def compiled(suite: Suite) -> None:
    """torch.compile, which takes minutes: what there is time for."""
    precision, _ = suite.best
    rows = suite.report["compiled"] = []
    if not suite.on_gpu:
        rows.append({"what": "torch.compile", "skipped": "measured on GPUs alone"})
        return
    for mode, needed in (("default", 60), ("max-autotune-no-cudagraphs", 120)):
        if suite.until - time.time() < needed:
            rows.append({"what": mode, "skipped": f"less than {needed} s were left; see --budget"})
        else:
            rows.append(_plan(suite, mode, precision, Settings().changed(compiled=mode), Plan()))
        suite.save()


SECTIONS: dict[str, Callable[[Suite], None]] = {
    section.__name__: section
    for section in (reference, engines, batches, plans, rates, counts, stages, kernels, compiled)
}


@contextlib.contextmanager
def _without_triton() -> Iterator[None]:
    """Its kernels do not run on a processor."""
    before = sys.modules.get("triton")
    sys.modules["triton"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is None:
            del sys.modules["triton"]
        else:
            sys.modules["triton"] = before


def _not_lost(error: BaseException) -> None:
    """Raise what no later measurement in this process survives."""
    text = str(error)
    if "CUDA error" in text and "out of memory" not in text:
        raise error


def words(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:400]}"


def machine(place: torch.device) -> dict[str, Any]:
    found: dict[str, Any] = {
        "device": "CPU",
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
    if place.type == "cuda":
        found = {**found, **availability.identity(place)}
        found["device"] = found.pop("gpu")
        found["memory_gib"] = round(torch.cuda.get_device_properties(place).total_memory / 2**30, 1)
    return {
        **found,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "fomm": fomm.__version__,
        "system": platform.platform(),
    }
