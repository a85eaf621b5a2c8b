"""A model as files that other programs run: four graphs, and what they need to know about them."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import fomm
from fomm import checkpoints
from fomm import config as configs
from fomm.animators import MODELS, is_neural
from fomm.config import Config
from fomm.engines.graphs import GRAPHS, Graph, build
from fomm.errors import CheckpointError, ConfigError, EngineError
from fomm.model import load_networks
from fomm.networks.inference import InferenceModel

#: What each format can be written in; the first is what is taken unasked.
FORMATS = {"onnx": ("fp32",), "openvino": ("fp32", "int8"), "tensorrt": ("fp16", "fp32")}

#: How a driving keypoint becomes the target: the arithmetic between `detect` and `move`, which no graph holds.
_TRANSFER = {
    "relative": "target_value = source_value + driving_value - neutral_value; "
    "target_jacobian = driving_jacobian @ inverse(neutral_jacobian) @ source_jacobian",
    "absolute": "target_value = driving_value; target_jacobian = driving_jacobian",
}


def export(
    model: str,
    output: Path,
    *,
    engine: str,
    precision: str | None = None,
    checkpoint: Path | None = None,
    overwrite: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write a model as a folder, all or nothing.

    Args:
        model: a published model or a YAML config.
        output: the folder to write.
        engine: one of `FORMATS`.
        precision: of the painting; motion is always float32.
        checkpoint: the weights; None takes the pulled ones.
        overwrite: replace a folder that an earlier export wrote.
        tell: is given what happens meanwhile.

    Returns:
        The folder: `encode`, `detect`, `move` and `paint` in the format, and `model.json`.

    Raises:
        ConfigError: no such model, format or precision, or the folder is in the way or cannot be written.
        CheckpointError: the weights are missing, damaged or another model's.
        EngineError: what writes the format is not installed, or fails.
    """
    if engine not in FORMATS:
        raise ConfigError(f"cannot export for engine {engine!r}; choose one of {', '.join(FORMATS)}")
    chosen = precision or FORMATS[engine][0]
    if chosen not in FORMATS[engine]:
        raise ConfigError(f"{engine} models are written in {' or '.join(FORMATS[engine])}, not {chosen!r}")
    _check_place(output, overwrite=overwrite)
    if model in MODELS and not is_neural(model):
        raise ConfigError(
            f"{model} has no First Order Motion Model to export; choose a published model with --model"
        )
    config = configs.load(model)
    _check_installed(engine)
    path = checkpoint or checkpoints.locate(config.name)
    networks = load_networks(config, path)
    writer = {"onnx": _write_onnx, "openvino": _write_openvino, "tensorrt": _write_tensorrt}[engine]
    rewritten = InferenceModel(networks, size=networks.picture_size, shifted=engine == "tensorrt")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
        try:
            graphs = {}
            for name in ("encode", *GRAPHS):
                tell(f"writing {name}")
                # TensorRT has its own way to less than float32.
                written = chosen if engine == "openvino" else "fp32"
                graph = build(name, rewritten, networks.picture_size, precision=written)
                graphs[name] = _signature(graph)
                writer(graph, unfinished / name, chosen, _brief(config, chosen))
            record = {**_brief(config, chosen), **_metadata(config, engine, path), "graphs": graphs}
            (unfinished / "model.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            unfinished.chmod(0o755)
            if output.exists():
                shutil.rmtree(output)
            unfinished.replace(output)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except CheckpointError:
        raise
    except OSError as error:
        raise ConfigError(f"{output} cannot be written ({error.strerror}); choose another place") from error
    return output


def _check_place(output: Path, *, overwrite: bool) -> None:
    if not output.exists():
        return
    if not output.is_dir():
        raise ConfigError(f"{output} is a file; name a folder")
    if any(output.iterdir()):
        if not (output / "model.json").is_file():
            raise ConfigError(f"{output} holds other files; name a new folder")
        if not overwrite:
            raise ConfigError(f"{output} exists; name another folder, or add --overwrite")


def _check_installed(engine: str) -> None:
    """Before any weights are asked for: they are large.

    Raises:
        EngineError: what writes the format is not there.
    """
    if engine == "openvino":
        from fomm.engines.openvino.converting import load

        load()
        return
    if engine == "tensorrt":
        _load_tensorrt()
    from fomm.engines.onnx import load_onnx

    load_onnx()


def _brief(config: Config, precision: str) -> dict[str, str]:
    """What is written into every file."""
    return {"model": config.name, "precision": precision, "made_by": f"fomm-live {fomm.__version__}"}


def _metadata(config: Config, engine: str, checkpoint: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with checkpoint.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {
        "engine": engine,
        "torch": torch.__version__,
        "weights": {"file": checkpoint.name, "sha256": digest.hexdigest()},
        "config": config.to_dict(),
        "frames": "(1, height, width, 3) uint8 RGB",
        "keypoints": "values x first in [-1, 1] between the outermost pixel centres; Jacobians (2, 2)",
        "order": "once a source: encode; each frame: detect, the transfer below, move, paint",
        "transfer": _TRANSFER,
    }


def _signature(graph: Graph) -> dict[str, Any]:
    inputs = {
        name: {"shape": list(tensor.shape), "type": str(tensor.dtype).removeprefix("torch.")}
        for name, tensor in graph.inputs.items()
    }
    return {"inputs": inputs, "outputs": list(graph.outputs)}


def _write_onnx(graph: Graph, path: Path, precision: str, brief: dict[str, str]) -> None:  # noqa: ARG001
    from fomm.engines.onnx import to_onnx

    path.with_suffix(".onnx").write_bytes(to_onnx(graph, brief))


def _write_openvino(graph: Graph, path: Path, precision: str, brief: dict[str, str]) -> None:  # noqa: ARG001
    from fomm.engines.openvino.converting import convert, load

    model = convert(graph)
    for key, value in brief.items():
        model.set_rt_info(value, ["fomm", key])
    load().save_model(model, path.with_suffix(".xml"), compress_to_fp16=False)


def _write_tensorrt(graph: Graph, path: Path, precision: str, brief: dict[str, str]) -> None:
    """An engine for the GPU of this machine and this version of TensorRT."""
    from fomm.engines.onnx import to_onnx

    tensorrt = _load_tensorrt()
    logger = tensorrt.Logger(tensorrt.Logger.ERROR)
    builder = tensorrt.Builder(logger)
    network = builder.create_network(0)
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(to_onnx(graph, brief)):
        raise EngineError(f"TensorRT cannot read {path.name}: {parser.get_error(0).desc()}")
    settings = builder.create_builder_config()
    # A keypoint or a sampling grid that is a little off moves whole parts of the picture.
    if precision == "fp16" and path.name == "paint":
        settings.set_flag(tensorrt.BuilderFlag.FP16)
    plan = builder.build_serialized_network(network, settings)
    if plan is None:
        raise EngineError(f"TensorRT cannot build {path.name}; its messages above say why")
    path.with_suffix(".plan").write_bytes(bytes(plan))


def _load_tensorrt() -> Any:
    try:
        import tensorrt
    except ImportError as error:
        raise EngineError(
            f"TensorRT is not installed ({error}); on a machine with an NVIDIA GPU: pip install 'fomm-live[tensorrt]'"
        ) from error
    return tensorrt
