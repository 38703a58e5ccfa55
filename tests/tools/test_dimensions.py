"""The dimensions of a file as JSON."""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nd2watch.cli import main, sequences
from nd2watch.tools import get_file_dimensions_as_json, get_image_dimensions_cli
from tests.frames import noise
from tests.tools.numbered import GROUPS, PATTERN, convert, write_files, write_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAIN = {
    "is_rgb": False,
    "has_file_info": False,
    "width": 32,
    "height": 24,
    "dtype": "uint16",
    "planes": 1,
    "pixel_size_um": None,
    "z_step_um": None,
    "period_ms": None,
    "channels": [],
    "error": False,
    "error_message": "",
}


def by_function(path: Path) -> int:
    get_file_dimensions_as_json(path)
    return 0


def by_command(path: Path) -> int:
    return get_image_dimensions_cli([str(path)])


def by_subcommand(path: Path) -> int:
    return main(["get-image-dimensions", str(path)])


DOORS = [by_function, by_command, by_subcommand]


@pytest.fixture(params=DOORS, ids=lambda door: door.__name__)
def told(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Callable[[Path], dict[str, Any]]:
    """Return what a door prints of a file."""

    def read(path: Path) -> dict[str, Any]:
        capsys.readouterr()
        assert request.param(path) == 0
        out, err = capsys.readouterr()
        assert err == ""
        found: dict[str, Any] = json.loads(out)
        return found

    return read


class TestFiles:
    """What is told of files."""

    def test_one_plane(self, tmp_path: Path, told: Callable[[Path], Any]) -> None:
        tifffile.imwrite(tmp_path / "a.tif", noise(1), metadata=None)
        assert told(tmp_path / "a.tif") == PLAIN

    def test_one_plane_that_tells_its_pixel_size(
        self, tmp_path: Path, told: Callable[[Path], Any]
    ) -> None:
        metadata = {"unit": "um"}
        tifffile.imwrite(
            tmp_path / "a.tif", noise(1), imagej=True, resolution=(4, 4), metadata=metadata
        )
        found = told(tmp_path / "a.tif")
        assert (found["pixel_size_um"], found["has_file_info"]) == (0.25, True)

    def test_unknown_pages(self, tmp_path: Path, told: Callable[[Path], Any]) -> None:
        write_pages(tmp_path / "a.tif", [noise(page) for page in range(5)])
        more = {"unknown": 5, "has_file_info": True, "planes": 5}
        assert told(tmp_path / "a.tif") == PLAIN | more

    def test_colours(self, tmp_path: Path, told: Callable[[Path], Any]) -> None:
        Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(tmp_path / "a.png")
        assert told(tmp_path / "a.png") == PLAIN | {"is_rgb": True, "dtype": "uint8"}

    def test_all_dimensions(self, tmp_path: Path, told: Callable[[Path], Any]) -> None:
        write_files(tmp_path / "in")
        words = ("-zstep", "0.5", "-tstep", "1500.5", "--pixel_calibration", "0.25")
        found = told(convert(tmp_path / "in", PATTERN, *GROUPS, *words))
        assert list(found)[:3] == ["timeloop", "zstack", "channel"]
        assert found == PLAIN | {
            "timeloop": 3,
            "zstack": 2,
            "channel": 2,
            "has_file_info": True,
            "planes": 12,
            "pixel_size_um": 0.25,
            "z_step_um": 0.5,
            "period_ms": 1500.5,
            "channels": ["dapi", "gfp"],
        }


class TestErrors:
    """Files that cannot be read: the error is in the JSON."""

    @pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
    @pytest.mark.parametrize(
        ("name", "message"), [("none.tif", "is not there"), ("empty.tif", "is empty")]
    )
    def test_each_is_told(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        door: Callable[[Path], int],
        name: str,
        message: str,
    ) -> None:
        (tmp_path / "empty.tif").touch()
        status = door(tmp_path / name)
        assert status == (0 if door is by_function else 1)
        found = json.loads(capsys.readouterr().out)
        assert found["error"] is True
        assert message in found["error_message"]

    def test_no_file(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert get_image_dimensions_cli([]) == 1
        assert capsys.readouterr() == (
            "",
            "error: the following arguments are required: FILE; see get-image-dimensions --help\n",
        )
        monkeypatch.setattr(sys, "argv", ["get-image-dimensions"])
        get_file_dimensions_as_json()
        assert json.loads(capsys.readouterr().out) == {
            "error": True,
            "error_message": "no file is named",
        }


def test_the_words_of_the_process_are_taken_when_none_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(1), metadata=None)
    monkeypatch.setattr(sys, "argv", ["get-image-dimensions", str(tmp_path / "a.tif")])
    assert get_image_dimensions_cli() == 0
    assert json.loads(capsys.readouterr().out) == PLAIN
    get_file_dimensions_as_json()
    assert json.loads(capsys.readouterr().out) == PLAIN


def test_it_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="get-image-dimensions")
    assert command.load() is sequences.get_image_dimensions
