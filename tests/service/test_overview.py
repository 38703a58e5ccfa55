"""What the service would do is told as it would do it, and nothing is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.cli import main
from nd2watch.clock import SystemClock
from nd2watch.service import load_settings
from nd2watch.service.overview import overview
from nd2watch.sources import encode_frame
from tests.frames import noise
from tests.guide.runs import write_small_run

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.service.overview import SequenceOverview, WatchOverview

CONFIG = """
[output]
folder = "nd2"

[service]
settle_s = 0.05

[[watch]]
name = "w"
folder = "in"
"""
OWN = 'pattern = "{run}_t{t}_c{c}.tif"\n'
SIZED = f"{OWN}axes = {{ t = 2, c = 2 }}\n"


def look(folder: Path, layout: str) -> WatchOverview:
    """Return the overview of one watch on ``in``."""
    config = folder / "config.toml"
    config.write_text(f"{CONFIG}{layout}", encoding="utf-8")
    (watch,) = overview(load_settings(config), SystemClock())
    return watch


def write(folder: Path, *names: str) -> None:
    """Write frames of different content into ``in``."""
    (folder / "in").mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        (folder / "in" / name).write_bytes(encode_frame(noise(seed)))


def only(watch: WatchOverview) -> SequenceOverview:
    (sequence,) = watch.sequences
    return sequence


def names_of(sequence: SequenceOverview) -> list[str]:
    return [file.path.name for file in sequence.files]


GRID = ("a_t1_c1.tif", "a_t1_c2.tif", "a_t2_c1.tif", "a_t2_c2.tif")


def test_a_complete_sequence_is_to_be_written_at_once(tmp_path: Path) -> None:
    write(tmp_path, *GRID)
    watch = look(tmp_path, SIZED)
    sequence = only(watch)
    assert (sequence.found, sequence.expected, sequence.extent) == (4, 4, "whole")
    assert sequence.missing == ()
    assert sequence.waits_for == ()
    assert [(file.path, file.exists) for file in sequence.files] == [
        (tmp_path / "nd2" / "a.nd2", False)
    ]
    assert not watch.needs_a_person


def test_nothing_is_touched(tmp_path: Path) -> None:
    write(tmp_path, *GRID)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    look(tmp_path, SIZED)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted([*before, "config.toml"])


def test_what_is_planned_is_what_the_service_writes(tmp_path: Path) -> None:
    write_small_run(tmp_path / "in", "imagexpress", t=2, wells=("B02", "C03"))
    watch = look(tmp_path, 'preset = "imagexpress"\n')
    planned = {file.path for sequence in watch.sequences for file in sequence.files}
    assert main(["run", "--config", str(tmp_path / "config.toml"), "--once"]) == 0
    assert planned == set((tmp_path / "nd2").rglob("*.nd2"))
    again = look(tmp_path, 'preset = "imagexpress"\n')
    assert all(file.exists for sequence in again.sequences for file in sequence.files)


def test_separate_files_of_a_sequence_are_all_listed(tmp_path: Path) -> None:
    write(tmp_path, *(f"a_z{z}_cDAPI.tif" for z in (1, 2, 3)), "a_z2_cBF.tif")
    layout = 'pattern = "{run}_z{z}_c{c}.tif"\nragged_z = "separate"\n[watch.axes]\nz = 3\n'
    layout += 'c = ["DAPI", { name = "BF", z = 1 }]\n'
    assert names_of(only(look(tmp_path, layout))) == ["a.nd2", "a_BF.nd2"]


def test_missing_frames_are_listed(tmp_path: Path) -> None:
    write(tmp_path, *GRID[:3])
    sequence = only(look(tmp_path, SIZED))
    assert (sequence.found, sequence.expected, sequence.extent) == (3, 4, None)
    assert sequence.missing == ("t=2 c=2",)
    assert names_of(sequence) == ["a.nd2"]
    assert not sequence.needs_a_person


@pytest.mark.parametrize(
    ("rules", "waits_for"),
    [
        ('["marker", "quiet"]\nmarker = "{run}.done"\nquiet_s = 500', ("marker", "quiet")),
        ('["next", "counts"]', ("next", "counts")),
    ],
)
def test_the_rules_that_do_not_hold_yet_are_told(
    tmp_path: Path, rules: str, waits_for: tuple[str, ...]
) -> None:
    write(tmp_path, *GRID)
    watch = look(tmp_path, f"{OWN}[watch.complete]\nrules = {rules}\n")
    sequence = only(watch)
    assert (sequence.extent, sequence.is_sized) == (None, False)
    assert sequence.waits_for == waits_for


def test_of_rules_that_must_all_hold_those_are_told_that_do_not(tmp_path: Path) -> None:
    write(tmp_path, *GRID)
    (tmp_path / "in" / "a.done").touch()
    rules = '[watch.complete]\nrules = ["counts", "marker", "quiet"]\nneed = "all"\n'
    watch = look(tmp_path, f'{SIZED}{rules}marker = "{{run}}.done"\n')
    assert only(watch).waits_for == ("quiet",)
    assert watch.needs_all


def test_a_frame_that_cannot_be_used_needs_a_person(tmp_path: Path) -> None:
    write(tmp_path, *GRID)
    (tmp_path / "in" / GRID[0]).write_text("no image")
    watch = look(tmp_path, SIZED)
    (remark,) = watch.remarks
    assert (remark.level, remark.event) == ("error", "frame_refused")
    assert remark.about == tmp_path / "in" / GRID[0]
    assert "is not a TIFF file" in remark.text
    assert watch.needs_a_person


def test_a_stranger_is_told_of_but_needs_nobody(tmp_path: Path) -> None:
    write(tmp_path, *GRID)
    (tmp_path / "in" / "stranger.tif").touch()
    (tmp_path / "in" / "notes.txt").touch()  # as programs write it beside frames
    watch = look(tmp_path, SIZED)
    assert [(remark.level, remark.event) for remark in watch.remarks] == [
        ("warning", "file_passed_over")
    ]
    assert not watch.needs_a_person


def test_many_strangers_are_counted(tmp_path: Path) -> None:
    write(tmp_path, *GRID)
    for number in range(130):
        (tmp_path / "in" / f"notes{number}.tif").touch()
    *told, last = look(tmp_path, SIZED).remarks
    assert len(told) == 100
    assert (last.event, last.text) == ("more_of_the_same", "30 more files")


def test_two_files_for_one_place_need_a_person(tmp_path: Path) -> None:
    write(tmp_path, *GRID, "a_t01_c1.tif")
    watch = look(tmp_path, SIZED)
    assert "two files claim one place" in only(watch).refusal
    (remark,) = watch.remarks
    assert remark.event == "frame_conflict"
    assert "is the other one" in remark.text
    assert watch.needs_a_person


def test_two_sequences_of_one_output_need_a_person(tmp_path: Path) -> None:
    write(tmp_path, *GRID, *(name.replace("a_", "b_") for name in GRID))
    watch = look(tmp_path, f'{SIZED}output = "all.nd2"\n')
    assert [file.is_shared for each in watch.sequences for file in each.files] == [True, True]
    assert watch.needs_a_person


def test_more_frames_than_the_layout_says_need_a_person(tmp_path: Path) -> None:
    write(tmp_path, *GRID, "a_t3_c1.tif")
    watch = look(tmp_path, SIZED)
    assert "axis t has 3 values" in only(watch).refusal
    assert watch.needs_a_person


def test_what_cannot_be_planned_needs_a_person(tmp_path: Path) -> None:
    write(tmp_path, "a_t1_c1.tif", "a_t1_c2.tif")
    (tmp_path / "in" / "a_t1_c2.tif").write_bytes(encode_frame(noise(7, (10, 10))))
    watch = look(tmp_path, f"{OWN}axes = {{ t = 1, c = 2 }}\n")
    assert "10 x 10" in only(watch).refusal
    assert only(watch).files == ()
    assert watch.needs_a_person


def test_a_folder_that_is_not_there_needs_a_person(tmp_path: Path) -> None:
    watch = look(tmp_path, SIZED)
    assert watch.sequences == ()
    assert watch.remarks[0].event == "folder_unavailable"
    assert watch.needs_a_person


def test_an_empty_folder_is_fine(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    watch = look(tmp_path, SIZED)
    assert (watch.sequences, watch.remarks, watch.needs_a_person) == ((), (), False)


def test_a_name_with_the_date_is_told_once_the_date_is_known(tmp_path: Path) -> None:
    write_small_run(tmp_path / "in", "metamorph", t=2)
    layout = 'preset = "metamorph"\noutput = "{date:%Y}_{name}.nd2"\n'
    assert names_of(only(look(tmp_path, layout))) == ["2026_exp1.nd2"]
    (tmp_path / "in" / "exp1_w1DAPI_t2.TIF").unlink()
    sequence = only(look(tmp_path, layout))
    assert sequence.missing
    assert sequence.files == ()
