"""Everything a user can set, with its defaults: what `live.yaml` may say.

`configs/live.yaml` says the same defaults, with an explanation of each; a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fomm.errors import ConfigError
from fomm.faces import BACKENDS
from fomm.sections import describe, setting
from live.calibration import parse_neutral
from live.composer import FITS, Fit, parse_size
from live.hotkeys import Command, Hotkeys, parse_key

#: What fills an opened mouth, see `fomm.animators`.
MOUTHS = ("driver", "painted")

#: What finds the driver's face.
TRACKERS = ("auto", *BACKENDS)


def _between(low: float, high: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        number = _number(value)
        if not low <= number <= high:
            raise ConfigError(f"{number:g} is out of range; give {low:g} to {high:g}")
        return number

    return read


def _number(value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and value is not True else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if math.isnan(number) or value is False:
        raise ConfigError(f"expected a number, found {describe(value)}")
    return number


def _one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            found = describe(value) if not isinstance(value, str) else f'"{value}"'
            raise ConfigError(f"{found} is unknown; choose {', '.join(choices)}")
        return str(value)

    return read


_fit = _one_of(*FITS)


def _size(value: object) -> tuple[int, int]:
    if isinstance(value, list | tuple):
        value = "x".join(map(str, value))
    return parse_size(str(value))


def _text(value: object) -> str | None:
    """Text or nothing; a number stands for itself, so that `source: 1` is the camera's index."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"expected text, found {describe(value)}")


def _texts(value: object) -> tuple[str, ...]:
    """A list of text; a single one stands for a list of one."""
    if value is None:
        return ()
    entries = value if isinstance(value, list | tuple) else (value,)
    texts = tuple(_text(entry) for entry in entries)
    if None in texts:
        raise ConfigError("expected a list of text, found an empty entry")
    return tuple(text for text in texts if text is not None)


def _neutral(value: object) -> str:
    text = str(value)
    parse_neutral(text)
    return text


def _rate(value: object) -> float | None:
    return None if value is None else _between(1, 240)(value)


def _quarter_turns(value: object) -> int:
    degrees = _number(value)
    if degrees not in (0, 90, 180, 270):
        raise ConfigError(f"{degrees:g} is no quarter turn; choose 0, 90, 180, 270")
    return int(degrees)


def _on_or_device(value: object) -> str | bool:
    """A switch, or the name of a device to switch on."""
    if isinstance(value, bool | str):
        return value
    raise ConfigError(f"expected true, false or a device's name, found {describe(value)}")


@dataclass(frozen=True)
class CameraConfig:
    """What drives the avatar.

    Attributes:
        source: index, name, video, folder or "demo"; None the first camera there is.
        rate: frames per second asked of a camera; None the output's.
        rotate: degrees, clockwise, that make a camera's picture upright.
    """

    source: str | None = setting(None, _text)
    rate: float | None = setting(None, _rate)
    rotate: int = setting(0, _quarter_turns)


@dataclass(frozen=True)
class GalleryConfig:
    """The avatars.

    Attributes:
        avatars: pictures, folders, bundled names; empty means the folder's.
        folder: where avatars are looked for; None the user's own folder.
        crossfade_s: seconds in which an avatar gives way to the next.
    """

    avatars: tuple[str, ...] = setting((), _texts)
    folder: str | None = setting(None, _text)
    crossfade_s: float = setting(0.25, _between(0, 5))


@dataclass(frozen=True)
class OutputConfig:
    """Where frames go, and their form.

    Attributes:
        sinks: "vcam", "window", "null" or files; empty means what is useful here.
        size: `(width, height)` of the output.
        fit: how an avatar of another shape fills the output.
        paste_back: models of face crops are shown in the whole picture, rather than the crop alone.
        rate: frames per second of the output.
        mirror: begin with the output mirrored.
        mirror_preview: begin with the camera's picture in the window mirrored.
        card_text: the line on the privacy card.
    """

    sinks: tuple[str, ...] = setting((), _texts)
    size: tuple[int, int] = setting((1280, 720), _size)
    fit: Fit = setting("blur", _fit)  # noqa: RUF009 - a dataclass's field, like its neighbours
    paste_back: bool = False
    rate: float = setting(30.0, _between(1, 240))
    mirror: bool = False
    mirror_preview: bool = False
    card_text: str = "camera off"


@dataclass(frozen=True)
class ModelConfig:
    """What animates the avatar.

    Attributes:
        name: a model's name, or a YAML config of one's own.
        mouth: how the bundled models fill an opened mouth.
        checkpoint: a file of a model's weights; None takes the bundled or the pulled ones.
        engine, device: what executes its networks, and where; None takes the best there is.
    """

    name: str = "landmark-warp"
    mouth: str = setting("driver", _one_of(*MOUTHS))
    checkpoint: str | None = None
    engine: str | None = None
    device: str | None = None


@dataclass(frozen=True)
class TrackingConfig:
    """Following the driver's face.

    Attributes:
        tracker: what finds the face; "auto" takes the fastest there is.
        smooth: 0 follows every tremble, 1 is calmest.
    """

    tracker: str = setting("auto", _one_of(*TRACKERS))
    smooth: float = setting(0.5, _between(0, 1))


@dataclass(frozen=True)
class CalibrationConfig:
    """The neutral pose.

    Attributes:
        neutral: how it is found, see `live.calibration.parse_neutral`.
        auto_recalibrate: set it anew where the driver or the camera has moved for good.
        remember: keep it, without a picture, for the next session with the same webcam.
    """

    neutral: str = setting("auto", _neutral)
    auto_recalibrate: bool = False
    remember: bool = True


@dataclass(frozen=True)
class RecordingConfig:
    """Recordings and snapshots made while the session runs.

    Attributes:
        folder: where they go; None the user's videos.
        microphone: record sound: false, true for the system's microphone, or a device's name.
        audio_delay_ms: milliseconds by which the sound is late in the recording; negative is early.
    """

    folder: str | None = setting(None, _text)
    microphone: str | bool = setting(False, _on_or_device)
    audio_delay_ms: float = setting(0.0, _between(-2000, 2000))


def _keys(value: object) -> tuple[str, ...]:
    return tuple(parse_key(text) for text in _texts(value))


@dataclass(frozen=True)
class LiveConfig:
    """All of it.

    Attributes:
        hotkeys: command → its keys, for commands whose keys are the user's own.
    """

    camera: CameraConfig = CameraConfig()
    gallery: GalleryConfig = GalleryConfig()
    output: OutputConfig = OutputConfig()
    model: ModelConfig = ModelConfig()
    tracking: TrackingConfig = TrackingConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    recording: RecordingConfig = RecordingConfig()
    hotkeys: Mapping[str, tuple[str, ...]] = field(default_factory=dict, metadata={"read": _keys})

    def table(self) -> Hotkeys:
        """The keys as this user has them.

        Raises:
            ConfigError: one key is given to two commands.
        """
        try:
            return Hotkeys({Command(name): keys for name, keys in self.hotkeys.items()})
        except ConfigError as error:
            raise ConfigError(f"hotkeys: {error}") from None


#: Names under `hotkeys`.
COMMANDS = tuple(command.value for command in Command)

#: Paths that were called otherwise once, or that a flag's name suggests → what they are called.
RENAMED = {
    "output.fps": "output.rate",
    "output.sink": "output.sinks",
    "camera.fps": "camera.rate",
    "camera.name": "camera.source",
    "gallery.avatar": "gallery.avatars",
    "gallery.dir": "gallery.folder",
    "model.model": "model.name",
    "tracking.smoothing": "tracking.smooth",
    "recording.audio_delay": "recording.audio_delay_ms",
}


def as_written(value: Any) -> Any:
    """A setting's value as YAML writes it."""
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(side, int) for side in value):
        return f"{value[0]}x{value[1]}"
    return list(value) if isinstance(value, tuple) else value
