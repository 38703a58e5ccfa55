"""Conversions in processes of their own: what befalls one of them costs that conversion alone."""

from __future__ import annotations

import errno
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch import errors, host
from nd2watch.clock import SystemClock
from nd2watch.convert import collect_folder, plan_conversion
from nd2watch.errors import ConversionCrashed, FrameUnreadable, Nd2WatchError, SourceError
from nd2watch.pending import remove_orphans
from nd2watch.service import Daemon, conversion_process, dispatch, load_settings
from nd2watch.service.conversion_process import ProcessLimits
from nd2watch.service.dispatch import act_on
from nd2watch.service.process_main import MessageReader, portable
from nd2watch.service.process_pool import ProcessPool
from nd2watch.service.worker import Job, Outcome, OutputFile, run_job
from nd2watch.sources import encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, layout_of, noise, write
from tests.service import faults, test_daemon
from tests.service.fakes import Bench
from tests.waiting import DEADLINE_S, ServiceProcess, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    from nd2watch.service.process_main import Task

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    with closing(ProcessPool()) as pool:
        yield pool


def make_job(tmp_path: Path, name: str = "o.nd2", **changes: object) -> Job:
    what = acquisition(**changes)
    if not (tmp_path / "in").exists():
        write(tmp_path / "in", what)
    (sequence,) = collect_folder(tmp_path / "in", layout_of(what))
    file = OutputFile(plan=plan_conversion(sequence), path=tmp_path / "out" / name)
    return Job(watch="w", key=sequence.key, files=(file,))


def run(
    pool: ProcessPool,
    job: Job,
    task: Task = run_job,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Outcome:
    return pool.run(job, cancelled, lambda done, total: None, task)


def run_limited(job: Job, task: Task = run_job, **limits: float) -> Outcome:
    with closing(ProcessPool(ProcessLimits(**limits))) as pool:  # type: ignore[arg-type]
        return run(pool, job, task)


def leftovers(job: Job) -> list[str]:
    return [path.name for path in job.output.parent.iterdir()]


def test_a_process_comes_to_what_the_worker_comes_to(tmp_path: Path, pool: ProcessPool) -> None:
    job = make_job(tmp_path)
    outcome = run(pool, job)
    assert outcome.end == "published"
    assert outcome.job is job
    sources = write(tmp_path / "again", acquisition())
    assert_nd2_equals_sources(job.output, acquisition(), sources)
    first = job.output.read_bytes()
    job.output.unlink()
    assert run_job(job, lambda: False, lambda done, total: None) == outcome
    assert job.output.read_bytes() == first
    assert run(pool, job).end == "present"


def test_a_damaged_source_is_named(tmp_path: Path, pool: ProcessPool) -> None:
    make_job(tmp_path)
    path = tmp_path / "in" / "img_t001_xy01_z001_cDAPI.tif"
    data = bytearray(encode_frame(noise(1), "zlib"))
    data[len(data) // 2 : len(data) // 2 + 100] = bytes(100)
    path.write_bytes(data)
    outcome = run(pool, make_job(tmp_path))
    assert outcome.end == "unreadable"
    assert isinstance(outcome.error, FrameUnreadable)
    assert outcome.error.path == path
    assert leftovers(outcome.job) == []


def test_trouble_of_the_disk_blocks_the_job(tmp_path: Path, pool: ProcessPool) -> None:
    job = make_job(tmp_path)
    job.output.parent.write_text("a file where the folder is to be")
    outcome = run(pool, job)
    assert outcome.end == "blocked"
    assert isinstance(outcome.error, FileExistsError)
    assert outcome.error.filename == str(job.output.parent)


def every_error() -> list[Exception]:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Nd2WatchError)
    ]
    path = Path("in/a.tif")
    told = [kind("it broke", path) for kind in kinds if issubclass(kind, SourceError)]
    disk = [OSError(errno.ENOSPC, "full", "out/o.nd2"), PermissionError(errno.EACCES, "no", "x")]
    two = OSError(errno.EXDEV, "other disk", "a", None, "b")
    late = OSError(errno.EIO, "broken")
    late.filename = "set later"
    return [kind("it broke") for kind in kinds] + [*told, *disk, two, late, ValueError("odd")]


@pytest.mark.parametrize("error", every_error(), ids=repr)
def test_errors_come_back_as_they_were(error: Exception) -> None:
    known = ("path", "errno", "strerror", "filename", "filename2", "exit_code", "retryable")
    copy = MessageReader(io.BytesIO(pickle.dumps(portable(error)))).load()
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    for name in known:
        assert getattr(copy, name, None) == getattr(error, name, None)


def test_an_error_of_an_unknown_class_comes_back_with_where_it_was_raised(
    tmp_path: Path, pool: ProcessPool
) -> None:
    outcome = run(pool, make_job(tmp_path), faults.fail)
    assert outcome.end == "failed"
    assert str(outcome.error) == "LibraryError: no such codec"
    (note,) = vars(outcome.error)["__notes__"]
    assert "faults.py" in note


@pytest.mark.parametrize("value", [os.system, subprocess.Popen, closing, Path.unlink])
def test_a_process_that_was_taken_over_can_send_nothing_but_values(value: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="no place in a message"):
        MessageReader(io.BytesIO(pickle.dumps(value))).load()


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (faults.segfault, r"killed by signal 11 \(SIGSEGV\)[\s\S]*in segfault"),
        (faults.be_killed, r"killed by signal 9 \(SIGKILL, as the system does"),
        (faults.leave, r"ended with status 3\nbad file, bye"),
        (faults.raise_beyond, r"ended with status 1[\s\S]*KeyboardInterrupt: a stray signal"),
    ],
)
def test_a_crash_costs_one_conversion(
    tmp_path: Path, pool: ProcessPool, task: Task, reason: str
) -> None:
    job = make_job(tmp_path)
    outcome = run(pool, job, task)
    assert outcome.end == "crashed"
    assert isinstance(outcome.error, ConversionCrashed)
    assert re.search(reason, str(outcome.error))
    assert outcome.output == job.output
    assert run(pool, job).end == "published"
    assert leftovers(job) == ["o.nd2"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit address space")
def test_a_lack_of_memory_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for channel in ("DAPI", "GFP"):
        path = tmp_path / "in" / f"img_t001_xy01_z001_c{channel}.tif"
        path.write_bytes(encode_frame(np.zeros((8192, 8192), np.uint16), "zlib"))
    job = make_job(tmp_path, t=1, p=1, z=1)
    outcome = run_limited(job, memory_bytes=250 << 20)
    assert outcome.end == "crashed"
    assert isinstance(outcome.error, ConversionCrashed)
    assert "ran out of memory" in str(outcome.error)
    assert leftovers(job) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit address space")
def test_a_service_limits_the_memory_of_its_conversions(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        test_daemon.CONFIG.format(scan=1).replace(
            "[service]", '[service]\nstate_folder = "state"\nconversion_memory_mb = 500'
        )
    )
    assert load_settings(config).conversion_memory_bytes == 500_000_000
    what = acquisition(t=1, p=1, z=1)
    for path in write(tmp_path / "in" / "a", what).values():
        path.write_bytes(encode_frame(np.zeros((8192, 8192), np.uint16), "zlib"))
    config.write_text(config.read_text().replace("t = 2\np = 2\nz = 3", "t = 1\np = 1\nz = 1"))
    with ServiceProcess(config) as service:
        assert "ran out of memory" in service.wait_for("conversion_crashed")["reason"]
        assert service.terminate() == 0
    config.write_text(config.read_text().replace("conversion_memory_mb = 500", ""))
    with ServiceProcess(config) as service:
        service.wait_for("published")
        assert service.terminate() == 0


def test_what_a_conversion_without_memory_left_unfinished_is_removed(
    tmp_path: Path, pool: ProcessPool
) -> None:
    job = make_job(tmp_path)
    outcome = run(pool, job, faults.end_without_memory)
    assert (outcome.end, str(outcome.error)) == ("crashed", "no memory to tidy up")
    assert leftovers(job) == []
    assert run(pool, job).end == "published"


def test_a_sequence_that_is_given_up_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_FIRST_RETRY_S", 0.05)
    config, capture = tmp_path / "config.toml", LogCapture()
    config.write_text(test_daemon.CONFIG.format(scan=1))
    write(tmp_path / "in" / "a", acquisition())
    log = structlog.wrap_logger(None, [capture])
    daemon = Daemon(lambda: load_settings(config), SystemClock(), log, task=faults.leave)

    def logged(event: str) -> list[MutableMapping[str, Any]]:
        return [entry for entry in list(capture.entries) if entry["event"] == event]

    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        until(lambda: bool(logged("sequence_given_up")), "the end of all attempts")
    finally:
        daemon.stop("test")
        thread.join(DEADLINE_S)
    (told,) = logged("sequence_given_up")
    assert (told["watch"], told["sequence"], told["log_level"]) == ("test", "a", "error")
    assert "given up after 3 attempts: the conversion process ended" in told["reason"]
    assert len(logged("conversion_crashed")) == 3


def test_a_slow_look_at_the_sources_in_the_end_is_a_sign_of_life(tmp_path: Path) -> None:
    outcome = run_limited(make_job(tmp_path), faults.look_slowly, stalled_s=2)  # of 4.8 s
    assert outcome.end == "published"


@pytest.mark.parametrize("task", [faults.hang, faults.hold_the_interpreter])
def test_a_conversion_without_end_is_killed(tmp_path: Path, task: Task) -> None:
    job = make_job(tmp_path)
    outcome = run_limited(job, task, stalled_s=0.7)
    assert outcome.end == "crashed", outcome.error
    assert "made no progress for 0.7 s and was killed" in str(outcome.error)
    assert leftovers(job) == []


def test_a_share_that_does_not_answer_is_no_fault_of_the_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "waits_for_disk", lambda process: True)
    outcome = run_limited(make_job(tmp_path), faults.hang, stalled_s=0.3)
    assert outcome.end == "blocked"
    assert "as a disk or share does not answer, and was killed" in str(outcome.error)


def test_a_process_that_runs_waits_for_no_disk() -> None:
    assert not host.waits_for_disk(os.getpid())
    assert not host.waits_for_disk(2**22 + 1)


def test_a_conversion_that_is_cancelled_ends_at_its_next_frame(
    tmp_path: Path, pool: ProcessPool
) -> None:
    job = make_job(tmp_path)
    seen: list[tuple[int, int]] = []
    outcome = pool.run(
        job, lambda: bool(seen), lambda *shown: seen.append(shown), faults.wait_for_the_end
    )
    assert outcome.end == "cancelled"
    assert leftovers(job) == []
    assert all(0 < done <= 3 and total == 12 for done, total in seen)


def test_a_conversion_that_ignores_the_wish_to_end_is_killed(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    seen: list[int] = []
    with closing(ProcessPool(ProcessLimits(stop_s=0.3))) as pool:
        outcome = pool.run(
            job, lambda: bool(seen), lambda done, _: seen.append(done), faults.ignore_wishes
        )
    assert outcome.end == "cancelled"
    assert "stopped by force" in str(outcome.error)
    assert leftovers(job) == []


def test_a_job_that_is_cancelled_before_it_begins_starts_no_process(
    tmp_path: Path, pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(subprocess, "Popen")
    assert run(pool, make_job(tmp_path), cancelled=lambda: True).end == "cancelled"


def test_what_libraries_print_does_not_disturb(tmp_path: Path, pool: ProcessPool) -> None:
    assert run(pool, make_job(tmp_path), faults.chatter).end == "published"


def test_a_process_that_cannot_begin_says_nothing_about_the_sequence(
    tmp_path: Path, pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion_process, "_START", "raise SystemExit('half an upgrade')")
    outcome = run(pool, make_job(tmp_path))
    assert outcome.end == "blocked"
    assert "before it was ready\nhalf an upgrade" in str(outcome.error)


def test_a_process_that_does_not_get_ready_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion_process, "_START", "import time; time.sleep(1000)")
    outcome = run_limited(make_job(tmp_path), start_s=0.3)
    assert outcome.end == "blocked"
    assert "made no progress for 0.3 s and was killed before it was ready" in str(outcome.error)


def test_a_system_without_processes_to_spare_is_asked_again_later(
    tmp_path: Path, pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "too many processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert run(pool, make_job(tmp_path)).end == "blocked"


def process_of(pool: ProcessPool, job: Job) -> int:
    """Return the process that carries out a job now."""
    outcome = run(pool, job, faults.tell_process)
    assert outcome.output is not None
    process, group = map(int, outcome.output.parts)
    assert group == process != os.getpgrp()
    return process


def test_a_process_is_used_again_as_long_as_it_does_well(tmp_path: Path, pool: ProcessPool) -> None:
    job = make_job(tmp_path)
    first = process_of(pool, job)
    assert process_of(pool, job) == first
    run(pool, job, faults.fail)
    second = process_of(pool, job)
    assert second != first
    os.kill(second, signal.SIGKILL)
    ended = os.WEXITED | os.WNOWAIT | os.WNOHANG  # all threads of it, not its first one alone
    until(lambda: os.waitid(os.P_PID, second, ended) is not None, "the idle process is killed")
    third = process_of(pool, job)
    assert third != second
    pool.close()
    assert is_gone(third)
    with closing(ProcessPool(ProcessLimits(jobs=1))) as other:
        assert process_of(other, job) != process_of(other, job)


def is_gone(process: int) -> bool:
    """Return whether a process has ended, also if nobody has asked how."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text()
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # a system without /proc
        return False
    return status.rpartition(")")[2].split()[0] == "Z"


PARENT = """
import pickle, sys
sys.path[:] = sys.argv[1:]
from nd2watch.service.process_pool import ProcessPool
job, task = pickle.load(sys.stdin.buffer)
ProcessPool().run(job, lambda: False, lambda done, total: None, task)
"""


@pytest.mark.parametrize(
    "task",
    [
        faults.hang,
        pytest.param(
            faults.hold_the_interpreter,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills it"),
        ),
    ],
)
def test_a_process_ends_with_the_service_even_if_that_is_killed(tmp_path: Path, task: Task) -> None:
    job = make_job(tmp_path)
    command = [sys.executable, "-c", PARENT, *sys.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        parent.stdin.write(pickle.dumps((job, task)))
        parent.stdin.close()
        until(lambda: job.output.parent.exists() and bool(leftovers(job)), "a file half written")
        assert remove_orphans(job.output.parent) == []
        parent.kill()
    until(lambda: bool(remove_orphans(job.output.parent)), "the file is let go of")


def test_a_sequence_that_crashes_again_and_again_is_given_up_until_a_file_changes(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "in", acquisition())
    sources = write(bench.folder, acquisition())
    crash = Outcome(job=make_job(tmp_path), end="crashed", error=ConversionCrashed("SIGSEGV"))
    bench.settle()
    ((collection, _),) = bench.convertible

    def state_after_crash() -> str:
        assert bench.ready == 1
        collection.state = "queued"
        act_on(crash, bench.intake, collection, bench.now)
        assert bench.ready == 0
        bench.wait(60)
        return collection.state

    assert [state_after_crash() for _ in range(3)] == ["collecting", "collecting", "failed"]
    assert collection.needs_a_person
    bench.wait(3600)
    assert bench.ready == 0
    next(iter(sources.values())).write_bytes(encode_frame(noise(4)))
    bench.settle()
    assert [state_after_crash() for _ in range(3)] == ["collecting", "collecting", "failed"]


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by /proc")
def test_the_service_outlives_its_conversions(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    what = acquisition()
    sources = write(tmp_path / "in" / "cells", what)
    with ServiceProcess(config) as service:

        def kill_conversions() -> bool:
            for process in children_of(service.process.pid):
                os.kill(process, signal.SIGSEGV)
            return bool(service.named("conversion_blocked") + service.named("conversion_crashed"))

        until(kill_conversions, "a conversion is killed")
        service.wait_for("published")
        assert service.terminate() == 0
    assert [path.name for path in (tmp_path / "out").glob("*.nd2")] == ["cells.nd2"]
    assert remove_orphans(tmp_path / "out") == []
    assert_nd2_equals_sources(tmp_path / "out" / "cells.nd2", what, sources)


def children_of(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            children.append(int(stat.parent.name))
    return children


CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.3
log_format = "json"

[[watch]]
name = "test"
folder = "in"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"

[watch.axes]
t = 2
p = 2
z = 3
c = ["DAPI", "GFP"]
"""
