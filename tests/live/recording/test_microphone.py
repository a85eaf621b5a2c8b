"""The microphone on a stand-in for sounddevice."""

from __future__ import annotations

import re
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from live.recording import microphone
from live.recording.microphone import Microphone, NoMicrophoneError, find, load
from live.recording.sound import SoundBlock
from tests.live.recording.portaudio import sounddevice


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    monkeypatch.setattr(sounddevice, "TROUBLE", "")
    return sounddevice


def hear(device: str | None = None, seconds: float = 0.3) -> tuple[Microphone, list[SoundBlock]]:
    heard, end = Microphone(device), time.monotonic() + seconds
    blocks: list[SoundBlock] = []
    while time.monotonic() < end and not heard.failure:
        time.sleep(0.02)
        blocks += heard.blocks()
    return heard, blocks


def test_blocks_come_with_the_moment_they_were_heard() -> None:
    before = time.monotonic()
    heard, blocks = hear()
    heard.close()
    assert heard.failure == ""
    assert heard.name == "Stand-in Microphone"
    assert len(blocks) >= 3
    assert blocks[0].heard_at >= before - 0.01
    gaps = np.diff([block.heard_at for block in blocks])
    assert np.median(gaps) == pytest.approx(0.02, abs=0.005)
    assert all(block.samples.shape == (882,) and block.samples.dtype == np.int16 for block in blocks)
    assert blocks[0].rate == 44_100
    assert np.abs(blocks[0].samples).max() > 8000
    heard.close()


def test_both_channels_become_one_and_a_time_that_is_not_told_is_guessed() -> None:
    heard = Microphone()
    heard.close()
    heard.blocks()
    stereo = np.array([[100, 300]] * 48, np.int16)
    unknown = SimpleNamespace(currentTime=0.0, inputBufferAdcTime=0.0)
    heard._hear(stereo, 48_000, unknown, SimpleNamespace(input_overflow=True))
    block = heard.blocks()[-1]
    assert set(block.samples) == {200}
    assert block.lost
    assert time.monotonic() - block.heard_at == pytest.approx(0.001, abs=0.1)


@pytest.mark.parametrize(
    ("trouble", "device", "told"),
    [
        ("none", None, "no microphone that can be used .*; plug one in"),
        ("busy", None, "Stand-in Microphone cannot be used .*Device unavailable.*; see fomm-live doctor"),
        ("", "Yeti", 'no microphone is called "Yeti"; there is: Stand-in Microphone'),
        ("", "Loudspeaker", 'no microphone is called "Loudspeaker"'),
        ("unplugged", None, "Stand-in Microphone stopped delivering"),
    ],
)
def test_why_there_is_no_sound(
    monkeypatch: pytest.MonkeyPatch, trouble: str, device: str | None, told: str
) -> None:
    monkeypatch.setattr(sounddevice, "TROUBLE", trouble)
    monkeypatch.setattr(microphone, "_SILENT_S", 0.3)
    heard, _ = hear(device, seconds=5)
    heard.close()
    assert re.match(told, heard.failure)


@pytest.mark.parametrize("device", ["1", "Stand-in Microphone", "stand-in", None])
def test_a_microphone_is_found_by_name_part_or_number(device: str | None) -> None:
    assert find(sounddevice, device)["index"] == 1


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(NoMicrophoneError, match="pip install sounddevice"):
        load()


def test_a_driver_that_hangs_while_it_is_closed_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "_CLOSING_S", 0.2)
    monkeypatch.setattr(sounddevice.InputStream, "abort", lambda *_, **__: time.sleep(3))
    heard, _ = hear(seconds=0.15)
    began = time.monotonic()
    heard.close()
    assert time.monotonic() - began < 1.5
