"""Drawing the window: two panes, what is said over them, the gallery below."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fomm.animators.base import Frame
from live.window import camera as over_camera
from live.window.labels import Line, block, help_overlay, pill, status_lines
from live.window.panels import Panel
from live.window.strip import Strip, height_of
from live.window.style import BACKGROUND, FAINT, TONES, Measures
from live.window.view import Camera, Ghost, Search, View


@dataclass(frozen=True)
class Box:
    """A part of the window, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, canvas: Frame) -> Frame:
        """That part of the canvas, to be drawn into."""
        return canvas[self.top : self.top + self.height, self.left : self.left + self.width]


class Painter:
    """Draws views. What has not changed since the last one is not drawn anew."""

    def __init__(self) -> None:
        self._canvas: Frame = np.zeros((1, 1, 3), np.uint8)
        self._blank = self._canvas
        self._strip = Strip()
        self._ghost_key: object = None
        self._ghost: Panel | None = None

    def paint(self, result: Frame, view: View, size: tuple[int, int]) -> Frame:
        """The window's picture, `(height, width, 3)` uint8 RGB; the same array is drawn into the next time.

        Args:
            result: `(H, W, 3)` uint8 RGB, what the sinks get.
            size: `(width, height)` of the window.
        """
        width, height = size
        measures = Measures.of(height)
        if self._canvas.shape[:2] != (height, width):
            self._canvas = np.empty((height, width, 3), np.uint8)
            self._blank = np.full_like(self._canvas, BACKGROUND)
        canvas = self._canvas
        np.copyto(canvas, self._blank)
        left, right, below = _boxes(result.shape, view, size, measures)
        self._paint_camera(view, left.of(canvas), measures)
        _paint_result(result, view, right.of(canvas), measures)
        if below is not None:
            self._strip.panel(view.thumbnails, measures, width).paste(canvas, 0, below)
        if view.keys:
            panel = help_overlay(tuple(view.keys), measures, size)
            panel.paste(canvas, (width - panel.size[0]) // 2, (height - panel.size[1]) // 2)
        return canvas

    def _paint_camera(self, view: View, pane: Frame, measures: Measures) -> None:
        seen = view.camera
        if seen is None:
            panel = block((("waiting for the camera", FAINT),), measures, pane.shape[1])
            panel.paste(pane, *_centred(pane, panel))
            return
        picture = (seen.pixels.shape[1], seen.pixels.shape[0])
        inside = _fitted(picture, pane)
        shown = inside.of(pane)
        _show(seen.pixels, shown, mirrored=view.mirrored)
        place = over_camera.Placement(picture, (inside.width, inside.height), mirrored=view.mirrored)
        if view.ghost is not None and view.ghost.opacity > 0:
            self._ghost_panel(view.ghost, (inside.width, inside.height), view.mirrored).paste(shown, 0, 0)
        if seen.landmarks is not None:
            if view.landmarks:
                over_camera.draw_landmarks(shown, seen.landmarks, place, measures)
            over_camera.draw_face(shown, seen.landmarks, place, measures, good=not seen.hints)
        _paint_hints(seen, shown, measures)
        if view.search is not None:
            _paint_search(view.search, shown, measures)

    def _ghost_panel(self, ghost: Ghost, size: tuple[int, int], mirrored: bool) -> Panel:
        key = (id(ghost.portrait), ghost.opacity, size, mirrored)
        if self._ghost is None or key != self._ghost_key:
            self._ghost_key, self._ghost = key, over_camera.ghost_panel(ghost, size, mirrored=mirrored)
        return self._ghost


def _boxes(
    result: tuple[int, ...], view: View, size: tuple[int, int], measures: Measures
) -> tuple[Box, Box, int | None]:
    """The two panes, and where the gallery's strip begins: side by side, or in a tall window one above the
    other."""
    width, height = size
    below = None
    if len(view.thumbnails) > 1 and height > 3 * height_of(measures):
        below = height = height - height_of(measures)
    beside = min(width / 2 / result[1], height / result[0])
    above = min(width / result[1], height / 2 / result[0])
    if beside >= above:
        half = width // 2
        return Box(0, 0, half, height), Box(half, 0, width - half, height), below
    half = height // 2
    return Box(0, 0, width, half), Box(0, half, width, height - half), below


def _paint_result(result: Frame, view: View, pane: Frame, measures: Measures) -> None:
    inside = _fitted((result.shape[1], result.shape[0]), pane)
    shown = inside.of(pane)
    _show(result, shown, mirrored=view.mirrored)
    # What is said may use the pane's margins, so that it covers less of the picture.
    gap = measures.gap
    height, width = pane.shape[:2]
    top = gap
    if view.alarm:
        _border(shown, max(3, measures.text // 3))
        top += inside.top
        alarm = pill(view.alarm, "alarm", measures, width - 2 * gap)
        alarm.paste(pane, (width - alarm.size[0]) // 2, top)
        top += alarm.size[1] + gap
    narrowed = _paint_marks(view, pane, measures, top)
    if (lines := _status(view)) != ():
        block(lines, measures, width - 2 * gap - narrowed).paste(pane, gap, top)
    bottom = height - gap
    for notice in reversed(view.notices):
        panel = block(((notice, TONES["plain"]),), measures, width - 2 * gap)
        bottom -= panel.size[1]
        panel.paste(pane, gap, bottom)
        bottom -= gap


def _paint_marks(view: View, pane: Frame, measures: Measures, top: int) -> int:
    """Recording and marks, one below the other at the right; how wide they are with their gap."""
    gap, width = measures.gap, pane.shape[1]
    panels = [pill(mark.text, mark.tone, measures, width // 2) for mark in view.marks]
    if view.recording_s is not None:
        panels.insert(0, pill(f"REC {_clock(view.recording_s)}", "plain", measures, width // 2, dot=True))
    for panel in panels:
        panel.paste(pane, width - gap - panel.size[0], top)
        top += panel.size[1] + gap
    widths: list[int] = [panel.size[0] + gap for panel in panels]
    return max(widths, default=0)


def _status(view: View) -> tuple[Line, ...]:
    if view.status is None:
        return ()
    lines = status_lines(view.status) if view.numbers else ()
    if view.status.idle_gpu is not None:
        lines = (*lines, (view.status.idle_gpu, TONES["alarm"]))
    return lines


def _paint_hints(seen: Camera, shown: Frame, measures: Measures) -> None:
    """The two most important hints, at the foot of the picture."""
    height, width = shown.shape[:2]
    bottom = height - measures.gap
    for hint in reversed(list(seen.hints)[:2]):
        panel = pill(hint, "attention", measures, width - 2 * measures.gap)
        bottom -= panel.size[1]
        panel.paste(shown, (width - panel.size[0]) // 2, bottom)
        bottom -= measures.gap


def _paint_search(search: Search, shown: Frame, measures: Measures) -> None:
    """The search's score and its bar, at the head of the picture, where they leave the mouth to be seen."""
    width = shown.shape[1]
    score = pill(
        f"match {search.now:.0%}, best {search.best:.0%}", "plain", measures, width - 2 * measures.gap
    )
    score.paste(shown, (width - score.size[0]) // 2, measures.gap)
    over_camera.draw_search(shown, search, measures, 2 * measures.gap + score.size[1])


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _border(shown: Frame, width: int) -> None:
    """A red frame: no other state of the window looks like it."""
    for edge in (shown[:width], shown[-width:], shown[:, :width], shown[:, -width:]):
        edge[...] = TONES["alarm"]


def _fitted(picture: tuple[int, int], pane: Frame) -> Box:
    """Where a picture of that `(width, height)` lies in a pane, as large as it fits."""
    height, width = pane.shape[:2]
    scale = min(width / picture[0], height / picture[1])
    size = (max(1, int(picture[0] * scale)), max(1, int(picture[1] * scale)))
    return Box((width - size[0]) // 2, (height - size[1]) // 2, *size)


def _centred(pane: Frame, panel: Panel) -> tuple[int, int]:
    return (pane.shape[1] - panel.size[0]) // 2, (pane.shape[0] - panel.size[1]) // 2


def _show(pixels: Frame, into: Frame, *, mirrored: bool) -> None:
    height, width = into.shape[:2]
    # Halved as often as it goes first: an average over odd areas takes five times as long.
    while pixels.shape[1] >= 2 * width and pixels.shape[0] >= 2 * height:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    scaled = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    into[...] = cv2.flip(scaled, 1) if mirrored else scaled
