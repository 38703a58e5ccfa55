"""Runs of programs are written as programs write: frames in pieces, sidecars as they go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from nd2watch.simulate import Manner, ProgramRun, RunRequest, plan_run, write_run
from tests.simulate.presets import preset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nd2watch.simulate.run import Run, RunFrame

QUICK = Manner(frames_per_s=0, pieces=1)
SMALL = RunRequest(t=3, z=2, channels=("A", "B"), width=32, height=24)


class Notebook:
    """A program that notes how far it is."""

    SOFTWARE = "Notebook 2"

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool]] = []

    def sidecars(self, run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
        self.asked.append((done, finished))
        plan = f"{len(run.frames)} frames".encode()
        if done == 0:
            return {f"{run.name}/plan.txt": plan}
        return {f"{run.name}/plan.txt": plan, "log.txt": f"{done} {finished}".encode()}

    def description(self, run: Run, frame: RunFrame) -> str:
        return f"{run.name} z {frame.z} \N{MICRO SIGN}m" if frame.c == 0 else ""


def acquired(name: str = "{name}/t{t}_c{c}.tif", **changes: Any) -> tuple[ProgramRun, Notebook]:
    """Return a small run of a program whose files hold a Z stack."""
    program = Notebook()
    return replace(
        plan_run(preset(name, pages=["z"]), replace(SMALL, **changes)), program=program
    ), program


@pytest.mark.parametrize("compression", ["none", "zlib", "lzw"])
def test_files_hold_their_planes_with_what_is_told_of_them(
    tmp_path: Path, compression: Any
) -> None:
    run, _ = acquired()
    write_run(tmp_path, run, replace(QUICK, compression=compression))
    files: dict[str, list[RunFrame]] = {}
    for frame in run.run.frames:
        files.setdefault(frame.path, []).append(frame)
    assert len(files) == 6
    for path, frames in files.items():
        with tifffile.TiffFile(tmp_path / path) as file:
            assert len(file.pages) == len(frames) == 2
            assert file.pages.first.tags["Software"].value == "Notebook 2"
            for page, frame in zip(file.pages, frames, strict=True):
                np.testing.assert_array_equal(page.asarray(), run.pixels(frame))
                tag = page.aspage().tags.get("ImageDescription")
                assert ("" if tag is None else tag.value) == run.description(frame)


def test_sidecars_are_there_before_the_first_frame_and_finished_at_the_end(tmp_path: Path) -> None:
    run, program = acquired()
    planned: list[bool] = []
    plan = tmp_path / "run" / "plan.txt"
    write_run(tmp_path, run, QUICK, sleep=lambda _: planned.append(plan.exists()))
    assert planned == [True] * 6
    assert (tmp_path / "log.txt").read_text() == "12 True"
    assert program.asked == [(done, False) for done in range(13)] + [(12, True)]


def test_long_runs_bring_sidecars_up_to_date_now_and_then(tmp_path: Path) -> None:
    run, program = acquired(t=50, z=2, width=8, height=8)
    write_run(tmp_path, run, QUICK)
    assert program.asked == [(done, False) for done in range(0, 201, 10)] + [(200, True)]


def test_sidecars_that_stay_the_same_are_not_written_again(tmp_path: Path) -> None:
    run, _ = acquired()
    plan = tmp_path / "run" / "plan.txt"
    numbers: set[int] = set()
    manner = replace(QUICK, in_place=False)
    write_run(tmp_path, run, manner, sleep=lambda _: numbers.add(plan.stat().st_ino))
    assert len(numbers) == 1


def test_files_of_pages_come_when_their_last_plane_is_taken(tmp_path: Path) -> None:
    run, _ = acquired()
    counts: list[tuple[int, int]] = []
    write_run(tmp_path, run, QUICK, progress=lambda *count: counts.append(count))
    assert counts == [(n, 6) for n in range(1, 7)]


@pytest.mark.parametrize("shuffle", [0, 9])
def test_files_come_out_of_order_only_when_asked(tmp_path: Path, shuffle: int) -> None:
    run, _ = acquired()
    order: list[str] = []

    def look(_: float) -> None:
        order.extend(p.name for p in tmp_path.rglob("*.tif") if p.name not in order)

    write_run(tmp_path, run, replace(QUICK, shuffle=shuffle), sleep=look)
    asked = list(dict.fromkeys(frame.path.rpartition("/")[2] for frame in run.run.frames))
    assert sorted(order) == sorted(asked)
    assert (order == asked) == (shuffle == 0)


def test_files_appear_whole_when_renamed(tmp_path: Path) -> None:
    run, _ = acquired()
    whole: list[bool] = []

    def look(_: float) -> None:
        for path in tmp_path.rglob("*.tif"):
            with tifffile.TiffFile(path) as file:
                whole.append(len(file.pages) == 2)

    write_run(tmp_path, run, Manner(in_place=False, pieces=3, frames_per_s=0), sleep=look)
    assert whole
    assert all(whole)
    assert not list(tmp_path.rglob("*.tmp"))


def test_programs_without_sidecars_write_frames_alone(tmp_path: Path) -> None:
    run = plan_run(preset("t{t}_z{z}_c{c}.tif"), SMALL)
    write_run(tmp_path, run, QUICK)
    assert {path.name for path in tmp_path.iterdir()} == {f.path for f in run.run.frames}
    with tifffile.TiffFile(tmp_path / run.run.frames[0].path) as file:
        assert "ImageDescription" not in file.pages.first.tags
