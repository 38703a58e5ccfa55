"""What a conversion of numbered files would do, told without writing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tifffile

from nd2watch.cli import main
from nd2watch.errors import LayoutError
from nd2watch.tools import plan_sequence, plan_sequence_cli
from tests.frames import noise
from tests.tools.numbered import GROUPS, PATTERN, convert, remove, write_files, write_pages

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "in")
    return tmp_path / "in"


def plan(folder: Path, *words: str) -> dict[str, Any]:
    return plan_sequence([str(folder), *words])


def test_everything_is_told(folder: Path) -> None:
    (folder / "other.tif").touch()
    before = sorted(folder.parent.rglob("*"))
    words = ("-tstep", "1500.5", "-zstep", "0.5", "--pixel_calibration", "0.1")
    setting = ("--channel-setting", "gfp|GFP|TIRF|488|520|green", "--ms-pinhole_diameter", "40")
    told = plan(folder, PATTERN, *GROUPS, *words, *setting, "-n", "out")
    assert sorted(folder.parent.rglob("*")) == before
    assert json.loads(json.dumps(told)) == told
    assert told.pop("estimated_bytes") > 6 * 24 * 32 * 2 * 2
    assert told.pop("notes") == [
        "the start of the acquisition is unknown; modification times of the files are written"
    ]
    nothing = {"exposureMs": None, "pinholeDiameterUm": 40.0}
    assert told == {
        "axes": {
            "timeloop": ["1", "2", "3"],
            "zstack": ["1", "2"],
            "channel": ["dapi", "gfp"],
        },
        "sizes": {"timeloop": 3, "multipoint": 1, "zstack": 2, "channel": 2},
        "is_rgb": False,
        "width": 32,
        "height": 24,
        "dtype": "uint16",
        "frames": 6,
        "input_files": 12,
        "passed_over_files": 1,
        "missing": {"allowed": False, "files": 0, "planes": 0, "combinations": []},
        "loops": [
            {
                "type": "TimeLoop",
                "count": 3,
                "nestingLevel": 0,
                "parameters": {"startMs": 0.0, "periodMs": 1500.5, "durationMs": 3001.0},
            },
            {
                "type": "ZStackLoop",
                "count": 2,
                "nestingLevel": 1,
                "parameters": {"stepUm": 0.5, "homeIndex": 0, "bottomToTop": True},
            },
        ],
        "channels": [
            {
                "name": "dapi",
                "color": "#0000FF",
                "modality": ["fluorescence", "camera"],
                "excitationWavelengthNm": None,
                "emissionWavelengthNm": None,
                **nothing,
            },
            {
                "name": "GFP",
                "color": "#00FF00",
                "modality": ["fluorescence", "camera", "tirf"],
                "excitationWavelengthNm": 488.0,
                "emissionWavelengthNm": 520.0,
                **nothing,
            },
        ],
        "pixel_size_um": 0.1,
        "wellplate": None,
        "output": str(folder / "out.nd2"),
        "output_exists": False,
    }


def test_missing_files_are_listed_even_where_they_are_not_allowed(folder: Path) -> None:
    remove(folder, t=1, z=2, c="gfp")
    remove(folder, t=3, z=1, c="dapi")
    for words, allowed in (((), False), (("--allow_missing_files",), True)):
        assert plan(folder, PATTERN, *GROUPS, *words)["missing"] == {
            "allowed": allowed,
            "files": 2,
            "planes": 2,
            "combinations": ["t=1 z=2 c=gfp", "t=3 z=1 c=dapi"],
        }


def test_positions_and_wells_are_told(tmp_path: Path) -> None:
    write_files(tmp_path, "{m}.tif", m=("B01", "A02"))
    told = plan(tmp_path, "-s", "*.tif", "-m", "1", "-j", "about.json")
    assert told["wellplate"]["wells"] == ["A02", "B01"]
    points = told["loops"][0]["parameters"]["points"]
    assert points == [
        {"name": "A02", "stagePositionUm": [0, 0, 0]},
        {"name": "B01", "stagePositionUm": [0, 0, 0]},
    ]
    assert told["output"] == str(tmp_path / "about.json")


def test_planes_in_the_files_are_told(tmp_path: Path) -> None:
    for t in (1, 2):
        write_pages(tmp_path / f"t{t}.tif", [noise(page) for page in range(4)])
    told = plan(tmp_path, "-s", "t*.tif", "-t", "1", "--extra-dimension", "zstack")
    assert told["axes"] == {"timeloop": ["1", "2"], "zstack": ["1", "2", "3", "4"]}
    assert (told["frames"], told["input_files"]) == (8, 2)


@pytest.mark.parametrize(
    ("shape", "count"), [((1, 1), 5), ((64, 64), 200), ((700, 500), 5), ((512, 512), 30)]
)
def test_the_estimated_size_is_close(tmp_path: Path, shape: tuple[int, int], count: int) -> None:
    for t in (*range(count), 2 * count):
        tifffile.imwrite(tmp_path / f"t{t}_z1.tif", noise(t, shape))
    tifffile.imwrite(tmp_path / "t1_z2.tif", noise(0, shape))
    words = ("-s", "t*_z*.tif", "-t", "1", "-z", "2", "--allow_missing_files")
    estimated = plan(tmp_path, *words)["estimated_bytes"]
    assert estimated == pytest.approx(convert(tmp_path, *words).stat().st_size, rel=0.1)


def test_an_existing_output_is_told(folder: Path) -> None:
    (folder / "out.nd2").touch()
    assert plan(folder, PATTERN, *GROUPS, "-n", "out")["output_exists"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((PATTERN, "-t", "1", "-z", "2"), "capture group 3"),
        (("-s", "s*.tif", "-t", "1"), "no file in "),
        ((PATTERN, *GROUPS, "-n", "a", "-j", "b"), "there are two outputs"),
        ((PATTERN, *GROUPS, "--wellplate-rows", "8"), "a well plate is stated"),
    ],
)
def test_what_conversion_would_refuse_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(LayoutError, match=told):
        plan(folder, *words)
    assert plan_sequence_cli([str(folder), *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {told}")
    assert err.count("\n") == 1
    assert plan_sequence_cli([str(folder), *words, "--logs_to_json"]) == 1
    line = json.loads(capsys.readouterr().err)
    assert line["type"] == "error"
    assert line["message"].startswith(told)


def by_subcommand(words: list[str]) -> int:
    return main(["plan-sequence", *words])


def by_subcommand_in_json(words: list[str]) -> int:
    return main(["plan-sequence", *words, "--logs_to_json"])


@pytest.mark.parametrize("door", [plan_sequence_cli, by_subcommand, by_subcommand_in_json])
def test_every_door_prints_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str], door: Callable[[list[str]], int]
) -> None:
    assert door([str(folder), PATTERN, *GROUPS]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == plan(folder, PATTERN, *GROUPS)


def test_the_installed_command_takes_the_words_of_the_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [str(Path(sys.executable).parent / "plan-sequence"), str(folder), PATTERN, *GROUPS]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    monkeypatch.setattr(sys, "argv", words)
    assert json.loads(done.stdout) == plan_sequence()
