"""The names that programs give their frames are read as they are meant."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nd2watch.config import built_in_presets
from nd2watch.experiment import compile_regex

FORMS: Final = {
    "mm14": ("micro-manager", "1.4"),
    "mm20": ("micro-manager", "2.0"),
    "mmome": ("micro-manager", "stack"),
    "nis": ("nis-elements", "tokens"),
    "nis_chname": ("nis-elements", "channel names"),
    "metamorph": ("metamorph", "metamorph"),
    "imagexpress": ("imagexpress", "export"),
    "imagexpress_store": ("imagexpress", "database"),
    "ix_hcsai": ("imagexpress-hcsai", "hcsai"),
    "phenix": ("operetta", "phenix"),
    "cv7000": ("yokogawa-cv8000", "cv7000"),
    "cv1000": ("yokogawa-cq1", "cv1000"),
    "lasx": ("lasx", "export"),
    "lasx_matrix": ("lasx-matrix", "matrix"),
    "zen": ("zen", "export"),
    "scanr": ("scanr", "data"),
    "thor": ("thorimage", "thorimage"),
    "prairie": ("prairie", "prairie"),
    "scanimage": ("scanimage", "acquisition"),
    "andor_iq": ("andor-iq", "iq"),
    "andor_fusion": ("andor-fusion", "export"),
    "incucyte": ("incucyte", "export"),
    "incucyte_archive": ("incucyte-archive", "archive"),
    "numbered": ("numbered", "numbered"),
    "pco": ("pco", "recording"),
    "incell": ("incell", "incell"),
    "generic": ("generic", "tokens"),
    "incucyte_prefix": ("incucyte", "channel in name"),
    "cellsens": ("cellsens", "file"),
}
"""Preset and form of each kind of names in the table."""

GROUPS: Final = {
    "mm14": {"p": "pname"},
    "mmome": {"part": "t"},
    "incucyte": {"folder": "c"},
    "incucyte_archive": {"vessel": "name"},
}
"""Groups that the presets call otherwise than the table."""

ROWS: Final = [
    tuple(cell.strip() for cell in line.split(" | "))
    for line in Path(__file__).with_name("names.txt").read_text(encoding="utf-8").splitlines()
]
ACCEPTED: Final = [(row[0], row[2], row[3]) for row in ROWS if row[1] == "+"]
REFUSED: Final = [(row[0], row[2]) for row in ROWS if row[1] == "-"]


def fields_of(kind: str, name: str) -> dict[str, str] | None:
    """Return what the form of a kind of names tells of one."""
    preset, form = FORMS[kind]
    expression = built_in_presets()[preset].names[form]
    return compile_regex(expression).match(PurePosixPath(name))


@pytest.mark.parametrize(("kind", "name", "expected"), ACCEPTED)
def test_names_tell_their_fields(kind: str, name: str, expected: str) -> None:
    found = fields_of(kind, name)
    assert found is not None
    for group, text in json.loads(expected).items():
        assert found.get(GROUPS.get(kind, {}).get(group, group)) == text, group


@pytest.mark.parametrize(("kind", "name"), REFUSED)
def test_other_names_are_not_taken_for_frames(kind: str, name: str) -> None:
    assert fields_of(kind, name) is None


def test_every_form_of_a_preset_is_in_the_table() -> None:
    known = {(preset, form) for preset, p in built_in_presets().items() for form in p.names}
    assert known == set(FORMS.values())
    assert {row[0] for row in ROWS} == FORMS.keys()


QUICK_REFUSAL: Final = r"(?!.*-[0-9A-F]{12}\.[^./]*$)"
"""Names of the database end in this, and names of an export cannot."""

GUID: Final = "401562CF-BD52-4C90-A944-83185F26B372"
NAMES: Final = st.builds(
    lambda *parts: "".join(parts),
    *map(
        st.sampled_from,
        [
            ("", "a/", "a/b/", f"{GUID}.tif/", "\n/"),
            ("", "TimePoint_1/", "TimePoint_12/ZStep_2/", "ZStep_3/"),
            ("9987", "a_b", "x-7", GUID, ""),
            ("_B02", "_AB12", "_", ""),
            ("", "_s1", "_s"),
            ("", "_w2", "_w"),
            ("", "_t3"),
            ("", GUID, GUID[-13:], GUID[-12:], GUID.lower(), f"{GUID}_w1", ".", "-"),
            (".tif", ".TIF", ".tiff", ".tif\n", ".x.tif", ""),
        ],
    ),
)


@settings(deadline=None, derandomize=True, max_examples=1000)
@given(name=NAMES)
@example(name="9987_B02_s1_w2.tif")
@example(name=f"9987_B02_s1_w2{GUID}.tif")
@example(name=f"{GUID}.tif/9987_B02.TIF")
@example(name=f"a{GUID[-13:]}.x_B02.tif")
def test_names_of_an_export_are_those_of_its_slow_expression(name: str) -> None:
    quick = built_in_presets()["imagexpress"].names["export"]
    assert quick.startswith(QUICK_REFUSAL)
    slow = compile_regex(quick.removeprefix(QUICK_REFUSAL))
    assert compile_regex(quick).match(name) == slow.match(name)
