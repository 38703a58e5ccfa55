"""The steps that a conversion tells."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nd2watch.convert import Step, collect_folder, convert, plan_conversion
from nd2watch.errors import ConversionCancelled
from nd2watch.service.process_pool import ProcessPool
from nd2watch.service.worker import Job, OutputFile
from tests.frames import acquisition, layout_of, write

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.convert import ConversionPlan


@pytest.fixture
def plan(tmp_path: Path) -> ConversionPlan:
    what = acquisition()
    write(tmp_path / "in", what)
    (sequence,) = collect_folder(tmp_path / "in", layout_of(what))
    return plan_conversion(sequence)


def test_each_step_is_told_when_it_is_done(tmp_path: Path, plan: ConversionPlan) -> None:
    output = tmp_path / "out" / "a.nd2"
    told: list[Step] = []

    def note(step: Step, name: Path) -> None:
        assert name == output
        assert output.exists() == (step >= Step.PUBLISHED)
        temporary = [path.stat().st_size for path in output.parent.glob(".nd2watch-*.tmp")]
        assert len(temporary) == (step < Step.PUBLISHED)
        if Step.SYNCED <= step < Step.PUBLISHED:
            sizes.update(temporary)
        told.append(step)

    sizes: set[int] = set()
    result = convert(plan, output, step=note)
    assert told == list(Step)
    assert sizes == {result.size}


@pytest.mark.parametrize("at", Step)
def test_an_error_at_a_step_leaves_nothing_or_the_whole_file(
    tmp_path: Path, plan: ConversionPlan, at: Step
) -> None:
    output = tmp_path / "out" / "a.nd2"

    def fail(step: Step, _: Path) -> None:
        if step is at:
            raise OSError(f"the disk fails at {step.name}")

    with pytest.raises(OSError, match=f"fails at {at.name}"):
        convert(plan, output, step=fail)
    left = [path.name for path in output.parent.iterdir()]
    assert left == (["a.nd2"] if at is Step.PUBLISHED else [])


def test_a_conversion_process_tells_them_to_the_service(
    tmp_path: Path, plan: ConversionPlan
) -> None:
    output = tmp_path / "out" / "a.nd2"
    job = Job(watch="w", key=(), files=(OutputFile(plan=plan, path=output),))
    told: list[tuple[Step, Path]] = []
    with closing(ProcessPool()) as pool:
        outcome = pool.run(
            job,
            lambda: False,
            lambda done, total: None,
            step=lambda step, path: told.append((step, path)),
        )
    assert outcome.end == "published"
    assert told == [(step, output) for step in Step]


@pytest.mark.parametrize("after", [Step.CLAIMED, Step.SYNCED, Step.VERIFIED])
def test_the_wish_to_end_is_asked_for_between_all_steps(
    tmp_path: Path, plan: ConversionPlan, after: Step
) -> None:
    told: list[Step] = []
    with pytest.raises(ConversionCancelled, match=r"a\.nd2 was stopped|\.tmp was stopped"):
        convert(
            plan,
            tmp_path / "out" / "a.nd2",
            cancelled=lambda: after in told,
            step=lambda step, _: told.append(step),
        )
    assert told[-1] == after
    assert list((tmp_path / "out").iterdir()) == []


def test_a_large_file_is_put_on_the_disk_in_parts(
    tmp_path: Path, plan: ConversionPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the end of a huge one, a slow share would need longer than a hung process is given."""
    synced: list[int] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr("nd2watch.nd2.open_file._PART", 6000)
    monkeypatch.setattr(os, "fsync", fsync)
    result = convert(plan, tmp_path / "a.nd2")
    sizes = [size for size in synced if size > 4096]
    assert len(sizes) > 5
    assert sizes[-1] == result.size
