"""Frames and sidecars that arrive in any order and in any batches: the same ND2 file."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.config import built_in_presets
from nd2watch.convert import convert
from nd2watch.convert.files import plan_files
from nd2watch.experiment import SidecarNames
from nd2watch.layouts import only_layout_of
from nd2watch.service.completion import Completion
from nd2watch.simulate import RunRequest, plan_run, write_run
from tests.frames import QUICK, acquisition, write
from tests.service.fakes import Bench

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nd2watch.convert.files import FilePlan
    from nd2watch.simulate import ProgramRun

quick = settings(
    deadline=None,
    derandomize=True,
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
WHAT = acquisition()
LONG_S = 1e5


def batches_of(data: st.DataObject, files: Sequence[Path]) -> list[list[Path]]:
    """Draw an order of the files, and where the bench looks at them in between."""
    order = data.draw(st.permutations(files))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(files) - 1), max_size=3)))
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(files)], strict=True)]


def copy(files: Sequence[Path], source: Path, folder: Path) -> None:
    """Copy files with their times."""
    for path in files:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def arrived(bench: Bench, source: Path, batches: Sequence[Sequence[Path]]) -> tuple[FilePlan, ...]:
    """Let files arrive, and return what becomes of them."""
    for batch in batches:
        assert bench.ready == 0
        copy(batch, source, bench.folder)
        bench.settle()
    ((collection, extent),) = bench.convertible
    return plan_files(collection.sequence, extent)


def shown(plans: Sequence[FilePlan]) -> list[Any]:
    """Return what counts of plans, wherever the copied files are."""
    return [
        (
            file.part,
            file.plan.experiment,
            file.plan.frames,
            file.plan.picture,
            file.plan.well_plate,
            file.plan.assumptions,
            [[plane and plane.file.path.name for plane in frame] for frame in file.plan.sources],
        )
        for file in plans
    ]


@quick
@given(data=st.data())
def test_any_batches_give_the_same_plan(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    files = list(write(folder / "from", WHAT).values())
    expected = arrived(Bench(folder / "once", WHAT), folder / "from", [files])
    found = arrived(Bench(folder / "in", WHAT), folder / "from", batches_of(data, files))
    assert shown(found) == shown(expected)


@settings(quick, max_examples=3)
@given(data=st.data())
def test_any_batches_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    files = list(write(folder / "from", WHAT).values())
    written = []
    for number, batches in enumerate(([files], batches_of(data, files))):
        (file,) = arrived(Bench(folder / "in", WHAT), folder / "from", batches)
        convert(file.plan, folder / f"{number}.nd2")
        written.append((folder / f"{number}.nd2").read_bytes())
        shutil.rmtree(folder / "in")
    assert written[0] == written[1]


PRESETS = {name: preset for name, preset in built_in_presets().items() if preset.sidecar}


@pytest.mark.parametrize("name", PRESETS)
@settings(quick, max_examples=3)
@given(data=st.data())
def test_sidecars_may_come_before_between_or_behind_their_frames(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("preset")
    write_run(folder / "from", run_of(name), QUICK)
    files = sorted(path for path in (folder / "from").rglob("*") if path.is_file())
    expected = ended(bench_of(folder / "once", name), folder / "from", [files])
    found = ended(bench_of(folder / "in", name), folder / "from", batches_of(data, files))
    assert found == expected
    assert expected


def run_of(name: str) -> ProgramRun:
    """Return a run of a program, of all axes that it has."""
    preset = PRESETS[name]
    wells = ("B02", "C03") if preset.well is not None else ()
    sites = 2 if only_layout_of(preset).all_fields_of("p") else 1
    channels = ("DAPI", "GFP")
    request = RunRequest(t=2, sites=sites, z=2, wells=wells, channels=channels, height=24, width=32)
    return plan_run(preset, request)


def bench_of(folder: Path, name: str) -> Bench:
    """Return a bench with the rules of a preset."""
    preset = PRESETS[name]
    assert preset.sidecar is not None
    return Bench(
        folder,
        WHAT,
        layout=only_layout_of(preset),
        completion=Completion(rules=tuple(preset.complete.rules), quiet_s=preset.complete.quiet_s),
        sidecars=SidecarNames(kind=preset.sidecar.kind, files=tuple(preset.sidecar.files)),
    )


def ended(bench: Bench, source: Path, batches: Sequence[Sequence[Path]]) -> list[Any]:
    """Let files arrive, wait long enough, and return what counts of all that becomes of them."""
    for batch in batches:
        copy(batch, source, bench.folder)
        bench.settle()
    bench.wait(LONG_S)
    return sorted(
        (collection.sequence.title, extent, shown(plan_files(collection.sequence, extent)))
        for collection, extent in bench.convertible
    )


def by_position(run: ProgramRun, source: Path) -> list[list[Path]]:
    """Return the files of a Micro-Manager run, those of each position by themselves."""
    write_run(source, run, QUICK)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    places = sorted({_place(path) for path in files})
    return [[path for path in files if _place(path) == place] for place in places]


def _place(path: Path) -> str:
    """Return the position that a path names."""
    return str(re.findall(r"Pos\d+", path.as_posix())[0])


@pytest.mark.parametrize("form", ["1.4", "2.0", "stack"])
@quick
@given(data=st.data())
def test_a_finished_position_does_not_complete_the_others(
    tmp_path_factory: pytest.TempPathFactory, form: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("positions")
    request = RunRequest(form=form, t=2, sites=3, z=2, channels=("DAPI", "GFP"))
    positions = by_position(plan_run(PRESETS["micro-manager"], request), folder / "from")
    bench = bench_of(folder / "in", "micro-manager")
    order = data.draw(st.permutations(positions))
    frames = [path for path in order[-1] if path.suffix == ".tif"]
    last = data.draw(st.permutations(order[-1]))
    for batch in [*order[:-1], last[:3], last[3:]]:
        copy(batch, folder / "from", bench.folder)
        bench.settle()
        bench.wait(LONG_S)
        if not all((bench.folder / p.relative_to(folder / "from")).exists() for p in frames):
            assert bench.ready == 0
    ((collection, extent),) = bench.convertible
    assert extent == "whole"
    assert collection.sequence.seen("p") == 3


def test_what_positions_are_lacking_is_told(tmp_path: Path) -> None:
    request = RunRequest(form="stack", t=2, sites=3, z=2, channels=("DAPI", "GFP"))
    first = by_position(plan_run(PRESETS["micro-manager"], request), tmp_path / "from")[0]
    bench = bench_of(tmp_path / "in", "micro-manager")
    copy(first, tmp_path / "from", bench.folder)
    bench.settle()
    assert bench.ready == 0
    (collection,) = bench.intake.collections.values()
    assert collection.sequence.missing() == ["2 of 3 values of p"]


def test_positions_with_names_of_their_own_do_not_wait_for_each_other(tmp_path: Path) -> None:
    request = RunRequest(form="1.4", t=2, sites=2, z=2, channels=("DAPI", "GFP"))
    positions = by_position(plan_run(PRESETS["micro-manager"], request), tmp_path / "from")
    bench = bench_of(tmp_path / "in", "micro-manager")
    for name, files in zip(("roi a", "roi b"), positions, strict=True):
        (bench.folder / name).mkdir()
        for path in files:
            content = path.read_bytes()
            if path.suffix == ".txt":  # it is not finished
                content = content.rstrip()[:-1]
            (bench.folder / name / path.name).write_bytes(content)
    bench.settle()
    assert [extent for _, extent in bench.convertible] == ["whole", "whole"]


def test_that_a_sidecar_is_not_finished_is_told_in_the_file(tmp_path: Path) -> None:
    write_run(tmp_path / "from", run_of("prairie"), QUICK)
    files = sorted(path for path in (tmp_path / "from").rglob("*") if path.is_file())
    bench = bench_of(tmp_path / "in", "prairie")
    copy(files, tmp_path / "from", bench.folder)
    (sidecar,) = bench.folder.rglob("*.xml")
    sidecar.write_bytes(sidecar.read_bytes()[:900])
    bench.settle()
    bench.wait(LONG_S)
    ((collection, extent),) = bench.convertible
    (plan,) = plan_files(collection.sequence, extent)
    told = "its sidecar is not finished; what that was still to tell of axes and times is unknown"
    assert told in plan.plan.assumptions
