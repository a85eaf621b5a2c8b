"""Whether pictures can be rendered here."""

from __future__ import annotations

import pytest

from fomm.synthetic.render import EglError, open_context


def _available() -> bool:
    try:
        import anny  # noqa: F401

        open_context().release()
    except (ImportError, EglError):
        return False
    return True


needs_renderer = pytest.mark.skipif(not _available(), reason="needs the extra 'synthetic' and EGL")
