"""What files tell of their planes, and how it flows into a plan."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nd2watch.convert import ConversionPlan, StatedMetadata, plan_frames
from nd2watch.convert.places import bottom_to_top
from nd2watch.convert.record import provenance_of, text_of
from nd2watch.errors import LayoutError
from nd2watch.experiment import Calibration, FrameGrid, join_files
from nd2watch.nd2 import (
    Channel,
    Experiment,
    Modality,
    Optics,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from nd2watch.sources import (
    ChannelInfo,
    FileKey,
    FrameFile,
    OpticsInfo,
    PlaneInfo,
    SourceInfo,
    SourcePlane,
)

Coordinate = tuple[str, str, str, str]
ONE: tuple[list[str], ...] = ([""], [""], [""], [""])


def file_of(name: str = "f", mtime_s: int = 1_700_000_000, **told: Any) -> FrameFile:
    """Return a file that tells something."""
    info = SourceInfo(**{"height": 4, "width": 5, "dtype": np.dtype("u2"), **told})
    key = FileKey(size=1, mtime_ns=mtime_s * 10**9, ctime_ns=1, inode=1, device=1)
    return FrameFile(path=Path("/in") / name, key=key, info=info)


def planes_at(*heights_um: float | None) -> tuple[PlaneInfo, ...]:
    """Return planes at some stage Z."""
    return tuple(PlaneInfo(stage_um=(1.0, 2.0, z_um)) for z_um in heights_um)


def plan_of(grid: FrameGrid, **stated: Any) -> ConversionPlan:
    return plan_frames(grid, StatedMetadata(**stated), title="test", layout="test")


def in_one(**told: Any) -> FrameGrid:
    """Return the planes of one file."""
    return join_files({("", "", "", ""): file_of(**told)}, ONE)


def in_time(*files: FrameFile) -> FrameGrid:
    """Return files that are time points."""
    labels = [str(number) for number in range(len(files))]
    placed: dict[Coordinate, FrameFile] = {
        (t, "", "", ""): file for t, file in zip(labels, files, strict=True)
    }
    return join_files(placed, [labels, [""], [""], [""]], joined="tpzc")


def order_of(grid: FrameGrid) -> list[int | None]:
    """Return the number in its file of each frame's plane."""
    return [None if frame[0] is None else frame[0].index for frame in grid.frames]


class TestStacks:
    def test_a_stage_that_rests_tells_no_direction(self) -> None:
        jitter = planes_at(10, 10.01, 10.005, 10, 9.99, 9.98, 10, 10.01, 10.02)
        grid = in_one(axes=(("t", 3), ("z", 3)), planes=jitter)
        stated = StatedMetadata(calibration=Calibration(z_step_um=0.5))
        assert order_of(bottom_to_top(grid, stated)) == list(range(9))

    def test_each_stack_has_its_own_direction_if_it_is_told(self) -> None:
        grid = in_one(axes=(("t", 2), ("z", 3)), planes=planes_at(0, 1, 2, 2, 1, 0))
        assert order_of(bottom_to_top(grid, StatedMetadata())) == [0, 1, 2, 5, 4, 3]

    def test_a_stack_that_tells_nothing_is_like_the_others(self) -> None:
        planes = (*planes_at(2, 1, 0), PlaneInfo(), PlaneInfo(), PlaneInfo())
        grid = in_one(axes=(("t", 2), ("z", 3)), planes=planes)
        assert order_of(bottom_to_top(grid, StatedMetadata())) == [2, 1, 0, 5, 4, 3]
        (_, loop) = plan_of(grid).experiment.loops
        assert loop == ZStackLoop(count=3, step_um=1, bottom_to_top=False)

    @pytest.mark.parametrize("hole", range(4))
    def test_direction_and_step_are_found_in_spite_of_missing_planes(self, hole: int) -> None:
        labels = ["1", "2", "3", "4"]
        files: dict[Coordinate, FrameFile] = {
            ("", "", z, ""): file_of(z, planes=planes_at(100 - 2 * n))
            for n, z in enumerate(labels)
            if n != hole
        }
        grid = join_files(files, [[""], [""], labels, [""]])
        turned = bottom_to_top(grid, StatedMetadata())
        shown = [None if f[0] is None else f[0].file.path.name for f in turned.frames]
        assert shown == [None if int(n) == hole + 1 else n for n in reversed(labels)]
        assert plan_of(turned).experiment.loops == (ZStackLoop(count=4, step_um=2),)

    def test_files_may_tell_the_direction_without_stage_positions(self) -> None:
        grid = in_one(axes=(("z", 3),), z_falls=True, z_step_um=0.4)
        assert order_of(bottom_to_top(grid, StatedMetadata())) == [2, 1, 0]
        (loop,) = plan_of(grid).experiment.loops
        assert loop == ZStackLoop(count=3, step_um=0.4, bottom_to_top=False)


class TestPositions:
    def test_a_position_is_where_the_first_of_its_frames_that_tells_is(self) -> None:
        labels = ["1", "2"]
        files: dict[Coordinate, FrameFile] = {
            (t, p, "", ""): file_of(
                f"{t}{p}",
                positions=(f"Site {p}",),
                planes=(PlaneInfo(stage_um=(float(p), float(t), None)),),
            )
            for t, p in itertools.product(labels, labels)
            if (t, p) != ("1", "2")
        }
        plan = plan_of(join_files(files, [labels, labels, [""], [""]]))
        assert plan.experiment.loops[1] == XYPosLoop(
            positions=(
                StagePosition(name="Site 1", x_um=1, y_um=1),
                StagePosition(name="Site 2", x_um=2, y_um=2),
            )
        )

    def test_names_that_do_not_tell_positions_apart_are_not_taken(self) -> None:
        grid = in_time(file_of("a", positions=("Image",)), file_of("b", positions=("Image",)))
        labels = grid.labels[0]
        files: dict[Coordinate, FrameFile] = {
            ("", p, "", ""): file_of(p, positions=("Image",)) for p in ("7", "8")
        }
        plan = plan_of(join_files(files, [[""], ["7", "8"], [""], [""]]))
        (loop,) = plan.experiment.loops
        assert isinstance(loop, XYPosLoop)
        assert [place.name for place in loop.positions] == ["7", "8"]
        assert labels == ("0", "1")

    def test_some_unknown_positions_are_noted(self) -> None:
        planes = (PlaneInfo(stage_um=(1, 2, None)), PlaneInfo())
        plan = plan_of(in_one(axes=(("p", 2),), planes=planes))
        assert "some stage positions are unknown; 0 is written" in plan.assumptions

    def test_the_stage_of_any_channel_is_that_of_the_frame(self) -> None:
        planes = (PlaneInfo(), PlaneInfo(stage_um=(3.0, 4.0, 5.0)))
        (frame,) = plan_of(in_one(axes=(("c", 2),), planes=planes)).frames
        assert (frame.x_um, frame.y_um, frame.z_um) == (3, 4, 5)

    def test_a_plane_that_is_repeated_tells_its_exposure_but_no_place_and_time(self) -> None:
        taken = datetime(2026, 1, 1, 9, tzinfo=UTC)
        flat, own = (
            file_of(planes=(PlaneInfo(acquired=when, stage_um=(1, 2, z), exposure_ms=ms),))
            for when, z, ms in ((taken, 7, 30), (taken + timedelta(seconds=1), 3, 40))
        )
        planes = (SourcePlane(file=flat, is_repeated=True), SourcePlane(file=own))
        plan = plan_of(FrameGrid(labels=(("",), ("",), ("",), ("A", "B")), frames=(planes,)))
        assert [channel.exposure_ms for channel in plan.picture.channels] == [30, 40]
        assert plan.frames[0].z_um == 3
        assert plan.picture.started == taken + timedelta(seconds=1)

    def test_stated_positions_have_precedence_in_loops_and_frames_alike(self) -> None:
        places = (StagePosition(x_um=5, y_um=7), StagePosition(x_um=6, y_um=8))
        loops = Experiment(loops=(XYPosLoop(positions=places),))
        grid = in_one(axes=(("p", 2),), planes=planes_at(50, 51))
        plan = plan_of(grid, experiment=loops)
        assert plan.experiment == loops
        told = [(frame.x_um, frame.y_um, frame.z_um) for frame in plan.frames]
        assert told == [(5, 7, 50), (6, 8, 51)]


class TestTimes:
    def test_times_in_files_are_added_to_those_of_the_files(self) -> None:
        planes = tuple(PlaneInfo(time_ms=time_ms) for time_ms in (500, 1500, 2500))
        files = [file_of(name, axes=(("z", 3),), planes=planes) for name in "ab"]
        plan = plan_of(in_time(*files), calibration=Calibration(period_ms=10_000))
        times = [frame.time_ms for frame in plan.frames]
        assert times == [0, 1000, 2000, 10_000, 11_000, 12_000]

    def test_the_start_is_when_the_first_frame_was_taken_if_that_is_known(self) -> None:
        told = datetime(2026, 1, 1, 9, tzinfo=UTC)
        taken = told + timedelta(seconds=7)
        first, second = (PlaneInfo(acquired=taken + timedelta(seconds=s)) for s in (0, 2))
        grid = in_time(file_of("a", planes=(first,)), file_of("b", planes=(second,)))
        assert plan_of(grid, told_start=told).picture.started == taken
        assert [frame.time_ms for frame in plan_of(grid, told_start=told).frames] == [0, 2000]
        unknown = in_time(file_of("a"), file_of("b"))
        assert plan_of(unknown, told_start=told).picture.started == told

    def test_no_period_is_made_up_where_all_frames_have_one_time(self) -> None:
        plan = plan_of(in_one(axes=(("t", 3),)))
        (loop,) = plan.experiment.loops
        assert isinstance(loop, TimeLoop)
        assert loop.period_ms == 0
        assert any("times of the acquisition are unknown" in note for note in plan.assumptions)

    def test_modification_times_of_files_measure_the_period(self) -> None:
        files = [file_of(str(n), mtime_s=1_700_000_000 + 30 * n) for n in range(3)]
        (loop,) = plan_of(in_time(*files)).experiment.loops
        assert isinstance(loop, TimeLoop)
        assert loop.period_ms == 30_000


class TestOpenLoops:
    def test_what_is_not_stated_of_loops_is_that_of_the_files(self) -> None:
        grid = in_one(axes=(("t", 2), ("z", 3)), z_step_um=0.3, period_ms=2000.0)
        loops = Experiment(loops=(TimeLoop(count=2), ZStackLoop(count=3)))
        plan = plan_of(grid, experiment=loops, open_axes=frozenset("tz"))
        time, stack = plan.experiment.loops
        assert isinstance(time, TimeLoop)
        assert time.period_ms == 2000
        assert stack == ZStackLoop(count=3, step_um=0.3)
        assert [frame.time_ms for frame in plan.frames[::3]] == [0, 2000]
        closed = plan_of(grid, experiment=loops).experiment.loops[1]
        assert closed == ZStackLoop(count=3, step_um=1.0)

    def test_a_step_that_is_known_from_nowhere_is_noted(self) -> None:
        loops = Experiment(loops=(ZStackLoop(count=3),))
        note = "the Z step is unknown; 1 um is written"
        grid = in_one(axes=(("z", 3),))
        assert note in plan_of(grid, experiment=loops, open_axes=frozenset("z")).assumptions
        assert note not in plan_of(grid, experiment=loops).assumptions


class TestChannels:
    def test_names_in_files_that_are_joined_are_kept(self) -> None:
        channels = [tuple(ChannelInfo(name=n) for n in names) for names in (("A", "B"), ("C", "A"))]
        files: dict[Coordinate, FrameFile] = {
            ("", "", "", c): file_of(c, axes=(("c", 2),), channels=own)
            for c, own in zip("12", channels, strict=True)
        }
        plan = plan_of(join_files(files, [[""], [""], [""], ["1", "2"]], joined="c"))
        assert [channel.name for channel in plan.picture.channels] == ["A", "B", "C", "A 2"]

    def test_channels_in_another_order_are_refused(self) -> None:
        one, two = ChannelInfo(name="DAPI"), ChannelInfo(name="GFP")
        with pytest.raises(LayoutError, match="/in/b has the channels GFP, DAPI, /in/a has them"):
            in_time(
                file_of("a", axes=(("c", 2),), channels=(one, two)),
                file_of("b", axes=(("c", 2),), channels=(two, one)),
            )

    def test_differing_names_and_steps_are_noted(self) -> None:
        plan = plan_of(
            in_time(
                file_of("a", axes=(("z", 2),), channels=(ChannelInfo(name="A"),), z_step_um=0.3),
                file_of("b", axes=(("z", 2),), channels=(ChannelInfo(name="B"),), z_step_um=3.0),
            )
        )
        assert "files differ in the name of channel 1 ('A', 'B'); the first counts" in (
            plan.assumptions
        )
        assert any("differ in Z step; 0.3 um" in note for note in plan.assumptions)

    def test_what_is_stated_of_channels_in_their_order_is_completed_by_the_files(self) -> None:
        told = ChannelInfo(name="GFP", color=0x123456, emission_nm=520, modality=("brightfield",))
        plan = plan_of(
            in_one(channels=(told,), optics=OpticsInfo(magnification=60, objective_name="Apo")),
            channel_infos=(ChannelInfo(name="X", excitation_nm=488),),
        )
        (channel,) = plan.picture.channels
        assert (channel.name, channel.color) == ("X", 0x123456)
        assert (channel.excitation_nm, channel.emission_nm) == (488, 520)
        assert channel.modality == Modality.BRIGHTFIELD
        assert plan.picture.optics == Optics(magnification=60, objective_name="Apo")
        with pytest.raises(LayoutError, match="2 channels are stated"):
            plan_of(in_one(), channel_infos=(ChannelInfo(name="X"), ChannelInfo(name="Y")))

    def test_a_stated_channel_without_modality_has_that_of_the_file(self) -> None:
        told = ChannelInfo(modality=("fluorescence", "tirf"))
        own = Channel(name="A", modality=Modality(0))
        (channel,) = plan_of(in_one(channels=(told,)), channels=(own,)).picture.channels
        assert channel.modality == Modality.FLUORESCENCE | Modality.TIRF

    def test_nothing_of_another_objective_is_mixed_into_a_stated_one(self) -> None:
        optics = OpticsInfo(objective_name="Apo 60x", magnification=60, zoom=1.5)
        plan = plan_of(in_one(optics=optics), optics=Optics(magnification=20))
        assert plan.picture.optics == Optics(magnification=20, zoom=1.5)

    def test_optics_of_a_channel_are_completed_by_those_of_the_file(self) -> None:
        optics = OpticsInfo(objective_name="Apo 60x", magnification=60)
        own = (ChannelInfo(name="A", optics=OpticsInfo(zoom=2)), ChannelInfo(name="B"))
        plan = plan_of(in_one(axes=(("c", 2),), optics=optics), channel_infos=own)
        first, second = plan.picture.channels
        assert first.optics == Optics(objective_name="Apo 60x", magnification=60, zoom=2)
        assert second.optics is None

    def test_light_that_is_known_gives_the_colour(self) -> None:
        (channel,) = plan_of(in_one(channels=(ChannelInfo(emission_nm=510),))).picture.channels
        assert channel.color == 0x00FF00


def test_sources_on_several_drives_are_recorded_by_their_whole_paths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def differ(paths: list[Path]) -> str:
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr("nd2watch.convert.record.os.path.commonpath", differ)
    started = datetime(2026, 1, 1, tzinfo=UTC)
    plan = plan_of(in_time(file_of("a", started=started), file_of("b")))
    provenance = provenance_of(plan, [b"\0" * 16] * 2)
    assert provenance.folder == ""
    (first,) = provenance.frames[0].sources
    assert first is not None
    assert first.name == "in/a"
    assert "from 2 files of several drives" in text_of(plan).description
