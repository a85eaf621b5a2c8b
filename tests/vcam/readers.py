"""The three programs that look at "FOMM Cam", and what each of them saw."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

#: Where the avatar's patches are in the output, `(x, y)`, and their colours, RGB.
PATCHES = {
    "red": ((40, 120), (220, 30, 30)),
    "green": ((600, 120), (30, 200, 30)),
    "blue": ((40, 360), (30, 30, 220)),
    "grey": ((600, 360), (128, 128, 128)),
}


@dataclass(frozen=True)
class Seen:
    """What a reader saw.

    Attributes:
        size: `(width, height)`.
        rate: frames per second, None where it was not measured.
        colours: name of the patch → RGB.
        label: what the reader calls the camera; None where it does not tell.
    """

    size: tuple[int, int]
    rate: float | None
    colours: dict[str, tuple[int, ...]]
    label: str | None = None

    @property
    def colour_error(self) -> int:
        """The largest difference of any channel. A mirrored picture has its colours in the wrong places."""
        return max(
            abs(seen - wanted)
            for name, (_, colour) in PATCHES.items()
            for seen, wanted in zip(self.colours[name], colour, strict=True)
        )


def opencv(device: str, frames: int = 100) -> Seen:
    """Read as a program with OpenCV does."""
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    times = []
    picture: Any = None
    while len(times) < frames:
        read, picture = capture.read()
        if not read:
            raise RuntimeError(f"OpenCV read {len(times)} frames of {device}, then none")
        times.append(time.monotonic())
    capture.release()
    # What was buffered before comes at once.
    rate = (frames - 11) / (times[-1] - times[10])
    return Seen((picture.shape[1], picture.shape[0]), rate, _colours(picture[:, :, ::-1]))


def motion(device: str, patience: float) -> float | None:
    """How much the picture between the patches changes, mean grey levels; None where it stays as it is."""
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    first: Any = None
    deadline = time.monotonic() + patience
    try:
        while time.monotonic() < deadline:
            read, picture = capture.read()
            if not read:
                raise RuntimeError(f"OpenCV reads no more of {device}")
            face = picture[80:400, 200:440].astype(float)
            first = face if first is None else first
            change = float(np.abs(face - first).mean())
            if change > 1:
                return change
    finally:
        capture.release()
    return None


def ffmpeg(device: str, folder: Path, frames: int = 100) -> Seen:
    """Read as FFmpeg does, which tells when each frame was written."""
    listed = _run(
        *("ffprobe", "-v", "error", "-f", "v4l2", "-read_intervals", f"%+#{frames}"),
        *("-show_entries", "packet=pts_time", "-of", "csv=p=0", device),
    )
    times = [float(line.strip(",")) for line in listed.split()]
    picture = folder / "ffmpeg.png"
    _run(
        *("ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "v4l2", "-i", device),
        *("-frames:v", "1", "-update", "1", str(picture)),
    )
    read = cv2.imread(str(picture))
    rate = (len(times) - 11) / (times[-1] - times[10])
    return Seen((read.shape[1], read.shape[0]), rate, _colours(read[:, :, ::-1]))


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=True).stdout


_PAGE = """<!doctype html><meta charset=utf-8><title>camera</title><video id=video muted playsinline></video>
<script>
const patches = %s;
const later = ms => new Promise(done => setTimeout(done, ms));
async function look() {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}});
  const track = stream.getVideoTracks()[0];
  const labels = (await navigator.mediaDevices.enumerateDevices()).map(d => d.kind + ": " + d.label);
  video.srcObject = stream;
  await video.play();
  await later(3000);
  video.pause();  // drawing is what emulation is slowest at
  const frames = new MediaStreamTrackProcessor({track: track.clone()}).readable.getReader();
  const times = [];
  while (times.length < 110) {
    const {value} = await frames.read();
    times.push(performance.now());
    value.close();
  }
  const rate = (times.length - 11) * 1000 / (times.at(-1) - times[10]);
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.drawImage(video, 0, 0);
  const colours = {};
  for (const [name, [x, y]] of Object.entries(patches))
    colours[name] = [...pen.getImageData(x, y, 1, 1).data].slice(0, 3);
  track.stop();
  return {labels, label: track.label, size: [canvas.width, canvas.height], rate, colours};
}
look().catch(error => ({error: String(error)}))
      .then(seen => fetch("/seen", {method: "POST", body: JSON.stringify(seen)}));
</script>"""


def chromium(folder: Path, timeout: float = 300) -> Seen:
    """Read as a video call in a browser does: a page of ours asks for the camera and reports what it got.

    Raises:
        RuntimeError: the page got no camera, or never reported.
    """
    answers: list[dict[str, Any]] = []
    reported = threading.Event()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (_PAGE % json.dumps({name: place for name, (place, _) in PATCHES.items()})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            reported.set()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with (folder / "chromium.log").open("w") as log:
        browser = subprocess.Popen(
            [
                *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--use-fake-ui-for-media-stream", "--disable-background-networking", "--disable-sync"),
                *(
                    "--disable-component-update",
                    "--disable-dev-shm-usage",
                    f"--user-data-dir={folder}/profile",
                ),
                f"http://localhost:{server.server_port}/",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            if not reported.wait(timeout):
                raise RuntimeError(f"Chromium did not report within {timeout:.0f} s")
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
    seen = answers[0]
    if "error" in seen:
        raise RuntimeError(f"Chromium: {seen['error']}")
    colours = {name: tuple(colour) for name, colour in seen["colours"].items()}
    return Seen(tuple(seen["size"]), seen["rate"], colours, seen["label"])


def _colours(picture: Any) -> dict[str, tuple[int, ...]]:
    found = {}
    for name, ((x, y), _) in PATCHES.items():
        mean = np.asarray(picture[y - 4 : y + 4, x - 4 : x + 4], float).reshape(-1, 3).mean(0)
        found[name] = tuple(int(value) for value in mean.round())
    return found
