"""Weights: what a file is, getting it from a server that misbehaves, keeping it, converting it."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import io
import json
import pickle
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fomm import checkpoints, config, resources
from fomm.checkpoints import registry, store
from fomm.checkpoints.registry import Release
from fomm.cli_errors import run
from fomm.errors import CheckpointError
from fomm.models_cli import app

PAGE = b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:abb41ab1\nsize 728766691\n"


@pytest.fixture(scope="module")
def small(make_small_model: Callable[..., Any]) -> Any:
    return make_small_model("weights")


# --- what a file is ---


def _rewritten(path: Path, target: Path, **changes: Any) -> Path:
    """A copy of a checkpoint with some entries replaced, or left out where they are None."""
    contents = torch.load(path, weights_only=True) | changes
    torch.save({key: value for key, value in contents.items() if value is not None}, target)
    return target


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_of_the_published_format(small: Any, tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "a.pth.tar"
    torch.save(torch.load(small.checkpoint, weights_only=True), path, _use_new_zipfile_serialization=zipped)
    weights = checkpoints.read(path)
    assert weights.discriminator is not None
    assert set(weights.rest) == {"optimizer_generator", "epoch"}
    assert "dense_motion_network.hourglass.encoder.down_blocks.0.conv.weight" in weights.generator


def test_a_checkpoint_without_discriminator_and_optimizers(small: Any, tmp_path: Path) -> None:
    stripped = _rewritten(
        small.checkpoint, tmp_path / "s.pth.tar", discriminator=None, optimizer_generator=None, epoch=None
    )
    weights = checkpoints.read(stripped)
    assert weights.discriminator is None
    assert weights.rest == {}


def test_a_checkpoint_saved_from_data_parallel(small: Any, tmp_path: Path) -> None:
    plain = torch.load(small.checkpoint, weights_only=True)
    wrapped = {f"module.{name}": tensor for name, tensor in plain["generator"].items()}
    path = _rewritten(small.checkpoint, tmp_path / "p.pth.tar", generator=wrapped)
    assert set(checkpoints.read(path).generator) == set(plain["generator"])


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("this must never be printed",)


def _zip(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("vox-cpk.pth"), io.BytesIO())
    return buffer.getvalue()


def _saved(value: object, *, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (PAGE, "is a web page, not a checkpoint"),
        (b"\xef\xbb\xbf\n <html><body>", "is a web page, not a checkpoint"),
        (POINTER, "is a git-lfs pointer"),
        (_zip(readme=b"hello", weights=b"x"), "is a ZIP archive with readme, weights; unpack it"),
        (gzip.compress(b"weights", mtime=0), "is a gzip archive; unpack it first"),
        (_tar(), "is a tar archive; unpack it first"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a PyTorch checkpoint (it begins with b'\\x89PNG"),
        (_saved(torch.zeros(3)), "holds a Tensor, not a checkpoint"),
        (
            _saved({"state_dict": {}, "arch": "resnet50"}),
            "is another model's checkpoint: it lacks generator and kp_detector, and has state_dict, arch",
        ),
        (_saved({"generator": {}}), "it lacks kp_detector, and has generator"),
        (
            _saved({f"conv{i}": torch.zeros(1) for i in range(9)}),
            "it lacks generator and kp_detector, and has conv0, conv1, conv2 and 6 more",
        ),
        (_saved({"generator": _Code()}), "holds Python objects besides tensors"),
        (_saved({"generator": _Code()}, zipped=False), "holds Python objects besides tensors"),
        (pickle.dumps({"generator": _Code()}, protocol=2), "holds Python objects besides tensors"),
    ],
)
def test_what_is_no_checkpoint_gets_its_own_sentence(
    data: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vox-cpk.pth.tar"
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as error:
        checkpoints.read(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "must never be printed" not in capsys.readouterr().out


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_truncated_checkpoint(small: Any, tmp_path: Path, zipped: bool, share: float) -> None:
    whole = _saved(torch.load(small.checkpoint, weights_only=True), zipped=zipped)
    path = tmp_path / "t.pth.tar"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="is damaged or incomplete") as error:
        checkpoints.read(path)
    assert "fomm models pull" in str(error.value)


def test_a_truncated_or_foreign_safetensors_file(small: Any, tmp_path: Path) -> None:
    path = checkpoints.convert(small.checkpoint, tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is damaged or incomplete"):
        checkpoints.read(path)
    save_file({"unet.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="another model's checkpoint: it lacks generator and kp_det"):
        checkpoints.read(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoints.read(tmp_path / "absent.pth.tar")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.read(tmp_path)


def test_misfits_name_what_is_missing_unknown_or_of_another_shape(small: Any, tmp_path: Path) -> None:
    from fomm.model import load_model

    states = torch.load(small.checkpoint, weights_only=True)
    generator, detector = dict(states["generator"]), dict(states["kp_detector"])
    del generator["final.bias"]
    generator["extra.weight"] = torch.zeros(1)
    detector["kp.bias"] = torch.zeros(10)
    path = _rewritten(small.checkpoint, tmp_path / "m.pth.tar", generator=generator, kp_detector=detector)
    with pytest.raises(CheckpointError) as error:
        load_model(small.config, checkpoint=path)
    assert "does not fit weights: its generator lacks final.bias" in str(error.value)
    assert "its generator has unknown extra.weight" in str(error.value)
    assert "its kp_detector has other shapes of kp.bias (10,), not (5,)" in str(error.value)


# --- converting ---


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_converting_keeps_the_inference_part(small: Any, tmp_path: Path, precision: Any) -> None:
    path = checkpoints.convert(
        small.checkpoint, tmp_path / "deep" / "a.safetensors", precision=precision, model="weights"
    )
    original, converted = checkpoints.read(small.checkpoint), checkpoints.read(path)
    assert converted.discriminator is None
    for part in ("generator", "kp_detector"):
        before, after = getattr(original, part), getattr(converted, part)
        assert set(before) == set(after)
        for name, tensor in before.items():
            half = precision == "fp16" and tensor.ndim == 4
            assert after[name].dtype == (torch.float16 if half else tensor.dtype)
            assert torch.equal(after[name], tensor.half() if half else tensor)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "fomm-live", "model": "weights", "precision": precision}
    assert [entry.name for entry in path.parent.iterdir()] == ["a.safetensors"]


def test_converting_refuses_what_fp16_cannot_hold_and_leaves_nothing(small: Any, tmp_path: Path) -> None:
    generator = dict(torch.load(small.checkpoint, weights_only=True)["generator"])
    generator["final.weight"] = torch.full_like(generator["final.weight"], 1e6)
    path = _rewritten(small.checkpoint, tmp_path / "big.pth.tar", generator=generator)
    with pytest.raises(CheckpointError, match=r"final\.weight holds numbers that fp16 cannot"):
        checkpoints.convert(path, tmp_path / "big.safetensors", precision="fp16")
    assert [entry.name for entry in tmp_path.iterdir()] == ["big.pth.tar"]


def test_converting_does_not_overwrite_unasked(small: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_text("precious")
    with pytest.raises(CheckpointError, match="exists"):
        checkpoints.convert(small.checkpoint, path)
    assert path.read_text() == "precious"
    assert checkpoints.read(checkpoints.convert(small.checkpoint, path, overwrite=True))


# --- a server ---


@dataclass
class Site:
    """What the test server serves, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    #: break off after this many bytes of the body, for as many answers as are listed
    breaks: list[int] = field(default_factory=list)
    #: answer with these statuses first
    statuses: list[int] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: Site, *args: Any) -> None:
        self.site = site
        super().__init__(*args)

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        site, name = self.site, self.path.lstrip("/")
        site.requests.append(dict(self.headers))
        self.close_connection = True
        if site.statuses:
            self.send_error(site.statuses.pop(0))
            return
        if name not in site.files:
            self.send_error(404)
            return
        body, tag = site.files[name], site.tags.get(name, '"v1"')
        start = 0
        wanted = self.headers.get("Range")
        if wanted and site.ranges and self.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        rest = body[start:]
        if site.breaks:
            rest = rest[: site.breaks.pop(0)]
        with contextlib.suppress(OSError):
            self.wfile.write(rest)


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, served))
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


BODY = b"\x80\x02" + bytes(range(256)) * 4000


def test_a_download_reports_its_progress_and_arrives_whole(site: Site, tmp_path: Path) -> None:
    site.files["a"] = BODY
    steps: list[tuple[int, int | None]] = []
    checkpoints.download(site.url("a"), tmp_path / "a", progress=lambda *step: steps.append(step))
    assert (tmp_path / "a").read_bytes() == BODY
    assert steps[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_broken_connections_go_on_where_they_stopped(site: Site, tmp_path: Path) -> None:
    site.files["a"] = BODY
    site.breaks = [300_000, 0, 0, 200_000, 0, 400_000]
    checkpoints.download(site.url("a"), tmp_path / "a", pause_s=0)
    assert (tmp_path / "a").read_bytes() == BODY
    resumed = [request.get("Range") for request in site.requests]
    assert resumed[0] is None
    assert resumed[1:4] == ["bytes=300000-"] * 3
    assert resumed[4:6] == ["bytes=500000-"] * 2


def test_an_interrupted_download_goes_on_in_another_run(site: Site, tmp_path: Path) -> None:
    site.files["a"] = BODY

    def interrupt(done: int, total: int | None) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoints.download(site.url("a"), tmp_path / "a", progress=interrupt)
    assert not (tmp_path / "a").exists()
    kept = (tmp_path / "a.part").stat().st_size
    assert kept > 500_000
    checkpoints.download(site.url("a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert site.requests[-1]["Range"] == f"bytes={kept}-"


def test_a_file_that_changed_meanwhile_starts_over(site: Site, tmp_path: Path) -> None:
    site.files["a"], site.breaks = BODY, [300_000]
    part = _broken_off(site, tmp_path)
    site.files["a"], site.tags["a"] = BODY[::-1], '"v2"'
    checkpoints.download(site.url("a"), tmp_path / "a")
    assert not part.exists()
    assert (tmp_path / "a").read_bytes() == BODY[::-1]


def test_a_part_from_another_address_starts_over(site: Site, tmp_path: Path) -> None:
    site.files["a"] = site.files["b"] = BODY
    site.files["b"] = BODY[::-1]
    site.breaks = [300_000]
    _broken_off(site, tmp_path)
    checkpoints.download(site.url("b"), tmp_path / "a")
    assert "Range" not in site.requests[-1]
    assert (tmp_path / "a").read_bytes() == BODY[::-1]


def _broken_off(site: Site, tmp_path: Path) -> Path:
    """The part that a run leaves whose connection broke once and then stayed away."""
    site.statuses = []
    original = dict(site.files)

    def vanish(done: int, total: int | None) -> None:
        site.statuses = [503] * 10

    with pytest.raises(CheckpointError, match=r"failed 4 times in a row.*goes on where it stopped"):
        checkpoints.download(site.url("a"), tmp_path / "a", progress=vanish, pause_s=0)
    site.statuses, site.files = [], original
    part = tmp_path / "a.part"
    assert part.stat().st_size == 300_000
    return part


@pytest.mark.parametrize("ranges", [False, True])
def test_a_server_without_ranges_or_tags_starts_over(site: Site, tmp_path: Path, ranges: bool) -> None:
    site.files["a"], site.breaks, site.ranges = BODY, [300_000], ranges
    site.tags["a"] = '"v1"' if not ranges else ""
    checkpoints.download(site.url("a"), tmp_path / "a", pause_s=0)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_thrown_away(site: Site, tmp_path: Path) -> None:
    site.files["a"] = BODY
    (tmp_path / "a.part").write_bytes(BODY + b"tail")
    (tmp_path / "a.part.json").write_text(json.dumps({"url": site.url("a"), "validator": '"v1"'}))
    checkpoints.download(site.url("a"), tmp_path / "a", pause_s=0)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_server_that_is_busy_for_a_while(site: Site, tmp_path: Path) -> None:
    site.files["a"], site.statuses = BODY, [503, 500, 429]
    checkpoints.download(site.url("a"), tmp_path / "a", pause_s=0)
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "the server answers 404"),
        ("page", "what the server sent is a web page"),
        ("pointer", "what the server sent is a git-lfs pointer"),
        ("empty", "what the server sent is empty"),
    ],
)
def test_what_a_retry_cannot_mend_fails_at_once(site: Site, tmp_path: Path, name: str, message: str) -> None:
    site.files |= {"page": PAGE, "pointer": POINTER, "empty": b""}
    with pytest.raises(CheckpointError, match=message):
        checkpoints.download(site.url(name), tmp_path / "a")
    assert len(site.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"connection failed 4 times in a row \(.*refused.*check the net"
    ):
        checkpoints.download("http://127.0.0.1:9/a", tmp_path / "a", pause_s=0)


def test_a_disk_that_is_too_small_is_told_first(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["a"] = BODY
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(CheckpointError, match=r"has 1 MB, and .* has only 0 MB left"):
        checkpoints.download(site.url("a"), tmp_path / "a")


# --- the store ---


@dataclass
class World:
    """Small stand-ins for the published models, served by a site, with an empty store of their own."""

    site: Site
    store: Path
    files: dict[str, Path]
    monkeypatch: pytest.MonkeyPatch

    def publish(self, *releases: Release) -> None:
        self.monkeypatch.setattr(registry, "RELEASES", releases)


@pytest.fixture
def world(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_small_model: Callable[..., Any],
) -> Iterator[World]:
    configs = tmp_path / "configs"
    configs.mkdir()
    plain = make_small_model("plain")
    single = make_small_model("single", single_jacobian_map=True)
    for name in ("vox-256", "vox-adv-256", "taichi-256"):
        shutil.copy(plain.config, configs / f"{name}.yaml")
    shutil.copy(single.config, configs / "mgif-256.yaml")
    monkeypatch.setattr(resources, "CONFIGS", configs)
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "store"))
    monkeypatch.delenv("FOMM_OFFLINE", raising=False)
    store._skeleton.cache_clear()
    site.files["vox-cpk.pth.tar"] = plain.checkpoint.read_bytes()
    taichi = _rewritten(plain.checkpoint, tmp_path / "taichi-cpk.pth.tar", epoch=50)
    site.files["taichi-cpk.pth.tar"] = taichi.read_bytes()
    site.files["mgif-cpk.pth.tar"] = single.checkpoint.read_bytes()
    made = World(
        site, tmp_path / "store", {"plain": plain.checkpoint, "single": single.checkpoint}, monkeypatch
    )
    made.publish(
        Release(
            "vox-256",
            "vox-cpk.pth.tar",
            sha256=hashlib.sha256(site.files["vox-cpk.pth.tar"]).hexdigest(),
            mirrors=(site.url("vox-cpk.pth.tar"),),
        ),
        Release("taichi-256", "taichi-cpk.pth.tar", mirrors=(site.url("taichi-cpk.pth.tar"),)),
        Release("mgif-256", "mgif-cpk.pth.tar", mirrors=(site.url("mgif-cpk.pth.tar"),)),
    )
    yield made
    store._skeleton.cache_clear()


def _other_weights(path: Path, target: Path) -> Path:
    """The same model, trained further."""
    return _rewritten(path, target, epoch=100)


def test_pulling_a_model_with_a_published_hash(world: World) -> None:
    found = checkpoints.pull("vox-256")
    assert found.trust == "published"
    assert found.contents == "full"
    assert found.origin == world.site.url("vox-cpk.pth.tar")
    assert found.path == checkpoints.locate("vox-256") == world.store / "vox-256.pth.tar"
    assert checkpoints.installed("vox-256") == found
    assert sorted(entry.name for entry in world.store.iterdir()) == ["vox-256.json", "vox-256.pth.tar"]
    checkpoints.pull("vox-256")
    assert len(world.site.requests) == 1


def test_a_wrong_hash_is_refused_and_deleted(world: World, tmp_path: Path) -> None:
    other = _other_weights(world.files["plain"], tmp_path / "other.pth.tar")
    world.site.files["vox-cpk.pth.tar"] = other.read_bytes()
    with pytest.raises(CheckpointError, match=r"sha256 [0-9a-f]{64} is not a published one of vox-256"):
        checkpoints.pull("vox-256")
    assert list(world.store.iterdir()) == []


def test_a_model_without_a_published_hash_is_trusted_on_first_use(world: World, tmp_path: Path) -> None:
    found = checkpoints.pull("taichi-256")
    assert found.trust == "first use"
    # Gone from the disk, then pulled again: it must be what it was.
    found.path.unlink()
    first = world.site.files["taichi-cpk.pth.tar"]
    world.site.files["taichi-cpk.pth.tar"] = _other_weights(world.files["plain"], tmp_path / "o").read_bytes()
    with pytest.raises(CheckpointError, match=f"differs from {found.sha256}, which came first"):
        checkpoints.pull("taichi-256")
    assert not found.path.exists()
    world.site.files["taichi-cpk.pth.tar"] = first
    assert checkpoints.pull("taichi-256").sha256 == found.sha256


def test_the_next_mirror_is_tried_and_every_reason_is_given(world: World) -> None:
    urls = [world.site.url("absent"), world.site.url("page"), world.site.url("mgif-cpk.pth.tar")]
    world.site.files["page"] = PAGE
    found = checkpoints.pull("mgif-256", mirrors=urls)
    assert found.origin == urls[2]
    found.path.unlink()
    with pytest.raises(CheckpointError) as error:
        checkpoints.pull("mgif-256", mirrors=urls[:2])
    assert "mgif-256 could not be pulled" in str(error.value)
    assert "404" in str(error.value)
    assert "is a web page" in str(error.value)


def test_the_right_name_with_another_models_content_is_refused(world: World) -> None:
    with pytest.raises(CheckpointError, match=r"is the published vox-cpk\.pth\.tar of vox-256"):
        checkpoints.pull("mgif-256", mirrors=[world.site.url("vox-cpk.pth.tar")])
    world.publish(Release("taichi-256", "taichi-cpk.pth.tar"), Release("mgif-256", "mgif-cpk.pth.tar"))
    with pytest.raises(CheckpointError, match=r"does not fit mgif-256: .*it would fit taichi-256"):
        checkpoints.pull("mgif-256", mirrors=[world.site.url("vox-cpk.pth.tar")])


def test_offline_never_touches_the_network(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="downloads are switched off"):
        checkpoints.pull("vox-256", forbid_network=True)
    monkeypatch.setenv("FOMM_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="downloads are switched off"):
        checkpoints.pull("vox-256")
    checkpoints.import_file(world.files["plain"])
    assert checkpoints.pull("vox-256").path.is_file()
    assert world.site.requests == []


def test_an_unpublished_name_cannot_be_pulled(world: World) -> None:
    with pytest.raises(CheckpointError, match="no weights were ever published under this name"):
        checkpoints.pull("vox-adv-256")


def test_importing_tells_the_model_by_content(world: World, tmp_path: Path) -> None:
    disguised = shutil.copy(world.files["plain"], tmp_path / "mgif-cpk.pth.tar")
    assert checkpoints.import_file(disguised).model == "vox-256"
    assert checkpoints.import_file(world.files["single"]).model == "mgif-256"


def test_importing_tells_the_model_by_name_where_several_fit(world: World, tmp_path: Path) -> None:
    other = _other_weights(world.files["plain"], tmp_path / "vox-adv-cpk.pth.tar")
    found = checkpoints.import_file(other)
    assert found.model == "vox-adv-256"
    assert found.trust == "unknown"
    nameless = _other_weights(world.files["plain"], tmp_path / "latest.pth.tar")
    with pytest.raises(
        CheckpointError, match=r"cannot be told \(taichi-256, vox-256, vox-adv-256\).*--model"
    ):
        checkpoints.import_file(nameless)
    assert checkpoints.import_file(nameless, model="taichi-256").model == "taichi-256"


def test_importing_keeps_what_is_in_place_unless_told(world: World, tmp_path: Path) -> None:
    checkpoints.import_file(world.files["plain"])
    checkpoints.import_file(world.files["plain"])  # the same again changes nothing
    other = _other_weights(world.files["plain"], tmp_path / "vox-mine.pth.tar")
    with pytest.raises(CheckpointError, match=r"vox-256: other weights are in place .*--overwrite"):
        checkpoints.import_file(other)
    replaced = checkpoints.import_file(other, overwrite=True)
    assert checkpoints.locate("vox-256").read_bytes() == other.read_bytes()
    assert replaced.origin == str(other)
    assert sorted(entry.name for entry in world.store.iterdir()) == ["vox-256.json", "vox-256.pth.tar"]


def test_importing_a_misfit_or_a_page_leaves_nothing(world: World, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"does not fit vox-256: .*it would fit mgif-256"):
        checkpoints.import_file(world.files["single"], model="vox-256")
    page = tmp_path / "vox-cpk.pth.tar"
    page.write_bytes(PAGE)
    with pytest.raises(CheckpointError, match="is a web page"):
        checkpoints.import_file(page)
    assert not world.store.exists()


def test_a_converted_file_can_be_imported_and_loaded(world: World, tmp_path: Path) -> None:
    from fomm.model import load_model

    converted = checkpoints.convert(world.files["plain"], tmp_path / "vox.safetensors")
    found = checkpoints.import_file(converted, model="vox-256")
    assert found.path.name == "vox-256.safetensors"
    assert load_model("vox-256", device="cpu").checkpoint == found.path


def test_verifying(world: World) -> None:
    checkpoints.pull("vox-256")
    verdict = checkpoints.verify("vox-256")
    assert verdict.trust == "published"
    assert verdict.models == ("taichi-256", "vox-256", "vox-adv-256")
    loose = checkpoints.verify(world.files["single"])
    assert loose.trust == "unknown"
    assert loose.models == ("mgif-256",)
    with pytest.raises(CheckpointError, match="its weights are not on this machine"):
        checkpoints.verify("mgif-256")
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoints.verify("no-such-model")


def test_verifying_notices_a_change(world: World, tmp_path: Path) -> None:
    found = checkpoints.pull("vox-256")
    shutil.copy(_other_weights(world.files["plain"], tmp_path / "o.pth.tar"), found.path)
    with pytest.raises(CheckpointError, match="has changed since it arrived"):
        checkpoints.verify("vox-256")


def test_a_damaged_record_is_named(world: World) -> None:
    checkpoints.pull("vox-256")
    (world.store / "vox-256.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"vox-256\.json is damaged"):
        checkpoints.locate("vox-256")


def test_md5_alone_identifies_the_stripped_release(world: World) -> None:
    data = world.files["plain"].read_bytes()
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    world.publish(Release("vox-adv-256", "vox-adv-cpk.pth.tar", contents="inference only", md5=md5))
    found = checkpoints.import_file(world.files["plain"])
    assert (found.model, found.contents, found.trust) == ("vox-adv-256", "inference only", "published")


def test_the_registry_knows_all_eight_models() -> None:
    assert {release.model for release in registry.RELEASES} == set(config.names())
    assert all(registry.releases_of(model)[0].mirrors for model in config.names())
    assert registry.releases_of("fashion-256")[0].file == "fashion.pth.tar"
    for release in registry.RELEASES:
        assert release.sha256 is None or len(bytes.fromhex(release.sha256)) == 32
        assert all(url.startswith("https://") and url.endswith(release.file) for url in release.mirrors)


def test_the_store_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path))
    assert checkpoints.folder() == tmp_path
    monkeypatch.delenv("FOMM_MODELS")
    assert checkpoints.folder().name == "models"
    assert "fomm-live" in str(checkpoints.folder())


def test_a_store_that_cannot_be_written_is_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "not-a-folder"
    file.write_text("")
    monkeypatch.setenv("FOMM_MODELS", str(file))
    with pytest.raises(CheckpointError, match=r"not-a-folder cannot be written .*FOMM_MODELS"):
        checkpoints.pull("vox-256")
    with pytest.raises(CheckpointError, match=r"not-a-folder.* cannot be written"):
        checkpoints.import_file(world.files["plain"])


# --- the command ---


def _fomm_models(*arguments: str) -> int:
    return run(app, arguments, program="fomm models")


def test_the_command_from_end_to_end(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fomm_models("list") == 0
    assert "not here" in capsys.readouterr().out
    assert _fomm_models("pull", "vox-256") == 0
    assert "its sha256 is a published one" in capsys.readouterr().out
    assert _fomm_models("pull", "vox-256") == 0
    assert "is in place" in capsys.readouterr().out
    assert _fomm_models("pull", "mgif-256") == 0
    assert "no hash of it was ever published" in capsys.readouterr().out
    assert _fomm_models("verify", "vox-256") == 0
    assert "fits taichi-256, vox-256, vox-adv-256" in capsys.readouterr().out
    output = tmp_path / "vox.safetensors"
    assert _fomm_models("convert", "vox-256", "-o", str(output), "--precision", "fp16") == 0
    assert _fomm_models("import", str(output), "--model", "taichi-256") == 0
    assert "nothing vouches for it" in capsys.readouterr().out
    assert _fomm_models("list", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    installed = {row["model"]: row["installed"] and row["installed"]["trust"] for row in report["models"]}
    assert installed == {
        "vox-256": "published",
        "mgif-256": "first use",
        "taichi-256": "unknown",
        "vox-adv-256": None,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pull", "vox-256", "--offline"), "downloads are switched off"),
        (("pull", "vox-257"), "no weights were ever published"),
        (("pull", "vox-257"), "(did you mean vox-256?); name one of "),
        (("pull", "face-lite"), "face-lite comes with FOMM Live, ready to use; `fomm models list` shows"),
        (("verify", "absent.pth.tar"), "no such file; check the checkpoint's path"),
        (
            ("verify", "nothing"),
            "nothing: no such file, and no model is called so; give a file of weights, or",
        ),
        (
            ("verify", "vox-257"),
            "no model is called so (did you mean vox-256?); give a file of weights, or one of",
        ),
        (("verify", "landmark-warp"), "landmark-warp comes with FOMM Live, ready to use"),
        (("verify", "."), "Is a directory); give a file of weights"),
        (
            ("convert", "nothing", "-o", "x.safetensors"),
            "no model is called so; give a file of weights, or one of",
        ),
        (("import", "absent.pth.tar"), "no such file"),
        (("convert", "vox-256", "-o", "x.safetensors"), "not on this machine"),
    ],
)
def test_the_command_refuses_in_one_line(
    world: World, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fomm_models(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
