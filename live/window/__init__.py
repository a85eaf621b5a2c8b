"""The preview window: the driver's camera beside the result, and what is to be known of them.

`drawing` and what it uses turn plain values (`view`) into a picture, and know no toolkit; `window` shows it.
"""

from live.window.display import why_no_window
from live.window.view import Camera, Ghost, Mark, Search, Status, View

__all__ = ["Camera", "Ghost", "Mark", "Search", "Status", "View", "why_no_window"]
