"""The rule of `conftest.py`: a skip without a name fails the run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAMED = (
    "import pytest\n@pytest.mark.skipif(True, reason='no CUDA device, or none that is free')\ndef test(): ..."
)
UNNAMED = "import pytest\n@pytest.mark.skip(reason='flaky')\ndef test(): ..."
INSIDE = "import pytest\ndef test(): pytest.skip('not today')"
MODULE = "import pytest\npytest.skip('some day', allow_module_level=True)"
XFAIL = "import pytest\n@pytest.mark.xfail(reason='a known limit')\ndef test(): assert False"


@pytest.mark.parametrize(
    ("content", "status"), [(NAMED, 0), (UNNAMED, 1), (INSIDE, 1), (MODULE, 1), (XFAIL, 0)]
)
def test_exit_status(tmp_path: Path, content: str, status: int) -> None:
    shutil.copy(Path(__file__).parent / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(f"{content}\n\ndef test_other(): pass\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    if content == MODULE:
        (tmp_path / "test_more.py").write_text("def test(): pass\n", encoding="utf-8")
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == status, result.stdout
    assert ("does not name" in result.stdout) == bool(status)
