"""Taking in frames: readiness, refusal, conflicts, completeness."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from nd2watch.experiment import AxisSize, Layout, compile_pattern
from nd2watch.sources import FileKey, encode_frame, open_frame
from tests.frames import acquisition, noise, write
from tests.service.fakes import SETTLE_S, Bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "in", acquisition())


def test_a_sequence_is_ready_when_all_frames_have_settled(bench: Bench) -> None:
    write(bench.folder, acquisition())
    bench.scan()
    bench.wait(SETTLE_S - 0.1)
    assert bench.ready == 0
    bench.wait(0.1)
    assert bench.ready == 1
    assert len(bench.logged("sequence_started")) == 1


def test_a_change_starts_the_quiet_time_anew(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.scan()
    bench.wait(SETTLE_S - 1)
    os.utime(sources[0, 0, 0, 0], ns=(1, 1))
    bench.scan()
    bench.wait(SETTLE_S - 1)
    assert bench.ready == 0
    bench.wait(1)
    assert bench.ready == 1


def test_a_change_that_nothing_told_of_starts_the_quiet_time_anew(bench: Bench) -> None:
    path = bench.folder / "img_t001_xy01_z001_cDAPI.tif"
    path.write_bytes(encode_frame(noise(1)))
    bench.scan()
    bench.wait(SETTLE_S - 1)
    path.write_bytes(encode_frame(noise(2)))
    bench.wait(1)
    bench.wait(SETTLE_S - 1)
    assert bench.intake.collections == {}
    bench.wait(1)
    assert len(bench.intake.collections) == 1


def test_a_slow_scan_does_not_shorten_the_quiet_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.folder / "img_t001_xy01_z001_cDAPI.tif"
    path.write_bytes(encode_frame(noise(1)))
    real = FileKey.of_path

    def slow(path: Path) -> FileKey | None:
        bench.now += 2 * SETTLE_S
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(FileKey, "of_path", slow)
        bench.scan()
    bench.wait(SETTLE_S - 1)
    assert bench.intake.unsettled == 1
    bench.wait(1)
    assert bench.intake.unsettled == 0


def test_what_was_left_out_of_the_log_is_counted_at_the_end(bench: Bench) -> None:
    for index in range(130):
        (bench.folder / f"img_t{index:03}_xy01_z001_cDAPI.tif").write_text("no image")
    bench.settle()
    bench.intake.report_stalled(all_open=True)
    (entry,) = bench.logged("more_of_the_same")
    assert (entry["of"], entry["left_out"]) == ("frame_refused", 30)


def test_modification_times_in_past_or_future_do_not_matter(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    for index, path in enumerate(sources.values()):
        os.utime(path, ns=(1, (10**18, 4 * 10**18)[index % 2]))
    bench.scan()
    bench.wait(SETTLE_S - 1)
    assert bench.intake.collections == {}
    bench.wait(1)
    assert bench.ready == 1


def test_a_growing_frame_is_not_taken_before_it_is_whole(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    path = sources[1, 1, 2, 1]
    whole = path.read_bytes()
    for share in range(0, 100, 20):
        path.write_bytes(whole[: len(whole) * share // 100])
        bench.settle()
        assert bench.ready == 0
    path.write_bytes(whole)
    bench.settle()
    assert bench.ready == 1
    assert bench.logged("frame_refused") == []


def test_an_empty_placeholder_is_waited_for(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    path = sources[0, 0, 0, 0]
    whole = path.read_bytes()
    path.write_bytes(b"")
    bench.settle()
    bench.wait(3 * SETTLE_S)
    told = [e for e in bench.logged("frame_not_ready") if e["log_level"] == "info"]
    assert len(told) == 1
    path.write_bytes(whole)
    bench.settle()
    assert bench.ready == 1


def test_a_preallocated_frame_gets_more_time(bench: Bench) -> None:
    what = acquisition(width=64, height=64)
    sources = write(bench.folder, what)
    path = sources[0, 0, 0, 0]
    whole = path.read_bytes()
    path.write_bytes(whole[:1000] + bytes(len(whole) - 1000))
    bench.settle()
    assert bench.ready == 0
    path.write_bytes(whole)
    bench.settle()
    assert bench.ready == 1


def test_a_frame_that_is_really_black_is_taken_in_the_end(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    sources[0, 0, 0, 0].write_bytes(encode_frame(noise(1) * 0))
    bench.settle()
    assert bench.ready == 0
    bench.wait(4 * SETTLE_S)
    assert bench.ready == 1
    assert len(bench.logged("frame_ends_in_zeros")) == 1


@pytest.mark.parametrize(
    ("data", "reason", "wait"),
    [
        (encode_frame(noise(1))[:-500], "its pixel data end at", 120.0),
        (b"just text", "not a TIFF file", 0.0),
    ],
    ids=["truncated", "text"],
)
def test_a_bad_frame_is_refused_by_name_and_mended_by_rewriting(
    bench: Bench, data: bytes, reason: str, wait: float
) -> None:
    sources = write(bench.folder, acquisition())
    path = sources[0, 1, 0, 1]
    whole = path.read_bytes()
    path.write_bytes(data)
    bench.settle()
    bench.wait(wait)
    refused = bench.logged("frame_refused")
    assert [entry["path"] for entry in refused] == [path]
    assert reason in refused[0]["reason"]
    assert len(bench.intake.collections[("folder", ""),].sequence) == 23
    path.write_bytes(whole)
    bench.settle()
    assert bench.ready == 1


def test_a_refused_frame_is_reported_once(bench: Bench) -> None:
    path = bench.folder / "img_t001_xy01_z001_cDAPI.tif"
    path.write_text("just text")
    for _ in range(5):
        bench.settle()
    assert len(bench.logged("frame_refused")) == 1


@pytest.mark.parametrize(
    ("odd", "found"),
    [
        (encode_frame(noise(1, (12, 16))), "16 x 12 uint16"),
        (encode_frame(noise(1).astype("u1")), "32 x 24 uint8"),
    ],
)
def test_a_frame_of_another_format_is_refused_and_can_be_replaced(
    bench: Bench, odd: bytes, found: str
) -> None:
    sources = write(bench.folder, acquisition())
    path = sources[0, 0, 0, 0]
    whole = path.read_bytes()
    path.write_bytes(odd)
    bench.settle()
    assert bench.ready == 0
    assert [entry["path"] for entry in bench.logged("frame_refused")] == [path]
    reason = bench.logged("frame_refused")[0]["reason"]
    assert reason == f"it is {found}, most frames of the sequence are 32 x 24 uint16"
    path.write_bytes(whole)
    bench.settle()
    assert bench.ready == 1


@pytest.mark.parametrize("pages", [1, 2, 4])
def test_a_file_of_more_or_fewer_pages_holds_up_its_sequence_until_it_is_replaced(
    tmp_path: Path, pages: int
) -> None:
    sizes = {"t": AxisSize(count=2), "z": AxisSize(count=3)}
    layout = Layout(pattern=compile_pattern("t{t}.tif"), sizes=sizes, pages="z")
    bench = Bench(tmp_path / "in", acquisition(), layout=layout)
    odd = bench.folder / "t2.tif"

    def write_pages(path: Path, count: int) -> None:
        planes = np.stack([noise(seed) for seed in range(count)])
        tifffile.imwrite(path, planes, photometric="minisblack")

    write_pages(bench.folder / "t1.tif", 3)
    write_pages(odd, pages)
    bench.settle()
    bench.wait(600)
    assert bench.ready == 0
    told = bench.logged("frame_refused" if pages > 3 else "frame_not_ready")[0]
    assert told["path"] == odd
    assert ("the layout says 3" if pages > 3 else f"holds {pages} of 3 pages") in told["reason"]
    write_pages(odd, 3)
    bench.settle()
    assert bench.ready == 1


def test_odd_frames_that_come_first_do_not_condemn_the_others(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    frames = {path: path.read_bytes() for path in sources.values()}
    early = list(frames)[:3]
    for path in frames:
        path.unlink()
    for path in early:
        path.write_bytes(encode_frame(noise(1, (12, 16))))
    bench.settle()
    for path in list(frames)[3:]:
        path.write_bytes(frames[path])
    bench.settle()
    assert {entry["path"] for entry in bench.logged("frame_refused")} == set(early)


def test_names_that_match_nothing_are_logged_once_each_with_the_reason(bench: Bench) -> None:
    (bench.folder / "stranger.tif").write_bytes(encode_frame(noise(1)))
    (bench.folder / "img_t001_xy01_z001_cCy5.tif").write_bytes(encode_frame(noise(1)))
    for _ in range(3):
        bench.settle()
    reasons = {e["path"].name: e["reason"] for e in bench.logged("file_passed_over")}
    assert len(bench.logged("file_passed_over")) == 2
    assert "does not match the pattern" in reasons["stranger.tif"]
    assert "lists DAPI, GFP" in reasons["img_t001_xy01_z001_cCy5.tif"]


def test_what_is_no_image_by_its_ending_is_told_but_warns_nobody(bench: Bench) -> None:
    for name in ("comments.txt", "DisplaySettings.json", "stranger.TIF"):
        (bench.folder / name).touch()
    bench.settle()
    levels = {e["path"].name: e["log_level"] for e in bench.logged("file_passed_over")}
    assert levels == {
        "comments.txt": "info",
        "DisplaySettings.json": "info",
        "stranger.TIF": "warning",
    }


def test_many_strange_names_do_not_flood_the_log(bench: Bench) -> None:
    for index in range(250):
        (bench.folder / f"stranger{index}.tif").touch()
    bench.scan()
    warnings = [e for e in bench.logged("file_passed_over") if e["log_level"] == "warning"]
    assert len(warnings) == 100


@pytest.mark.parametrize("name", [".img_t001.tif", "~img.tif", "img.tif.tmp", "img.tif.part"])
def test_temporary_names_are_passed_over_in_silence(bench: Bench, name: str) -> None:
    (bench.folder / name).write_text("unfinished")
    bench.settle()
    assert bench.logged("file_passed_over") == []
    assert bench.intake.unsettled == 0


def test_a_rename_into_place_is_a_new_frame(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    path = sources[0, 0, 0, 0]
    hidden = path.rename(path.with_suffix(".tmp"))
    bench.settle()
    assert bench.ready == 0
    hidden.rename(path)
    bench.settle()
    assert bench.ready == 1


def test_a_deleted_frame_is_missing_again(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.settle()
    whole = sources[0, 0, 0, 0].read_bytes()
    sources[0, 0, 0, 0].unlink()
    bench.scan()
    assert bench.ready == 0
    sources[0, 0, 0, 0].write_bytes(whole)
    bench.settle()
    assert bench.ready == 1


def test_a_copy_of_a_frame_is_reported_and_does_no_harm(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.settle()
    other = bench.folder / "img_t001_xy01_z001_cDAPI.TIF"
    other.write_bytes(sources[0, 0, 0, 0].read_bytes())
    bench.settle()
    assert bench.ready == 1
    assert [entry["path"] for entry in bench.logged("frame_doubled")] == [other]


def test_two_frames_for_one_place_block_the_sequence_until_one_goes(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    other = bench.folder / "img_t001_xy01_z001_cDAPI.TIF"
    other.write_bytes(encode_frame(noise(7)))
    bench.settle()
    assert bench.ready == 0
    assert len(bench.logged("frame_conflict")) == 1
    kept = {
        frame.path
        for c in bench.intake.collections.values()
        for frame in c.sequence.frames.values()
    }
    (sources[0, 0, 0, 0] if sources[0, 0, 0, 0] in kept else other).unlink()
    bench.settle()
    assert bench.ready == 1


def test_more_labels_than_the_layout_says_are_reported_once(bench: Bench) -> None:
    write(bench.folder, acquisition(t=9))
    bench.settle()
    assert bench.ready == 0
    (entry,) = bench.logged("sequence_does_not_fit")
    assert "axis t has 3 values" in entry["reason"]


def test_a_copy_takes_the_place_of_a_frame_that_is_deleted(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    copy = bench.folder / "img_t001_xy01_z001_cDAPI.TIF"
    copy.write_bytes(sources[0, 0, 0, 0].read_bytes())
    bench.settle()
    sources[0, 0, 0, 0].unlink()
    bench.settle()
    assert bench.ready == 1
    copy.unlink()
    bench.settle()
    assert bench.ready == 0


def test_a_folder_that_cannot_be_read_is_reported_once_and_when_it_can_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(bench.folder / "locked", acquisition())
    real = os.scandir

    def scandir(folder: Path) -> object:
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    with monkeypatch.context() as patch:
        patch.setattr("nd2watch.sources.scan.os.scandir", scandir)
        for _ in range(4):
            bench.settle()
    (entry,) = bench.logged("folder_unavailable")
    assert entry["folder"] == bench.folder / "locked"
    assert "needs to read" in entry["reason"]
    bench.settle()
    assert [e["folder"] for e in bench.logged("folder_available")] == [bench.folder / "locked"]
    assert bench.ready == 1


def test_a_file_that_keeps_changing_does_not_hold_up_a_single_run_for_ever(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "in", acquisition(), once=True)
    path = bench.folder / "img_t001_xy01_z001_cDAPI.tif"
    path.touch()
    bench.scan()
    for second in range(0, 90, 5):
        path.write_bytes(bytes(1000 + second))
        bench.now += SETTLE_S
        bench.intake.advance()
    assert "keeps changing" in bench.logged("frame_refused")[0]["reason"]


def test_a_frame_that_changes_between_two_looks_starts_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.folder / "img_t001_xy01_z001_cDAPI.tif"
    path.write_bytes(encode_frame(noise(1)))
    bench.scan()

    def open_late(path: Path, *, by_page: bool) -> object:
        path.write_bytes(encode_frame(noise(2, (20, 20))))
        return open_frame(path, by_page=by_page)

    with monkeypatch.context() as patch:
        patch.setattr("nd2watch.service.intake.open_frame", open_late)
        bench.wait(SETTLE_S)
    assert bench.intake.collections == {}
    assert bench.intake.unsettled == 1


def test_many_bad_frames_do_not_flood_the_log(bench: Bench) -> None:
    for index in range(250):
        (bench.folder / f"img_t{index:03}_xy01_z001_cDAPI.tif").write_text("no image")
    bench.settle()
    errors = [e for e in bench.logged("frame_refused") if e["log_level"] == "error"]
    assert len(errors) == 100
    bench.now += 60
    bench.intake.report_stalled()
    (entry,) = bench.logged("more_of_the_same")
    assert (entry["of"], entry["left_out"]) == ("frame_refused", 150)
    (bench.folder / "img_t999_xy01_z001_cDAPI.tif").write_text("no image")
    bench.settle()
    assert bench.logged("frame_refused")[-1]["log_level"] == "error"


def test_a_sequence_that_stalls_is_reported_once_with_what_it_lacks(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    sources[1, 0, 2, 1].unlink()
    bench.settle()
    for _ in range(3):
        bench.wait(601)
        bench.intake.report_stalled()
    (entry,) = bench.logged("sequence_incomplete")
    assert (entry["found"], entry["expected"]) == (23, 24)
    assert entry["missing"] == ["t=2 p=1 z=3 c=GFP"]


def test_what_is_left_out_of_the_list_of_what_a_sequence_lacks_is_counted(bench: Bench) -> None:
    """No plane and no channel is wholly missing, so each frame is listed for itself."""
    for (t, p, z, c), path in write(bench.folder, acquisition()).items():
        if (t + p + z + c) % 2:
            path.unlink()
    bench.settle()
    bench.wait(601)
    bench.intake.report_stalled()
    (entry,) = bench.logged("sequence_incomplete")
    assert (entry["found"], entry["expected"]) == (12, 24)
    assert (len(entry["missing"]), entry["more_missing"]) == (10, 2)


def test_sequences_are_told_apart_by_folder(bench: Bench) -> None:
    for name in ("a", "b/c"):
        write(bench.folder / name, acquisition())
    bench.settle()
    assert bench.ready == 2


def test_late_frames_do_not_reopen_a_published_sequence(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.settle()
    ((collection, _),) = bench.convertible
    collection.close()
    for path in list(sources.values())[:2]:
        path.write_bytes(encode_frame(noise(3)))
    bench.settle()
    assert bench.ready == 0
    warnings = [e for e in bench.logged("frame_came_late") if e["log_level"] == "warning"]
    assert len(warnings) == 1
    assert len(collection.rewritten) == 2


def test_harmless_changes_of_published_frames_are_no_late_frames(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.settle()
    ((collection, _),) = bench.convertible
    collection.close()
    for path in sources.values():
        path.chmod(0o600)
    bench.settle()
    assert bench.logged("frame_came_late") == []
    assert bench.intake.unsettled == 0


def test_a_folder_cleared_during_the_conversion_can_hold_a_new_sequence(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.settle()
    ((collection, _),) = bench.convertible
    collection.state = "queued"
    for path in sources.values():
        path.unlink()
    bench.scan()
    collection.close()
    bench.intake.drop_if_empty(collection.sequence.key)
    write(bench.folder, acquisition(seed=5))
    bench.settle()
    assert bench.ready == 1


def test_a_refused_frame_follows_when_all_others_change_to_its_format(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    odd = sources[0, 0, 0, 0]
    odd.write_bytes(encode_frame(noise(1, (12, 16))))
    bench.settle()
    assert [entry["path"] for entry in bench.logged("frame_refused")] == [odd]
    for path in sources.values():
        if path != odd:
            path.write_bytes(encode_frame(noise(2, (12, 16))))
    bench.settle()
    bench.settle()
    assert bench.ready == 1


def test_the_rival_of_a_refused_frame_takes_its_place(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    path = sources[0, 0, 0, 0]
    rest = {other: other.read_bytes() for other in sources.values()}
    for other in sources.values():
        other.unlink()
    path.write_bytes(encode_frame(noise(1, (12, 16))))
    bench.settle()
    path.with_suffix(".TIF").write_bytes(rest.pop(path))
    bench.settle()
    assert len(bench.logged("frame_conflict")) == 1
    for other, data in rest.items():
        other.write_bytes(data)
    bench.settle()
    bench.settle()
    assert [entry["path"] for entry in bench.logged("frame_refused")] == [path]
    assert bench.ready == 1


def test_a_cleared_folder_can_hold_a_new_sequence_of_the_same_names(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.settle()
    ((collection, _),) = bench.convertible
    collection.close()
    for path in sources.values():
        path.unlink()
    bench.scan()
    write(bench.folder, acquisition(seed=5))
    bench.settle()
    assert bench.ready == 1


def test_a_folder_that_is_gone_loses_no_state(bench: Bench) -> None:
    sources = write(bench.folder, acquisition())
    bench.settle()
    away = bench.folder.rename(bench.folder.with_name("away"))
    with pytest.raises(OSError, match="in"):
        bench.scan()
    assert bench.ready == 1
    away.rename(bench.folder)
    bench.settle()
    assert bench.ready == 1
    assert bench.intake.unsettled == 0
    assert len(sources) == 24


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_links_are_not_followed(bench: Bench, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.tif"
    target.write_bytes(encode_frame(noise(1)))
    link = bench.folder / "img_t001_xy01_z001_cDAPI.tif"
    link.symlink_to(target)
    (bench.folder / "loop").symlink_to(bench.folder)
    bench.intake.notice(link)  # as an event tells of it before any look
    assert bench.intake.unsettled == 0
    bench.settle()
    bench.intake.notice(link)
    bench.wait(SETTLE_S)
    assert bench.intake.collections == {}
