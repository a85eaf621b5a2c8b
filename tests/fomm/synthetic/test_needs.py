import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fomm.synthetic import portraits, talking_head
from fomm.synthetic.needs import ExtraError, one_line_errors, require_extra
from fomm.synthetic.render import EglError, open_context
from fomm.video import VideoReader


def _no_egl(**_: object) -> None:
    raise Exception("libEGL.so not loaded")


def test_missing_egl_names_the_debian_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", SimpleNamespace(create_context=_no_egl))
    with pytest.raises(EglError, match=r"libEGL\.so not loaded.*apt install libegl1 libgl1-mesa-dri"):
        open_context()


@pytest.mark.parametrize("missing", ["anny", "moderngl"])
def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in ("anny", "moderngl"):
        monkeypatch.setitem(sys.modules, name, None if name == missing else SimpleNamespace())
    with pytest.raises(ExtraError, match=rf"^{missing} .*pip install 'fomm-live\[synthetic\]'"):
        require_extra()


@pytest.mark.parametrize(("main", "output"), [(talking_head.main, "clip.mp4"), (portraits.main, "folder")])
def test_commands_fail_with_one_line(monkeypatch, capsys, tmp_path, main, output) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    monkeypatch.setattr(sys, "argv", ["command", str(tmp_path / output)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install 'fomm-live[synthetic]'" in error
    assert not list(tmp_path.iterdir())


def test_existing_clip_is_refused(monkeypatch, capsys, tmp_path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"mine")
    monkeypatch.setattr(sys, "argv", ["command", str(path)])
    for name in ("anny", "moderngl"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    with pytest.raises(SystemExit) as stop:
        talking_head.main()
    assert stop.value.code == 2
    assert str(path) in capsys.readouterr().err
    assert path.read_bytes() == b"mine"


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError("bug")


def test_encoding_leaves_nothing_half_written(tmp_path) -> None:
    def frames():
        yield np.zeros((64, 64, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        talking_head.write_small(tmp_path / "clip.mp4", frames(), 64)
    assert not list(tmp_path.iterdir())
    grey = (np.full((64, 64, 3), 10 * k, np.uint8) for k in range(5))
    talking_head.write_small(tmp_path / "clip.mp4", grey, 64)
    with VideoReader(tmp_path / "clip.mp4") as video:
        assert [round(float(pixels.mean())) for pixels, _ in video] == pytest.approx(
            [0, 10, 20, 30, 40], abs=2
        )
