"""Files that cannot be taken in are on record, with the reason, for as long as that is so."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from nd2watch.experiment import Companions, SidecarNames
from nd2watch.service import troubles
from nd2watch.service.troubles import Troubles
from nd2watch.sources import encode_frame
from tests.frames import acquisition, noise, write
from tests.service.fakes import SETTLE_S, Bench

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.sources import FileKey


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "in", acquisition())


def events(bench: Bench) -> list[tuple[str, str]]:
    """Return event and file name of each trouble."""
    return [(each.event, each.path.name) for each in bench.intake.troubles.shown()]


def test_a_growing_frame_stays_on_record_until_it_is_whole(bench: Bench) -> None:
    path = write(bench.folder, acquisition())[0, 0, 0, 0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    bench.settle()
    assert events(bench) == [("frame_not_ready", path.name)]
    assert "pixel data end at" in bench.intake.troubles.shown()[0].reason
    for _ in range(3):  # between two looks at it
        bench.scan()
        assert events(bench) == [("frame_not_ready", path.name)]
    path.write_bytes(whole)
    bench.settle()
    assert events(bench) == []


def test_a_refused_frame_is_on_record_until_it_changes_or_goes(bench: Bench) -> None:
    frames = write(bench.folder, acquisition())
    first, second = frames[0, 0, 0, 0], frames[0, 0, 1, 0]
    whole = first.read_bytes()
    first.write_text("no image")
    second.write_text("no image")
    bench.settle()
    assert sorted(events(bench)) == [
        ("frame_refused", first.name),
        ("frame_refused", second.name),
    ]
    assert bench.intake.troubles.counts() == {"frame_refused": 2}
    first.write_bytes(whole)
    second.unlink()
    bench.settle()
    assert events(bench) == []


def test_two_files_for_one_place_are_on_record_until_one_goes(bench: Bench) -> None:
    frame = write(bench.folder, acquisition())[0, 0, 0, 0]
    rival = bench.folder / "img_t001_xy01_z001_cDAPI.TIF"
    rival.write_bytes(encode_frame(noise(7)))
    bench.settle()
    ((event, name),) = events(bench)
    assert event == "frame_conflict"
    assert "both files claim this place" in bench.intake.troubles.shown()[0].reason
    (frame if name == rival.name else rival).unlink()
    bench.settle()
    assert events(bench) == []


def test_a_name_that_fits_no_layout_is_on_record_while_the_file_is_there(bench: Bench) -> None:
    path = bench.folder / "stranger.tif"
    path.write_bytes(b"anything")
    bench.settle()
    assert events(bench) == [("file_passed_over", "stranger.tif")]
    path.unlink()
    bench.scan()
    assert events(bench) == []


def test_a_folder_that_cannot_be_read_is_on_record_until_it_can(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(bench.folder / "closed", acquisition())
    scandir = os.scandir

    def refusing(folder: Path) -> object:
        if folder.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr("nd2watch.sources.scan.os.scandir", refusing)
    bench.scan()
    assert events(bench) == [("folder_unavailable", "closed")]
    assert "needs to read and enter it" in bench.intake.troubles.shown()[0].reason
    bench.scan()
    assert events(bench) == [("folder_unavailable", "closed")]
    monkeypatch.undo()
    bench.scan()
    assert events(bench) == []


def test_a_sidecar_that_cannot_be_opened_is_on_record_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = SidecarNames(kind="micro-manager", files=("metadata.txt",))
    bench = Bench(tmp_path / "in", acquisition(), sidecars=names)
    (bench.folder / "metadata.txt").write_text('{"Summary": {"Slices": 3}}')

    def refusing(self: Companions, path: Path) -> FileKey:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Companions, "read", refusing)
        bench.settle()
        assert events(bench) == [("sidecar_not_read", "metadata.txt")]
        for _ in range(3):
            bench.scan()
            bench.wait(SETTLE_S)
            assert events(bench) == [("sidecar_not_read", "metadata.txt")]
    bench.wait(100)
    assert events(bench) == []


def test_memory_for_them_is_bounded_and_the_gravest_come_first(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(troubles, "_MOST", 3)
    found = Troubles(bench)
    for number, event in enumerate(["file_passed_over", "frame_refused", "frame_doubled"]):
        found.note(tmp_path / str(number), event, "a reason")
    bench.now += 1
    for number in range(10, 15):
        found.note(tmp_path / str(number), "frame_refused", "a reason")
    bench.now += 1
    found.note(tmp_path / "1", "frame_refused", "another reason")
    shown = [(each.event, each.path.name, each.reason) for each in found.shown()]
    assert shown == [
        ("frame_refused", "1", "another reason"),
        ("frame_refused", "10", "a reason"),
        ("file_passed_over", "0", "a reason"),
    ]
