"""Keys pressed in the terminal that the session was started from: they work without a window, and beside one."""

from live.terminal.keys import TerminalKeys, open_terminal_keys

__all__ = ["TerminalKeys", "open_terminal_keys"]
