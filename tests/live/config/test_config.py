"""Settings: what the user's file, `--set` and flags amount to, and how mistakes in them are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fomm.errors import ConfigError
from live.config import Effective, LiveConfig, as_yaml, begin_file, effective, layers, user_file
from live.config.layers import all_paths
from live.config.schema import RENAMED
from live.hotkeys import Command


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's file is, which does not exist yet."""
    path = tmp_path / "config" / "live.yaml"
    path.parent.mkdir()
    monkeypatch.setattr(layers, "user_file", lambda: path)
    return path


def load(text: str | None = None, *, own: Path | None = None, **others: Any) -> tuple[Effective, list[str]]:
    if text is not None:
        assert own is not None
        own.write_text(text, encoding="utf-8")
    told: list[str] = []
    return effective(notify=told.append, **others), told


def test_the_file_of_defaults_says_what_the_code_says() -> None:
    found, told = load()
    assert found.config == LiveConfig()
    assert told == []
    sections = {path.partition(".")[0] for path in all_paths()}
    assert set(all_paths()) - set(found.settings) == {
        path for path in all_paths() if path.startswith("hotkeys.")
    }
    assert sections == set(vars(LiveConfig()))


def test_each_layer_overrules_the_one_before(own: Path) -> None:
    found, _ = load(
        "output: {size: 640x480, fit: pad, rate: 25}\n",
        own=own,
        assignments=["output.fit=fill", "output.rate = 24"],
        flags={"--fps": ("output.rate", 20.0)},
    )
    output = found.config.output
    assert (output.size, output.fit, output.rate) == ((640, 480), "fill", 20.0)
    origins = {path: setting.origin for path, setting in found.settings.items()}
    assert origins["output.size"] == str(own)
    assert (origins["output.fit"], origins["output.rate"], origins["output.mirror"]) == (
        "--set",
        "--fps",
        "default",
    )


def test_another_file_may_be_named(own: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("output: {mirror: true}")
    found, _ = load("output: {fit: pad}", own=own, file=other)
    assert found.config.output.mirror
    assert found.config.output.fit == "blur"
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such file"):
        effective(file=tmp_path / "absent.yaml", notify=print)


@pytest.mark.parametrize("text", ["", "# nothing\n", "output:\n", "output:\ncamera: {}\nhotkeys:\n", "---\n"])
def test_a_file_with_everything_commented_out_changes_nothing(own: Path, text: str) -> None:
    found, told = load(text, own=own)
    assert found.config == LiveConfig()
    assert told == []


def test_settings_survive_upgrades(own: Path) -> None:
    found, told = load(
        "output: {siez: 1x1, fit: pad, fps: 12}\nglow: {amount: 3}\nhotkeys: {recalibrat: [n]}\n", own=own
    )
    assert (found.config.output.fit, found.config.output.rate) == ("pad", 12.0)
    assert told == [
        f"{own}: output.siez: no such setting (did you mean output.size?); it is left out",
        f"{own}: output.fps is now called output.rate; it is taken as that",
        f"{own}: glow: no such section; it is left out",
        f"{own}: hotkeys.recalibrat: no such setting (did you mean hotkeys.recalibrate?); it is left out",
    ]


def test_every_renamed_key_leads_to_one_that_is_there() -> None:
    assert set(RENAMED.values()) <= set(all_paths())
    assert not set(RENAMED) & set(all_paths())


WRONG = [
    ("output: {size: 12}", "output.size: .*WIDTHxHEIGHT"),
    ("output: {size: [1, 2, 3]}", "output.size: "),
    ("output: {fit: stretch}", 'output.fit: "stretch" is unknown; choose blur, pad, fill'),
    ("camera: {rotate: 45}", "camera.rotate: 45 is no quarter turn; choose 0, 90, 180, 270"),
    ("output: {rate: .nan}", "output.rate: expected a number"),
    ("output: {rate: 1e9}", "output.rate: .*give 1 to 240"),
    ("output: {rate: true}", "output.rate: expected a number, found True"),
    ("output: {mirror: 3}", "output.mirror: expected true or false, found 3"),
    ("output: 3", "output: expected a mapping of keys, found 3"),
    ("output: {rate: 3, fps: 4}", "output.fps: says the same as output.rate"),
    ("- a\n- b", "the file: expected a mapping of keys, found a list"),
    ("camera: {source: {a: b}}", "camera.source: expected text, found a mapping"),
    ("gallery: {avatars: [a, null]}", "gallery.avatars: expected a list of text"),
    ("model: {name: 3}", "model.name: expected text, found 3"),
    ("recording: {microphone: 3}", "recording.microphone: expected true, false or a device's name"),
    ("calibration: {neutral: last}", 'calibration.neutral: "last" is neither'),
    ("hotkeys: {freeze: [Ctrl-x]}", 'hotkeys.freeze: "Ctrl-x" is no key'),
    ("hotkeys: {freeze: [g], pause: [g]}", 'hotkeys: the key "g" is given to both'),
    ("output: {mirror: true}\noutput: {fit: pad}", 'not valid YAML: .*"output" is there twice'),
    ("output: [", "not valid YAML"),
    ("a: !!python/object/apply:os.system [true]", "not valid YAML"),
    ("when: 2001-99-99", "not valid YAML"),
    ("[" * 3000, "not valid YAML"),
    ("\tx: 1", "not valid YAML"),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[text[:30] for text, _ in WRONG])
def test_a_mistake_is_told_in_one_line_with_the_file_and_the_path(own: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        load(text, own=own)
    assert str(refused.value).startswith(str(own))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_text_is_told(own: Path) -> None:
    own.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load()


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("output.size", "write key=value"),
        ("=3", "write key=value"),
        ("output.siez=1x1", r"no such setting \(did you mean output.size\?\)"),
        ("output=3", "no such setting.*; fomm-live config show lists them"),
        ("hotkeys.dance=[x]", "no such setting"),
        ("output.size=12", "output.size: .*WIDTHxHEIGHT"),
        ("output.sinks=[", "--set"),
    ],
)
def test_a_wrong_assignment_is_refused(assignment: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        load(assignments=[assignment])
    assert str(refused.value).startswith("--set")


def test_a_wrong_flag_is_told_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"^--size: \"12\" is no output size"):
        load(flags={"--size": ("output.size", "12")})


def test_values_are_read_as_people_write_them(own: Path) -> None:
    found, _ = load(
        "camera: {source: 1, rate: '24'}\noutput: {size: [640, 480], sinks: window}\n"
        "gallery: {avatars: me.png}\nhotkeys: {freeze: g, avatar-1: [1, F1], help: []}\n",
        own=own,
    )
    config = found.config
    assert (config.camera.source, config.camera.rate, config.output.size) == ("1", 24.0, (640, 480))
    assert (config.output.sinks, config.gallery.avatars) == (("window",), ("me.png",))
    table = config.table()
    assert table.keys_of(Command.FREEZE) == ("g",)
    assert table.keys_of(Command.AVATAR_1) == ("1", "F1")
    assert table.keys_of(Command.HELP) == ()


def test_what_is_shown_means_the_same(own: Path, tmp_path: Path) -> None:
    found, _ = load(
        "output: {size: 640x480}\ngallery: {avatars: ['a: b', c#d]}\nhotkeys: {freeze: ['#', '?']}",
        own=own,
        assignments=["recording.microphone=USB"],
    )
    shown = as_yaml(found)
    again = tmp_path / "shown.yaml"
    again.write_text(shown)
    assert effective(file=again, notify=print).config == found.config
    assert "size: 640x480" in shown
    assert f"# {own}" in next(line for line in shown.splitlines() if "size:" in line)
    assert "# --set" in next(line for line in shown.splitlines() if "microphone" in line)


def test_a_file_to_begin_with_changes_nothing_until_a_line_is_uncommented(own: Path) -> None:
    begin_file(own)
    found, told = load()
    assert (found.config, told) == (LiveConfig(), [])
    text = own.read_text(encoding="utf-8")
    found, _ = load(text.replace("#  fit: blur", "  fit: pad"), own=own)
    assert found.config.output.fit == "pad"
    begin_file(own)
    assert "  fit: pad" in own.read_text(encoding="utf-8"), "an existing file stays"
    assert [path.name for path in own.parent.iterdir()] == ["live.yaml"]
    plain = yaml.safe_load("\n".join(line[1:] if line[:3] == "#  " else line for line in text.splitlines()))
    assert set(plain) == set(vars(LiveConfig())), "every section can be uncommented"
    assert plain["output"]["size"] == "1280x720"


def test_a_place_where_nothing_can_be_written_is_told(own: Path) -> None:
    own.parent.rmdir()
    own.parent.write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written"):
        begin_file(own)


def test_the_users_file_is_where_the_system_keeps_settings() -> None:
    assert user_file().name == "live.yaml"
    assert user_file().parent.name == "fomm-live"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(all_paths()), value=VALUES)
def test_no_value_does_worse_than_being_refused(own: Path, path: str, value: object) -> None:
    section, _, key = path.partition(".")
    own.write_text(yaml.safe_dump({section: {key: value}}, allow_unicode=True), encoding="utf-8")
    try:
        found, _ = load()
    except ConfigError as error:
        told = str(error)
    else:
        told = as_yaml(found)
    assert section in told


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=":{}[]-&*!|>'\"%@`#, \n\tab1.~?=<", max_size=40))
def test_no_text_does_worse_than_being_refused(own: Path, text: str) -> None:
    own.write_text(text, encoding="utf-8")
    told = ""
    try:
        load()
    except ConfigError as error:
        told = str(error)
    assert "\n" not in told
