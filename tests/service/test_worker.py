"""What comes of a conversion job, and what the service makes of it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from nd2watch.convert import collect_folder, convert, plan_conversion
from nd2watch.errors import FrameUnreadable
from nd2watch.service import worker
from nd2watch.service.dispatch import act_on
from nd2watch.service.worker import Job, Outcome, OutputFile, run_job
from nd2watch.sources import encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, layout_of, noise, write
from tests.service.fakes import Bench

if TYPE_CHECKING:
    from pathlib import Path


def make_job(tmp_path: Path) -> Job:
    what = acquisition()
    if not (tmp_path / "in").exists():
        write(tmp_path / "in", what)
    (sequence,) = collect_folder(tmp_path / "in", layout_of(what))
    plan = plan_conversion(sequence)
    file = OutputFile(plan=plan, path=tmp_path / "out" / "o.nd2")
    return Job(watch="w", key=sequence.key, files=(file,))


def run(job: Job) -> Outcome:
    return run_job(job, lambda: False, lambda done, total: None)


def test_a_job_publishes_its_file(tmp_path: Path) -> None:
    outcome = run(make_job(tmp_path))
    assert outcome.end == "published"
    (result,) = outcome.results
    assert result.size == outcome.job.output.stat().st_size


def test_a_second_run_finds_the_work_done(tmp_path: Path) -> None:
    run(make_job(tmp_path))
    before = (tmp_path / "out" / "o.nd2").stat()
    assert run(make_job(tmp_path)).end == "present"
    after = (tmp_path / "out" / "o.nd2").stat()  # reading it may change its access time alone
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )


def test_copied_frames_with_new_times_are_recognised_by_their_pixels(tmp_path: Path) -> None:
    run(make_job(tmp_path))
    for path in (tmp_path / "in").iterdir():
        path.touch()
    assert run(make_job(tmp_path)).end == "present"


@pytest.mark.parametrize("content", ["other pixels", "no ND2 file"])
def test_an_output_with_other_content_is_a_conflict_and_stays(tmp_path: Path, content: str) -> None:
    job = make_job(tmp_path)
    if content == "other pixels":
        convert(job.files[0].plan, job.output)
        (tmp_path / "in" / "img_t001_xy01_z001_cDAPI.tif").write_bytes(encode_frame(noise(4)))
    else:
        job.output.parent.mkdir()
        job.output.write_text("precious")
    before = job.output.read_bytes()
    outcome = run(make_job(tmp_path))
    assert outcome.end == "conflict"
    assert "move it away" in str(outcome.error)
    assert job.output.read_bytes() == before


def test_frames_elsewhere_of_the_same_names_sizes_and_times_are_not_taken_for_the_converted_ones(
    tmp_path: Path,
) -> None:
    job = make_job(tmp_path)
    run(job)
    for path in (tmp_path / "in").iterdir():
        times = path.stat()
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    (sequence,) = collect_folder(tmp_path / "elsewhere", layout_of(acquisition()))
    file = OutputFile(plan=plan_conversion(sequence), path=job.output)
    assert run(Job(watch="w", key=sequence.key, files=(file,))).end == "conflict"


def test_an_error_that_was_raised_from_itself_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        error = FrameUnreadable("no image")
        raise error from error

    monkeypatch.setattr(worker, "convert", fail)
    assert run(make_job(tmp_path)).end == "unreadable"


def test_a_lack_of_memory_that_a_reader_took_for_damage_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        try:
            raise ValueError("no strip") from MemoryError("4 GB")
        except ValueError as error:
            raise FrameUnreadable("no image") from error

    monkeypatch.setattr(worker, "convert", fail)
    outcome = run(make_job(tmp_path))
    assert outcome.end == "crashed"
    assert "ran out of memory: no image" in str(outcome.error)


def test_a_folder_of_the_outputs_name_is_a_conflict(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    job.output.mkdir(parents=True)
    assert run(job).end == "conflict"


@pytest.mark.parametrize("present", [False, True])
def test_a_stop_ends_jobs_that_have_not_begun_or_compare(tmp_path: Path, present: bool) -> None:
    if present:
        run(make_job(tmp_path))
        for path in (tmp_path / "in").iterdir():
            path.touch()
    answers = iter([False] * present + [True] * 9)
    outcome = run_job(make_job(tmp_path), lambda: next(answers), lambda done, total: None)
    assert outcome.end == "cancelled"


def test_a_disk_that_stays_full_is_tried_again_for_ever(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "in", acquisition())
    write(bench.folder, acquisition())
    bench.settle()
    ((collection, _),) = bench.convertible
    outcome = Outcome(job=make_job(tmp_path), end="blocked", error=OSError(errno.ENOSPC, "full"))
    for _ in range(3000):
        act_on(outcome, bench.intake, collection, bench.now)
    assert bench.ready == 0
    bench.wait(3600)
    assert bench.ready == 1


def test_a_source_that_changed_is_told(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    (tmp_path / "in" / "img_t001_xy01_z001_cDAPI.tif").write_bytes(encode_frame(noise(4)))
    assert run(job).end == "changed"


def test_an_undecodable_source_is_named(tmp_path: Path) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)
    path = sources[0, 0, 1, 0]
    data = bytearray(encode_frame(noise(1), "zlib"))
    data[len(data) // 2 : len(data) // 2 + 100] = bytes(100)
    path.write_bytes(data)
    outcome = run(make_job(tmp_path))
    assert outcome.end == "unreadable"
    assert getattr(outcome.error, "path", None) == path
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.ESTALE])
def test_trouble_of_the_disk_blocks_the_job_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    job = make_job(tmp_path)

    def full(self: object) -> None:
        raise OSError(number, "trouble")

    with monkeypatch.context() as patch:
        patch.setattr("nd2watch.pending.PendingFile.sync", full)
        assert run(job).end == "blocked"
    assert list((tmp_path / "out").iterdir()) == []
    assert run(job).end == "published"
    assert_nd2_equals_sources(job.output, acquisition(), write(tmp_path / "again", acquisition()))
