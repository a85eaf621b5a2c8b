"""Commands from anywhere (the window's keys, the terminal's, the socket) to whoever carries them out.

A part of the app brings its handlers as a dict and the session registers it with one line:
`self.dispatcher.register(gallery_commands(gallery))`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fomm.errors import ConfigError, FommError
from live.hotkeys import Command
from live.notices import Notices
from live.requests import Answer, Request

#: Carries a command out and says in a short sentence what happened, such as "output mirrored".
Handler = Callable[[], str]

#: The same for a command with an argument, "" where none was given.
ArgumentHandler = Callable[[str], str]


class Dispatcher:
    """Knows who carries out which command.

    Args:
        notices: shows what happened.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._handlers: dict[Command, ArgumentHandler] = {}

    def register(self, handlers: Mapping[Command, Handler]) -> None:
        """From now on `handlers` carry out their commands. They run in the session's thread, between frames.

        A handler that raises a `FommError` has its message shown; the session goes on.
        """
        for command, handler in handlers.items():
            self._handlers[command] = _without_argument(command, handler)

    def register_with_argument(self, handlers: Mapping[Command, ArgumentHandler]) -> None:
        """The same for handlers that take what was given with the command."""
        self._handlers.update(handlers)

    @property
    def known(self) -> frozenset[Command]:
        """The commands that somebody carries out."""
        return frozenset(self._handlers)

    def obey(self, request: Request) -> None:
        """Carry a command out, show what happened, and answer who asked."""
        handler = self._handlers.get(request.command)
        try:
            if handler is None:
                raise ConfigError(f"this session has no use for {request.command.value}")
            answer = Answer(handler(request.argument))
        except FommError as error:
            answer = Answer(str(error), done=False)
        self._notices.show(answer.text)
        request.reply(answer)


def _without_argument(command: Command, handler: Handler) -> ArgumentHandler:
    def handle(argument: str) -> str:
        if argument:
            raise ConfigError(f"{command.value} takes no argument")
        return handler()

    return handle
