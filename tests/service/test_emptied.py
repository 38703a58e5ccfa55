"""Files that go before, while, and after they are taken in leave nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.experiment import SidecarNames
from nd2watch.service.completion import Completion
from nd2watch.service.dispatch import act_on
from nd2watch.service.sequence_state import reason_of, state_of
from nd2watch.service.worker import Outcome
from nd2watch.sources import encode_frame
from tests.frames import acquisition, noise, write
from tests.service.fakes import SETTLE_S, Bench
from tests.service.test_worker import make_job

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.service.collection import Collection

WHAT = acquisition()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "in", WHAT)


def only(bench: Bench) -> Collection:
    (collection,) = bench.intake.collections.values()
    return collection


@pytest.mark.parametrize("has_failed", [False, True])
def test_a_sequence_without_files_is_forgotten_and_told(bench: Bench, *, has_failed: bool) -> None:
    *rest, last = write(bench.folder, WHAT).values()
    last.unlink()
    bench.settle()
    if has_failed:
        only(bench).state = "failed"
    for path in rest[1:]:
        path.unlink()
    bench.settle()
    assert len(bench.intake.collections) == 1
    rest[0].unlink()
    bench.settle()
    assert bench.intake.collections == {}
    (told,) = bench.logged("sequence_gone")
    assert told["log_level"] == "warning"
    write(bench.folder, WHAT)
    bench.settle()
    assert bench.ready == 1


def test_a_sequence_whose_only_file_is_rewritten_stays(bench: Bench) -> None:
    path, *others = write(bench.folder, WHAT).values()
    for other in others:
        other.unlink()
    bench.settle()
    first = only(bench)
    path.write_bytes(encode_frame(noise(3)))
    bench.settle()
    assert only(bench) is first
    path.write_bytes(b"II")
    bench.scan()
    path.unlink()
    bench.settle()
    assert bench.intake.collections == {}


def test_a_sequence_of_refused_files_alone_is_shown_as_long_as_they_are_there(bench: Bench) -> None:
    path, *others = write(bench.folder, WHAT).values()
    for other in others:
        other.unlink()
    bench.settle()
    path.write_bytes(b"no image" * 99)
    bench.settle()
    assert bench.logged("frame_refused")
    bench.settle()
    assert len(only(bench).sequence) == 0
    assert bench.logged("sequence_gone") == []
    path.unlink()
    bench.settle()
    assert bench.intake.collections == {}


def test_frames_that_take_the_place_of_those_of_a_published_sequence_are_a_new_one(
    bench: Bench,
) -> None:
    sources = write(bench.folder, WHAT)
    bench.settle()
    only(bench).close()
    for path in sources.values():  # between two scans
        path.rename(path.with_name(path.name.replace("img_t00", "img_t01")))
    bench.settle()
    assert bench.ready == 1
    assert bench.logged("frame_came_late") == []


@pytest.mark.parametrize("promise", [{"released": "fill"}, {"revision": 1}])
def test_what_was_promised_of_a_sequence_outlasts_its_files(
    bench: Bench, promise: dict[str, object]
) -> None:
    sources = write(bench.folder, WHAT)
    bench.settle()
    for name, value in promise.items():
        setattr(only(bench), name, value)
    for path in sources.values():
        path.unlink()
    bench.settle()
    assert len(bench.intake.collections) == 1


@pytest.mark.parametrize("end", ["changed", "cancelled", "blocked", "crashed", "failed"])
def test_a_sequence_that_loses_its_files_while_it_is_converted_is_forgotten(
    tmp_path: Path, end: str
) -> None:
    job = make_job(tmp_path)
    bench = Bench(tmp_path / "in", WHAT)
    bench.settle()
    collection = only(bench)
    collection.state = "queued"
    for path in bench.folder.iterdir():
        path.unlink()
    bench.scan()
    assert bench.intake.collections == {job.key: collection}
    outcome = Outcome(job=job, end=end, error=OSError("gone"))  # type: ignore[arg-type]
    act_on(outcome, bench.intake, collection, bench.now)
    bench.settle()
    assert bench.intake.collections == {}


def test_a_late_frame_that_goes_while_its_sequence_is_converted_ends_no_thread(
    tmp_path: Path,
) -> None:
    job = make_job(tmp_path)
    bench = Bench(tmp_path / "in", WHAT, completion=Completion(rules=("quiet",)))
    bench.settle()
    bench.wait(600)
    ((collection, _),) = bench.convertible
    collection.state = "queued"
    late = bench.folder / "img_t002_xy00_z000_cDAPI.tif"
    late.write_bytes(encode_frame(noise(7)))
    bench.settle()
    for path in bench.folder.iterdir():
        path.unlink()
    collection.files = {str(late)}  # the others went unnoticed, this one goes at the end
    collection.newcomers = {late}
    act_on(Outcome(job=job, end="published"), bench.intake, collection, bench.now)
    bench.settle()
    assert bench.intake.collections == {}


def test_a_sidecar_that_goes_before_it_settled_is_not_waited_for(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path / "in",
        WHAT,
        sidecars=SidecarNames(kind="micromanager", files=("metadata.txt",)),
        completion=Completion(rules=("quiet",), quiet_s=10.0),
    )
    write(bench.folder, WHAT)
    sidecar = bench.folder / "metadata.txt"
    sidecar.write_text("{")
    bench.scan()
    sidecar.unlink()
    bench.wait(SETTLE_S)
    bench.settle()
    bench.wait(600)
    ((collection, _),) = bench.convertible
    assert collection.sidecars == ()


def test_a_sequence_that_cannot_be_converted_any_more_is_not_blocked(bench: Bench) -> None:
    sources = write(bench.folder, WHAT)
    bench.settle()
    collection = only(bench)
    collection.attempts, collection.retry_at = 3, bench.now + 600
    collection.reason = "no space left on device"
    assert bench.ready == 0
    assert state_of(collection) == "blocked"
    for path in list(sources.values())[1:]:
        path.unlink()
    bench.settle()
    assert bench.ready == 0
    assert state_of(collection) == "collecting"
    assert reason_of(collection) == ""
    write(bench.folder, WHAT)
    bench.settle()
    assert bench.ready == 1
