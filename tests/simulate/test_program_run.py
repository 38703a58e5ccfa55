"""Runs of programs are what is asked for, named after the preset."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nd2watch.config import PresetConfig
from nd2watch.errors import FormatError, LayoutError
from nd2watch.simulate import RunRequest, plan_run
from tests.simulate.presets import preset

PLATE = "{well}_s{site}_t{t}_z{z}_c{c}.tif"


def paths(name: Any, request: RunRequest, **changes: Any) -> list[str]:
    """Return the paths of all frames."""
    return [frame.path for frame in plan_run(preset(name, **changes), request).run.frames]


def test_frames_come_in_the_order_of_acquisition() -> None:
    request = RunRequest(t=2, z=2, sites=2, wells=("B03", "B02"), channels=("A", "B"))
    found = paths(PLATE, request)
    assert found[:5] == [
        "B02_s1_t1_z1_c1.tif",
        "B02_s1_t1_z2_c1.tif",
        "B02_s1_t1_z1_c2.tif",
        "B02_s1_t1_z2_c2.tif",
        "B02_s2_t1_z1_c1.tif",
    ]
    assert found[-1] == "B03_s2_t2_z2_c2.tif"
    assert len(set(found)) == 32


def test_times_rise_and_periods_are_kept() -> None:
    request = RunRequest(t=3, z=4, channels=("A", "B"))
    run = plan_run(preset("t{t}z{z}c{c}", period_s=0.05), request).run
    times = [frame.time_ms for frame in run.frames]
    assert times == sorted(set(times))
    assert run.period_ms == 50
    assert [frame.time_ms for frame in run.frames[::8]] == [0, 50, 100]
    assert run.started.utcoffset() is not None
    assert all(
        frame.acquired - run.started == timedelta(milliseconds=frame.time_ms)
        for frame in run.frames
    )


def test_the_stage_goes_from_well_to_well_and_there_and_back() -> None:
    request = RunRequest(sites=4, z=3, wells=("A01", "B02"), width=100, height=200)
    run = plan_run(preset(PLATE), request).run
    places = {(f.well, f.site): f.stage_um[:2] for f in run.frames}
    assert len(set(places.values())) == 8
    xs = [places["A01", site][0] for site in range(4)]
    assert xs == [xs[0], xs[1], xs[1], xs[0]]
    assert places["A01", 1][0] - places["A01", 0][0] == pytest.approx(0.9 * 100 * 0.325)
    assert places["A01", 2][1] - places["A01", 1][1] == pytest.approx(0.9 * 200 * 0.325)
    assert places["B02", 0][0] - places["A01", 0][0] == 9000
    heights = [f.stage_um[2] for f in run.frames[:3]]
    assert heights == [2999.5, 3000, 3000.5]


def test_channels_of_one_plane_are_in_focus() -> None:
    request = RunRequest(z=3, channels=("DAPI", "DIC"), single_plane=("DIC",))
    run = plan_run(preset("z{z}_{cname}"), request).run
    assert [channel.z for channel in run.channels] == [3, 1]
    assert [f.path for f in run.frames] == ["z1_DAPI", "z2_DAPI", "z3_DAPI", "z1_DIC"]
    assert run.frames[-1].stage_um == run.frames[1].stage_um


@pytest.mark.parametrize(
    ("wells", "rows", "columns", "number"),
    [(("B02",), 8, 12, 14), (("a1", "P24"), 16, 24, 1), (("AA1",), 32, 48, 26 * 48 + 1)],
)
def test_plates_have_all_wells(
    wells: tuple[str, ...], rows: int, columns: int, number: int
) -> None:
    run = plan_run(preset("{well}_{number}"), RunRequest(wells=wells)).run
    assert (run.plate_rows, run.plate_columns) == (rows, columns)
    assert run.frames[0].path == f"{run.wells[0]}_{number}"


def test_numbers_begin_with_those_of_the_preset_or_of_its_simulation() -> None:
    request = RunRequest(t=2, z=2, channels=("A", "B"))
    name, first = "t{t}z{z:2}c{c}", {"t": 0, "z": 5}
    assert paths(name, request, first=first)[0] == "t0z05c1"
    with_own = preset(name, first=first)
    assert with_own.simulate is not None
    simulated = with_own.simulate.model_copy(update={"first": {"z": 7}})
    made = with_own.model_copy(update={"simulate": simulated})
    assert plan_run(made, request).run.frames[0].path == "t0z07c1"


def test_channels_are_written_by_name_number_or_label() -> None:
    request = RunRequest(channels=("DAPI", "a/b"))
    assert paths("{c}_{cname}", request) == ["1_DAPI", "2_a-b"]
    named = preset("{c}_{c:2}").model_copy(update={"channel_name": "c"})
    assert [f.path for f in plan_run(named, request).run.frames] == ["DAPI_01", "a-b_02"]
    assert paths("{c}", request, labels={"c": ["Ph", "C1"]}) == ["Ph", "C1"]


def test_pages_share_a_file_and_are_split_after_some() -> None:
    request = RunRequest(t=5, z=2, channels=("A", "B"))
    name = "{name}[_{part}].tif"
    found = paths(name, request, pages=["t", "z", "c"], split=2, first={"t": 0})
    assert found == ["run.tif"] * 8 + ["run_1.tif"] * 8 + ["run_2.tif"] * 4
    run = plan_run(preset(name, pages=["t", "z", "c"]), request).run
    assert [(f.z, f.c) for f in run.frames[:4]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {f.path for f in run.frames} == {"run.tif"}


def test_identities_are_those_of_files() -> None:
    request = RunRequest(t=2, z=2)
    found = paths("t{t}_{guid}.tif", request, pages=["z"])
    assert found[0] == found[1] != found[2] == found[3]
    assert found == paths("t{t}_{guid}.tif", request, pages=["z"])
    assert found != paths("t{t}_{guid}.tif", RunRequest(t=2, z=2, seed=1), pages=["z"])


def test_forms_have_names_and_pages_of_their_own() -> None:
    forms = {"one": "{t}.tif", "two": "{name}.tif"}
    request = RunRequest(t=2, name="x")
    pages = {"two": ["t"]}
    assert paths(forms, request, pages=pages) == ["1.tif", "2.tif"]
    second = RunRequest(t=2, name="x", form="two")
    assert paths(forms, second, pages=pages) == ["x.tif", "x.tif"]


def test_every_image_is_unlike_every_other() -> None:
    request = RunRequest(
        t=2, z=2, sites=2, wells=("A1", "B1"), channels=("A", "B"), width=32, height=24
    )
    acquired = plan_run(preset(PLATE), request)
    images = {acquired.pixels(frame).tobytes() for frame in acquired.run.frames}
    assert len(images) == 32
    assert acquired.pixels(acquired.run.frames[0]).shape == (24, 32)


@pytest.mark.parametrize(("dtype", "bits"), [("uint8", 8), ("uint16", 12)])
def test_the_bits_are_those_of_the_images(dtype: Any, bits: int) -> None:
    acquired = plan_run(preset("{t}"), RunRequest(dtype=dtype))
    assert acquired.run.bits == bits
    assert int(acquired.pixels(acquired.run.frames[0]).max()) < 2**bits


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("{t}", RunRequest(z=2), "do not tell Z planes, of which more than one"),
        ("{t}", RunRequest(sites=2), "do not tell XY positions, of which more than one"),
        ("{t}", RunRequest(wells=("B02",)), "do not tell wells"),
        ("{t}_{unknown}", RunRequest(), "cannot be written"),
        ("{t}", RunRequest(form="other"), "there is no form"),
        ("{c}", RunRequest(channels=("A", "A")), "names of their own"),
        ("{c}", RunRequest(single_plane=("B",)), "no channel of"),
        ("{well}", RunRequest(wells=("ZZ99",)), "no plate"),
    ],
)
def test_what_cannot_be_named_is_refused(name: str, request_: RunRequest, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        plan_run(preset(name), request_)


def test_too_many_points_for_the_labels_are_refused() -> None:
    with pytest.raises(LayoutError, match="at most 1"):
        paths("{c}", RunRequest(channels=("A", "B")), labels={"c": ["Ph"]})


def test_wells_without_a_name_of_wells_are_refused() -> None:
    with pytest.raises(FormatError, match="no name of a well"):
        plan_run(preset("{well}"), RunRequest(wells=("x",)))


def test_presets_without_a_simulation_are_refused() -> None:
    plain = PresetConfig.model_validate({"title": "This", "names": {"x": "(?P<t>.)"}})
    with pytest.raises(LayoutError, match="This cannot be simulated"):
        plan_run(plain, RunRequest())


@pytest.mark.parametrize("pages", [["z", "t"], ["c", "p"], {"x": ["p", "t"]}])
def test_pages_are_only_taken_in_the_order_of_acquisition(pages: Any) -> None:
    with pytest.raises(ValueError, match="t comes before p"):
        preset("{name}", pages=pages)
