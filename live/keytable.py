"""The table of keys as text: for the terminal, and for the docs."""

from __future__ import annotations

from live.hotkeys import Command, Hotkeys


def as_lines(hotkeys: Hotkeys) -> list[str]:
    """One line a row, as `fomm-live keys` prints them."""
    rows = hotkeys.rows()
    width = max(len(keys) for keys, _ in rows) + 2
    return [f"{keys:<{width}}{what}" for keys, what in rows]


def as_markdown(hotkeys: Hotkeys) -> str:
    """A Markdown table of keys, what they do, and what `fomm-live send` calls it."""
    lines = ["| key | does | `fomm-live send` |", "| --- | --- | --- |"]
    for hotkey in hotkeys.table:
        keys = " ".join(f"`{key}`" for key in hotkey.keys)
        name = f"{hotkey.command.value} {hotkey.argument}".strip()
        if hotkey.command is Command.PASSTHROUGH:
            name += " --confirm"
        lines.append(f"| {keys} | {hotkey.help} | `{name}` |")
    return "\n".join(lines)
