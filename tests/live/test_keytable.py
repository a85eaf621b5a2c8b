"""The keys in the docs are those of the table."""

from __future__ import annotations

import re
from pathlib import Path

from live.hotkeys import HOTKEYS, Hotkeys
from live.keytable import as_lines, as_markdown

ROOT = Path(__file__).parent.parent.parent


def test_the_docs_have_the_table() -> None:
    text = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- keys: .* -->\n\n(.*?)\n\n<!-- end of keys -->", text, re.DOTALL)
    assert found is not None
    assert found[1] == as_markdown(Hotkeys()), "put as_markdown(Hotkeys()) between the two comments"


def test_the_readme_names_keys_that_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Keys")[2].partition("## ")[0]
    known = {key: hotkey.help for hotkey in HOTKEYS for key in hotkey.keys}
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", text, re.MULTILINE)
    assert len(rows) > 5
    for keys, what in rows:
        for key in re.findall(r"`(.*?)`", keys):
            assert key in known
            words = set(re.findall(r"\w+", known[key])) - {"avatar"}
            assert words & set(re.findall(r"\w+", what)), f"{key} is said to do: {what}"


def test_the_docs_name_every_kind_of_key() -> None:
    from live.hotkeys import NAMED_KEYS

    text = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in NAMED_KEYS if not re.fullmatch(r"F\d+", name))


def test_lines_are_aligned() -> None:
    lines = as_lines(Hotkeys())
    column = lines[0].index("recalibrate")
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in lines)
