"""What the window shows, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fomm.animators.base import Frame, Landmarks
from live.gallery import Thumbnail

#: What a line or a mark is about: how things are, what went well, what asks for attention, what is wrong.
Tone = Literal["plain", "good", "attention", "alarm"]


@dataclass(frozen=True, eq=False)
class Camera:
    """The driver's camera, and what was found in its picture.

    Attributes:
        pixels: `(H, W, 3)` uint8 RGB. The only place where they are ever shown is the window's own pane.
        landmarks: `(478, 3)` in pixels of it; None without a face.
        hints: what the driver could do better, the most important first, such as "move closer".
    """

    pixels: Frame
    landmarks: Landmarks | None = None
    hints: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Ghost:
    """The avatar laid over the camera's picture, so that the driver can take its place and pose.

    Attributes:
        portrait: `(h, w, 3)` uint8 RGB, the avatar at rest.
        landmarks: `(478, 3)` in pixels of it; None where its face is not known.
        opacity: 0 invisible, 1 covers the camera's picture.
    """

    portrait: Frame
    landmarks: Landmarks | None
    opacity: float


@dataclass(frozen=True)
class Search:
    """How near the driver is to the avatar's pose while the best neutral pose is looked for, both in [0, 1]."""

    now: float
    best: float


@dataclass(frozen=True)
class Status:
    """How the session runs.

    Attributes:
        model: the animator's name.
        engine: what executes it, as it calls itself, such as "cpu" or "cuda:0 (fp16)".
        device: the same for people: "CPU", "GPU (NVIDIA GeForce RTX 3060)".
        fps: driven frames a second; None while nothing follows the driver, and until it is known.
        latency_ms: from capture to hand-over; None while nothing follows the driver.
        idle_gpu: which GPU is not used, and why; None where it is, or there is none.
    """

    model: str
    engine: str
    device: str
    fps: float | None
    latency_ms: float | None = None
    idle_gpu: str | None = None


@dataclass(frozen=True)
class Mark:
    """A word over the result, such as "PAUSED" or "PRIVACY CARD"."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, eq=False)
class View:
    """Everything in the window at one moment, besides the result itself.

    Attributes:
        camera: None before the first frame.
        ghost, search: None where they are off.
        status: None before it is known.
        numbers: whether the status is shown; what is wrong is shown all the same.
        alarm: what is shown in red however much is hidden, e.g. that the real camera is sent.
        marks: over the result.
        recording_s: seconds recorded so far; None while nothing is recorded.
        thumbnails: the gallery; fewer than two are not shown.
        notices: what was told lately, the newest last.
        landmarks: whether the face's landmarks are drawn over the camera.
        mirrored: whether both panes are shown as in a mirror.
        keys: the help overlay's rows, keys and what they do; empty hides it.
    """

    camera: Camera | None = None
    ghost: Ghost | None = None
    search: Search | None = None
    status: Status | None = None
    numbers: bool = True
    alarm: str = ""
    marks: Sequence[Mark] = ()
    recording_s: float | None = None
    thumbnails: Sequence[Thumbnail] = ()
    notices: Sequence[str] = ()
    landmarks: bool = False
    mirrored: bool = False
    keys: Sequence[tuple[str, str]] = ()
