"""What is read from files: a few good ones of each kind, how they are spoiled, and the code that reads them."""

from __future__ import annotations

import functools
import io
import itertools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

from fomm import checkpoints, resources
from fomm import config as configs
from fomm.animators.base import Frame
from fomm.annotation import annotation_path, load_source
from fomm.engines import cache
from fomm.video import VideoReader, VideoWriter
from live.calibration import Memory
from live.config import effective
from live.gallery import gallery_folder
from live.gallery.thumbnails import thumbnail
from tests.fomm.conftest import SMALL
from tests.malformed.mutation import spoiled_bytes, spoiled_json, spoiled_text, spoiled_yaml

Random = np.random.Generator

#: A message for the user is one line, and not a page of it.
LONGEST_MESSAGE = 1500


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        share: how many of a hundred inputs are of it.
        good: makes the files to begin with, by name.
        spoil: one of them made malformed; it is given all of them.
        read: reads the file in the way the commands do; raises FommError, or returns the sentences told. The folder
            holds nothing else before, and nothing that was not there may be left behind but what `keeps` names.
        keeps: names of files that reading may write.
    """

    share: int
    good: Callable[[], dict[str, bytes]]
    spoil: Callable[[bytes, Sequence[bytes], Random], bytes]
    read: Callable[[Path], list[str]]
    keeps: tuple[str, ...] = ()


def _face() -> Frame:
    """A bundled picture, small: with a face, so that what still opens goes on as far as it does in a session."""
    picture = sorted(resources.AVATARS.glob("*.jpg"))[0]
    pixels = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.resize(pixels, (96, 120), interpolation=cv2.INTER_AREA), np.uint8)


@functools.cache
def _pictures() -> dict[str, bytes]:
    image = Image.fromarray(_face())
    exif = Image.Exif()
    exif[0x0112] = 6
    grey16 = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    made: dict[str, bytes] = {}
    for name, picture, options in (
        ("a.jpg", image, {"exif": exif, "quality": 80}),
        ("progressive.jpg", image, {"progressive": True}),
        ("cmyk.jpg", image.convert("CMYK"), {}),
        ("a.png", image, {}),
        ("alpha.png", image.convert("RGBA"), {}),
        ("palette.png", image.quantize(16), {}),
        ("grey16.png", grey16, {}),
        ("a.webp", image, {}),
        ("a.gif", image, {"save_all": True, "append_images": [image.rotate(90)]}),
        ("a.bmp", image, {}),
        ("a.tif", image, {"compression": "tiff_lzw"}),
        ("a.jp2", image, {}),
        ("a.avif", image, {}),
    ):
        buffer = io.BytesIO()
        try:
            picture.save(buffer, Image.registered_extensions()[Path(name).suffix], **options)
        except (KeyError, OSError):  # a Pillow without this format
            continue
        made[name] = buffer.getvalue()
    return made


def _read_picture(path: Path) -> list[str]:
    source = load_source(path, max_side=256)
    assert source.pixels.dtype == np.uint8
    assert source.pixels.ndim == 3
    thumbnail(source.pixels, None)
    return list(source.notices)


@functools.cache
def _videos() -> dict[str, bytes]:
    import tempfile

    random = np.random.default_rng(1)
    frames = [np.asarray(np.roll(_face()[:64, :80], 3 * shift, axis=1), np.uint8) for shift in range(6)]
    made: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("a.mp4", "a.webm", "a.mov"):
            with VideoWriter(folder / file, size=(80, 64), rate=25) as writer:
                for frame in frames:
                    writer.write(frame)
            made[file] = (folder / file).read_bytes()
        with av.open(str(folder / "sound.mp4"), "w") as container:
            picture = container.add_stream("mpeg4", rate=25)
            picture.width, picture.height, picture.pix_fmt = 80, 64, "yuv420p"
            sound = container.add_stream("aac", rate=44_100)
            for place, frame in enumerate(frames):
                shown = av.VideoFrame.from_ndarray(frame, format="rgb24")
                shown.pts, shown.time_base = place, Fraction(1, 25)
                container.mux(picture.encode(shown))
            noise = random.uniform(-0.1, 0.1, (2, 8192)).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(noise, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts = 44_100, 0
            container.mux(sound.encode(heard))
            for stream in (picture, sound):
                container.mux(stream.encode(None))
        made["sound.mp4"] = (folder / "sound.mp4").read_bytes()
    return made | {"a.gif": _pictures()["a.gif"]}


def _read_video(path: Path) -> list[str]:
    with VideoReader(path) as reader:
        # A file that claims a million frames is no fault; nobody waits for them here.
        for pixels, _ in itertools.islice(reader, 40):
            assert pixels.dtype == np.uint8
    return []


@functools.cache
def _models() -> dict[str, bytes]:
    made = {path.name: path.read_bytes() for path in resources.CONFIGS.glob("*-256.yaml")}
    return made | {"small.yaml": SMALL.format(face_crop="true", single_jacobian_map="false").encode()}


def _read_model(path: Path) -> list[str]:
    configs.load(path)
    return []


@functools.cache
def _settings() -> dict[str, bytes]:
    everything = (resources.CONFIGS / "live.yaml").read_bytes()
    own = b"output: {size: 640x480, mirror: true}\nhotkeys:\n  freeze: [space, f]\ngallery: {avatars: [a.jpg]}\n"
    return {"live.yaml": everything, "own.yaml": own}


def _read_settings(path: Path) -> list[str]:
    told: list[str] = []
    found = effective(file=path, notify=told.append)
    found.config.table()
    return told


@functools.cache
def _memories() -> dict[str, bytes]:
    points = np.random.default_rng(2).uniform(100, 300, (478, 3)).round(1).tolist()
    pose = {"camera": "Cam", "size": [640, 480], "by_hand": True, "landmarks": points}
    return {"neutral-poses.json": json.dumps({"version": 1, "poses": [pose, pose]}).encode()}


def _read_memory(path: Path) -> list[str]:
    told: list[str] = []
    memory = Memory("Cam", told.append, path)
    points = np.random.default_rng(3).uniform(100, 300, (478, 3)).astype(np.float32)
    memory.keep(points, (640, 480), by_hand=True)
    memory.close()
    after: list[str] = []
    (pose, *_) = Memory("Cam", after.append, path).poses
    assert np.allclose(pose.landmarks, points, atol=0.06), "what is kept after a damaged file is there"
    assert after == []
    return told


@functools.cache
def _annotations() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in resources.AVATARS.glob("*.face.json")}


def _read_annotation(path: Path) -> list[str]:
    picture = path.with_name("fox.png")
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(picture)
    beside = annotation_path(picture)
    path.rename(beside)
    try:
        source = load_source(picture)
        assert source.landmarks is None or np.isfinite(source.landmarks).all()
    finally:
        picture.unlink()
        beside.unlink()
    return []


@functools.cache
def _cached() -> dict[str, bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        entry = Path(name) / "entry.bin"
        cache.write_record(entry, {"engine": "torch", "precision": "fp32", "why": "w", "notices": ["n"]})
        return {"auto.bin": entry.read_bytes()}


def _read_cached(path: Path) -> list[str]:
    from fomm.engines.choosing import _remembered

    known = cache.read_record(path)
    if known is not None:
        _remembered(known, _networks(), "cpu")
    return []


def _spoil_cached(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Half of them with a checksum that is right: what another version might have written."""
    if random.random() < 0.5:
        return spoiled_bytes(data, list(others), random)
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        entry = Path(name) / "entry.bin"
        content = {"engine": "torch", "precision": "fp32", "why": "w", "notices": ["n"]}
        cache.write(entry, spoiled_json(json.dumps(content), random))
        return entry.read_bytes()


@functools.cache
def _networks() -> Any:
    import yaml

    from fomm import recipe

    return recipe.networks_of(configs.parse(yaml.safe_load(_models()["small.yaml"]), name="small"))


@functools.cache
def _weights() -> dict[str, bytes]:
    import torch
    from safetensors.torch import save

    networks = _networks()
    parts = {"generator": networks.generator, "kp_detector": networks.kp_detector}
    buffer = io.BytesIO()
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": 3}, buffer)
    tensors = {
        f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()
    }
    return {
        "a-cpk.pth.tar": buffer.getvalue(),
        "a.safetensors": save(tensors, {"format": "fomm-live"}),
    }


def _read_weights(path: Path) -> list[str]:
    checkpoints.read(path).load_into(_networks(), model="small")
    return []


def _seeded() -> dict[str, bytes]:
    return {".seeded": "\n".join(sorted(path.name for path in resources.AVATARS.glob("*.jpg"))).encode()}


def _read_seeded(path: Path) -> list[str]:
    told: list[str] = []
    own = Path(os.environ["XDG_DATA_HOME"]) / "fomm-live" / "avatars"
    own.mkdir(parents=True, exist_ok=True)
    path.rename(own / ".seeded")
    folder = gallery_folder(None, told.append)
    assert folder.is_dir()
    assert not [file for file in folder.iterdir() if file.name.endswith(".part")]
    return told


def _records() -> dict[str, bytes]:
    record = {
        **{
            "model": "vox-256",
            "path": "vox-256.pth.tar",
            "sha256": "0" * 64,
            "size": 10,
            "trust": "first use",
        },
        **{"origin": "somewhere"},
    }
    return {"vox-256.json": json.dumps(record).encode(), "first-use.json": b'{"vox-256": "00ff"}'}


def _read_record(path: Path) -> list[str]:
    from fomm.checkpoints import store

    os.environ["FOMM_MODELS"] = str(path.parent)
    if path.name == "first-use.json":
        store._read_first_use()
    else:
        checkpoints.locate("vox-256")
    return []


def _as_text(spoil: Callable[[str, Random], bytes]) -> Callable[[bytes, Sequence[bytes], Random], bytes]:
    return lambda data, _, random: spoil(data.decode(), random)


def _as_bytes(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    return spoiled_bytes(data, list(others), random)


KINDS: dict[str, Kind] = {
    "picture": Kind(26, _pictures, _as_bytes, _read_picture),
    "video": Kind(18, _videos, _as_bytes, _read_video),
    "model config": Kind(15, _models, _as_text(spoiled_yaml), _read_model),
    "settings": Kind(15, _settings, _as_text(spoiled_yaml), _read_settings),
    "calibration memory": Kind(6, _memories, _as_text(spoiled_json), _read_memory, ("neutral-poses.json",)),
    "annotation": Kind(7, _annotations, _as_text(spoiled_json), _read_annotation),
    "engine cache": Kind(4, _cached, _spoil_cached, _read_cached),
    "checkpoint": Kind(5, _weights, _as_bytes, _read_weights),
    "seeded gallery": Kind(2, _seeded, _as_text(spoiled_text), _read_seeded),
    "record of weights": Kind(2, _records, _as_text(spoiled_json), _read_record),
}

#: The kind of every hundred inputs, mixed.
ORDER = [name for name, kind in KINDS.items() for _ in range(kind.share)]
np.random.default_rng(0).shuffle(ORDER)
assert len(ORDER) == 100
