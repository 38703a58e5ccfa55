"""When sequences are complete, and what becomes of those that are not."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from nd2watch.experiment import Layout, SidecarNames, compile_pattern
from nd2watch.service.completion import Completion
from tests.frames import acquisition, write
from tests.service.fakes import SETTLE_S, Bench

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nd2watch.service.completion import Rule

QUIET_S = 300.0
WHAT = acquisition(p=1)
OPEN = Layout(pattern=compile_pattern(WHAT.pattern))
"""The layout of the frames, without any size."""

MM = SidecarNames(kind="micro-manager", files=("metadata.txt",))


def bench_of(folder: Path, *rules: str, layout: Layout = OPEN, **values: Any) -> Bench:
    known = {"quiet_s": QUIET_S, **values}
    completion = Completion(rules=rules, **known)  # type: ignore[arg-type]
    sidecars = MM if "sidecar" in rules else None
    return Bench(folder, WHAT, layout=layout, completion=completion, sidecars=sidecars)


def extents(bench: Bench) -> list[str]:
    return [extent for _, extent in bench.convertible]


def summary(closed: bool = True, **sizes: int) -> str:
    text = json.dumps({"Summary": {"MicroManagerVersion": "1.4", **sizes}})
    return text if closed else text[:-1]


def listed(names: Iterable[str]) -> str:
    """Return entries of frames, as they follow a summary."""
    entries = {f"Metadata-{name}": {"ElapsedTime-ms": 5} for name in names}
    return "".join(f', "{name}": {json.dumps(entry)}' for name, entry in entries.items())


class TestCounts:
    def test_without_sizes_nothing_is_complete_by_them(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "counts")
        write(tmp_path, WHAT)
        bench.settle()
        assert extents(bench) == []

    def test_a_sidecar_can_tell_the_sizes(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "counts", "sidecar")
        (tmp_path / "metadata.txt").write_text(
            summary(closed=False, Frames=2, Slices=3, Channels=2, Positions=1)
        )
        files = write(tmp_path, WHAT)
        last = files.popitem()[1]
        content = last.read_bytes()
        last.unlink()
        bench.settle()
        assert extents(bench) == []
        last.write_bytes(content)
        bench.settle()
        assert extents(bench) == ["whole"]


class TestQuiet:
    def test_a_sequence_of_open_end_is_complete_when_it_was_quiet(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet")
        write(tmp_path, WHAT)
        bench.settle()
        bench.wait(QUIET_S - 1)
        assert extents(bench) == []
        bench.wait(1)
        assert extents(bench) == ["whole"]

    def test_a_longer_pause_in_the_sequence_makes_it_wait_longer(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet")
        files = write(tmp_path, WHAT)
        late = {path: path.read_bytes() for at, path in files.items() if at[0] == 1}
        for path in late:
            path.unlink()
        bench.settle()
        pause = QUIET_S - 100
        bench.wait(pause)
        for path, content in late.items():
            path.write_bytes(content)
        bench.settle()
        bench.wait(3 * (pause + SETTLE_S) - 1)
        assert extents(bench) == []
        bench.wait(1)
        assert extents(bench) == ["whole"]

    def test_a_grid_with_holes_is_not_complete_however_quiet(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet")
        next(iter(write(tmp_path, WHAT).values())).unlink()
        bench.settle()
        bench.wait(10 * QUIET_S)
        assert extents(bench) == []
        bench.intake.report_stalled()
        (report,) = bench.logged("sequence_incomplete")
        assert report["missing"] == ["t=1 p=1 z=1 c=DAPI"]

    def test_the_loop_wakes_when_the_pause_is_over(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet")
        write(tmp_path, WHAT)
        bench.settle()
        assert bench.intake.next_due() == bench.now + QUIET_S


def test_in_a_single_run_pauses_count_from_when_files_were_changed(tmp_path: Path) -> None:
    completion = Completion(rules=("quiet",), quiet_s=QUIET_S)
    bench = Bench(tmp_path, WHAT, layout=OPEN, completion=completion, once=True)
    write(tmp_path, WHAT)
    bench.now += QUIET_S
    bench.settle()
    assert extents(bench) == ["whole"]


class TestFramesThatAreNotReadYet:
    """Only those that have settled were read: the others may be what a sequence lacks."""

    @pytest.mark.parametrize("action", ["hold", "trim", "fill"])
    def test_a_pause_is_none_while_frames_settle(self, tmp_path: Path, action: str) -> None:
        bench = bench_of(tmp_path, "quiet", action=action, deadline_s=QUIET_S)
        files = write(tmp_path, WHAT)
        late = {path: path.read_bytes() for at, path in files.items() if at[0] == 1}
        for path in late:
            path.unlink()
        bench.settle()
        for path, content in late.items():
            path.write_bytes(content)
        bench.now += QUIET_S
        bench.scan()
        assert extents(bench) == []
        assert bench.intake.next_due() == bench.now + SETTLE_S
        bench.wait(SETTLE_S)
        assert extents(bench) == []
        bench.wait(3 * QUIET_S + 3 * SETTLE_S)
        assert extents(bench) == ["whole"]

    @pytest.mark.parametrize("rule", ["quiet", "marker"])
    def test_a_part_of_old_frames_is_no_sequence(self, tmp_path: Path, rule: Rule) -> None:
        marker = "done" if rule == "marker" else ""
        completion = Completion(rules=(rule,), quiet_s=QUIET_S, marker=marker)
        bench = Bench(tmp_path, WHAT, layout=OPEN, completion=completion, once=True)
        (tmp_path / "done").touch()
        files = write(tmp_path, WHAT)
        bench.now += QUIET_S
        bench.scan()
        bench.now += SETTLE_S
        for _ in files:
            assert extents(bench) == []
            seen = iter((False, True))
            bench.intake.advance(enough=lambda seen=seen: next(seen))  # type: ignore[misc]
        assert extents(bench) == ["whole"]

    def test_frames_of_other_sequences_hold_none_up(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet")
        write(tmp_path / "run_1", WHAT)
        bench.settle()
        bench.now += QUIET_S
        write(tmp_path / "run_2", WHAT)
        bench.scan()
        assert extents(bench) == ["whole"]


class TestMarker:
    @pytest.mark.parametrize("where", ["frames", "above"])
    def test_a_marker_ends_its_sequence_alone(self, tmp_path: Path, where: str) -> None:
        bench = bench_of(tmp_path, "marker", marker="{folder}.done")
        for run in ("run_1", "run_2"):
            write(tmp_path / run, WHAT)
        bench.settle()
        assert extents(bench) == []
        folder = tmp_path / "run_2" if where == "frames" else tmp_path
        (folder / "run_2.done").touch()
        bench.scan()
        ((collection, extent),) = bench.convertible
        assert (collection.sequence.title, extent) == ("run_2", "whole")

    def test_a_marker_that_goes_ends_nothing(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "marker", marker="done.*")
        write(tmp_path, WHAT)
        marker = tmp_path / "DONE.txt"
        marker.touch()
        bench.settle()
        assert extents(bench) == ["whole"]
        marker.unlink()
        bench.scan()
        assert extents(bench) == []
        assert bench.logged("file_passed_over") == []

    def test_a_frame_is_no_marker(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "marker", marker="*.tif")
        write(tmp_path, WHAT)
        bench.settle()
        assert len(bench.intake.collections) == 1
        assert extents(bench) == []


class TestNext:
    def test_the_start_of_the_next_sequence_ends_this_one(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "next")
        for number, run in enumerate(("run_1", "run_2")):
            for path in write(tmp_path / run, WHAT).values():
                os.utime(path, ns=(0, (number + 1) * 10**12))
        bench.settle()
        ((collection, extent),) = bench.convertible
        assert (collection.sequence.title, extent) == ("run_1", "whole")

    def test_sequences_that_are_written_together_do_not_end_each_other(
        self, tmp_path: Path
    ) -> None:
        bench = bench_of(tmp_path, "next")
        frames = [
            (10 * at[0] + number + 1, path)
            for number, run in enumerate(("run_1", "run_2"))
            for at, path in write(tmp_path / run, WHAT).items()
        ]
        for moment, path in sorted(frames):
            os.utime(path, ns=(0, moment * 10**12))
        bench.settle()
        assert extents(bench) == []


class TestSidecar:
    def test_a_finished_sidecar_ends_a_sequence(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "sidecar")
        write(tmp_path, WHAT)
        path = tmp_path / "metadata.txt"
        path.write_text(summary(closed=False))
        bench.settle()
        assert extents(bench) == []
        path.write_text(summary())
        bench.settle()
        assert extents(bench) == ["whole"]

    def test_a_sidecar_that_is_being_written_is_waited_for(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet", "sidecar")
        write(tmp_path, WHAT)
        bench.settle()
        bench.wait(QUIET_S)
        (tmp_path / "metadata.txt").write_text(summary())
        bench.scan()
        assert extents(bench) == []
        bench.wait(SETTLE_S)
        assert extents(bench) == ["whole"]

    def test_one_that_cannot_be_understood_is_reported_and_read_when_it_changes(
        self, tmp_path: Path
    ) -> None:
        bench = bench_of(tmp_path, "sidecar")
        write(tmp_path, WHAT)
        path = tmp_path / "metadata.txt"
        path.write_text("]")
        bench.settle()
        assert extents(bench) == []
        assert len(bench.logged("sidecar_not_read")) == 1
        path.write_text(summary())
        bench.settle()
        assert extents(bench) == ["whole"]

    @pytest.mark.parametrize("once", [False, True])
    def test_one_that_cannot_be_understood_holds_its_sequence_up_for_a_while(
        self, tmp_path: Path, once: bool
    ) -> None:
        completion = Completion(rules=("counts",))
        bench = Bench(tmp_path, WHAT, completion=completion, sidecars=MM, once=once)
        write(tmp_path, WHAT)
        (tmp_path / "metadata.txt").write_text("")
        bench.settle()
        assert extents(bench) == (["whole"] if once else [])
        for _ in range(20):
            bench.wait(SETTLE_S)
        assert extents(bench) == ["whole"]
        assert len(bench.logged("sidecar_not_read")) == 1

    @pytest.mark.parametrize("state", ["open", "cut short", "closed", "quiet"])
    def test_one_that_lags_behind_the_frames_is_waited_for(
        self, tmp_path: Path, state: str
    ) -> None:
        bench = bench_of(tmp_path, "counts", "sidecar", "quiet")
        names = [path.name for path in write(tmp_path, WHAT).values()]
        path = tmp_path / "metadata.txt"
        sizes = {"Frames": 2, "Slices": 3, "Channels": 2, "Positions": 1}
        path.write_text(summary(closed=False, **sizes) + listed(names[:-1]))
        bench.settle()
        assert extents(bench) == []
        if state == "cut short":
            path.write_text("")
            bench.settle()
            assert extents(bench) == []
        if state == "quiet":
            bench.wait(QUIET_S)
        else:
            closing = "}" if state == "closed" else ""
            path.write_text(summary(closed=False, **sizes) + listed(names) + closing)
            bench.settle()
        assert extents(bench) == ["whole"]

    def test_one_that_goes_is_forgotten(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "sidecar")
        write(tmp_path, WHAT)
        path = tmp_path / "metadata.txt"
        path.write_text(summary())
        bench.settle()
        path.unlink()
        bench.scan()
        assert extents(bench) == []


def test_all_rules_can_be_needed_together(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, "marker", "quiet", needs_all=True, marker="done")
    write(tmp_path, WHAT)
    bench.settle()
    (tmp_path / "done").touch()
    bench.scan()
    assert extents(bench) == []
    bench.wait(QUIET_S)
    assert extents(bench) == ["whole"]


class TestDeadline:
    @pytest.mark.parametrize("action", ["hold", "trim", "fill"])
    def test_at_its_deadline_the_action_is_taken(self, tmp_path: Path, action: str) -> None:
        bench = bench_of(tmp_path, "quiet", action=action, deadline_s=900.0)
        files = write(tmp_path, WHAT)
        files[1, 0, 2, 1].unlink()
        bench.settle()
        bench.wait(899)
        assert extents(bench) == []
        bench.wait(1)
        assert extents(bench) == ([] if action == "hold" else [action])

    def test_nothing_is_trimmed_where_no_time_point_is_whole(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet", action="trim", deadline_s=900.0)
        write(tmp_path, WHAT)[0, 0, 0, 0].unlink()
        bench.settle()
        bench.wait(900)
        assert extents(bench) == []

    def test_a_conflict_is_not_settled_by_waiting(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet", action="fill", deadline_s=900.0)
        files = write(tmp_path, WHAT)
        files[1, 0, 2, 1].unlink()
        rival = tmp_path / "img_t001_xy01_z001_cDAPI.TIF"
        rival.write_bytes(files[0, 0, 1, 0].read_bytes())
        bench.settle()
        bench.wait(900)
        assert extents(bench) == []
        assert len(bench.logged("frame_conflict")) == 1

    def test_a_frame_that_comes_puts_it_off(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "quiet", action="fill", deadline_s=900.0)
        files = write(tmp_path, WHAT)
        files[1, 0, 2, 1].unlink()
        content = files[1, 0, 2, 0].read_bytes()
        files[1, 0, 2, 0].unlink()
        bench.settle()
        bench.wait(890)
        files[1, 0, 2, 0].write_bytes(content)
        bench.settle()
        bench.wait(800)
        assert extents(bench) == []
        bench.wait(100)
        assert extents(bench) == ["fill"]
