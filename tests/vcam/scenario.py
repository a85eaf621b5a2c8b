"""What is checked inside the virtual machine, with the real command, the real module and real readers."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from fomm import resources
from live import loopback, v4l2
from live.frames import OutputFrame
from live.sinks.virtual_camera import VirtualCamera
from tests.vcam import readers
from tests.vcam.readers import PATCHES, Seen

RATE = 15
SIZE = (640, 480)
OUTPUT, WEBCAM = "FOMM Cam", "Test Webcam"

#: How far colours may be off after RGB → YUV → RGB.
_COLOUR_TOLERANCE = 12

#: Emulated, a session takes this long to begin at most.
_PATIENCE_S = 240

#: Emulated, it has much to do for some more seconds: avatars are made ready, networks compiled.
_SETTLING_S = 10


#: Emulated, the session has all of its processor to do. Whoever looks has the other one.
_ITS_PROCESSOR, _OURS = "0", {1}

#: What is needed is imported before: the project may lie where nobody else may read.
_AS_NOBODY = """
import getpass, grp, os, pwd, pyvirtualcam
from fomm.errors import SinkError
from live.sinks.virtual_camera import VirtualCamera
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.environ["USER"] = "nobody"
try:
    VirtualCamera((640, 480))
except SinkError as error:
    print(error)
"""


#: A program of ours that is killed while it sends.
_KILLED = """
import os, signal, numpy as np
from live.sinks.virtual_camera import VirtualCamera
VirtualCamera((640, 480)).send(np.zeros((480, 640, 3), np.uint8), 0)
os.kill(os.getpid(), signal.SIGKILL)
"""

_PYVIRTUALCAM = """
import sys, numpy as np, pyvirtualcam
with pyvirtualcam.Camera(640, 480, 15, device=sys.argv[1]) as camera:
    camera.send(np.zeros((480, 640, 3), np.uint8))
"""


def _pyvirtualcam_sends(path: str) -> tuple[str, ...]:
    """Another program, which asks the device what it can do before it sends, as OBS does."""
    return (sys.executable, "-c", _PYVIRTUALCAM, path)


def _ffmpeg_sends(path: str) -> tuple[str, ...]:
    """One that does not ask."""
    picture = f"testsrc=size={SIZE[0]}x{SIZE[1]}:rate={RATE}"
    return ("ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", picture, *_FRAMES, "-f", "v4l2", path)


_FRAMES = ("-frames:v", "5", "-pix_fmt", "yuv420p")


class Checks:
    """What held and what did not."""

    def __init__(self) -> None:
        self.done: list[tuple[bool, str]] = []

    def __call__(self, holds: bool, what: str) -> bool:
        self.done.append((holds, what))
        print(f"{'ok    ' if holds else 'FAILED'} {what}", flush=True)
        return holds

    def saw(self, who: str, seen: Seen) -> None:
        """What a reader saw of FOMM Cam is what was sent."""
        label = "" if seen.label is None else f', called "{seen.label}"'
        rate = "no rate" if seen.rate is None else f"{seen.rate:.2f} frames per second"
        self(
            seen.size == SIZE
            and seen.rate is not None
            and abs(seen.rate - RATE) <= 0.1 * RATE
            and seen.colour_error <= _COLOUR_TOLERANCE
            and (seen.label is None or seen.label.startswith(OUTPUT)),
            f"{who}: {seen.size[0]}x{seen.size[1]}, {rate}, colours off by {seen.colour_error} of 255 "
            f"at most, in their places{label}",
        )


class FommLive:
    """`fomm-live` in a process of its own, its words in a file."""

    def __init__(self, log: Path, *arguments: str | Path) -> None:
        self.log = log
        self._file = log.open("w")
        self.process = subprocess.Popen(
            ["taskset", "--cpu-list", _ITS_PROCESSOR, "fomm-live", *map(str, arguments)],
            stdout=self._file,
            stderr=self._file,
        )

    @property
    def words(self) -> str:
        return self.log.read_text()

    def says(self, text: str, patience: float = 60) -> bool:
        """Whether it says something within so many seconds."""
        return until(lambda: text in self.words, patience)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._file.close()
        return status


def until(holds: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def device(name: str) -> int:
    return next(index for index, found in v4l2.names().items() if found == name)


def sends(name: str) -> bool:
    """Whether somebody sends to the device, so that it is a camera."""
    can = v4l2.capabilities(device(name))
    return can is not None and can.captures


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)


def make_avatar(path: Path) -> Path:
    """A bundled portrait between four patches of known colours."""
    portrait = cv2.imread(str(sorted(resources.AVATARS.glob("*.jpg"))[0]))
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for (x, y), colour in PATCHES.values():
        left, top = (0 if x < SIZE[0] // 2 else SIZE[0] // 2), (0 if y < SIZE[1] // 2 else SIZE[1] // 2)
        picture[top : top + SIZE[1] // 2, left : left + SIZE[0] // 2] = colour[::-1]
    side = SIZE[1]
    left = (SIZE[0] - side) // 2
    picture[:, left : left + side] = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), picture)
    return path


def producer(clip: Path) -> subprocess.Popen[bytes]:
    """A webcam's driver: FFmpeg plays the clip into the second device."""
    v4l2.free_output(device(WEBCAM))  # 0.12 forgets after the first time
    reading = ("ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i")
    sending = f"-vf scale={SIZE[0]}:{SIZE[1]} -r {RATE} -pix_fmt yuv420p -f v4l2".split()
    return subprocess.Popen([*reading, str(clip), *sending, f"/dev/video{device(WEBCAM)}"])


class Scenario:
    """The parts, in order; each leaves the devices free.

    Args:
        results: folder for logs and pictures.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self.check = Checks()
        self.avatar = make_avatar(Path("/tmp/avatar.png"))
        self.clip = resources.CLIPS / "talking_head.mp4"

    def session(self, name: str, *arguments: str | Path) -> FommLive:
        output = f"--sink vcam --size {SIZE[0]}x{SIZE[1]} --fps {RATE}".split()
        return FommLive(self.results / f"{name}.log", "--avatar", self.avatar, *output, *arguments)

    @contextmanager
    def running(self, name: str, *arguments: str | Path) -> Iterator[FommLive]:
        """A session whose first frames have come."""
        started = time.monotonic()
        session = self.session(name, *arguments)
        try:
            begun = until(lambda: sends(OUTPUT) or session.process.poll() is not None, _PATIENCE_S)
            self.check(
                begun and sends(OUTPUT), f"{name}: FOMM Cam sends after {time.monotonic() - started:.0f} s"
            )
            time.sleep(_SETTLING_S)
            yield session
        finally:
            if session.process.poll() is None:
                status = session.end()
                self.check(status == 130, f"{name}: Ctrl-C ends it with status {status}")
            else:
                self.check(False, f"{name}: ended by itself: {session.words}")

    def opencv(self, who: str) -> None:
        self.check.saw(who, readers.opencv(f"/dev/video{device(OUTPUT)}"))

    def follows(self, whom: str) -> None:
        """The portrait moves. Emulated, a frame takes seconds."""
        change = readers.motion(f"/dev/video{device(OUTPUT)}", _PATIENCE_S)
        self.check(
            change is not None, f"the portrait follows {whom}: its face changes by {change or 0:.1f} of 255"
        )

    def setup(self) -> None:
        """`setup-camera --run` beside a device of somebody else's, and where the module was loaded wrongly."""
        found = run("fomm-live", "setup-camera")
        self.check("modprobe v4l2loopback" in found.stdout, "setup-camera says how to load the module")
        run("modprobe", "v4l2loopback", "devices=1", "exclusive_caps=0", f"card_label={OUTPUT}")
        self.check(
            "without exclusive_caps=1" in run("fomm-live", "setup-camera").stdout,
            "setup-camera sees that exclusive_caps=1 is missing",
        )
        run("modprobe", "-r", "v4l2loopback")
        loaded = run("modprobe", "v4l2loopback", "devices=1", "exclusive_caps=1", f"card_label={WEBCAM}")
        if not self.check(loaded.returncode == 0, f"a module with another device is loaded {loaded.stderr}"):
            return
        done = run("fomm-live", "setup-camera", "--run", "--yes")
        print(done.stdout, done.stderr)
        names = set(v4l2.names().values())
        self.check(
            done.returncode == 0 and {OUTPUT, WEBCAM} <= names, f"setup-camera --run makes {sorted(names)}"
        )
        version = loopback.module().version or "older than 0.13"
        ours = next(found for found in loopback.devices() if found.name == OUTPUT)
        label = Path(f"/sys/class/video4linux/video{ours.index}/name").read_text().strip()
        told = run("v4l2-ctl", "-d", ours.path, "--info").stdout
        self.check(
            label == OUTPUT and OUTPUT in told, f'{ours.path} is called "{label}" (v4l2loopback {version})'
        )
        self.check(not ours.hidden_from_browsers, "it has exclusive_caps=1")

    def refused(self) -> None:
        """What cannot be had is refused in one line that tells the truth."""
        own = run("fomm-live", "--camera", OUTPUT, "--sink", "null")
        self.check(
            own.returncode == 2 and "our own output" in own.stderr, f"from itself: {own.stderr.strip()}"
        )
        listed = run("fomm-live", "cameras")
        self.check(OUTPUT not in listed.stdout, f"cameras does not list FOMM Cam: {listed.stdout.strip()}")
        path = f"/dev/video{device(OUTPUT)}"
        run("chgrp", "video", path)
        run("chmod", "660", path)
        nobody = run(sys.executable, "-c", _AS_NOBODY)
        self.check(
            "not in the group video" in nobody.stdout, f"as nobody: {nobody.stdout.strip()}{nobody.stderr}"
        )

    def file(self) -> None:
        """From the bundled clip: what the three readers see; busy; killed and started again."""
        arguments = ("--camera", self.clip, "--loop")
        with self.running("file", *arguments):
            self.opencv("OpenCV")
            self.follows("the clip")
            self.check.saw("FFmpeg", readers.ffmpeg(f"/dev/video{device(OUTPUT)}", self.results))
            busy = run("fomm-live", "--camera", "demo", "--sink", "vcam", "--frames", "5")
            self.check(
                busy.returncode == 2 and "is busy" in busy.stderr and "process" in busy.stderr,
                f"a second session: {busy.stderr.strip()}",
            )
            self.check.saw("Chromium", readers.chromium(self.results))
        killed = self.session("killed", *arguments)
        until(lambda: sends(OUTPUT), _PATIENCE_S)
        status = killed.end(signal.SIGKILL)
        self.check(status == -9, "a session is killed while it sends")
        with self.running("again", *arguments):
            self.opencv("OpenCV, after the session was killed and started again")

    def others(self) -> None:
        """Other programs may send when a session has ended; with an old module not when it was killed."""
        path = f"/dev/video{device(OUTPUT)}"
        with VirtualCamera(SIZE, rate=RATE) as ours:
            ours.send(OutputFrame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)), 0)
        for name, command in {
            "FFmpeg": _ffmpeg_sends(path),
            "pyvirtualcam": _pyvirtualcam_sends(path),
        }.items():
            done = run(*command)
            self.check(done.returncode == 0, f"{name} sends after us {done.stderr.strip()[-200:]}")
            v4l2.free_output(device(OUTPUT))
        killed = run(sys.executable, "-c", _KILLED)
        refused = run(*_pyvirtualcam_sends(path)).returncode != 0
        self.check(killed.returncode == -signal.SIGKILL, "a program of ours is killed while it sends")
        self.check(
            refused == loopback.module().forgets,
            f"pyvirtualcam alone is {'refused' if refused else 'served'} then, as we tell of this version",
        )
        with VirtualCamera(SIZE, rate=RATE) as ours:
            ours.send(OutputFrame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)), 0)
        served = run(*_pyvirtualcam_sends(path)).returncode == 0
        self.check(served, "after us it is served again")

    def sizes(self) -> None:
        """Somebody watches on while a session ends and another begins, with another size."""
        path = f"/dev/video{device(OUTPUT)}"
        picture = np.zeros((720, 1280, 3), np.uint8)
        picture[:360], picture[360:] = (0, 255, 0), (0, 0, 255)
        watching = cv2.VideoCapture()
        try:
            for size in (SIZE, (1280, 720)):
                with VirtualCamera(size, rate=RATE) as ours:
                    ours.send(OutputFrame(cv2.resize(picture, size)), 0)
                    if not watching.isOpened():
                        watching.open(path, cv2.CAP_V4L2)
                    for _ in range(10):
                        read, seen = watching.read()
            colours = seen[200, 320].tolist(), seen[280, 320].tolist()
            off = int(np.abs(np.subtract(colours, ((0, 255, 0), (255, 0, 0)))).max())
            self.check(
                read and seen.shape == (480, 640, 3) and off <= _COLOUR_TOLERANCE,
                f"who watches on sees {seen.shape[1]}x{seen.shape[0]}, colours off by {off}, "
                "after we began again with 1280x720",
            )
        finally:
            watching.release()

    def doctor(self) -> None:
        """The doctor sees the webcam with its rate, and a virtual camera that works."""
        told = run("fomm-live", "doctor", "--json")
        found = {finding["subject"]: finding for finding in json.loads(told.stdout)["findings"]}
        for finding in found.values():
            print(f"   {finding['level']}: {finding['subject']}: {finding['text']}", flush=True)
        webcam = found[f"camera {device(WEBCAM)}"]
        self.check(f"{WEBCAM}: 640x480 at " in webcam["text"], f"doctor: {webcam['text']}")
        ours = found["virtual camera"]
        self.check(ours["level"] == "ok" and OUTPUT in ours["text"], f"doctor: {ours['text']}")
        self.check(told.returncode == 0, "doctor: a webcam can drive a portrait into the virtual camera")

    def webcam(self) -> None:
        """From a webcam by its name, which is busy, then there, then gone, then there again."""
        feeding = producer(self.clip)
        until(lambda: sends(WEBCAM), 60)
        limit = Path(f"/sys/class/video4linux/video{device(WEBCAM)}/max_openers")
        before = limit.read_text()
        limit.write_text("1")
        busy = run("fomm-live", "--camera", WEBCAM, "--sink", "null")
        limit.write_text(before)
        self.check(
            busy.returncode == 2 and f"{WEBCAM} is busy" in busy.stderr,
            f"a busy webcam: {busy.stderr.strip()}",
        )
        listed = run("fomm-live", "cameras")
        self.check(
            WEBCAM in listed.stdout and OUTPUT not in listed.stdout and "640x480" in listed.stdout,
            f"cameras: {listed.stdout.strip()}",
        )
        self.doctor()
        # The first pose that is seen: searching for the best one takes a while when emulated.
        with self.running(
            "webcam", "--camera", WEBCAM, "--neutral", "first", "--report", self.results / "webcam.json"
        ) as session:
            self.follows("the webcam")
            self.opencv("OpenCV, driven by the webcam")
            feeding.terminate()
            feeding.wait()
            gone = session.says(f"{WEBCAM} stopped delivering", 60) or session.says(
                f"{WEBCAM} has stalled", 1
            )
            self.check(gone, "the webcam stops: the user is told")
            self.opencv("OpenCV, while the webcam is away")
            feeding = producer(self.clip)
            self.check(
                session.says(f"{WEBCAM} is back", 90), "the webcam is started again: the session goes on"
            )
            self.opencv("OpenCV, after the webcam is back")
        feeding.terminate()
        feeding.wait()
        report = json.loads((self.results / "webcam.json").read_text())
        self.check(report["frames_out"] > 0, f"{report['frames_out']} frames were driven by the webcam")
        self.check(session.words.count("Traceback") == 0, f"its words: {session.words.strip()}")


PARTS = ("setup", "refused", "others", "sizes", "file", "webcam")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--results", type=Path, required=True)
    options.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}; setup always runs")
    given = options.parse_args()
    os.sched_setaffinity(0, _OURS)
    wanted = given.only.split(",")
    scenario = Scenario(given.results)
    for part in PARTS:
        if part == "setup" or part in wanted:
            started = time.monotonic()
            try:
                getattr(scenario, part)()
            except Exception as error:  # one part's breakdown leaves the others to be seen
                scenario.check(False, f"{part} broke down: {type(error).__name__}: {error}")
            print(f"-- {part}: {time.monotonic() - started:.0f} s", flush=True)
    shutil.rmtree(given.results / "profile", ignore_errors=True)
    failed = [what for holds, what in scenario.check.done if not holds]
    print(f"{len(scenario.check.done) - len(failed)} checks hold, {len(failed)} fail", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
