"""Layouts: from names to sequences and coordinates, and the order of labels."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import LayoutError
from nd2watch.experiment import AxisSize, Calibration, Layout, compile_pattern, compile_regex
from nd2watch.experiment.axes import natural_key, ordered_labels, plain_label
from nd2watch.nd2 import Well, WellPlate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.experiment import NamePattern

PATTERN = compile_pattern("{sample}_t{t}_xy{p}_z{z}_c{c}.tif")


def layout(pattern: str, **sizes: AxisSize) -> Layout:
    return Layout(pattern=compile_pattern(pattern), sizes=sizes)


def test_a_name_gives_sequence_and_coordinate() -> None:
    found = Layout(pattern=PATTERN).parse(PurePosixPath("day/s_t001_xy2_z03_cGFP.tif"))
    assert found.sequence == (("folder", "day"), ("sample", "s"))
    assert found.coordinate == ("1", "2", "3", "GFP")


def test_an_axis_that_the_name_lacks_has_an_empty_label() -> None:
    assert layout("t{t}.tif").parse(PurePosixPath("t3.tif")).coordinate == ("3", "", "", "")


def test_a_group_that_takes_no_part_has_an_empty_label() -> None:
    pattern = compile_regex(r"t(?P<t>\d+)(_z(?P<z>\d+))?(_(?P<well>\w+))?\.tif")
    found = Layout(pattern=pattern).parse(PurePosixPath("t3.tif"))
    assert found.coordinate == ("3", "", "", "")
    assert found.sequence == (("folder", ""), ("well", ""))


def test_a_name_that_does_not_match_is_refused() -> None:
    with pytest.raises(LayoutError, match=r"a/note\.txt does not match the pattern 't{t}\.tif'"):
        layout("t{t}.tif").parse(PurePosixPath("a/note.txt"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (None, (("folder", "day"), ("sample", "s"))),
        (("sample",), (("sample", "s"),)),
        (("sample", "folder"), (("sample", "s"), ("folder", "day"))),
        ((), ()),
    ],
    ids=["all by default", "one", "in the given order", "none: one sequence"],
)
def test_sequence_fields_tell_sequences_apart(
    fields: tuple[str, ...] | None, expected: tuple[tuple[str, str], ...]
) -> None:
    value = Layout(pattern=PATTERN, sequence_fields=fields)
    assert value.parse(PurePosixPath("day/s_t1_xy2_z3_c4.tif")).sequence == expected


@pytest.mark.parametrize(
    ("sizes", "fields", "message"),
    [
        pytest.param({"y": AxisSize(count=2)}, None, "'y' is no axis; axes are t, p, z", id="axis"),
        pytest.param(
            {"z": AxisSize(count=2)},
            None,
            r"axis z is to have 2 planes, but the pattern 's{s}_t{t}\.tif' has no field {z}",
            id="size without field",
        ),
        pytest.param({}, ("well",), "'well' is not in the pattern .* it has folder, s", id="field"),
        pytest.param({}, ("t",), "sequence field 't' is not", id="axis as sequence field"),
    ],
)
def test_a_layout_that_does_not_fit_its_pattern_is_refused(
    sizes: dict[str, AxisSize], fields: tuple[str, ...] | None, message: str
) -> None:
    pattern = compile_pattern("s{s}_t{t}.tif")
    with pytest.raises(LayoutError, match=message):
        Layout(pattern=pattern, sizes=sizes, sequence_fields=fields)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (compile_pattern(""), "names none of the axes"),
        (compile_pattern("{x}.tif"), "names none of the axes t, p, z, c; write {t}"),
        (compile_regex(r"t(\d+)\.tif"), r"names none of the axes .* \(\?P<t>"),
    ],
    ids=["empty", "no axis", "no named group"],
)
def test_names_without_an_axis_are_refused(pattern: NamePattern, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        Layout(pattern=pattern)


def test_an_axis_of_one_needs_no_field() -> None:
    value = layout("{t}.tif", z=AxisSize(count=1), t=AxisSize(count=3))
    assert value.unsized_axes == ()
    assert Layout(pattern=PATTERN, sizes={"z": AxisSize(count=4)}).unsized_axes == ("t", "p", "c")


def test_an_axis_that_tells_sequences_apart_has_no_size() -> None:
    with pytest.raises(LayoutError, match="2 positions, but each of them is a sequence of its own"):
        Layout(pattern=PATTERN, file_per="site", sizes={"p": AxisSize(count=2)})


def test_sizes_do_not_follow_the_callers_dictionary() -> None:
    sizes = {"t": AxisSize(count=3)}
    value = Layout(pattern=PATTERN, sizes=sizes)
    sizes["t"] = AxisSize(count=9)
    assert value.sizes["t"].count == 3


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        (".nd2watch-0123456789abcdef.tmp", True),
        (".hidden.tif", True),
        ("~lock.tif", True),
        ("img.tif~", True),
        ("img.tif.tmp", True),
        ("img.tif.part", True),
        ("img.tif.partial", True),
        ("img.tif.crdownload", True),
        ("img.tif", False),
        ("template.tif", False),
        ("part1.tif", False),
    ],
)
def test_temporary_names_are_passed_over(name: str, ignored: bool) -> None:
    assert Layout(pattern=PATTERN).is_ignored(PurePosixPath(name)) is ignored


def test_names_to_pass_over_can_be_chosen() -> None:
    value = Layout(pattern=PATTERN, ignore=("*_thumb*",))
    assert value.is_ignored(PurePosixPath("a_thumb1.tif"))
    assert not value.is_ignored(PurePosixPath(".hidden.tif"))


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("ZStep_0/a.tif", True),
        ("run/ZStep_0/a.tif", True),
        ("run/ZStep_01/a.tif", False),
        ("Previews/a.tif", True),
        ("run/Previews/a.tif", False),
        ("run/a.TMP", True),
    ],
)
def test_folders_can_be_passed_over(path: str, ignored: bool) -> None:
    value = Layout(pattern=PATTERN, ignore=("*/ZStep_0/*", "previews/*", "*.tmp"))
    assert value.is_ignored(PurePosixPath(path)) is ignored


CHANNELS = AxisSize(count=2, labels=("TRITC", "DAPI"))


@pytest.mark.parametrize("label", ["DAPI", "TRITC", "1", "02"])
def test_listed_names_and_numbers_are_taken_for_a_channel(label: str) -> None:
    found = layout("c{c}.tif", c=CHANNELS).parse(PurePosixPath(f"c{label}.tif"))
    assert found.coordinate == ("", "", "", plain_label(label))


@pytest.mark.parametrize("label", ["GFP", "dapi", "DAPI2", "Ⅳ"])
def test_a_word_that_is_not_listed_is_refused(label: str) -> None:
    with pytest.raises(LayoutError) as caught:
        layout("c{c}.tif", c=CHANNELS).parse(PurePosixPath(f"c{label}.tif"))
    assert str(caught.value) == (
        f"c{label}.tif names the channel {label!r}; the layout lists TRITC, DAPI"
    )


@pytest.mark.parametrize(
    ("count", "labels", "message"),
    [
        (0, (), "an axis of 0 values; it needs at least 1"),
        (2, ("a",), r"\['a'\] are not 2 different ones"),
        (2, ("a", "a"), "not 2 different"),
        (2, ("1", "01"), r"\['1', '1'\] are not 2"),
    ],
    ids=["empty", "too few labels", "label twice", "label twice but for padding"],
)
def test_a_wrong_axis_size_is_refused(count: int, labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        AxisSize(count=count, labels=labels)


@pytest.mark.parametrize("name", ["pixel_size_um", "z_step_um", "period_ms"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_physical_size_that_is_not_above_0_is_refused(name: str, value: float) -> None:
    with pytest.raises(LayoutError, match=f"{name} is {value}; it must be above 0"):
        Calibration(**{name: value})


@pytest.mark.parametrize(
    ("seen", "labels", "expected"),
    [
        pytest.param(["2", "0", "1"], [], ("0", "1", "2"), id="from 0"),
        pytest.param(["10", "9", "1"], [], ("1", "9", "10"), id="gaps and two digits"),
        pytest.param(["1005", "1000"], [], ("1000", "1005"), id="another base"),
        pytest.param(["t10", "t9"], [], ("t9", "t10"), id="numbers in words"),
        pytest.param(["b", "a", "1"], [], ("1", "a", "b"), id="numbers before words"),
        pytest.param(["DAPI"], CHANNELS.labels, ("TRITC", "DAPI"), id="listed order"),
        pytest.param(["DAPI", "TRITC"], CHANNELS.labels, ("TRITC", "DAPI"), id="all listed"),
        pytest.param(["2", "1"], CHANNELS.labels, ("1", "2"), id="numbers instead of listed names"),
        pytest.param(["2", "1"], [], ("1", "2"), id="nothing expected"),
        pytest.param(
            ["AA1-Site_0", "B1-Site_0", "B1-Site_10", "B1-Site_9"],
            [],
            ("B1-Site_0", "B1-Site_9", "B1-Site_10", "AA1-Site_0"),
            id="wells at the start of names",
        ),
        pytest.param(["DAPI", "CY5", "C1"], [], ("C1", "CY5", "DAPI"), id="some no wells"),
    ],
)
def test_labels_are_put_in_order(
    seen: list[str], labels: Sequence[str], expected: tuple[str, ...]
) -> None:
    assert ordered_labels(seen, labels) == expected


@pytest.mark.parametrize("form", ["{}", "{}_1"], ids=["wells", "with sites"])
@pytest.mark.parametrize("count", [96, 384, 1536])
def test_wells_go_row_by_row_on_every_plate(count: int, form: str) -> None:
    plate = WellPlate.standard(count)
    wells = [
        Well(row=row, column=column).name
        for row in range(plate.rows)
        for column in range(plate.columns)
    ]
    assert len(wells) == count
    labels = [form.format(well) for well in wells]
    assert ordered_labels(reversed(labels)) == tuple(labels)


def test_sites_are_ranked_within_their_wells() -> None:
    in_order = ("A01_2", "A01_10", "B01_1", "Z01_1", "AA01_1", "AA01_2", "AF48_1")
    assert ordered_labels(sorted(in_order)) == in_order


@pytest.mark.parametrize(
    ("label", "expected"),
    [("007", "7"), ("0", "0"), ("000", "0"), ("C07", "C07"), ("", ""), ("²", "²"), ("-1", "-1")],
)
def test_padding_of_numbers_does_not_count(label: str, expected: str) -> None:
    assert plain_label(label) == expected


def test_names_sort_as_people_count() -> None:
    names = ["z10", "z9", "z9b", "10", "9", "z", ""]
    assert sorted(names, key=natural_key) == ["", "9", "10", "z", "z9", "z9b", "z10"]
