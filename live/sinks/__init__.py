"""Sinks: where finished frames go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fomm.errors import FommError, SinkError
from live.hotkeys import Hotkeys
from live.sinks.base import Sink
from live.sources.base import Notify

if TYPE_CHECKING:
    from live.sinks.recorder import LiveRecording
    from live.window.window import Window

#: Suffixes of `--sink` that mean a recording.
RECORDINGS = (".mp4", ".m4v", ".mov")


@dataclass(frozen=True)
class SinkOptions:
    """How sinks are opened.

    Attributes:
        size: `(width, height)` of every frame.
        rate: frames per second that a virtual camera announces.
        overwrite: whether a recording may replace a file.
        hotkeys: what the window's keys mean.
        live: what recordings need to know while the present moment is recorded; None for a conversion.
    """

    size: tuple[int, int]
    rate: float = 30.0
    overwrite: bool = False
    hotkeys: Hotkeys = field(default_factory=Hotkeys)
    live: LiveRecording | None = None


def _virtual_camera(_wanted: str, options: SinkOptions) -> Sink:
    from live.sinks.virtual_camera import VirtualCamera

    return VirtualCamera(options.size, rate=options.rate)


def _window(_wanted: str, options: SinkOptions) -> Sink:
    from live.window.window import Window

    return Window(options.size, options.hotkeys)


def _recorder(wanted: str, options: SinkOptions) -> Sink:
    from live.sinks.recorder import Recorder

    return Recorder(options.size, wanted, rate=options.rate, overwrite=options.overwrite, live=options.live)


def _null(_wanted: str, options: SinkOptions) -> Sink:
    from live.sinks.null import NullSink

    return NullSink(options.size)


#: kind → factory; each takes what `--sink` says and the options.
SINKS: dict[str, Callable[[str, SinkOptions], Sink]] = {
    "vcam": _virtual_camera,
    "window": _window,
    "file": _recorder,
    "null": _null,
}


def open_sink(wanted: str, options: SinkOptions) -> Sink:
    """Open what `--sink` names: "vcam", "window", "null", or a file to record into.

    Raises:
        SinkError, VideoError: it cannot be opened, or nothing is called that.
    """
    return SINKS[kind_of(wanted)](wanted, options)


def kind_of(wanted: str) -> str:
    """Which of `SINKS` serves it.

    Raises:
        SinkError: none.
    """
    if wanted in SINKS and wanted != "file":
        return wanted
    if wanted.lower().endswith(RECORDINGS):
        return "file"
    raise SinkError(
        f'--sink "{wanted}" is none of vcam, window, null, or a file ending in {", ".join(RECORDINGS)}'
    )


def _distinct(wanted: Sequence[str]) -> list[str]:
    """Each sink once: two recordings into one file would spoil each other."""
    return list({Path(name).resolve() if kind_of(name) == "file" else name: name for name in wanted}.values())


def open_sinks(
    wanted: Sequence[str], options: SinkOptions, notify: Notify
) -> tuple[list[Sink], Window | None]:
    """Open everything that was asked for, or nothing; without a wish, what is useful here.

    The default is the virtual camera, and the window where there is a display; one of the two suffices.

    Returns:
        The sinks, and the one among them that is the window.

    Raises:
        SinkError, VideoError: an explicitly asked sink cannot be opened, or none of the default ones.
    """
    sinks: list[Sink] = []
    try:
        if wanted:
            for name in _distinct(wanted):
                sinks.append(open_sink(name, options))
        else:
            _open_default(sinks, options, notify)
    except BaseException:
        close_sinks(sinks, notify)
        raise
    return sinks, _window_among(sinks)


def _open_default(sinks: list[Sink], options: SinkOptions, notify: Notify) -> None:
    from live.window import why_no_window

    if why_no_window() is None:
        sinks.append(open_sink("window", options))
    try:
        sinks.append(open_sink("vcam", options))
    except SinkError as error:
        if not sinks:
            raise
        notify(f"preview only: {error}")


def _window_among(sinks: Sequence[Sink]) -> Window | None:
    from live.window.window import Window

    return next((sink for sink in sinks if isinstance(sink, Window)), None)


def close_sinks(sinks: Sequence[Sink], notify: Notify) -> None:
    """Close them all, whatever one of them says about it."""
    for sink in sinks:
        try:
            sink.close()
        except FommError as error:
            notify(str(error))


__all__ = [
    "RECORDINGS",
    "SINKS",
    "Sink",
    "SinkOptions",
    "close_sinks",
    "kind_of",
    "open_sink",
    "open_sinks",
]
