"""Faults of a configuration: each names its key and what to do, all at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import ConfigError
from nd2watch.service import load_settings
from tests.config.configs import PATTERN, SIZES, faults_of, written

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = f"{PATTERN}\n{SIZES}"

FAULTS = {
    "a rule twice": (
        'complete = { rules = ["quiet", "next", "quiet"] }',
        "complete.rules",
        "each rule counts once, not quiet, next, quiet",
    ),
    "an unknown rule": (
        'complete = { rules = ["quite"] }',
        "complete.rules[0]",
        "Input should be 'counts', 'marker', 'sidecar', 'next' or 'quiet'",
    ),
    "no rule": ("complete = { rules = [] }", "complete.rules", "List should have at least 1 item"),
    "a marker without a name": (
        'complete = { rules = ["marker"] }',
        "complete",
        'the rule "marker" and the name of the marker file go together',
    ),
    "a name without the marker rule": (
        'complete = { marker = "done" }',
        "complete",
        'the rule "marker" and the name of the marker file go together',
    ),
    "a marker with an unknown field": (
        'complete = { rules = ["marker"], marker = "{nme}_{x}.done" }',
        "complete.marker",
        "nme, x is not known; sequences have folder, name",
    ),
    "a pause of 0": ("complete = { quiet_s = 0 }", "complete.quiet_s", "greater than 0"),
    "an endless pause": ("complete = { quiet_s = inf }", "complete.quiet_s", "a finite number"),
    "need": ('complete = { need = "most" }', "complete.need", "Input should be 'any' or 'all'"),
    "a sidecar rule without sidecar": (
        'complete = { rules = ["sidecar"] }',
        "complete.rules",
        '"sidecar" needs a sidecar; name its kind and files',
    ),
    "an unknown kind of sidecar": (
        'sidecar = { kind = "metamorf", files = ["{name}.nd"] }',
        "sidecar.kind",
        "Input should be 'imagexpress', 'metamorph', 'micro-manager',",
    ),
    "a sidecar without files": (
        'sidecar = { kind = "metamorph" }',
        "sidecar.files",
        "Field required",
    ),
    "a deadline of 0": (
        "incomplete = { deadline_s = 0 }",
        "incomplete.deadline_s",
        "Input should be greater than 0",
    ),
    "an unknown action": (
        'incomplete = { action = "drop" }',
        "incomplete.action",
        "Input should be 'hold', 'trim' or 'fill'",
    ),
    "a plate with both sizes": (
        "plate = { wells = 96, rows = 8, columns = 12 }",
        "plate",
        "give either wells, or rows and columns",
    ),
    "a plate with half a size": (
        "plate = { rows = 8 }",
        "plate",
        "give either wells, or rows and columns",
    ),
    "a plate that there is not": (
        "plate = { wells = 95 }",
        "plate.wells",
        "Input should be 6, 12, 24, 48, 96, 384 or 1536",
    ),
    "a plate that is too large": (
        "plate = { rows = 10000, columns = 1 }",
        "plate",
        "a plate of 10000 rows; it has 1 to 9999",
    ),
    "an unknown order of sites": (
        'grid = { columns = 2, rows = 2, step_um = [1, 1], order = "spiral" }',
        "grid.order",
        "Input should be 'rows', 'columns', 'serpentine-rows' or 'serpentine-columns'",
    ),
    "a grid without sites": (
        "grid = { columns = 0, rows = 2, step_um = [1, 1] }",
        "grid.columns",
        "Input should be greater than or equal to 1",
    ),
    "a grid of one step": (
        "grid = { columns = 2, rows = 2, step_um = [1] }",
        "grid.step_um[1]",
        "Field required",
    ),
    "a grid of endless steps": (
        "grid = { columns = 2, rows = 2, step_um = [1, nan] }",
        "grid.step_um[1]",
        "a finite number",
    ),
    "a well of three fields": (
        'well = { fields = ["a", "b", "c"] }',
        "well.fields",
        "List should have at most 2 items",
    ),
    "a well of an unknown field": (
        'well = { fields = ["row", "name"] }',
        "well",
        "the field 'row' of the well is not in the pattern",
    ),
    "a file for each well without wells": (
        'file_per = "well"',
        "file_per",
        "names tell no well; name its fields in [well]",
    ),
    "an unknown part": ('file_per = "run"', "file_per", "Input should be 'plate', 'well' or"),
    "a time that is none": (
        "times = { elapsed = ['(?P<x>.)'] }",
        "times",
        "'(?P<x>.)' needs groups d, h, m, s, and no others",
    ),
    "a clock that is none": (
        'times = { clock = ["%Q"] }',
        "times",
        "'%Q' is no form of a clock time",
    ),
    "an axis of unknown fields": (
        'fields = { p = ["x", "p"] }',
        "fields",
        "the field 'x' of axis p is not in the pattern",
    ),
    "an axis that there is not": (
        'fields = { x = "p" }',
        "fields.x",
        "Input should be 't', 'p', 'z' or 'c'",
    ),
    "an unknown name of channels": (
        'channel_name = "cname"',
        "channel_name",
        "the field 'cname' of the channel's name is not in the pattern",
    ),
    "an unknown sequence field": (
        'sequence = ["plate"]',
        "sequence",
        "the sequence field 'plate' is not in the pattern",
    ),
    "an output of unknown fields": (
        'output = "{plate}"',
        "output",
        "uses plate; the sequence has watch, date, folder, name",
    ),
    "an output with an odd date": ('output = "{name:%Y}"', "output", "only {date} has a form"),
    "a first index below 0": (
        "first = { t = -1 }",
        "first.t",
        "Input should be greater than or equal to 0",
    ),
    "an absent label that is empty": (
        'absent = { z = "" }',
        "absent.z",
        "String should have at least 1 character",
    ),
    "ragged": ('ragged_z = "fill"', "ragged_z", "Input should be 'refuse', 'replicate' or 'sep"),
    "a typing error": ("pagse = 'z'", "pagse", "there is no such key"),
}

SIZE_FAULTS = {
    "no count": ('t = "5"', "axes.t", "Input should be a valid integer"),
    "a count of 0": (
        "p = 0",
        "axes.p",
        "Input should be greater than or equal to 1, or Input should be a valid list",
    ),
    "a key of a channel": (
        'c = ["A", { name = "B", colour = "#FF0000" }]',
        "axes.c[1].colour",
        "there is no such key",
    ),
    "a colour": ('c = [{ name = "B", color = "red" }]', "axes.c[0].color", "should match pattern"),
    "planes of a channel": ('c = [{ name = "B", z = 0 }]', "axes.c[0].z", "or equal to 1"),
    "a channel that is none": (
        "c = [3]",
        "axes.c[0]",
        "Input should be a valid string, or Input should be a table",
    ),
    "a channel twice": ('c = ["A", "A"]', "axes.c", "'A'"),
    "a size without a field": ("z = 4", "axes", "4 planes, but the pattern"),
}


@pytest.mark.parametrize(("keys", "key", "text"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_value_is_named_with_what_to_do(
    tmp_path: Path, keys: str, key: str, text: str
) -> None:
    faults = faults_of(tmp_path, f"{WHOLE}\n{keys}")
    assert list(faults) == [f"watch[0].{key}"]
    assert text in faults[f"watch[0].{key}"]


@pytest.mark.parametrize(("size", "key", "text"), SIZE_FAULTS.values(), ids=SIZE_FAULTS)
def test_a_wrong_size_is_named(tmp_path: Path, size: str, key: str, text: str) -> None:
    sizes = {"t": "t = 2", "p": "p = 2", "c": "c = 2", size[0]: size}
    faults = faults_of(tmp_path, f"{PATTERN}\naxes = {{ {', '.join(sizes.values())} }}")
    assert list(faults) == [f"watch[0].{key}"]
    assert text in faults[f"watch[0].{key}"]


@pytest.mark.parametrize(
    "keys",
    ["", f"{PATTERN}\nregex = '(?P<t>.)'", "names = {}", f"{PATTERN}\nnames = {{ a = 'x' }}"],
)
def test_a_watch_has_one_way_to_read_names(tmp_path: Path, keys: str) -> None:
    faults = faults_of(tmp_path, keys)
    assert faults == {"watch[0]": "give either preset, or pattern, or regex, or names"}


def test_without_sizes_something_else_ends_a_sequence(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, f"{PATTERN}\naxes = {{ t = 2 }}")
    assert list(faults) == ["watch[0].axes"]
    assert "give the size of p, c" in faults["watch[0].axes"]


def test_all_faults_of_all_sections_are_told_at_once(tmp_path: Path) -> None:
    watches = [f"{WHOLE}\n{keys}" for keys, _, _ in FAULTS.values()]
    faults = faults_of(tmp_path, *watches, 'preset = "nope"', further="[service]\nsettle_s = 0")
    expected = {f"watch[{number}].{key}" for number, (_, key, _) in enumerate(FAULTS.values())}
    assert faults.keys() == {*expected, f"watch[{len(watches)}].preset", "service.settle_s"}


def test_several_faults_of_one_section_are_told_at_once(tmp_path: Path) -> None:
    keys = (
        'complete = { rules = ["sidecar", "marker"], marker = "{x}" }\noutput = "{y}"\n'
        "times = { clock = ['%Q'] }\nplate = { rows = 10000, columns = 1 }"
    )
    faults = faults_of(tmp_path, f"{WHOLE}\n{keys}")
    assert sorted(faults) == [
        f"watch[0].{key}"
        for key in ("complete.marker", "complete.rules", "output", "plate", "times")
    ]


def test_a_regular_expression_is_told_by_its_key(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        f"regex = '(?P<t>'\n{SIZES}",
        f"names = {{ a = '(?P<t>.)', b = '(' }}\n{SIZES}",
        f'pattern = "{{t:x}}"\n{SIZES}',
    )
    assert list(faults) == ["watch[0].regex", "watch[1].names", "watch[2].pattern"]


def test_names_without_axes_are_told_by_their_key(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, "regex = 'x'\ncomplete = { rules = [\"quiet\"] }")
    assert list(faults) == ["watch[0].regex"]
    assert "names none of the axes t, p, z, c; write {t}" in faults["watch[0].regex"]


@pytest.mark.parametrize("key", ["output.folder", "watch[0].folder", "service.state_folder"])
@pytest.mark.parametrize(
    ("folder", "text"),
    [("o\\u0000t", "character of code 0"), ("~nobody-at-all/x", "no user to whom ~nobody-at-all")],
)
def test_a_folder_that_cannot_be_is_told_by_its_key(
    tmp_path: Path, key: str, folder: str, text: str
) -> None:
    path = written(tmp_path, WHOLE, further='[service]\nstate_folder = "state"')
    name = {"output.folder": "out", "watch[0].folder": "in0", "service.state_folder": "state"}[key]
    path.write_text(path.read_text().replace(f'folder = "{name}"', f'folder = "{folder}"'))
    with pytest.raises(ConfigError, match=text) as caught:
        load_settings(path)
    assert f"\n  {key}: " in str(caught.value)


def test_tables_in_tables_without_end_are_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="not valid TOML: it is nested too deeply"):
        load_settings(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows gives links to administrators alone")
def test_links_that_lead_to_each_other_are_told(tmp_path: Path) -> None:
    (tmp_path / "in0").symlink_to("out")
    (tmp_path / "out").symlink_to("in0")
    assert "output.folder" in faults_of(tmp_path, WHOLE)
