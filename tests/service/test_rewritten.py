"""Frames that are held back, rewritten, renamed or deleted, also while they are converted."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
import tifffile

from nd2watch import host
from nd2watch.convert import plan_conversion
from nd2watch.experiment import AxisSize, Layout, compile_pattern
from nd2watch.service.dispatch import act_on
from nd2watch.service.worker import Job, Outcome, OutputFile, run_job
from nd2watch.sources import encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, noise, write
from tests.service.fakes import SETTLE_S, Bench
from tests.service.test_daemon import CONFIG
from tests.service.test_permissions import closed
from tests.unprivileged import bound_by_permissions
from tests.waiting import LAUNCH, ServiceProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHAT = acquisition()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "in", WHAT)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_frame_that_cannot_be_opened_is_tried_until_it_can(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    held, *_ = write(bench.folder, WHAT).values()
    tries: list[str] = []

    def refusing(path: Path) -> int:
        if path == held:
            tries.append(path.name)
            raise OSError(number, os.strerror(number), str(path))
        return opened(path)

    opened = host.open_for_reading
    with monkeypatch.context() as patch:
        patch.setattr(host, "open_for_reading", refusing)
        bench.settle()
        for _ in range(12):
            bench.wait(600)
        assert len(tries) > 12
        (trouble,) = bench.intake.troubles.shown()
        assert trouble.path == held
        assert os.strerror(number) in trouble.reason
        assert bench.ready == 0
    bench.wait(600)  # neither an event nor a scan
    assert bench.ready == 1


def test_a_frame_that_is_renamed_between_two_scans_is_the_same_frame(bench: Bench) -> None:
    *early, last = write(bench.folder, WHAT).values()
    away = last.rename(bench.folder.parent / "away.tif")
    bench.settle()
    early[0].rename(early[0].with_suffix(".TIF"))
    bench.settle()
    away.rename(last)
    bench.settle()
    assert bench.ready == 1
    assert len(bench.intake.collections) == 1
    for event in ("frame_conflict", "frame_doubled", "frame_came_late"):
        assert bench.logged(event) == []


def test_many_events_of_a_file_make_one_frame(bench: Bench) -> None:
    paths = write(bench.folder, WHAT).values()

    def notice() -> None:
        for path in paths:
            bench.intake.notice(path)

    notice()
    for _ in range(100):  # they tell of no change, and put nothing off
        bench.wait(SETTLE_S / 100)
        notice()
    bench.wait(SETTLE_S / 100)
    for _ in range(100):
        ((collection, _),) = bench.convertible
        assert len(collection.sequence) == len(paths)
        notice()
    assert bench.logged("frame_doubled") == []


def convert(bench: Bench, at_frame: Callable[[], None]) -> Outcome:
    """Convert the sequence that is ready, do something in the midst of it, and act on the end."""
    ((collection, _),) = bench.convertible
    collection.state = "queued"
    file = OutputFile(
        plan=plan_conversion(collection.sequence), path=bench.folder.parent / "out" / "a.nd2"
    )
    job = Job(watch="bench", key=collection.sequence.key, files=(file,))

    def progress(done: int, total: int) -> None:
        if done == total // 2:
            at_frame()

    outcome = run_job(job, lambda: False, progress)
    act_on(outcome, bench.intake, collection, bench.now)
    return outcome


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 1, 2, 1)], ids=["read", "not read yet"])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_frame_that_changes_or_goes_during_the_conversion_stops_it(
    bench: Bench, place: tuple[int, int, int, int], is_deleted: bool
) -> None:
    sources = write(bench.folder, WHAT)
    bench.settle()
    victim, other = sources[place], encode_frame(noise(9))

    def strike() -> None:
        if is_deleted:
            victim.unlink()
        else:
            victim.write_bytes(other)

    outcome = convert(bench, strike)
    assert outcome.end == "changed"
    assert list((bench.folder.parent / "out").iterdir()) == []
    assert bench.ready == 0
    victim.write_bytes(other)
    bench.settle()
    assert convert(bench, lambda: None).end == "published"
    assert_nd2_equals_sources(bench.folder.parent / "out" / "a.nd2", WHAT, sources)


@pytest.mark.skipif(sys.platform == "win32", reason="it has other permissions")
def test_a_closed_frame_or_folder_holds_up_no_sibling(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(scan=1))
    frames = {name: write(tmp_path / "in" / name, WHAT) for name in "abc"}
    frame = frames["a"][0, 0, 0, 0]
    with (
        closed(frame) as open_frame,
        closed(tmp_path / "in" / "b") as open_folder,
        ServiceProcess(tmp_path / "config.toml", launch=bound_by_permissions(*LAUNCH)) as service,
    ):
        service.wait_for("published", lambda e: e["sequence"] == "c")
        told = service.wait_for("frame_not_ready")
        assert (told["path"], "Permission denied" in told["reason"]) == (str(frame), True)
        open_frame()
        open_folder()
        service.wait_for("published", lambda e: e["sequence"] == "a")
        service.wait_for("published", lambda e: e["sequence"] == "b")
        assert service.terminate() == 0
    for name, sources in frames.items():
        assert_nd2_equals_sources(tmp_path / "out" / f"{name}.nd2", WHAT, sources)


def test_what_is_being_written_lies_where_the_file_will_be(bench: Bench) -> None:
    write(bench.folder, WHAT)
    bench.settle()
    output = bench.folder.parent / "out"
    seen: list[Path] = []
    assert convert(bench, lambda: seen.extend(output.iterdir())).end == "published"
    (temporary,) = seen
    assert temporary.name.startswith(".nd2watch-")
    assert [path.name for path in output.iterdir()] == ["a.nd2"]


def test_a_frame_that_is_written_slowly_is_converted_once_it_is_whole(bench: Bench) -> None:
    sources = write(bench.folder, WHAT)
    slow = sources[1, 1, 2, 1]
    whole = slow.read_bytes()
    for size in range(0, len(whole), 200):
        slow.write_bytes(whole[:size])
        bench.scan()
        bench.wait(SETTLE_S / 2)
        assert bench.ready == 0
    slow.write_bytes(whole)
    bench.settle()
    for event in ("frame_refused", "frame_not_ready"):
        assert bench.logged(event) == []
    assert convert(bench, lambda: None).end == "published"
    assert_nd2_equals_sources(bench.folder.parent / "out" / "a.nd2", WHAT, sources)


def test_a_file_that_is_opened_again_for_each_page_is_converted_once_with_all(
    tmp_path: Path,
) -> None:
    sizes = {"t": AxisSize(count=1), "z": AxisSize(count=5)}
    layout = Layout(pattern=compile_pattern("t{t}.tif"), sizes=sizes, pages="z")
    bench = Bench(tmp_path / "in", WHAT, layout=layout)
    pages = [noise(seed) for seed in range(5)]
    for page in pages:
        assert bench.ready == 0
        tifffile.imwrite(bench.folder / "t1.tif", page, append=True)
        bench.scan()
        bench.wait(SETTLE_S - 1)
    bench.wait(1)
    assert convert(bench, lambda: None).end == "published"
    with nd2.ND2File(tmp_path / "out" / "a.nd2") as file:
        np.testing.assert_array_equal(file.asarray(), pages)
    assert bench.logged("frame_refused") == []
