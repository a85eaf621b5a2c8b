"""Cameras, the virtual camera, the microphone: each is really opened."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from fomm.errors import CameraError, SinkError
from live import loopback
from live.background import Background
from live.doctor.findings import Finding, Level
from live.setup_camera import make_plan
from live.sources.cameras import Camera, list_cameras
from live.sources.measuring import Delivered, measure

#: Below this rate, in frames per second, motion looks jerky.
_SLOW_FPS = 20

#: So long, in seconds, the microphone is listened to.
_LISTENING_S = 0.3


def cameras(
    listed: Callable[[], list[Camera]] = list_cameras, look: Callable[[Camera], Delivered] = measure
) -> Iterator[Finding]:
    """Every camera by name, with the rate that it delivers; all are measured at once."""
    found = listed()
    if not found:
        yield Finding.problem(
            "camera", "no camera found", "plug one in, or drive from a video: fomm-live --camera clip.mp4"
        )
    looking = [(camera, Background(partial(look, camera), name="looking")) for camera in found]
    findings = [_camera(camera, coming) for camera, coming in looking]
    usable = any(finding.level is not Level.PROBLEM for finding in findings)
    for finding in findings:
        # One that cannot be used is no obstacle where another can.
        spare = usable and finding.level is Level.PROBLEM
        yield Finding(finding.subject, Level.WARNING, finding.text, finding.fix) if spare else finding


def _camera(camera: Camera, coming: Background[Delivered]) -> Finding:
    subject = f"camera {camera.index}"
    try:
        seen = coming.result()
    except CameraError as error:
        finding = Finding.of_message(subject, Level.PROBLEM, str(error))
        return (
            finding
            if finding.fix
            else Finding.problem(subject, finding.text, "close what uses it, or choose another")
        )
    text = f"{camera.name}: {seen.size[0]}x{seen.size[1]} at {seen.rate:.1f} frames per second"
    if seen.black:
        return Finding.warning(
            subject, f"{text}, but black", "open its privacy shutter, or switch it on by its key"
        )
    if seen.rate < _SLOW_FPS:
        return Finding.warning(subject, text, "give it more light, another USB port, or a smaller size")
    return Finding.ok(subject, text)


def virtual_camera() -> Finding:
    """Whether frames can be sent to it now: it is opened, and let go."""
    from live.sinks.virtual_camera import VirtualCamera

    subject = "virtual camera"
    plan = make_plan()
    try:
        with VirtualCamera((640, 480)) as camera:
            name = camera.name
    except SinkError as error:
        message = str(error).removeprefix("no virtual camera: ")
        if " is busy: " in message:
            text, _, fix = message.rpartition("; ")
            return Finding.warning(subject, text, fix)
        return Finding.problem(subject, message.partition("; ")[0], "fomm-live setup-camera")
    if not plan.ready:
        left = next(step for step in plan.steps if not step.optional)
        return Finding.warning(subject, f"{name} works, but: {left.what}", "fomm-live setup-camera")
    text = f'{name}; calls list it as "{plan.name}"'
    if platform.system() == "Linux" and loopback.module().forgets:
        text += "; v4l2loopback is older than 0.13, see fomm-live setup-camera"
    return Finding.ok(subject, text)


def microphone() -> Finding:
    """Whether it hears anything; recordings may have its sound."""
    from live.recording.microphone import NoMicrophoneError, find, load

    subject, only = "microphone", "plug one in; only recordings with sound need it"
    try:
        sounddevice = load()
    except NoMicrophoneError as error:
        return Finding.ok(subject, f"not looked for: {error}")
    try:
        name = find(sounddevice, None)["name"]
        rate = 16_000
        heard = sounddevice.rec(
            round(_LISTENING_S * rate), samplerate=rate, channels=1, dtype="int16", blocking=True
        )
    except NoMicrophoneError as error:
        return Finding.warning(subject, str(error).partition("; ")[0], only)
    except sounddevice.PortAudioError as error:
        return Finding.warning(subject, f"none that can be used ({error})", only)
    # Even in a silent room a microphone that is on hears its own noise.
    if not np.any(heard):
        return Finding.warning(
            subject, f"{name} is silent", "switch it on: it is muted, or the system blocks it"
        )
    return Finding.ok(subject, name)
