"""Commands for a running session from other programs of the same user: `fomm-live send`."""

from live.remote.client import send
from live.remote.messages import Order
from live.remote.server import RemoteControl

__all__ = ["Order", "RemoteControl", "send"]
