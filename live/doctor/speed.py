"""How fast it is here: the real pipeline on the bundled clip, for three seconds."""

from __future__ import annotations

import contextlib
import time

from fomm import resources
from fomm.errors import FommError
from live.doctor.findings import Finding, Level
from live.interrupts import Interrupts
from live.report import Report

_SECONDS = 3.0

#: Opening everything may take this long before that.
_OPENING_S = 4.0

#: Below these, in frames per second, motion is not smooth, and not bearable.
_SMOOTH, _BEARABLE = 25, 8


class _TimeIsUp(Exception):  # noqa: N818 - not an error
    """Enough was measured."""


class _ForSeconds(Interrupts):
    """Ends the session after a while, which begins when it does."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._end = time.monotonic() + _OPENING_S

    def begin(self) -> None:
        self._end = time.monotonic() + self._seconds

    def check(self) -> None:
        super().check()
        if time.monotonic() > self._end:
            raise _TimeIsUp


def speed(seconds: float = _SECONDS) -> Finding:
    """Frames per second of the default model at the default size, nothing shown."""
    from live.app import Settings, run
    from live.config import CameraConfig, GalleryConfig, LiveConfig, OutputConfig
    from live.notices import Notices
    from live.sources import DEMO

    portrait = min(resources.AVATARS.glob("*.jpg"))
    config = LiveConfig(
        camera=CameraConfig(DEMO),
        gallery=GalleryConfig(avatars=(str(portrait),)),
        output=OutputConfig(sinks=("null",)),
    )
    reports: list[Report] = []
    clock = _ForSeconds(seconds)
    try:
        with contextlib.suppress(_TimeIsUp):
            run(
                Settings(config, paced=False, loop=True),
                notices=Notices(),
                interrupts=clock,
                tell=reports.append,
                begun=clock.begin,
            )
    except FommError as error:
        return Finding.of_message("speed", Level.PROBLEM, str(error))
    return (
        judge(reports[0])
        if reports
        else Finding.warning("speed", f"did not start in {_OPENING_S:g} s", _LIGHTER)
    )


_LIGHTER = "close other programs, or send smaller pictures: fomm-live --size 640x480"


def judge(report: Report) -> Finding:
    """What the measured rate means."""
    text = f"{report.line()}, the camera's own rate aside"
    if report.fps < _BEARABLE:
        return Finding.warning("speed", f"{text}: too slow for a call", _LIGHTER)
    if report.fps < _SMOOTH:
        return Finding.warning("speed", text, _LIGHTER)
    return Finding.ok("speed", text)
