"""The notebook runs from top to bottom, with and without weights, and shows what it says."""

from __future__ import annotations

import base64
import re
from itertools import islice
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from fomm import checkpoints, resources
from fomm.video import VideoReader, VideoWriter

NOTEBOOK = Path(__file__).parent.parent / "examples" / "colab.ipynb"
FRAMES = 10
_VIDEO = re.compile(r"data:video/mp4;base64,([A-Za-z0-9+/=\s]+)")


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The notebook with a short clip to drive it, and a folder of weights of its own."""
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "models"))
    for folder in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):  # nothing is written into the home folder
        monkeypatch.setenv(folder, str(tmp_path / folder))
    with (
        VideoReader(resources.CLIPS / "talking_head.mp4") as reader,
        VideoWriter(tmp_path / "short.mp4", size=reader.size, rate=reader.rate) as writer,
    ):
        for pixels, time in islice(reader, FRAMES):
            writer.write(pixels, time)
    read = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = (cell for cell in read.cells if "parameters" in cell.metadata.get("tags", ()))
    parameters.source += f"\nDRIVING = Path({str(tmp_path / 'short.mp4')!r})"
    return read


def run(notebook: Any, folder: Path) -> Any:
    """Execute every cell; an error in one fails the test with its traceback."""
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def printed(notebook: Any) -> str:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return "".join(output.text for output in outputs if output.output_type == "stream")


def shown(notebook: Any, kind: str) -> list[str]:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [output.data[kind] for output in outputs if kind in output.get("data", ())]


def videos(notebook: Any, folder: Path) -> list[tuple[tuple[int, int], int]]:
    """Size and number of frames of every video that is shown inline."""
    found = []
    for index, html in enumerate(shown(notebook, "text/html")):
        match = _VIDEO.search(html)
        assert match is not None
        path = folder / f"shown{index}.mp4"
        path.write_bytes(base64.b64decode(match[1]))
        with VideoReader(path) as reader:
            found.append((reader.size, len(list(reader))))
    return found


def test_it_is_kept_without_results() -> None:
    read = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(read)
    for cell in read.cells:
        if cell.cell_type == "code":
            assert cell.execution_count is None
            assert cell.outputs == []


def test_without_weights(notebook: Any, tmp_path: Path) -> None:
    done = run(notebook, tmp_path)
    assert videos(done, tmp_path) == [((512, 512), FRAMES), ((3 * 512, 512), FRAMES)]
    assert len(shown(done, "image/png")) == 2, "the bundled pictures, and some frames"
    said = printed(done)
    assert f"short.mp4: {FRAMES} frames" in said
    assert "is most like the picture, and the neutral pose." in said
    assert "Skipped: the weights of vox-adv-256 are not on this machine." in said


@pytest.mark.long
def test_with_weights(notebook: Any, tmp_path: Path) -> None:
    """Random ones, of the published size."""
    import torch

    from fomm import config
    from fomm.networks.first_order import FirstOrderModel

    torch.manual_seed(0)
    networks = FirstOrderModel(config.load("vox-adv-256"))
    weights = tmp_path / "weights.pth.tar"
    torch.save(
        {"generator": networks.generator.state_dict(), "kp_detector": networks.kp_detector.state_dict()},
        weights,
    )
    checkpoints.import_file(weights, model="vox-adv-256")
    done = run(notebook, tmp_path)
    assert "Skipped" not in printed(done)
    assert videos(done, tmp_path)[2:] == [
        ((3 * 256, 256), FRAMES),
        ((256, 256), FRAMES),
        ((768, 768), FRAMES),
    ]
    with VideoReader(tmp_path / "vox.mp4") as reader:
        frames = [pixels for pixels, _ in reader]
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 0.1
