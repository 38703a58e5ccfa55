"""What names mean by layouts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from nd2watch.experiment import (
    TEMPORARY_NAMES,
    AxisSize,
    Layout,
    OutputName,
    SidecarNames,
    WellNames,
    compile_pattern,
)
from nd2watch.guide.explain import explain, paths_of, read_name
from nd2watch.guide.known import NamedLayout
from tests.guide.runs import KNOWN, PRESETS

if TYPE_CHECKING:
    from nd2watch.guide.explain import Explanation

ALL = list(KNOWN.values())
PLATE = NamedLayout(
    name="plate",
    layout=Layout(
        pattern=compile_pattern("{run}/{well}_s{p}_{c}.tif"),
        sizes={"c": AxisSize(count=2, labels=("DAPI", "GFP"))},
        wells=WellNames(),
        ignore=(*TEMPORARY_NAMES, "*_thumb*", "*/old/*"),
    ),
    sidecars=SidecarNames(kind="metamorph", files=("{run}.nd",)),
    marker="{run}.done",
    root=Path("/data/in"),
    output_name=OutputName(template="{run}.nd2"),
)


def of(name: str, **options: Path) -> Explanation:
    return explain(Path(name), ALL, **options)


def test_a_frame_tells_its_sequence_place_and_well() -> None:
    reading = read_name(PurePosixPath("run1/B2_s003_GFP.tif"), PLATE)
    assert reading is not None
    assert reading.role == "frame"
    assert reading.sequence == {"run": "run1", "folder": ""}
    assert reading.place == {"p": "3", "c": "GFP"}
    assert reading.well == "B02"
    assert reading.output == "run1.nd2"


@pytest.mark.parametrize(
    ("name", "role", "reason"),
    [
        ("run1/run1.nd", "sidecar", ""),
        ("run1/RUN1.done", "marker", ""),
        ("run1/B2_s003_GFP_thumb.tif", "ignored", "*_thumb*"),
        ("old/B2_s003_GFP.tif", "ignored", "*/old/*"),
        ("run1/.B2_s003_GFP.tif", "ignored", ".*"),
        ("run1/B2_s003_Cy5.tif", "refused", "the layout lists DAPI, GFP"),
        ("run1/QQQ_s003_GFP.tif", "refused", "QQQ"),
    ],
)
def test_other_files_are_what_the_service_takes_them_for(name: str, role: str, reason: str) -> None:
    reading = read_name(PurePosixPath(name), PLATE)
    assert reading is not None
    assert reading.role == role
    assert reason in reading.reason


def test_a_stranger_is_nothing() -> None:
    assert read_name(PurePosixPath("run1/notes.txt"), PLATE) is None


@pytest.mark.parametrize(("preset", "examples"), [(n, k.examples) for n, k in KNOWN.items()])
def test_names_of_every_program_are_read_by_its_preset(
    preset: str, examples: dict[str, tuple[str, ...]]
) -> None:
    assert list(examples) == list(PRESETS[preset].names)
    for form, names in examples.items():
        for name in names:
            read = {reading.layout: reading for reading in of(name).readings}
            assert read[preset].role == "frame"
            assert read[preset].form == form


def test_the_name_of_a_channel_stands_beside_its_label() -> None:
    (reading, *_) = of("exp1_w2GFP_s1_t3.TIF").readings
    assert (reading.layout, reading.place["c"], reading.channel) == ("metamorph", "2", "GFP")


def test_general_presets_come_last() -> None:
    found = of("exp1_w1DAPI_s1_t1.TIF").readings
    general = [reading.is_general for reading in found]
    assert general == sorted(general)
    assert general[-1]


@pytest.mark.parametrize(
    ("name", "preset", "form", "rest"),
    [
        ("r01c01f01p01-ch1sk1fk1f1.tiff", "operetta", "phenix", "1.tiff"),
        ("run/Pos0/img_000000000_DAPI_00.tif", "micro-manager", "1.4", ".tif"),
        ("cells_w1DAPI_s1.png", "metamorph", "metamorph", "png"),
        ("Plate_A01_T0001F001L01A01Z01.tif", "yokogawa-cv8000", "cv7000", ".tif"),
        ("ChanX_0001_0001_0001_0001.tif", "thorimage", "thorimage", "X_0001_0001_0001_0001.tif"),
    ],
)
def test_the_nearest_preset_is_that_of_the_program(
    name: str, preset: str, form: str, rest: str
) -> None:
    near = of(name).nearest
    assert near is not None
    assert (near.layout, near.stop.form) == (preset, form)
    assert near.stop.text[near.stop.at :] == rest
    assert near.examples


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "scan.png", "image5.tif", "cells-9.tif", "zstack_1.tif", "my cells.tif"],
)
def test_nothing_is_near_a_name_that_is_like_none(name: str) -> None:
    assert of(name).nearest is None


@pytest.mark.parametrize(
    ("name", "preset", "rest"),
    [("a_t01_z02.png", "generic", "png"), ("IMG_1234.JPG", "numbered", "JPG")],
)
def test_general_presets_come_near_too(name: str, preset: str, rest: str) -> None:
    near = of(name).nearest
    assert near is not None
    assert near.layout == preset
    assert near.stop.text[near.stop.at :] == rest


def test_the_general_preset_that_finds_most_comes_first() -> None:
    assert of("image5.tif").readings[0].layout == "numbered"
    assert of("cells p3 t1.tif").readings[0].layout == "generic"


def test_a_preset_that_makes_nothing_of_a_name_counts_as_general() -> None:
    told = {reading.layout: reading.is_general for reading in of("exp1.TIF").readings}
    assert told["metamorph"]
    assert not {each.layout: each.is_general for each in of("exp1_w1DAPI.TIF").readings}[
        "metamorph"
    ]


def test_a_single_layout_is_always_the_nearest() -> None:
    near = explain(Path("notes.txt"), [replace(PLATE, root=None)]).nearest
    assert near is None  # the pattern wants a folder that the name does not have
    near = explain(Path("run/notes.txt"), [replace(PLATE, root=None)]).nearest
    assert near is not None
    assert near.layout == "plate"


def test_a_path_counts_from_the_watched_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (tmp_path / "in" / "a" / "x.tif", Path("in/a/x.tif"), Path("in/../in/a/x.tif")):
        assert list(paths_of(name, Path("in"))) == [PurePosixPath("a/x.tif")]
    assert list(paths_of(Path("a/x.tif"), Path("in"))) == [PurePosixPath("a/x.tif")]


def test_a_path_counts_through_a_link_to_the_watched_folder(tmp_path: Path) -> None:
    (tmp_path / "real" / "a").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    found = paths_of(tmp_path / "real" / "a" / "x.tif", tmp_path / "link")
    assert list(found) == [PurePosixPath("a/x.tif")]


def test_of_an_absolute_path_elsewhere_the_folders_in_front_may_be_too_many() -> None:
    reading = explain(Path("/mnt/disk/run1/B2_s003_GFP.tif"), [PLATE]).readings[0]
    assert reading.sequence["run"] == "run1"


def test_a_file_below_one_watched_folder_is_not_for_other_watches() -> None:
    other = replace(PLATE, name="other", root=Path("/data/other"))
    found = explain(Path("/data/in/run1/B2_s003_GFP.tif"), [other, PLATE])
    assert [reading.layout for reading in found.readings] == ["plate"]
    found = explain(Path("run1/B2_s003_GFP.tif"), [other, PLATE])
    assert [reading.layout for reading in found.readings] == ["other", "plate"]
