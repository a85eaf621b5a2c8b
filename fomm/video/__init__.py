"""Reading driving videos and writing results: FFmpeg through PyAV.

PyAV keeps FFmpeg's own log to itself, so nothing here prints.
"""

from __future__ import annotations

from fomm.video.frames import NUMBER, FrameFolder
from fomm.video.gif import GifWriter
from fomm.video.reading import VideoReader
from fomm.video.sound import Sound
from fomm.video.writing import EXTENSIONS, VideoWriter, check_output

__all__ = [
    "EXTENSIONS",
    "NUMBER",
    "FrameFolder",
    "GifWriter",
    "Sound",
    "VideoReader",
    "VideoWriter",
    "check_output",
]
