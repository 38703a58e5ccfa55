"""What the command for numbered files refuses: one line, and nothing is written."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from nd2watch.cli import main
from nd2watch.errors import LayoutError, OutputExists, SequenceIncomplete, SourceError
from nd2watch.tools import convert_sequence_to_nd2_args
from tests.frames import noise
from tests.tools.numbered import (
    GROUPS,
    PATTERN,
    convert,
    refuse,
    remove,
    write_files,
    write_nd2,
)

if TYPE_CHECKING:
    from pathlib import Path

OUTPUT = ("-n", "a")
WORDS = (PATTERN, *GROUPS, *OUTPUT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "in")
    return tmp_path / "in"


class TestWords:
    """Words that are no such command."""

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ((), "the following arguments are required: REGEXP"),
            ((*WORDS, "--colour", "red"), "unrecognized arguments: --colour red"),
            ((*WORDS, "--multi"), "unrecognized arguments: --multi"),
            ((PATTERN, "-t", "one"), "argument -t/--timeloop: invalid int value: 'one'"),
            ((PATTERN, "-t"), "argument -t/--timeloop: expected one argument"),
            (
                (*WORDS, "--wellplate-mode", "on"),
                "argument --wellplate-mode: invalid choice: 'on'",
            ),
        ],
    )
    def test_usage(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        words: tuple[str, ...],
        told: str,
    ) -> None:
        line = refuse(capsys, folder, *words)
        assert line.startswith(told)
        assert line.endswith("; see convert-sequence-to-nd2 --help")

    @pytest.mark.parametrize(
        "option",
        [
            "-zstep/--zstack_step",
            "-tstep/--timeloop_step",
            "--pixel_calibration",
            "--ms-objective_magnification",
            "--ms-objective_numerical_aperture",
            "--ms-zoom_magnification",
            "--ms-immersion_refractive_index",
            "--ms-pinhole_diameter",
        ],
    )
    @pytest.mark.parametrize(
        ("value", "why"),
        [("-1", "not above 0"), ("0", "not above 0"), ("1,5", "no number"), ("nan", "no number")],
    )
    def test_numbers(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        option: str,
        value: str,
        why: str,
    ) -> None:
        line = refuse(capsys, folder, *WORDS, option.split("/")[-1], value)
        assert line.startswith(f"argument {option}: {value!r} is {why}; see ")

    @pytest.mark.parametrize(
        ("option", "value", "why"),
        [
            ("--ms-objective_magnification", "1001", "above 1000"),
            ("--ms-objective_numerical_aperture", "14", "above 2"),
            ("--ms-immersion_refractive_index", "0.9", "below 1"),
            ("--ms-immersion_refractive_index", "15.15", "above 2.5"),
        ],
    )
    def test_numbers_that_no_microscope_has(
        self, folder: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, why: str
    ) -> None:
        line = refuse(capsys, folder, *WORDS, option, value)
        assert line.startswith(f"argument {option}: {value!r} is {why}; see ")


class TestGroups:
    """Groups and their numbers; more of it in the tests of patterns."""

    @pytest.mark.parametrize(
        ("groups", "told"),
        [
            (("-t", "1", "-z", "2"), r"capture group 3 of t(\d+)_z(\d+)_>>>(\w+)<<<\.tif is given"),
            (
                ("-t", "1", "-z", "2", "-c", "2"),
                r"capture group 2 of t(\d+)_z>>>(\d+)<<<_(\w+)\.tif is given for --zstack and for",
            ),
            ((*GROUPS, "-m", "4"), "--multipoint 4: there is no such group; the pattern t("),
            (("-t", "1", "-z", "2", "-mx", "3"), "--multipoint_x needs --multipoint_y"),
            (("-t", "1", "-z", "2", "-z", "3"), "several groups for --zstack make one axis only"),
        ],
    )
    def test_they_are_shown_in_the_pattern(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        groups: tuple[str, ...],
        told: str,
    ) -> None:
        assert refuse(capsys, folder, PATTERN, *groups, *OUTPUT).startswith(told)

    def test_a_malformed_pattern(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        line = refuse(capsys, folder, "t(", *OUTPUT)
        assert line.startswith("malformed pattern 't(': missing ), unterminated subpattern")


class TestFiles:
    """Files that make no sequence."""

    def test_no_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert refuse(capsys, tmp_path / "none", *WORDS) == f"{tmp_path / 'none'} is no folder"

    def test_none_that_matches(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert refuse(capsys, folder, "-s", "s*.tif", "-t", "1", *OUTPUT) == (
            f"no file in {folder} that ends with .tif or .tiff or .btf or .tf8 or .tf2 or .stk or"
            " .lsm matches 's*.tif'; 12 such files do not match"
        )
        line = refuse(capsys, folder, *WORDS, "--extension", "png")
        assert line.startswith(f"no file in {folder} that ends with .png matches 't(")

    @pytest.mark.parametrize(
        ("pattern", "told"),
        [
            ("t*_z*.tif", "--timeloop 1: there is no such group; the pattern t*_z*.tif has no"),
            ("*.tif", "malformed pattern '*.tif': nothing to repeat"),
            ("t???.tif", "malformed pattern 't???.tif': multiple repeat"),
        ],
    )
    def test_a_simple_pattern_that_is_not_said_to_be_one(
        self, folder: Path, capsys: pytest.CaptureFixture[str], pattern: str, told: str
    ) -> None:
        line = refuse(capsys, folder, pattern, "-t", "1", *OUTPUT)
        assert line.startswith(told)
        hint = "; give --simple_regexp if * and ? stand for any characters"
        assert line.endswith(hint)
        assert hint not in refuse(capsys, folder, "s(.*", "-t", "1", *OUTPUT)
        assert refuse(capsys, folder, "s*_*.png", *OUTPUT).endswith(hint)

    def test_files_in_folders_of_the_folder(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = refuse(capsys, folder.parent, *WORDS)
        assert line.endswith("; folders in it are searched only by a / in the pattern")
        assert "searched only" not in refuse(
            capsys, folder.parent, f"no/{PATTERN}", *GROUPS, *OUTPUT
        )

    def test_an_unknown_extension(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        line = refuse(capsys, folder, *WORDS, "--extension", "bmp")
        assert line.startswith("--extension bmp: files end with .tif, .tiff, ")

    def test_missing_ones(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        remove(folder, t=1, z=2, c="gfp")
        remove(folder, t=3, z=1, c="dapi")
        assert refuse(capsys, folder, *WORDS) == (
            f"{folder} lacks 2 of 12 files: t=1 z=2 c=gfp; t=3 z=1 c=dapi; --allow_missing_files"
            " writes black planes in their place"
        )

    def test_two_in_one_place(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        tifffile.imwrite(folder / "t1_z01_gfp.tif", noise(1))
        tifffile.imwrite(folder / "t2_z1_gfp.tif", noise(1))
        first, second = refuse(capsys, folder, *WORDS).split("; ")
        assert first == (
            f"{folder / 't1_z01_gfp.tif'} and {folder / 't001_z1_gfp.tif'} are both t=1 z=1 c=gfp"
        )
        assert second.endswith("are both t=2 z=1 c=gfp")

    def test_two_for_a_pattern_without_groups(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = refuse(capsys, folder, r"t001_z1_.*\.tif", *OUTPUT)
        assert line.endswith("are both the only frame")

    def test_all_that_cannot_be_read_are_named(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "t001_z1_gfp.tif").write_bytes(b"")
        (folder / "t002_z1_gfp.tif").write_bytes(b"GIF89a")
        line = refuse(capsys, folder, *WORDS)
        assert re.search(r"t001_z1_gfp\.tif is empty.*; .*t002_z1_gfp\.tif is not a TIFF", line)

    def test_of_many_faults_the_first_are_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "in").mkdir()
        for number in range(60):
            (tmp_path / "in" / f"t{number}.tif").touch()
        line = refuse(capsys, tmp_path / "in", "-s", "t*.tif", "-t", "1", *OUTPUT)
        assert line.count("is empty") == 50
        assert line.endswith("; and 10 more")

    def test_different_sizes_or_types(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tifffile.imwrite(folder / "t002_z1_gfp.tif", noise(1).astype("uint8"))
        line = refuse(capsys, folder, *WORDS)
        assert "t002_z1_gfp.tif is 32 x 24 uint8, " in line
        assert "is 32 x 24 uint16; all frames of a file are alike" in line

    def test_colour_images_in_channels(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "in").mkdir()
        for name in ("a", "b"):
            pixels = np.zeros((4, 5, 3), np.uint8)
            tifffile.imwrite(tmp_path / "in" / f"{name}.tif", pixels)
        line = refuse(capsys, tmp_path / "in", r"(\w)\.tif", "-c", "1", *OUTPUT)
        assert "a.tif is RGB, one of 2 channels" in line


class TestOutput:
    """Outputs that are none."""

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ((), "there is no output; give either --nd2 or --json"),
            (("-n", "a", "-j", "a"), "there are two outputs; give either --nd2 or --json"),
            (("-j", "a", "-o", "b"), "--output_dir is for --nd2; "),
            (("-n", ""), "--nd2 '' is no name of a file"),
            (("-n", "."), "--nd2 '.' is no name of a file"),
            (("-n", ".."), "--nd2 '..' is no name of a file"),
            (("-n", "a/.."), "--nd2 'a/..' is no name of a file"),
            (("-j", ".."), "--json '..' is no name of a file"),
            (("-j", ""), "--json '' is no name of a file"),
        ],
    )
    def test_words_that_name_none(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        words: tuple[str, ...],
        told: str,
    ) -> None:
        assert refuse(capsys, folder, PATTERN, *GROUPS, *words).startswith(told)

    def test_another_ending(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert refuse(capsys, folder, PATTERN, *GROUPS, "-n", "a.tif") == (
            f"{folder / 'a.tif'} is to be an ND2 file, whose name ends with .nd2"
        )

    @pytest.mark.parametrize("word", ["-n", "-j"])
    def test_one_that_exists(
        self, folder: Path, capsys: pytest.CaptureFixture[str], word: str
    ) -> None:
        path = folder / "old.nd2"
        path.write_bytes(b"precious")
        assert refuse(capsys, folder, PATTERN, *GROUPS, word, "old.nd2") == (
            f"{path} exists already; choose another name, or replace it by --force"
        )
        assert path.read_bytes() == b"precious"

    def test_a_folder_even_by_force(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "old.nd2").mkdir()
        words = [str(folder), PATTERN, *GROUPS, "-n", "old.nd2", "--force"]
        with pytest.raises(OutputExists, match=r"old\.nd2 is a folder"):
            convert_sequence_to_nd2_args(words)

    def test_a_folder_that_is_none(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = folder / "t001_z1_gfp.tif"
        assert refuse(capsys, folder, *WORDS, "-o", str(file)) == f"{file} is no folder"

    def test_a_folder_that_cannot_be_written_to(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def read(*_: object, **__: object) -> None:
            raise AssertionError("files are read")

        monkeypatch.setattr("nd2watch.tools.command.os.access", lambda path, _: path != folder)
        assert refuse(capsys, folder / "none", *WORDS) == f"{folder / 'none'} is no folder"
        monkeypatch.setattr("nd2watch.tools.command.collect_numbered", read)
        assert refuse(capsys, folder, *WORDS) == (
            f"nothing can be written in {folder}; choose another folder by --output_dir"
        )
        line = refuse(capsys, folder, PATTERN, *GROUPS, "-n", "new/a")
        assert line.startswith(f"nothing can be written in {folder}; ")
        line = refuse(capsys, folder, PATTERN, *GROUPS, "-j", "a.json")
        assert line == f"nothing can be written in {folder}; choose another folder in the name"

    def test_no_name_of_a_source(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = (r"t(\d+)", "-t", "1", "-n", "all_t1", "--force")
        line = refuse(capsys, folder, *words)
        assert line.startswith(f"{folder / 'all_t1.nd2'} has the name of a source")


class TestChannelSettings:
    """What is stated of channels."""

    @pytest.mark.parametrize(
        ("setting", "told"),
        [
            (
                "gfp|GFP|TIRF|488",
                "--channel-setting 'gfp|GFP|TIRF|488' has 4 parts; it is original|",
            ),
            ("gfp|GFP|TIRF|488|520|red|1", "--channel-setting 'gfp|GFP|TIRF|488|520|red|1' has 7"),
            (
                "gfp|GFP|Magic|||",
                "--channel-setting 'gfp|GFP|Magic|||': 'Magic' is no modality that is known; these"
                " are: Wide-field; ",
            ),
            (
                "gfp|GFP||||greenish",
                "--channel-setting 'gfp|GFP||||greenish': 'greenish' is no colour that is known;",
            ),
            (
                "gfp|GFP||||#12345",
                "--channel-setting 'gfp|GFP||||#12345': '#12345' is no colour that is known",
            ),
            (
                "gfp|GFP||50||",
                "--channel-setting 'gfp|GFP||50||': wavelength '50' is not within 100 to 3000 nm",
            ),
            (
                "gfp|GFP|||4880|",
                "--channel-setting 'gfp|GFP|||4880|': wavelength '4880' is not within 100 to 3000",
            ),
            (
                "gfp|GFP||blue||",
                "--channel-setting 'gfp|GFP||blue||': wavelength 'blue' is no number",
            ),
            (
                "gfp|GFP|||-520|",
                "--channel-setting 'gfp|GFP|||-520|': wavelength '-520' is not within 100 to 3000",
            ),
            ("GFP|||||", "--channel-setting names 'GFP'; the channels are dapi, gfp"),
            ("|GFP||||", "--channel-setting names ''; the channels are dapi, gfp"),
        ],
    )
    def test_each_is_told(
        self, folder: Path, capsys: pytest.CaptureFixture[str], setting: str, told: str
    ) -> None:
        assert refuse(capsys, folder, *WORDS, "--channel-setting", setting).startswith(told)

    def test_two_of_one_channel(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = ("--channel-setting", "gfp||||red", "--channel-setting", "gfp|||||")
        line = refuse(capsys, folder, *WORDS, *words)
        assert line == "there are two --channel-setting for 'gfp'"

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            (
                ("dapi|X||||", "gfp|X||||"),
                ": two channels would be named 'X'; give another new name",
            ),
            (("gfp|dapi||||",), ": two channels would be named 'dapi'; give another new name"),
            (("gfp|||||", "green|||||"), " 'gfp' and 'green' are one channel; state it once"),
            (("red|||||",), " names 'red'; the channels are dapi (in the files blue), gfp (in the"),
        ],
    )
    def test_by_the_names_in_the_files_too(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: list[str], told: str
    ) -> None:
        (tmp_path / "in").mkdir()
        for label, name in (("gfp", "green"), ("dapi", "blue")):
            write_nd2(tmp_path / "in" / f"{label}.nd2", noise(1)[np.newaxis], name)
        words = [word for one in settings for word in ("--channel-setting", one)]
        line = refuse(capsys, tmp_path / "in", r"(\w+)\.nd2", "-c", "1", "-n", "../a", *words)
        assert line.startswith(f"--channel-setting{told}")

    def test_two_of_the_only_channel(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = (r"t(\d+)_z1_(gfp)\.tif", "-t", "1", "-c", "2", *OUTPUT)
        both = ("--channel-setting", "gfp||||red", "--channel-setting", "||||red")
        line = refuse(capsys, folder, *words, *both)
        assert line == "--channel-setting '' and 'gfp' are one channel; state it once"

    def test_a_name_where_there_is_none(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = (r"t(\d+)_z1_gfp\.tif", "-t", "1", *OUTPUT, "--channel-setting", "gfp||||red")
        assert refuse(capsys, folder, *words) == (
            "--channel-setting names 'gfp'; there is one channel, without a name; leave the"
            " original name empty"
        )


class TestDoors:
    """How refusals come out of the other doors."""

    def test_in_python_they_are_errors_of_their_kind(self, folder: Path) -> None:
        with pytest.raises(LayoutError, match="capture group 3"):
            convert(folder, PATTERN, "-t", "1", "-z", "2")
        with pytest.raises(ValueError, match="required: REGEXP"):
            convert_sequence_to_nd2_args([str(folder)])
        remove(folder, t=1, z=1, c="gfp")
        with pytest.raises(SequenceIncomplete):
            convert(folder, PATTERN, *GROUPS)
        (folder / "t001_z1_gfp.tif").touch()
        with pytest.raises(SourceError, match="is empty"):
            convert(folder, PATTERN, *GROUPS)

    def test_the_subcommand_tells_them_in_a_line(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        remove(folder, t=1, z=1, c="gfp")
        for command in ("convert-sequence", "plan-sequence"):
            words = [str(folder), PATTERN, "-t", "1", "-z", "2", *OUTPUT]
            assert main([command, *words]) == 1
            out, err = capsys.readouterr()
            assert out == ""
            assert err.startswith("error: capture group 3 of ")
            assert err.count("\n") == 1

    def test_an_interruption_is_told_too(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("nd2watch.tools.command.collect_numbered", interrupted)
        assert refuse(capsys, folder, *WORDS) == "interrupted; nothing was written"

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
    def test_names_with_line_breaks_stay_on_one_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "a\nb"
        folder.mkdir()
        (folder / "t1.tif").touch()
        line = refuse(capsys, folder, "-s", "t*.tif", "-t", "1", *OUTPUT)
        assert line.startswith(f"{tmp_path / 'a b' / 't1.tif'} is empty")
