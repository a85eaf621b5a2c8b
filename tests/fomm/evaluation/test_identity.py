"""Identity embedders: there, absent, and asked for."""

from __future__ import annotations

import numpy as np
import pytest

from fomm import resources
from fomm.errors import ConfigError
from fomm.evaluation import identity
from fomm.evaluation.identity import DlibEmbedder, choose_embedder
from fomm.face_points import MediaPipePoints
from fomm.images import load_image


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_dlib_weights", lambda: None)


@pytest.mark.usefixtures("absent")
class TestAbsent:
    def test_auto_says_so(self) -> None:
        embedder, reason = choose_embedder("auto")
        assert embedder is None
        assert reason == "no identity embedder is installed (pip install 'fomm-live[identity]')"

    def test_asked_for_by_name(self) -> None:
        with pytest.raises(ConfigError, match="no identity embedder is installed"):
            choose_embedder("dlib")


def test_none_is_none() -> None:
    assert choose_embedder("none") == (None, "no identity embedder was asked for")


def test_unknown() -> None:
    with pytest.raises(ConfigError, match="unknown identity embedder 'arc'; choose one of: auto, none, dlib"):
        choose_embedder("arc")


def test_dlib_tells_people_apart() -> None:
    if DlibEmbedder.obstacle() is not None:
        pytest.skip("needs the extra 'identity'")
    embedder, _ = choose_embedder("auto")
    assert embedder is not None
    detector = MediaPipePoints()

    def embed(name: str, side: int) -> np.ndarray:
        pixels = load_image(resources.AVATARS / f"{name}.jpg", max_side=side).pixels
        points = detector.detect(pixels)
        assert points is not None
        return embedder.embed(pixels, points[list(detector.anchors)])

    collins, smaller, other = embed("eileen-collins", 512), embed("eileen-collins", 300), embed("henrik", 512)
    detector.close()
    assert collins.shape == (128,)
    assert np.linalg.norm(collins - smaller) < 0.3
    assert np.linalg.norm(collins - other) > 0.6
