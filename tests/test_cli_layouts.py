"""The commands for layouts, by the command line."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nd2watch.cli import main
from nd2watch.config import load_config
from tests.guide.runs import PRESETS, write_small_run

if TYPE_CHECKING:
    from collections.abc import Callable

    Printed = Callable[[], list[str]]

CONFIG = """
[output]
folder = "nd2"

[preset.lab]
preset = "metamorph"
title = "Our spinning disk"

[[watch]]
name = "scope"
folder = "in"
pattern = "{run}_t{t}_c{c}.tif"
output = "{run}.nd2"
axes = { t = 3, c = 1 }
complete = { rules = ["counts", "marker"], marker = "{run}.done" }
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a configuration in the current folder, whose one watch is on ``in``."""
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(CONFIG)
    Path("in").mkdir()
    return "config.toml"


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """Return a function that gives the lines printed so far."""
    return lambda: capsys.readouterr().out.splitlines()


class TestPresets:
    """``nd2watch presets``."""

    def test_lists_names_titles_and_what_completes_a_sequence(self, printed: Printed) -> None:
        assert main(["presets"]) == 0
        lines = printed()
        assert len(lines) == 2 * len(PRESETS)
        for (name, preset), line in zip(PRESETS.items(), lines[::2], strict=True):
            assert line.split(maxsplit=1) == [name, preset.title]
        text = "\n".join(lines)
        assert "names of the forms 1.4, 2.0, stack; sidecar metadata.txt" in text
        assert "complete when all frames are there, or no frame came for 300 s" in text

    def test_lists_those_of_a_configuration_too(self, config: str, printed: Printed) -> None:
        assert main(["presets", "-c", config]) == 0
        lines = printed()
        assert lines[-2].split(maxsplit=1) == ["lab", "Our spinning disk"]
        assert "sidecar {name}.nd" in lines[-1]

    def test_shows_one_as_toml_under_its_title_notes_and_examples(self, printed: Printed) -> None:
        assert main(["presets", "--show", "metamorph"]) == 0
        lines = printed()
        assert lines[0] == f"# {PRESETS['metamorph'].title}"
        assert f"# - {PRESETS['metamorph'].notes[0]}" in lines
        assert "#   exp1_w1DAPI_s1_t1.TIF" in lines
        section = tomllib.loads("\n".join(lines))["preset"]["metamorph"]
        assert section["names"] == PRESETS["metamorph"].names

    def test_shows_one_of_a_configuration_with_what_it_builds_on(
        self, config: str, printed: Printed
    ) -> None:
        assert main(["presets", "-c", config, "--show", "lab"]) == 0
        section = tomllib.loads("\n".join(printed()))["preset"]["lab"]
        assert section["title"] == "Our spinning disk"
        assert section["sidecar"] == {"kind": "metamorph", "files": ["{name}.nd"]}

    def test_an_unknown_name_is_told_with_those_there_are(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["presets", "--show", "zeiss"]) == 78
        assert "there is no preset 'zeiss'; there are andor-fusion," in capsys.readouterr().err


class TestExplain:
    """``nd2watch explain``."""

    def test_explains_by_all_presets(self, printed: Printed) -> None:
        assert main(["explain", "9987_Plate_1/TimePoint_2/9987_B02_s1_w3.TIF"]) == 0
        assert printed()[:5] == [
            "9987_Plate_1/TimePoint_2/9987_B02_s1_w3.TIF",
            "  imagexpress (export): frame",
            "    place     t=2 p=1 c=3",
            "    sequence  root=9987_Plate_1 name=9987 well=B02",
            "    well      B02",
        ]

    def test_explains_by_the_watches_of_a_configuration(
        self, config: str, printed: Printed
    ) -> None:
        names = [str(Path("in/sub/a_t07_cDAPI.tif").absolute()), "a.done", ".a_t1_c1.tif"]
        assert main(["explain", "-c", config, *names]) == 0
        assert printed() == [
            names[0],
            "  scope: frame",
            "    place     t=7 c=DAPI",
            "    sequence  folder=sub run=a",
            "    output    a.nd2",
            "a.done",
            "  scope: marker, which completes a sequence",
            ".a_t1_c1.tif",
            "  scope: passed over by ignore = .*",
            "    place     t=1 c=1",
            "    sequence  run=.a",
            "    output    a.nd2",
        ]

    def test_shows_where_a_name_ceases_to_fit(self, config: str, printed: Printed) -> None:
        assert main(["explain", "-c", config, "a_t07_DAPI.tif"]) == 1
        assert printed() == [
            "a_t07_DAPI.tif",
            "  no watch reads this name",
            "  nearest: scope",
            "    a_t07_DAPI.tif",
            "          ^",
            '    matches up to "a_t07_", stops at "DAPI.tif"',
            "    there should be: c{c}.tif",
        ]

    def test_by_one_preset_others_do_not_count(self, printed: Printed) -> None:
        assert main(["explain", "--preset", "scanr", "img_t001_c1.tif"]) == 1
        lines = printed()
        assert lines[1:3] == ["  no preset reads this name", "  nearest: scanr (data)"]
        assert lines[-1].startswith("    names look like: run/data/B2--W00014--P00002")

    def test_a_preset_may_be_one_of_a_configuration(self, config: str, printed: Printed) -> None:
        assert main(["explain", "-c", config, "--preset", "lab", "exp1_w1_t1.TIF"]) == 0
        assert printed()[1] == "  lab (metamorph): frame"

    def test_names_that_only_general_presets_read_have_a_nearest_program(
        self, printed: Printed
    ) -> None:
        assert main(["explain", "img_00000012_DAPI_003.tif"]) == 0
        lines = printed()
        assert lines[1] == "  no preset of a program reads this name"
        assert "  numbered: frame" in lines
        assert "  nearest: micro-manager (1.4)" in lines
        assert r"    there should be: {t}_{c}_{z}.tif, with \d{9,} for {t}" in lines

    def test_paths_count_from_a_folder(self, config: str, printed: Printed) -> None:
        words = ["explain", "--preset", "lab", "-c", config, "--folder", "in"]
        assert main([*words, "in/day1/exp1_w1_t1.TIF"]) == 0
        assert "    sequence  folder=day1 name=exp1" in printed()

    def test_tells_everything_as_json(self, printed: Printed) -> None:
        assert main(["explain", "--json", "exp1_w1GFP_t2.TIF", "nothing.txt"]) == 1
        frame, nothing = json.loads("\n".join(printed()))
        assert frame["readings"][0]["layout"] == "metamorph"
        assert frame["readings"][0]["place"] == {"t": "2", "p": "1", "c": "1"}
        assert frame["readings"][0]["fields"]["cname"] == "GFP"
        assert nothing == {"name": "nothing.txt", "readings": [], "nearest": None}

    def test_names_cannot_command_the_terminal(self, printed: Printed) -> None:
        assert main(["explain", "exp1\x1b[2J_w1_t2.TIF"]) == 0
        assert not any("\x1b" in line for line in printed())


class TestGuess:
    """``nd2watch guess``."""

    def test_ranks_presets_with_reasons_and_proposes_a_watch(
        self, config: str, printed: Printed
    ) -> None:
        write_small_run(Path("in"), "metamorph", t=2, sites=2, channels=("DAPI", "GFP"))
        assert main(["guess", "in"]) == 0
        lines = printed()
        assert lines[0] == "8 images, 1 other file"
        assert lines[1] == (
            " 1. metamorph: 8 of 8 names; sidecar exp1.nd; 1 sequence of t=2 p=2 c=2;"
            " explains 55% of a name"
        )
        assert lines[2].startswith(" 2. generic: 8 of 8 names;")
        block = "\n".join(lines[lines.index("[[watch]]") :])
        Path("new.toml").write_text(f'[output]\nfolder = "nd2"\n{block}\n')
        (watch,) = load_config(Path("new.toml")).watch
        assert (watch.name, watch.preset, watch.folder) == (
            "in",
            "metamorph",
            Path("in").absolute(),
        )

    def test_tries_the_presets_of_a_configuration(self, config: str, printed: Printed) -> None:
        write_small_run(Path("in"), "metamorph", t=2)
        assert main(["guess", "-c", config, "in"]) == 0
        lines = printed()
        assert any(line.startswith(" 2. lab: 2 of 2 names") for line in lines)
        assert "lab and metamorph are close: " in "\n".join(lines)

    def test_says_when_presets_are_close(self, config: str, printed: Printed) -> None:
        write_small_run(Path("in"), "nis-elements", t=2, z=2)
        assert main(["guess", "in"]) == 0
        assert any("are close: names alone do not tell" in line for line in printed())

    def test_says_when_only_a_general_preset_fits(self, config: str, printed: Printed) -> None:
        write_small_run(Path("in"), "numbered", t=3)
        assert main(["guess", "in"]) == 0
        assert (
            "no preset of a program fits these names; the general preset numbered reads them"
        ) in printed()

    def test_says_when_nothing_fits_with_the_nearest(self, config: str, printed: Printed) -> None:
        for number in range(3):
            Path(f"in/cells_w1DAPI_s{number}.png").touch()
        assert main(["guess", "in"]) == 1
        lines = printed()
        assert lines[:3] == [
            "3 images, 0 other files",
            "no preset of a program fits these names",
            "  nearest: metamorph",
        ]
        assert "[[watch]]" not in lines

    def test_a_folder_that_is_not_there_is_an_error(
        self, config: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["guess", "nowhere"]) == 1
        assert "nowhere" in capsys.readouterr().err


class TestPlan:
    """``nd2watch plan``."""

    def test_tells_what_is_complete_and_what_others_wait_for(
        self, config: str, printed: Printed
    ) -> None:
        self.write("a_t1_c1", "a_t2_c1", "a_t3_c1", "b_t1_c1", "b_t3_c1")
        Path("nd2").mkdir()
        Path("nd2/a.nd2").touch()
        assert main(["plan", "-c", config]) == 0
        assert printed() == [
            "scope: in",
            "  a: complete, 3 of 3 frames",
            f"    writes {Path('nd2/a.nd2')}, exists already",
            "  b: 2 of 3 frames",
            "    missing: 1 of 3 values of t",
            f"    will write {Path('nd2/b.nd2')}",
        ]

    @pytest.mark.skipif(sys.platform == "win32", reason="names have no such characters there")
    def test_a_name_is_one_line(self, config: str, printed: Printed) -> None:
        self.write("a\nb_t1_c1")
        assert main(["plan", "-c", config]) == 0
        assert "  a\N{REPLACEMENT CHARACTER}b: 1 of 3 frames" in printed()

    def test_says_what_completes_a_sequence_of_open_size(
        self, config: str, printed: Printed
    ) -> None:
        text = Path(config).read_text().replace("axes = { t = 3, c = 1 }\n", "")
        text = text.replace('["counts", "marker"]', '["marker", "quiet"]')
        Path(config).write_text(text)
        self.write("a_t1_c1", "a_t2_c1")
        assert main(["plan", "-c", config]) == 0
        assert printed()[1:3] == [
            "  a: 2 frames",
            "    complete when the file {run}.done is there, or no frame came for 300 s",
        ]

    def test_says_what_to_state_where_one_plane_of_a_channel_was_seen(
        self, config: str, printed: Printed
    ) -> None:
        text = Path(config).read_text().replace("_t{t}_c{c}", "_z{t}_c{c}")
        text = text.replace("{t}", "{z}").replace("t = 3, c = 1", "z = 2, c = 2")
        Path(config).write_text(text)
        self.write("a_z1_cGFP", "a_z2_cGFP", "a_z1_cDIC")
        assert main(["plan", "-c", config]) == 0
        assert printed()[2:4] == [
            "    missing: z=2 c=DIC",
            "    of channel DIC only one plane was seen; if there are no more, say z = 1 with its"
            " name in c of the table axes",
        ]

    def test_the_status_tells_that_a_person_is_needed(self, config: str, printed: Printed) -> None:
        self.write("a_t1_c1", "a_t2_c1", "a_t4_c1", "a_t3_c1")
        Path("in/b_t1_c1.tif").write_text("no image")
        assert main(["plan", "-c", config]) == 1
        lines = printed()
        assert any("cannot be converted: axis t has 4 values" in line for line in lines)
        assert any("error: frame refused" in line for line in lines)

    def test_tells_what_becomes_of_what_stays_incomplete(
        self, config: str, printed: Printed
    ) -> None:
        trim = '[watch.incomplete]\naction = "trim"\ndeadline_s = 3600\n'
        Path(config).write_text(Path(config).read_text() + trim)
        self.write("a_t1_c1", "a_t3_c1")
        assert main(["plan", "-c", config]) == 0
        expected = "    after 3600 s without a frame its whole time points are converted"
        assert expected in printed()

    def test_tells_everything_as_json(self, config: str, printed: Printed) -> None:
        self.write("a_t1_c1", "a_t2_c1", "a_t3_c1")
        assert main(["plan", "-c", config, "--json"]) == 0
        (watch,) = json.loads("\n".join(printed()))
        assert watch["needs_a_person"] is False
        (sequence,) = watch["sequences"]
        assert (sequence["title"], sequence["extent"]) == ("a", "whole")
        assert sequence["files"][0]["path"] == str(Path("nd2/a.nd2").absolute())

    def test_needs_a_configuration(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["plan"])
        assert ended.value.code == 2
        assert "-c/--config" in capsys.readouterr().err

    @staticmethod
    def write(*stems: str) -> None:
        """Write frames into ``in``."""
        write_small_run(Path("one"), "numbered")
        data = Path("one/run_0001.tif").read_bytes()
        for number, stem in enumerate(stems):
            Path(f"in/{stem}.tif").write_bytes(data[:-1] + bytes([number + 1]))
