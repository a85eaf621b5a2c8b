"""A session: the loop, and the commands that it obeys."""

from live.session.dispatch import Dispatcher, Handler
from live.session.loop import Session, SessionOptions

__all__ = ["Dispatcher", "Handler", "Session", "SessionOptions"]
