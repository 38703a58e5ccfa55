"""Nothing more comes only if a look at all files says so; what was refused is lacking."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nd2watch.experiment import Layout, compile_pattern, compile_regex
from nd2watch.service import intake, orders
from nd2watch.service.completion import Completion
from nd2watch.sources import encode_frame, list_entries, open_frame
from tests.frames import acquisition, noise, write
from tests.service.fakes import SETTLE_S, Bench
from tests.service.test_completion import bench_of as with_sidecar
from tests.service.test_completion import summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nd2watch.service.completion import Rule

QUIET_S = 300.0
WHAT = acquisition(p=1, z=1)
OPEN = Layout(pattern=compile_pattern("img_t{t:3}_c{c}.tif"))


def bench_of(folder: Path, *rules: Rule, layout: Layout = OPEN, marker: str = "") -> Bench:
    completion = Completion(rules=rules or ("quiet",), quiet_s=QUIET_S, marker=marker)
    return Bench(folder, WHAT, layout=layout, completion=completion)


def add(folder: Path, *times: int, content: bytes | None = None) -> list[Path]:
    """Write frames of some time points."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"img_t{t:03}_cDAPI.tif" for t in times]
    for t, path in zip(times, paths, strict=True):
        path.write_bytes(encode_frame(noise(t)) if content is None else content)
    return paths


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders that cannot be listed from now on."""
    folders: set[Path] = set()

    def listed(
        root: Path, unreadable: Callable[[Path, OSError], None], link: Callable[[Path], None]
    ) -> Iterator[os.DirEntry[str]]:
        if root in folders:
            raise OSError("it cannot be listed")
        for folder in folders:
            unreadable(folder, PermissionError(f"{folder} is closed"))
        for entry in list_entries(root, unreadable, link):
            if not any(str(folder) in entry.path for folder in folders):
                yield entry

    monkeypatch.setattr(intake, "list_entries", listed)
    return folders


class TestLooks:
    def test_a_pause_ends_a_sequence_only_after_a_look_that_finds_nothing(
        self, tmp_path: Path
    ) -> None:
        bench = bench_of(tmp_path)
        add(tmp_path, 1, 2)
        bench.settle()
        bench.wait(QUIET_S)
        assert bench.intake.ready() == []
        assert bench.intake.wants_look
        add(tmp_path, 3)  # of which no event tells
        assert bench.ready == 0
        bench.wait(SETTLE_S)
        assert not bench.intake.wants_look
        bench.wait(4 * QUIET_S)  # there was a long pause before
        ((collection, extent),) = bench.convertible
        assert (len(collection.sequence), extent) == (3, "whole")

    def test_no_pause_is_measured_while_the_folder_cannot_be_listed(
        self, tmp_path: Path, closed: set[Path]
    ) -> None:
        bench = bench_of(tmp_path)
        add(tmp_path, 1, 2)
        bench.settle()
        closed.add(tmp_path)
        for _ in range(3):
            bench.wait(QUIET_S)
            assert bench.intake.ready() == []
            with pytest.raises(OSError, match="cannot be listed"):
                bench.scan()
        closed.clear()
        assert bench.ready == 1

    @pytest.mark.parametrize(("name", "waits"), [("run/deep", True), ("run", True), ("b", False)])
    def test_a_folder_that_cannot_be_listed_may_hold_further_frames(
        self, tmp_path: Path, closed: set[Path], name: str, waits: bool
    ) -> None:
        layout = Layout(pattern=compile_pattern("{p}/img_t{t:3}_c{c}.tif", text_axes="p"))
        bench = bench_of(tmp_path, "marker", layout=layout, marker="done")
        add(tmp_path / "run" / "p1", 1, 2)
        (tmp_path / "run" / "done").touch()
        closed.add(tmp_path / name)
        if name == "run":
            closed.clear()
        bench.settle()
        closed.add(tmp_path / name)
        assert bench.ready == (not waits)
        told = [e["reason"] for e in bench.logged("sequence_waits")]
        assert told == [f"frames may lie in the folder {name!r}, which cannot be read"] * waits
        closed.clear()
        bench.scan()
        assert bench.ready == 1
        (collection,) = bench.intake.collections.values()
        assert collection.reason == ""

    def test_names_that_tell_the_whole_path_may_lie_anywhere(
        self, tmp_path: Path, closed: set[Path]
    ) -> None:
        layout = Layout(pattern=compile_regex(r"(?:.*/)?img_t(?P<t>\d+)_c(?P<c>\w+)\.tif"))
        bench = bench_of(tmp_path, layout=layout)
        add(tmp_path / "a", 1, 2)
        closed.add(tmp_path / "b" / "c" / "d")
        bench.settle()
        bench.wait(QUIET_S)
        assert bench.ready == 0

    def test_what_was_asked_for_needs_no_look(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, WHAT)
        write(tmp_path, WHAT)
        bench.settle()
        assert len(bench.intake.ready()) == 1

    def test_a_released_sequence_waits_for_frames_that_are_not_read_yet(
        self, tmp_path: Path
    ) -> None:
        bench = Bench(tmp_path, WHAT)
        files = list(write(tmp_path, WHAT).values())
        files[0].unlink()
        bench.settle()
        (collection,) = bench.intake.collections.values()
        orders.release(collection, "fill")
        files[1].write_bytes(encode_frame(noise(9)))
        assert bench.ready == 0
        bench.wait(SETTLE_S)
        ((_, extent),) = bench.convertible
        assert extent == "fill"


class TestNext:
    def test_a_file_of_the_future_ends_no_sequence(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "next")
        (future,) = add(tmp_path / "old", 1)
        os.utime(future, (4e9, 4e9))
        bench.settle()
        add(tmp_path / "new", 1)
        bench.settle()
        ((collection, _),) = bench.convertible
        assert collection.sequence.title == "old"

    def test_old_frames_that_are_copied_in_are_no_older_sequence(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path, "next")
        add(tmp_path / "present", 1)
        bench.settle()
        for path in add(tmp_path / "copied", 1):
            os.utime(path, (1e9, 1e9))
        bench.settle()
        ((collection, _),) = bench.convertible
        assert collection.sequence.title == "present"


class TestRefusedFrames:
    def test_a_sequence_is_not_whole_without_them(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path)
        add(tmp_path, 1, 2)
        bad = add(tmp_path, 3, 4, content=b"no image")
        bench.settle()
        bench.wait(QUIET_S)
        assert bench.ready == 0
        (collection,) = bench.intake.collections.values()
        assert set(orders.missing(collection)) == {f"{p}: it could not be used" for p in bad}
        bench.intake.report_stalled(all_open=True)
        (told,) = bench.logged("sequence_incomplete")
        assert set(told["refused"]) == set(map(str, bad))
        add(tmp_path, 3)
        bad[1].unlink()
        bench.settle()
        bench.wait(4 * QUIET_S)
        assert bench.ready == 1

    def test_a_person_may_have_it_converted_without_them(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path)
        add(tmp_path, 1, 2)
        add(tmp_path, 3, content=b"no image")
        bench.settle()
        (collection,) = bench.intake.collections.values()
        orders.release(collection, "trim")
        ((_, extent),) = bench.convertible
        assert extent == "trim"

    def test_a_second_file_for_a_place_that_is_taken_is_no_lack(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path)
        (path,) = add(tmp_path, 1)
        path.with_suffix(".TIF").write_bytes(b"no image")
        bench.settle()
        bench.wait(QUIET_S)
        assert bench.ready == 1

    def test_retrying_looks_at_them_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = bench_of(tmp_path)
        paths = add(tmp_path, 1, 2)
        monkeypatch.setattr(
            intake, "open_frame", lambda path, by_page: open_frame(path.with_name("none"))
        )
        monkeypatch.setattr(bench.intake, "_once", True)
        bench.settle()
        assert {e["path"] for e in bench.logged("frame_refused")} == set(paths)
        monkeypatch.setattr(intake, "open_frame", open_frame)
        add(tmp_path, 3)
        bench.settle()
        (collection,) = bench.intake.collections.values()
        orders.retry(bench.intake, collection)
        bench.wait(SETTLE_S)
        assert len(collection.sequence) == 3

    def test_a_frame_that_a_conversion_cannot_read_is_refused_the_third_time(
        self, tmp_path: Path
    ) -> None:
        bench = bench_of(tmp_path)
        path = add(tmp_path, 1, 2)[1]
        bench.settle()
        (collection,) = bench.intake.collections.values()
        for attempt in (1, 2, 3):
            assert bench.logged("frame_refused") == []
            assert len(collection.sequence) == 2
            collection.state = "queued"
            bench.intake.drop(collection, path, "the disk fails")
            assert len(bench.logged("frame_not_ready")) == min(attempt, 2)
            bench.wait(SETTLE_S)
        assert bench.logged("frame_refused")[0]["reason"] == "the disk fails"
        assert len(collection.sequence) == 1


class TestFramesOfOtherFormats:
    def test_the_first_frames_do_not_condemn_all_later_ones(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path)
        add(tmp_path, 1, 2, content=encode_frame(noise(1).astype("u1")))
        bench.settle()
        add(tmp_path, *range(3, 20))
        bench.settle()
        assert bench.logged("frame_refused") == []
        (collection,) = bench.intake.collections.values()
        assert len(collection.sequence) == 19

    def test_hundreds_that_do_not_fit_get_another_chance(self, tmp_path: Path) -> None:
        bench = bench_of(tmp_path)
        add(tmp_path, *range(1, 500))
        bench.settle()
        (collection,) = bench.intake.collections.values()
        misfits = {frame.path for frame in list(collection.sequence.frames.values())[:400]}
        for path in misfits:
            collection.discard(path)
            collection.misfits.add(path)
        gone = min(misfits)
        gone.unlink()
        bench.settle()
        assert collection.misfits == set()
        assert len(collection.sequence) == 498


def test_a_corrected_sidecar_takes_a_failed_sequence_up_again(tmp_path: Path) -> None:
    bench = with_sidecar(tmp_path, "sidecar")
    write(tmp_path, acquisition(p=1))
    sidecar = tmp_path / "metadata.txt"
    sidecar.write_text(summary(Frames=3, Slices=3, Channels=2, Positions=1))
    bench.settle()
    (collection,) = bench.intake.collections.values()
    bench.intake.ready()
    collection.state, collection.reason = "failed", "it contradicts its sidecar"
    sidecar.write_text(summary(Frames=2, Slices=3, Channels=2, Positions=1))
    bench.settle()
    assert bench.ready == 1


def test_a_published_frame_that_is_replaced_by_its_like_is_told(tmp_path: Path) -> None:
    bench = bench_of(tmp_path)
    (path,) = add(tmp_path, 1)
    bench.settle()
    (collection,) = bench.intake.collections.values()
    collection.close()
    status = path.stat()
    other = tmp_path / "~other"
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)
    bench.settle()
    assert [e["path"] for e in bench.logged("frame_replaced")] == [path]
    assert bench.logged("frame_came_late") == []


def test_links_are_told_of_once_and_not_followed(tmp_path: Path) -> None:
    bench = bench_of(tmp_path / "in")
    add(tmp_path / "away", 1)
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "away")
    for _ in range(3):
        bench.settle()
    (told,) = bench.logged("link_passed_over")
    assert told["path"] == tmp_path / "in" / "linked"
    assert bench.intake.troubles.counts() == {"link_passed_over": 1}
    assert bench.intake.collections == {}
    (tmp_path / "in" / "linked").unlink()
    bench.settle()
    assert bench.intake.troubles.counts() == {}
