"""The command for one file."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from nd2watch.cli import main, sequences
from nd2watch.errors import LayoutError, OutputExists, SourceError
from nd2watch.tools import (
    LimImageSource,
    convert_file_to_nd2,
    convert_file_to_nd2_args,
    convert_file_to_nd2_cli,
)
from tests.frames import noise
from tests.tools.numbered import assert_holds, opened, write_pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.oracles import VendorSdk

PAGES = [noise(page) for page in range(4)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of four pages that does not say what they are."""
    path = tmp_path / "pages.tif"
    write_pages(path, PAGES)
    return path


class TestOutput:
    """Where the file goes."""

    def test_beside_the_input_with_its_name(self, source: Path, vendor_sdk: VendorSdk) -> None:
        path = convert_file_to_nd2_args([str(source)])
        assert path == source.with_suffix(".nd2")
        assert_holds(path, {"P": 4}, PAGES, vendor_sdk)

    @pytest.mark.parametrize("name", ["out/a.nd2", "out/a", "out/A.ND2"])
    def test_where_it_is_told(self, source: Path, name: str) -> None:
        path = convert_file_to_nd2_args([str(source), str(source.parent / name)])
        assert path.name in ("a.nd2", "A.ND2")
        with opened(path) as file:
            assert file.sizes["P"] == 4

    @pytest.mark.parametrize("force", ["-f", "--force"])
    def test_an_existing_file_is_replaced_only_when_asked(
        self, source: Path, force: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = source.with_suffix(".nd2")
        path.write_bytes(b"precious")
        assert convert_file_to_nd2_cli([str(source)]) == 1
        assert capsys.readouterr().err.startswith(f"error: {path} exists already; ")
        assert path.read_bytes() == b"precious"
        assert convert_file_to_nd2_cli([str(source), force]) == 0
        out, err = capsys.readouterr()
        assert (out.splitlines()[-1], err) == (f"{path} is written", "")

    @pytest.mark.parametrize(
        "door", [convert_file_to_nd2_cli, lambda w: main(["convert-file", *w])]
    )
    def test_options_may_stand_between_the_files(
        self, source: Path, door: Callable[[list[str]], int]
    ) -> None:
        output = source.parent / "a.nd2"
        output.write_bytes(b"old")
        assert door([str(source), "-f", str(output)]) == 0
        assert door(["-f", str(source), "--unknown_dimension", "zstack", str(output)]) == 0
        with opened(output) as file:
            assert file.sizes["Z"] == 4

    @pytest.mark.parametrize("words", [(), ("-f",)])
    def test_a_file_is_not_replaced_by_its_own_conversion(
        self, source: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
    ) -> None:
        path = convert_file_to_nd2_args([str(source)])
        before = path.read_bytes()
        assert convert_file_to_nd2_cli([str(path), *words]) == 1
        assert "is the file to convert; choose another name" in capsys.readouterr().err
        assert path.read_bytes() == before
        assert convert_file_to_nd2_args([str(path), str(path.parent / "again.nd2")]).exists()


@pytest.mark.parametrize(
    ("dimension", "axis"), [("multipoint", "P"), ("timeloop", "T"), ("zstack", "Z")]
)
def test_unknown_pages_are_what_is_said(
    source: Path, vendor_sdk: VendorSdk, dimension: str, axis: str
) -> None:
    path = convert_file_to_nd2_args([str(source), "--unknown_dimension", dimension])
    assert_holds(path, {axis: 4}, PAGES, vendor_sdk)


def test_what_is_assumed_is_noted(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert_file_to_nd2_args([str(source)])
    out = capsys.readouterr().out
    assert "note: 4 pages are taken for positions\n" in out
    assert "note: --unknown_dimension says what pages are\n" in out
    assert "note: the pixel size is unknown; the file is not calibrated\n" in out
    convert_file_to_nd2_args([str(source), "-f", "--unknown_dimension", "multipoint"])
    assert "are taken for" not in capsys.readouterr().out


class TestPython:
    """The function."""

    @pytest.mark.parametrize("given", [str, Path, LimImageSource.open])
    def test_it_takes_a_name_a_path_or_a_source(
        self, source: Path, vendor_sdk: VendorSdk, given: Callable[[Path], str]
    ) -> None:
        output = source.parent / "out.nd2"
        assert convert_file_to_nd2(given(source), output, "zstack") == output
        assert_holds(output, {"Z": 4}, PAGES, vendor_sdk)
        with pytest.raises(OutputExists):
            convert_file_to_nd2(given(source), str(output))
        convert_file_to_nd2(given(source), str(output), extra_dim_type="timeloop", replace=True)
        assert_holds(output, {"T": 4}, PAGES, vendor_sdk)

    def test_an_image_of_another_format(self, tmp_path: Path) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        with opened(convert_file_to_nd2(tmp_path / "a.png", tmp_path / "a.nd2")) as file:
            np.testing.assert_array_equal(file.asarray()[..., ::-1], pixels)

    def test_a_file_of_nd2_keeps_its_loops(self, source: Path, vendor_sdk: VendorSdk) -> None:
        first = convert_file_to_nd2(source, source.parent / "first.nd2", "zstack")
        second = convert_file_to_nd2(first, source.parent / "second.nd2", "timeloop")
        assert_holds(second, {"Z": 4}, PAGES, vendor_sdk)

    @pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
    def test_a_link_stands_for_its_file(self, source: Path, vendor_sdk: VendorSdk) -> None:
        link = source.parent / "link.tif"
        link.symlink_to(source)
        assert_holds(convert_file_to_nd2_args([str(link)]), {"P": 4}, PAGES, vendor_sdk)

    def test_another_dimension_is_refused(self, source: Path) -> None:
        with pytest.raises(ValueError, match="'channel' is no dimension; it is timeloop, "):
            convert_file_to_nd2(source, source.parent / "a.nd2", "channel")


class TestRefusals:
    """One line each; nothing is written."""

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ((), "the following arguments are required: INPUT; see convert-file-to-nd2 --help"),
            (("none.tif",), "none.tif is not there"),
            (("empty.tif",), "empty.tif is empty"),
            (("pages.tif", "out.tif"), "out.tif is to be an ND2 file, whose name ends with .nd2"),
            (("pages.tif", "--unknown_dimension", "channel"), "argument --unknown_dimension: "),
            (("pages.tif", "a.nd2", "b.nd2"), "unrecognized arguments: b.nd2; see "),
            (("folder",), "folder is a folder"),
        ],
    )
    def test_each_is_told(
        self,
        source: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        words: tuple[str, ...],
        told: str,
    ) -> None:
        monkeypatch.chdir(source.parent)
        Path("empty.tif").touch()
        Path("folder").mkdir()
        before = sorted(source.parent.iterdir())
        assert convert_file_to_nd2_cli(list(words)) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: {told}")
        assert err.count("\n") == 1
        assert sorted(source.parent.iterdir()) == before

    def test_in_python_they_are_errors_of_their_kind(self, tmp_path: Path) -> None:
        with pytest.raises(LayoutError, match="required: INPUT"):
            convert_file_to_nd2_args([])
        with pytest.raises(FileNotFoundError):
            convert_file_to_nd2_args([str(tmp_path / "none.tif")])
        (tmp_path / "empty.tif").touch()
        with pytest.raises(SourceError):
            convert_file_to_nd2(tmp_path / "empty.tif", tmp_path / "a.nd2")


class TestDoors:
    """The other ways in."""

    def test_the_subcommand_does_the_same(
        self, source: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["convert-file", str(source), "--unknown_dimension", "timeloop"]
        assert main(words) == 0
        assert capsys.readouterr().out.endswith(f"{source.with_suffix('.nd2')} is written\n")
        assert main(words) == 1
        assert capsys.readouterr().err.startswith("error: ")
        assert main([*words, "-f"]) == 0

    def test_the_words_of_the_process_are_taken_when_none_are_given(
        self, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["convert-file-to-nd2", str(source)])
        assert convert_file_to_nd2_cli() == 0
        monkeypatch.setattr(sys, "argv", ["convert-file-to-nd2", str(source), "-f"])
        assert convert_file_to_nd2_args() == source.with_suffix(".nd2")

    def test_it_is_installed(self) -> None:
        (command,) = entry_points(group="console_scripts", name="convert-file-to-nd2")
        assert command.load() is sequences.convert_file_to_nd2
