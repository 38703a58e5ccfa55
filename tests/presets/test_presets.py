"""Every preset is whole, and what is simulated after it is read as it is meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import pytest

from nd2watch.config import built_in_presets
from nd2watch.experiment import OutputName, compile_regex, natural_key
from nd2watch.layouts import only_layout_of
from nd2watch.simulate import RunRequest, plan_run

if TYPE_CHECKING:
    from nd2watch.config import PresetConfig
    from nd2watch.experiment import FrameName, Layout
    from nd2watch.simulate.run import Run, RunFrame

PRESETS: Final = built_in_presets()
FORMS: Final = [(name, form) for name, preset in PRESETS.items() for form in preset.names]
CHANNEL_LABELS: Final = {
    label
    for preset in PRESETS.values()
    if preset.simulate is not None
    for label in preset.simulate.labels.get("c", [])
}
"""Channels as programs write them that have no names for them."""

SIZES: Final = {"t": {"t": 2}, "p": {"sites": 3}, "z": {"z": 12}, "c": {"channels": ("A", "B")}}


def pages_of(preset: PresetConfig, form: str) -> list[str]:
    """Return the axes inside the simulated files."""
    assert preset.simulate is not None
    pages = preset.simulate.pages
    return list(pages if isinstance(pages, list) else pages.get(form, []))


def large_request(preset: PresetConfig, form: str) -> RunRequest:
    """Return a request of several points on each axis that names or files of a form have."""
    layout, groups = only_layout_of(preset), compile_regex(preset.names[form]).fields
    told = {axis for axis in "tpzc" if set(layout.fields_of(axis)) & set(groups)}
    request = RunRequest(form=form)
    for axis in sorted(told | set(pages_of(preset, form))):
        request = replace(request, **SIZES[axis])  # type: ignore[arg-type]
    return replace(request, wells=("C11", "B02")) if preset.well is not None else request


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_described_and_end_their_sequences(name: str) -> None:
    preset = PRESETS[name]
    assert preset.title
    assert preset.notes
    assert preset.sequence
    # Sizes that nobody gives are told by a sidecar, or the end is seen.
    assert preset.sidecar is not None or {"quiet", "next"} & set(preset.complete.rules)


def test_titles_tell_presets_apart() -> None:
    assert len({preset.title for preset in PRESETS.values()}) == len(PRESETS)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_the_smallest_simulated_run_is_one_frame_of_its_form(name: str, form: str) -> None:
    preset = PRESETS[name]
    run = plan_run(preset, RunRequest(form=form)).run
    (frame,) = run.frames
    path = PurePosixPath(frame.path)
    assert compile_regex(preset.names[form]).match(path) is not None
    assert not only_layout_of(preset).is_ignored(path)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_simulated_names_tell_their_indices(name: str, form: str) -> None:
    preset = PRESETS[name]
    layout, pages = only_layout_of(preset), pages_of(preset, form)
    run = plan_run(preset, large_request(preset, form)).run
    parsed = [(frame, layout.parse(PurePosixPath(frame.path))) for frame in run.frames]
    wells = len(run.wells) if preset.file_per == "well" else 1
    assert len({told.sequence for _, told in parsed}) == wells
    for axis in set("tpzc") - set(pages):
        check_order(
            axis, {(index_of(run, frame, axis), label_of(told, axis)) for frame, told in parsed}
        )
    for frame, told in parsed:
        check_fields(layout, run, frame, told)


def index_of(run: Run, frame: RunFrame, axis: str) -> int:
    """Return the place of a frame on an axis; of all wells for positions."""
    if axis != "p":
        return int(getattr(frame, axis))
    return frame.site + (run.wells.index(frame.well) * run.sites if frame.well else 0)


def label_of(told: FrameName, axis: str) -> str:
    """Return the label of a frame on an axis, with the well for positions."""
    label = told.coordinate["tpzc".index(axis)]
    return f"{told.fields.get('well', '')} {label}" if axis == "p" else label


def check_order(axis: str, labels: set[tuple[int, str]]) -> None:
    """Compare indices with labels: each has one of its own, numbers in their order."""
    numbers = {index for index, _ in labels}
    assert len({label for _, label in labels}) == len(labels) == len(numbers), axis
    in_order = [label for _, label in sorted(labels)]
    if axis != "c" or all(label.isdecimal() for label in in_order):
        assert in_order == sorted(in_order, key=natural_key), axis


def check_fields(layout: Layout, run: Run, frame: RunFrame, told: FrameName) -> None:
    """Compare well and name of the channel."""
    if layout.wells is not None:
        assert told.fields["well"] == frame.well
    name = told.fields.get(layout.channel_name or "")
    if name is not None and name not in CHANNEL_LABELS:
        assert name == run.channels[frame.c].name


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("run_T01_DAPI - GFP.tif", True),
        ("2024_11_21_T0012_DAPI - FITC - TRITC.tif", True),
        ("run_T01_DAPI.tif", False),
        ("cells - day 1_t1z1.tif", False),
        ("cells - day 1_T01_DAPI.tif", False),
        ("2024_T1 mice_day - 3_t1z1.tif", False),
    ],
)
def test_merged_images_of_nis_elements_are_passed_over(name: str, ignored: bool) -> None:
    layout = only_layout_of(PRESETS["nis-elements"])
    assert layout.is_ignored(PurePosixPath(name)) is ignored
    assert layout.matches(PurePosixPath(name)) is not ignored


@pytest.mark.parametrize("name", PRESETS)
def test_output_names_tell_all_sequences_apart(name: str) -> None:
    template = PRESETS[name].output
    fields = only_layout_of(PRESETS[name]).key_fields
    assert not template or all(f"{{{field}}}" in template for field in fields)


@pytest.mark.parametrize(
    ("name", "path", "output"),
    [
        ("incucyte", "phase/VID1_A1_1_00d00h00m.tif", "VID1_A01.nd2"),
        ("incucyte", "a/phase/VID1_A1_1_00d00h00m.tif", "a_VID1_A01.nd2"),
        ("incucyte-archive", "EssenFiles/ScanData/2401/15/0930/7/B12-4-Ph.tif", "7_B12.nd2"),
        ("incucyte-archive", "a/EssenFiles/ScanData/2401/15/0930/7/B12-4-Ph.tif", "a_7_B12.nd2"),
        ("prairie", "T-1_Cycle00001_Ch1_000001.ome.tif", "T-1.nd2"),
        ("prairie", "T-1/T-1_Cycle00001_Ch1_000001.ome.tif", "T-1.nd2"),
        ("prairie", "a/b/T-1/T-1_Cycle00001_Ch1_000001.ome.tif", "a_b_T-1.nd2"),
    ],
)
def test_a_run_is_named_after_the_folders_above_it(name: str, path: str, output: str) -> None:
    preset = PRESETS[name]
    key = only_layout_of(preset).parse(path).sequence
    assert OutputName(template=preset.output).path(key, "scope") == Path(output)
