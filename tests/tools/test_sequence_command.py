"""The command for numbered files: names, dimensions, output, messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nd2watch import Nd2Reader
from nd2watch.cli import main
from nd2watch.tools import convert_sequence_to_nd2_args, convert_sequence_to_nd2_cli
from tests.frames import noise
from tests.tools.numbered import (
    FRAMES,
    GROUPS,
    PATTERN,
    TEMPLATE,
    assert_holds,
    convert,
    opened,
    write_files,
)

if TYPE_CHECKING:
    from tests.oracles import VendorSdk

SIZES = {"T": 3, "P": 1, "Z": 2, "C": 2}


class TestNames:
    """Which files are taken, and how their names are read."""

    @pytest.mark.parametrize(
        "words",
        [
            (PATTERN, *GROUPS),
            (r"(?P<when>\d+)_z(\d)_([a-z]+)", *GROUPS),
            (r"^t(\d{3})_z(\d)_(dapi|gfp)(?:\.tif)$", *GROUPS),
            ("-s", "t*_z*_*.tif", *GROUPS),
            ("t???_z?_*", "--simple_regexp", *GROUPS),
            (PATTERN, "--timeloop", "1", "--zstack", "2", "--channel", "3"),
            (PATTERN, "-c3", "-z2", "-t1", "--extension", "tif"),
            (PATTERN, "--extension", ".TIF", *GROUPS),
        ],
    )
    def test_regular_expressions_and_simple_ones_give_the_same(
        self, tmp_path: Path, vendor_sdk: VendorSdk, words: tuple[str, ...]
    ) -> None:
        files = write_files(tmp_path / "in")
        assert_holds(convert(tmp_path / "in", *words), SIZES, [*files.values()], vendor_sdk)

    @settings(max_examples=10)
    @given(st.data())
    def test_neither_order_of_arrival_nor_padding_matter(self, data: st.DataObject) -> None:
        labels = sorted(data.draw(st.sets(st.integers(0, 1200), min_size=2, max_size=4)))
        order = data.draw(st.permutations(labels))
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary, "in")
            folder.mkdir()
            for label in order:
                width = data.draw(st.integers(1, 6))
                tifffile.imwrite(folder / f"z{label:0{width}}.tif", noise(label))
            path = convert(folder, r"z(\d+)\.tif", "-z", "1")
            with opened(path) as file:
                assert file.sizes["Z"] == len(labels)
                np.testing.assert_array_equal(file.asarray(), [noise(label) for label in labels])

    def test_numbers_with_fractions_or_signs_are_in_order_of_their_value(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        heights = ("-10.5", "-9", "-0.25", "0", "0.125", "2", "10.5")
        files = write_files(tmp_path / "in", "z{z}.tif", z=heights)
        path = convert(tmp_path / "in", r"z(.+)\.tif", "-z", "1")
        assert_holds(path, {"Z": 7}, [*files.values()], vendor_sdk)

    def test_names_with_numbers_in_them_are_in_natural_order(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        files = write_files(tmp_path / "in", "{m}.tif", m=("day2 pos9", "day2 pos10", "day10 pos1"))
        path = convert(tmp_path / "in", "-s", "*.tif", "-m", "1")
        assert_holds(path, {"P": 3}, [*files.values()], vendor_sdk)
        with opened(path) as file:
            points = file.experiment[0].parameters.points
            assert [point.name for point in points] == ["day2 pos9", "day2 pos10", "day10 pos1"]

    def test_a_slash_in_the_pattern_searches_the_path_below_the_folder(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        files = write_files(tmp_path / "in", "pos{m}/t{t}.tif", m=("A", "B"), t=(1, 2))
        write_files(tmp_path / "in", "t{t}.tif", t=(1, 2))
        path = convert(tmp_path / "in", r"pos(\w)/t(\d)\.tif", "-m", "1", "-t", "2")
        ordered = [files["A", 1], files["B", 1], files["A", 2], files["B", 2]]
        assert_holds(path, {"T": 2, "P": 2}, ordered, vendor_sdk)
        with Nd2Reader(path) as reader:
            assert reader.provenance is not None
            source = reader.provenance.frames[1].sources[0]
            assert source is not None
            assert source.name == "posB/t1.tif"

    def test_without_a_slash_folders_in_the_folder_are_no_matter(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "t{t}.tif", t=(1, 2))
        write_files(tmp_path / "in", "old/t{t}.tif", t=(3,))
        with opened(convert(tmp_path / "in", "-s", "t*.tif", "-t", "1")) as file:
            assert file.sizes["T"] == 2

    def test_hidden_and_unfinished_files_are_no_sources(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "t{t}.tif", t=(1, 2))
        for name in ("._t1.tif", ".t3.tif", "~t4.tif"):
            (tmp_path / "in" / name).write_bytes(b"no image")
        with opened(convert(tmp_path / "in", "-s", "t*.tif", "-t", "1")) as file:
            assert file.sizes["T"] == 2

    @pytest.mark.parametrize(("extension", "seed"), [("png", 20), ("TIFF", 10), ("ome.tif", 30)])
    def test_the_extension_tells_which_files_are_taken(
        self, tmp_path: Path, vendor_sdk: VendorSdk, extension: str, seed: int
    ) -> None:
        for t in (1, 2):
            tifffile.imwrite(tmp_path / f"t{t}.tiff", noise(10 + t))
            Image.fromarray(noise(20 + t)).save(tmp_path / f"t{t}.png")
            tifffile.imwrite(tmp_path / f"t{t}.ome.tif", noise(30 + t), ome=False)
        words = [str(tmp_path), r"t(\d)", "-t", "1", "--extension", extension, "-n", "out"]
        path = convert_sequence_to_nd2_args(words)
        assert_holds(path, {"T": 2}, [noise(seed + 1), noise(seed + 2)], vendor_sdk)

    def test_the_ending_of_the_pattern_tells_it_otherwise(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in", "t{t}.tif", t=(1, 2))
        write_files(tmp_path / "in", "t{t}.tiff", t=(3,))
        Image.fromarray(noise(1)).save(tmp_path / "in" / "t4.png")
        with opened(convert(tmp_path / "in", r"t(\d)\.tiff?$", "-t", "1")) as file:
            assert file.sizes["T"] == 3
        path = convert(tmp_path / "in", r"t(\d)\.png", "-t", "1", name="png")
        with opened(path) as file:
            assert "T" not in file.sizes

    @pytest.mark.parametrize("ending", [".tif", r"\.tif$", ".tiff", ".TIF", r"\.tiff?$", "", "$"])
    def test_all_endings_of_the_format_are_taken_in_any_case(
        self, tmp_path: Path, ending: str
    ) -> None:
        for seed, name in enumerate(("t1.tif", "t2.TIF", "t3.tiff", "t4.Tiff")):
            tifffile.imwrite(tmp_path / name, noise(seed))
        pattern = r"t(\d)\.\w+$" if ending == "$" else rf"t(\d){ending}"
        with opened(convert(tmp_path, pattern, "-t", "1")) as file:
            assert file.sizes["T"] == 4

    def test_simple_patterns_take_them_too(self, tmp_path: Path) -> None:
        for name in ("t1.jpg", "t2.JPEG"):
            Image.fromarray(noise(1).astype(np.uint8)).save(tmp_path / name)
        tifffile.imwrite(tmp_path / "t3.tif", noise(1))
        with opened(convert(tmp_path, "-s", "t*.jpg", "-t", "1")) as file:
            assert file.sizes["T"] == 2


class TestDimensions:
    """What the groups are."""

    @pytest.mark.parametrize(
        ("words", "axis"),
        [
            (("-t", "1"), "T"),
            (("--timeloop", "1"), "T"),
            (("-m", "1"), "P"),
            (("--multipoint", "1"), "P"),
            (("-z", "1"), "Z"),
            (("--zstack", "1"), "Z"),
            (("-c", "1"), "C"),
            (("--channel", "1"), "C"),
        ],
    )
    def test_each_is_a_loop_or_the_channels(
        self, tmp_path: Path, vendor_sdk: VendorSdk, words: tuple[str, ...], axis: str
    ) -> None:
        files = write_files(tmp_path / "in", "i{i}.tif", i=(9, 10, 11))
        path = convert(tmp_path / "in", "-s", "i*.tif", *words)
        assert_holds(path, {axis: 3}, [*files.values()], vendor_sdk)

    @pytest.mark.parametrize("words", [("-mx", "2", "-my", "1"), None])
    def test_x_and_y_make_positions_row_by_row_of_x(
        self, tmp_path: Path, vendor_sdk: VendorSdk, words: tuple[str, ...] | None
    ) -> None:
        words = words or ("--multipoint_y", "1", "--multipoint_x", "2")
        files = write_files(tmp_path / "in", "y{y}x{x}.tif", y=(1, 2), x=(1, 2, 10))
        path = convert(tmp_path / "in", "-s", "y*x*.tif", *words)
        ordered = [files[y, x] for x in (1, 2, 10) for y in (1, 2)]
        assert_holds(path, {"P": 6}, ordered, vendor_sdk)
        with opened(path) as file:
            names = [point.name for point in file.experiment[0].parameters.points]
        assert names == ["1_1", "1_2", "2_1", "2_2", "10_1", "10_2"]

    def test_all_of_them_nest_as_time_position_plane_channel(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        labels = {"t": (0, 5), "m": ("left", "right"), "z": (1, 2), "c": (1, 2)}
        files = write_files(tmp_path / "in", "{c}-{z}-{m}-{t}.tif", **labels)
        path = convert(
            tmp_path / "in", "-s", "*-*-*-*.tif", "-c", "1", "-z", "2", "-m", "3", "-t", "4"
        )
        assert_holds(path, {"T": 2, "P": 2, "Z": 2, "C": 2}, [*files.values()], vendor_sdk)
        with opened(path) as file:
            assert [channel.channel.name for channel in file.metadata.channels] == [
                "Channel 1",
                "Channel 2",
            ]

    def test_a_pattern_without_groups_takes_one_file(
        self, tmp_path: Path, vendor_sdk: VendorSdk
    ) -> None:
        files = write_files(tmp_path / "in")
        path = convert(tmp_path / "in", "t002_z1_gfp.tif")
        assert_holds(path, {}, [files[2, 1, "gfp"]], vendor_sdk)


class TestOutput:
    """Where the result goes."""

    @pytest.mark.parametrize("name", ["-n", "--nd2"])
    def test_the_file_goes_into_the_folder_and_gets_its_ending(
        self, tmp_path: Path, name: str
    ) -> None:
        write_files(tmp_path)
        assert convert_sequence_to_nd2_args([str(tmp_path), PATTERN, *GROUPS, name, "all"]) == (
            tmp_path / "all.nd2"
        )

    @pytest.mark.parametrize("name", ["exp_v1.2", "exp_v1.2.nd2", "a.b"])
    def test_a_dot_in_the_name_is_no_ending(self, tmp_path: Path, name: str) -> None:
        write_files(tmp_path)
        path = convert_sequence_to_nd2_args([str(tmp_path), PATTERN, *GROUPS, "-n", name])
        assert path == tmp_path / f"{name.removesuffix('.nd2')}.nd2"

    @pytest.mark.parametrize("name", ["-o", "--output_dir"])
    def test_or_into_another_folder_which_is_made(self, tmp_path: Path, name: str) -> None:
        write_files(tmp_path / "in")
        words = [str(tmp_path / "in"), PATTERN, *GROUPS, "-n", "sub/a.ND2", name]
        path = convert_sequence_to_nd2_args([*words, str(tmp_path / "out")])
        assert path == tmp_path / "out" / "sub" / "a.ND2"
        assert path.exists()

    @pytest.mark.parametrize("force", ["-f", "--force"])
    def test_an_existing_file_is_replaced_only_when_asked(
        self, tmp_path: Path, force: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in")
        path = tmp_path / "out.nd2"
        path.write_bytes(b"precious")
        words = [str(tmp_path / "in"), PATTERN, *GROUPS, "-n", str(path)]
        assert convert_sequence_to_nd2_cli(words) == 1
        assert f"error: {path} exists already" in capsys.readouterr().err
        assert path.read_bytes() == b"precious"
        assert convert_sequence_to_nd2_cli([*words, force]) == 0
        assert nd2.is_supported_file(path)

    def test_a_source_is_never_replaced(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in")
        for t in (1, 2):
            words = (rf"t00{t}_z(\d+)_(\w+)\.tif", "-z1", "-c2", "-n", str(tmp_path / f"t{t}.nd2"))
            convert_sequence_to_nd2_args([str(tmp_path / "in"), *words])
        again = [str(tmp_path), "-s", "t*.nd2", "-t", "1", "--force", "-n"]
        before = (tmp_path / "t1.nd2").read_bytes()
        for name in ("t1", "t3.nd2"):
            with pytest.raises(ValueError, match="has the name of a source, as it matches"):
                convert_sequence_to_nd2_args([*again, name])
        assert (tmp_path / "t1.nd2").read_bytes() == before
        with opened(convert_sequence_to_nd2_args([*again, "all"])) as file:
            assert {axis: file.sizes[axis] for axis in "TZC"} == {"T": 2, "Z": 2, "C": 2}

    @pytest.mark.parametrize("name", ["t001_z1_dapi.tif", "twin.json"])
    def test_a_description_never_replaces_a_source(
        self, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in")
        source = tmp_path / "in" / "t001_z1_dapi.tif"
        before = source.read_bytes()
        (tmp_path / "in" / "twin.json").hardlink_to(source)
        words = [str(tmp_path / "in"), PATTERN, *GROUPS, "-f", "-j", name]
        assert convert_sequence_to_nd2_cli(words) == 1
        assert "source" in capsys.readouterr().err
        assert source.read_bytes() == before

    @pytest.mark.parametrize("name", ["-j", "--json"])
    def test_json_describes_the_sequence_instead(self, tmp_path: Path, name: str) -> None:
        write_files(tmp_path / "in")
        words = [str(tmp_path / "in"), PATTERN, *GROUPS, "-zstep", "0.5", "-tstep", "250"]
        path = convert_sequence_to_nd2_args([*words, name, "../about.json"])
        assert path == tmp_path / "in" / "../about.json"
        told = json.loads(path.read_text(encoding="utf-8"))
        assert told["folder"] == str(tmp_path / "in")
        attributes = {"widthPx": 32, "heightPx": 24, "componentCount": 2, "sequenceCount": 6}
        assert attributes.items() <= told["attributes"].items()
        time, stack = told["experiment"]
        assert (time["type"], time["count"], time["parameters"]["periodMs"]) == ("TimeLoop", 3, 250)
        assert (stack["type"], stack["nestingLevel"]) == ("ZStackLoop", 1)
        assert stack["parameters"]["stepUm"] == 0.5
        assert [frame["files"] for frame in told["frames"]] == [
            [TEMPLATE.format(t=t, z=z, c=c) for c in FRAMES["c"]] for t in (1, 2, 3) for z in (1, 2)
        ]
        assert [channel["name"] for channel in told["metadata"]["channels"]] == ["dapi", "gfp"]
        assert not [*tmp_path.rglob("*.nd2")]


class TestMessages:
    """What is told while it works."""

    def test_notes_and_the_file_are_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in")
        (tmp_path / "in" / "other.tif").touch()
        path = convert(tmp_path / "in", PATTERN, *GROUPS)
        out, err = capsys.readouterr()
        assert err == ""
        *notes, last = out.splitlines()
        assert notes[0] == "note: files passed over: 1"
        assert "note: the pixel size is unknown; the file is not calibrated" in notes
        assert last == f"{path} is written"

    def test_each_is_json_for_programs(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_files(tmp_path / "in")
        words = [str(tmp_path / "in"), PATTERN, *GROUPS, "--logs_to_json", "-n", "../a"]
        assert convert_sequence_to_nd2_cli(words) == 0
        out, err = capsys.readouterr()
        told = [json.loads(line) for line in out.splitlines()]
        assert err == ""
        assert [one for one in told if one["type"] == "progress"] == [
            {"type": "progress", "done": done, "total": 6} for done in range(1, 7)
        ]
        assert {one["type"] for one in told} == {"progress", "warning", "success"}
        assert told[-1]["message"].endswith("a.nd2 is written")
        for door in (convert_sequence_to_nd2_cli, lambda w: main(["convert-sequence", *w])):
            assert door(words) == 1
            out, err = capsys.readouterr()
            assert json.loads(err)["type"] == "error"
            assert "exists already" in json.loads(err)["message"]


class TestDoors:
    """The ways in."""

    def test_the_subcommand_does_the_same(
        self, tmp_path: Path, vendor_sdk: VendorSdk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        files = write_files(tmp_path / "in")
        words = ["convert-sequence", str(tmp_path / "in"), PATTERN, *GROUPS, "-n", "../a.nd2"]
        assert main(words) == 0
        assert_holds(tmp_path / "a.nd2", SIZES, [*files.values()], vendor_sdk)
        assert main(words) == 1
        assert capsys.readouterr().err.startswith("error: ")

    def test_the_words_of_the_process_are_taken_when_none_are_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_files(tmp_path / "in")
        words = [str(tmp_path / "in"), PATTERN, *GROUPS, "-n", "../a.nd2"]
        monkeypatch.setattr(sys, "argv", ["convert-sequence-to-nd2", *words])
        assert convert_sequence_to_nd2_cli() == 0
        monkeypatch.setattr(sys, "argv", ["convert-sequence-to-nd2", *words, "--force"])
        assert convert_sequence_to_nd2_args().resolve() == tmp_path / "a.nd2"

    def test_the_installed_command_ends_with_its_status(self, tmp_path: Path) -> None:
        write_files(tmp_path / "in")
        command = Path(sys.executable).parent / "convert-sequence-to-nd2"
        words = [os.fspath(command), str(tmp_path / "in"), PATTERN, *GROUPS, "-n", "../a.nd2"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        again = subprocess.run(words, capture_output=True, text=True, check=False)
        assert again.returncode == 1
        assert again.stdout == ""
        assert again.stderr.startswith("error: ")
        assert again.stderr.count("\n") == 1
