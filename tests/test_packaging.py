"""The wheel carries all it needs, the constraints pin all of it, and nothing names a machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import fomm
from fomm import resources
from fomm.video import VideoReader, VideoWriter

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked(*folders: str) -> list[str]:
    """Files under version control, or, in a copy without it, all that are there; relative to the root."""
    git = subprocess.run(
        ["git", "ls-files", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if git.returncode == 0:
        names = [name for name in git.stdout.splitlines() if (ROOT / name).is_file()]
    else:
        found = (path for folder in folders or (".",) for path in (ROOT / folder).rglob("*"))
        names = [path.relative_to(ROOT).as_posix() for path in found if path.is_file()]
    return [name for name in names if not re.search(r"(^|/)(__pycache__|\.venv|\.git|\.\w+_cache)/", name)]


@dataclass(frozen=True)
class Installed:
    """An environment in which the wheel, and nothing else of ours, is installed."""

    bin: Path

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        program = str(self.bin / command[0])
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [program, *command[1:]],
            cwd=cwd,
            env=clean,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A new environment that borrows the dependencies from this one, but not our editable installation.

    A folder named in a `.pth` file is searched for packages, while the `.pth` files inside it, ours among
    them, are not followed.
    """
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    scheme = sysconfig.get_paths("venv", vars={"base": str(home), "platbase": str(home)})
    Path(scheme["purelib"], "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    python = Path(scheme["scripts"]) / ("python.exe" if os.name == "nt" else "python")
    _pip("--python", str(python), "install", "--no-deps", "--no-index", "--ignore-installed", str(wheel))
    return Installed(Path(scheme["scripts"]))


def _pip(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        check=True,
        timeout=100,
    )


class TestWheel:
    def test_every_file_of_the_packages_is_in_it(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            inside = set(archive.namelist())
        missing = [name for name in tracked("fomm", "live") if name not in inside]
        assert not missing
        assert {"fomm/py.typed", "live/py.typed", "fomm/assets/models/face_landmarker.task"} <= inside

    def test_every_config_is_in_it(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            inside = set(archive.namelist())
        configs = [name for name in tracked("configs") if name.endswith(".yaml")]
        assert configs
        assert {f"fomm/{name}" for name in configs} <= inside

    def test_nothing_else_is_in_it(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            tops = {name.split("/")[0] for name in archive.namelist()}
        assert tops == {"fomm", "live", f"fomm_live-{fomm.__version__}.dist-info"}

    def test_metadata(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(f"fomm_live-{fomm.__version__}.dist-info/METADATA").decode()
        assert "License-Expression: MIT" in text
        assert "Requires-Python: <3.14,>=3.10" in text

    def test_the_version_is_told_once(self) -> None:
        assert PROJECT["project"]["version"] == fomm.__version__


class TestInstalled:
    def test_our_code_comes_from_the_wheel(self, installed: Installed, tmp_path: Path) -> None:
        code = "import fomm, live; from fomm.resources import CONFIGS; " + (
            "print(fomm.__file__, live.__file__, CONFIGS, sep='\\n')"
        )
        lines = installed.run("python", "-c", code, cwd=tmp_path).stdout.splitlines()
        home = installed.bin.parent.resolve()
        assert len(lines) == 3
        assert all(Path(line).resolve().is_relative_to(home) for line in lines)
        assert list(Path(lines[2]).glob("*.yaml"))

    def test_fomm_version(self, installed: Installed, tmp_path: Path) -> None:
        result = installed.run("fomm", "--version", cwd=tmp_path)
        assert (result.returncode, result.stdout, result.stderr) == (0, f"fomm {fomm.__version__}\n", "")

    def test_fomm_live_help(self, installed: Installed, tmp_path: Path) -> None:
        result = installed.run("fomm-live", "--help", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert "--avatar" in result.stdout

    def test_fomm_animate(self, installed: Installed, tmp_path: Path) -> None:
        with (
            VideoReader(resources.CLIPS / "talking_head.mp4") as reader,
            VideoWriter(tmp_path / "clip.mp4", size=reader.size, rate=reader.rate) as clip,
        ):
            for (pixels, _), _ in zip(reader, range(5), strict=False):
                clip.write(pixels)
        result = installed.run("fomm", "animate", "eileen-collins", "clip.mp4", "-o", "out.mp4", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        with VideoReader(tmp_path / "out.mp4") as reader:
            assert len(list(reader)) == 5

    def test_fomm_live_runs(self, installed: Installed, tmp_path: Path) -> None:
        arguments = ("--avatar", "eileen-collins", "--camera", "demo", "--sink", "null", "--no-pace")
        result = installed.run("fomm-live", *arguments, "--frames", "5", cwd=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert " FPS (" in result.stdout


class TestImports:
    """Starting is quick because heavy packages are imported where they are used."""

    def test_the_package_alone(self) -> None:
        code = "import fomm, fomm.animators, fomm.errors, fomm.faces, fomm.images, fomm.offline, fomm.video"
        heavy = {"torch", "mediapipe", "openvino", "matplotlib", "av", "PIL", "rich", "typer", "pyvirtualcam"}
        assert not heavy & self._loaded_by(code)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no os.kill with SIGINT")
    @pytest.mark.parametrize("command", ["fomm", "live"])
    def test_ctrl_c_is_heeded_from_the_first_import_on(self, command: str) -> None:
        """The entry point's own file imports nothing; with the first module that it needs the key is pressed."""
        code = (
            "import os, signal, sys\n"
            "class CtrlC:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name not in ('%(command)s', '%(command)s.cli', '__future__'):\n"
            "            sys.meta_path.remove(self)\n"
            "            os.kill(os.getpid(), signal.SIGINT)\n"
            "for name in ('contextlib', 'pathlib', 'typing'):\n"
            "    sys.modules.pop(name, None)\n"
            "sys.meta_path.insert(0, CtrlC())\n"
            "from %(command)s.cli import main\n"
            "sys.argv = ['it', '--version']\n"
            "main()"
        )
        result = subprocess.run(
            [sys.executable, "-c", code % {"command": command}],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (result.returncode, result.stdout, result.stderr) == (130, "", "")

    def test_the_bundled_model_needs_no_torch(self, tmp_path: Path) -> None:
        """From the command line through the last frame."""
        with Image.open(resources.AVATARS / "eileen-collins.jpg") as picture:
            picture.resize((256, 256)).save(tmp_path / "her.png")
        with VideoWriter(tmp_path / "clip.mp4", size=(256, 256)) as clip:
            clip.write(np.asarray(Image.open(tmp_path / "her.png"), np.uint8))
        names = [str(tmp_path / name) for name in ("her.png", "clip.mp4", "out.mp4")]
        arguments = ["animate", *names[:2], "-o", names[2]]
        code = (
            "from fomm import cli_errors, commands; "
            f"status = cli_errors.run(commands.app, {arguments!r}, program='fomm'); "
            "assert status == 0"
        )
        assert not {"torch", "matplotlib", "sounddevice", "pyvirtualcam"} & self._loaded_by(code)

    def test_a_live_session_needs_neither_torch_nor_mediapipe(self, tmp_path: Path) -> None:
        """From the command line through the last frame; the face is tracked and the person cut out by OpenVINO."""
        arguments = ["--camera", "demo", "--sink", "null", "--no-pace", "--frames", "5", "--size", "256x256"]
        code = (
            "from live import commands; from live.interrupts import Interrupts; "
            f"assert commands.main({arguments!r}, Interrupts()) == 0"
        )
        loaded = self._loaded_by(code)
        assert "openvino" in loaded
        assert not {"torch", "mediapipe", "matplotlib", "tensorflow"} & loaded

    def test_what_mediapipe_brings_is_only_postponed(self) -> None:
        code = "from fomm.mediapipe_import import load_mediapipe; load_mediapipe()"
        assert "matplotlib" not in self._loaded_by(code)
        use = "from mediapipe.tasks.python.vision import drawing_utils; assert drawing_utils.plt.figure"
        assert "matplotlib" in self._loaded_by(f"{code}; {use}")
        assert "matplotlib" in self._loaded_by(f"{code}; import matplotlib; assert matplotlib.get_cachedir")

    def test_fomm_never_imports_live(self) -> None:
        pattern = re.compile(r"^\s*(from|import)\s+live\b", re.MULTILINE)
        offenders = [
            name
            for name in tracked("fomm")
            if name.endswith(".py") and pattern.search((ROOT / name).read_text(encoding="utf-8"))
        ]
        assert not offenders

    @staticmethod
    def _loaded_by(code: str) -> set[str]:
        """The top-level packages that a fresh interpreter has imported after this code."""
        report = "import sys; print('loaded', *{name.split('.')[0] for name in sys.modules})"
        result = subprocess.run(
            [sys.executable, "-c", f"{code}; {report}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return set(result.stdout.splitlines()[-1].split()[1:])


class TestConstraints:
    PINS = tuple(
        Requirement(line)
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )

    def test_every_line_is_one_exact_version(self) -> None:
        for pin in self.PINS:
            (clause,) = pin.specifier
            assert clause.operator == "=="
            assert "+" not in clause.version
            assert pin.url is None

    @pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
    def test_one_pin_for_each_python(self, python: str) -> None:
        environment = {
            **default_environment(),
            "python_version": python,
            "python_full_version": f"{python}.0",
        }
        names = [
            canonicalize_name(pin.name)
            for pin in self.PINS
            if not pin.marker or pin.marker.evaluate(environment)
        ]
        assert len(names) == len(set(names))
        wanted = {canonicalize_name(name) for name in self._requirements()}
        assert wanted <= set(names)

    def test_what_is_installed_is_what_is_pinned(self) -> None:
        """Everything that our requirements bring, however indirectly."""
        pinned = {
            canonicalize_name(pin.name): next(iter(pin.specifier)).version
            for pin in self.PINS
            if not pin.marker or pin.marker.evaluate()
        }
        different = {
            name: (metadata.version(name), pinned.get(name))
            for name in sorted(_closure(self._requirements()))
            # PyTorch's CUDA builds pin these themselves.
            if not re.match(r"(nvidia|cuda)-|triton$", name)
            and metadata.version(name).split("+")[0] != pinned.get(name)
        }
        assert not different, "installed and pinned versions differ"

    @staticmethod
    def _requirements() -> list[str]:
        listed = [
            *PROJECT["project"]["dependencies"],
            *PROJECT["dependency-groups"]["dev"],
            *PROJECT["build-system"]["requires"],
        ]
        needed = map(Requirement, listed)
        return [one.name for one in needed if one.marker is None or one.marker.evaluate()]


def _closure(names: list[str]) -> set[str]:
    """These distributions and all that they require here."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


# No text file but this one may contain them.
MACHINES = ("work", "root", r"home/[a-z]\w+", r"Users/[A-Za-z]\w+")
INDICES = ("index-url", "find-links", "pypi.org/simple", "download.pytorch.org")
FORBIDDEN = {
    "a path of somebody's machine": rf"(?<![\w.])/({'|'.join(MACHINES)})/",
    "a package index": "|".join(re.escape(index) for index in INDICES),
}


def _texts() -> Iterator[tuple[str, str]]:
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if ROOT / name != Path(__file__) and b"\0" not in data[:8000]:
            yield name, data.decode("utf-8")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = {name: match.group() for name, text in _texts() if (match := pattern.search(text))}
    assert not found, f"these name {what}"


def test_continuous_integration_runs_what_the_readme_names() -> None:
    script = ROOT / ".ci" / "run"
    run = script.read_text(encoding="utf-8")
    assert all(f"\nmake {goal}" in run for goal in ("lint", "test"))
    assert os.name == "nt" or os.access(script, os.X_OK)
