"""What every test shares, and the rule that none is skipped without a name."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import cast

import hypothesis
import pytest

#: The reasons a test may be skipped for: how each one begins. Any other skip fails the run, so that a test
#: which silently stopped running is noticed.
NAMED_SKIPS = (
    "../shared is absent",
    "no CUDA device",
    "no bf16 instructions on this processor",
    "no int8 instructions on this processor",
    "no EGL",
    "needs the extra 'synthetic' and EGL",
    "needs the extra 'face-alignment'",
    "needs the extra 'identity'",
    "needs the extra 'onnx'",
    "needs the extra 'train'",
    "no POSIX signals on this system",
    "names cannot have colons on this system",
    "no RLIMIT_FSIZE on this system",
    "no pseudo-terminal on this system",
    "needs Triton",
    "needs bash",
    "needs Xvfb",
    "needs strace",
    "strace may not trace here",
    "Video4Linux is Linux's",
    "this machine has cameras",
    "needs xdotool",
    "needs a POSIX shell",
    "no /proc on this system",
    "needs /dev/full",
    "X11 displays are looked for on Linux only",
    "Windows has no os.kill with SIGINT",
)

# Compiled networks are kept: not in the cache of whoever runs the tests, but for all processes of this run.
_cache = tempfile.TemporaryDirectory(prefix="fomm-tests-", ignore_cleanup_errors=True)
os.environ.setdefault("FOMM_ENGINE_CACHE", _cache.name)

# What "auto" takes depends on which engine is the fastest at the moment: only its own tests let it try.
os.environ.setdefault("FOMM_ENGINE", "torch")

# A machine that is busy for a fifth of a second proves nothing.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

# A job in the background begins with Ctrl-C ignored, one under nohup with the hang-up; what it starts inherits that.
for _name in ("SIGINT", "SIGHUP"):
    if (_number := getattr(signal, _name, None)) is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)

_unnamed: list[str] = []

#: Model and align_corners → quantity → its largest absolute difference from the reference implementation.
_parity: dict[tuple[str, bool], dict[str, float]] = {}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the repository with material that cannot be published: real clips, portraits."""
    folder = Path(__file__).parent.parent.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    return folder


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note_skip(report)
    if report.when == "call":
        for name, noted in report.user_properties:
            if name == "parity":
                model, align, quantity, difference = cast("tuple[str, bool, str, float]", noted)
                _parity.setdefault((model, align), {})[quantity] = difference


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skip(report)


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = text.removeprefix("Skipped: ")
    if not reason.startswith(NAMED_SKIPS):
        _unnamed.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _unnamed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _unnamed:
        terminalreporter.section("skipped for a reason that tests/conftest.py does not name", red=True)
        for line in _unnamed:
            terminalreporter.line(line)
    if _parity:
        terminalreporter.section("parity with the reference implementation: largest absolute differences")
        columns = list(next(iter(_parity.values())))
        terminalreporter.line(f"{'model':12} {'align_corners':13} " + " ".join(f"{c:>13}" for c in columns))
        for (model, align), cells in sorted(_parity.items()):
            numbers = " ".join(f"{cells[c]:13.1e}" for c in columns)
            terminalreporter.line(f"{model:12} {str(align).lower():13} {numbers}")
