"""Names of outputs, and what becomes of what was there before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fomm.errors import ConfigError, FommError, VideoError
from fomm.offline.outputs import Output, clips_in, outputs_for
from fomm.video import VideoReader, VideoWriter

GREY = np.full((64, 64, 3), 90, np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    with VideoWriter("clip.mp4", size=(64, 64), rate=10) as writer:
        writer.write(GREY)
    return tmp_path


PARSED = {
    "out.mp4": Output(Path("out.mp4")),
    "a/b.gif": Output(Path("a/b.gif")),
    "new/": Output(Path("new"), "%05d.png"),
    "there": Output(Path("there"), "%05d.png"),
    "there/": Output(Path("there"), "%05d.png"),
    "a/%d.png": Output(Path("a"), "%d.png"),
    "a/face %03d.PNG": Output(Path("a"), "face %03d.PNG"),
    "new": Output(Path("new")),
}


@pytest.mark.parametrize("name", PARSED)
def test_what_a_name_means(name: str) -> None:
    assert Output.parse(name) == PARSED[name]


def write(output: Output, count: int, value: int = 90) -> None:
    with VideoReader("clip.mp4") as clip, output.writer((64, 64), clip, sound=None) as writer:
        for _ in range(count):
            writer.write(np.full_like(GREY, value))


def names(path: Path | str) -> list[str]:
    return sorted(found.name for found in Path(path).iterdir())


class TestPictures:
    def test_numbered_with_their_times(self) -> None:
        write(Output.parse("new/"), 3)
        assert names("new") == ["00000.png", "00001.png", "00002.png", "timestamps.txt"]
        assert Path("new/timestamps.txt").read_text().split("\n")[1:] == ["0.000", "100.000", "200.000", ""]

    def test_a_percent_sign_elsewhere_in_the_name(self) -> None:
        write(Output.parse("new/100%_%03d.png"), 2)
        assert names("new") == ["100%_000.png", "100%_001.png", "timestamps.txt"]

    def test_a_folder_with_something_in_it_is_refused(self) -> None:
        Path("there/diary.txt").write_text("dear")
        with pytest.raises(VideoError, match="there is not empty; add --overwrite"):
            Output.parse("there").check(overwrite=False)

    def test_an_empty_folder_is_taken(self) -> None:
        Output.parse("there").check(overwrite=False)
        write(Output.parse("there"), 1)
        assert names("there") == ["00000.png", "timestamps.txt"]

    def test_a_file_of_that_name_is_refused(self) -> None:
        with pytest.raises(VideoError, match=r"clip\.mp4 is a file"):
            Output.parse("clip.mp4/").check(overwrite=True)

    def test_a_longer_result_before_leaves_no_pictures_among_the_new(self) -> None:
        output = Output.parse("new/")
        write(output, 5)
        Path("new/diary.txt").write_text("dear")
        output.check(overwrite=True)
        write(output, 2)
        assert names("new") == ["00000.png", "00001.png", "diary.txt", "timestamps.txt"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, VideoError])
    def test_nothing_half_written_is_left(self, error: type[BaseException]) -> None:
        write(Output.parse("there"), 1, value=7)
        before = Path("there/00000.png").read_bytes()

        def fail() -> None:
            with (
                VideoReader("clip.mp4") as clip,
                Output.parse("there").writer((64, 64), clip, sound=None) as writer,
            ):
                writer.write(GREY)
                raise error("now")

        with pytest.raises(error):
            fail()
        assert names(".") == ["clip.mp4", "there"]
        assert Path("there/00000.png").read_bytes() == before


class TestSeveralClips:
    CLIPS = (Path("a/talk.mp4"), Path("b/smile.webm"))

    def test_a_folder_gets_an_mp4_each(self) -> None:
        outputs = outputs_for(self.CLIPS, "new/", several=True)
        assert [output.path for output in outputs] == [Path("new/talk.mp4"), Path("new/smile.mp4")]
        outputs[0].check(overwrite=False)
        assert not Path("new").exists(), "created with the first result, not before"
        write(outputs[0], 1)
        assert names("new") == ["talk.mp4"]

    def test_results_that_exist_are_refused(self) -> None:
        Path("there/talk.mp4").touch()
        first, second = outputs_for(self.CLIPS, "there", several=True)
        second.check(overwrite=False)
        with pytest.raises(VideoError, match=r"talk\.mp4 already exists"):
            first.check(overwrite=False)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("{clip}.gif", [Output(Path("talk.gif")), Output(Path("smile.gif"))]),
            ("x/her {clip}.webm", [Output(Path("x/her talk.webm")), Output(Path("x/her smile.webm"))]),
            ("x/{clip}/", [Output(Path("x/talk"), "%05d.png"), Output(Path("x/smile"), "%05d.png")]),
        ],
    )
    def test_names_with_the_clips_name(self, name: str, expected: list[Output]) -> None:
        assert outputs_for(self.CLIPS, name, several=True) == expected

    def test_one_clip_of_a_folder_is_still_several(self) -> None:
        assert outputs_for([Path("a/talk.mp4")], "new/", several=True)[0].path == Path("new/talk.mp4")
        assert outputs_for([Path("a/talk.mp4")], "new/", several=False)[0].pattern == "%05d.png"

    @pytest.mark.parametrize("name", ["out.mp4", "new", "new/%05d.png"])
    def test_one_name_is_not_enough(self, name: str) -> None:
        with pytest.raises(ConfigError, match=r"is one name for several clips; give a folder ending in /"):
            outputs_for(self.CLIPS, name, several=True)

    def test_two_results_of_one_name(self) -> None:
        with pytest.raises(FommError, match="would both become"):
            outputs_for([Path("a/x.mp4"), Path("b/x.mkv")], "new/", several=True)

    def test_clips_of_a_folder_in_order(self) -> None:
        for name in ("b.MOV", "a.webm", "notes.txt", ".hidden.mp4", "c.gif"):
            Path("there", name).touch()
        found = clips_in(["clip.mp4", "there"])
        assert found == [Path("clip.mp4"), Path("there/a.webm"), Path("there/b.MOV"), Path("there/c.gif")]

    def test_a_folder_without_clips(self) -> None:
        with pytest.raises(VideoError, match="there is a folder without a video"):
            clips_in(["there"])
