"""Templates of names are filled as programs write names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from nd2watch.errors import LayoutError
from nd2watch.simulate.template import FieldText, NameTemplate, numbered

FIELDS: Final[dict[str, FieldText | datetime]] = {
    "name": FieldText("run"),
    "t": numbered(7),
    "row": FieldText("C", 3),
    "col": numbered(11),
    "c": FieldText("DAPI", 1),
    "z": numbered(2),
    "clock": datetime(2026, 3, 2, 9, 5, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{name}_t{t}.tif", "run_t7.tif"),
        ("{name}_t{t:4}.tif", "run_t0007.tif"),
        ("{name:9}.tif", None),
        ("r{row:2}c{col:2}", "r03c11"),
        ("{row}{col}", "C11"),
        ("{c}_{c:3}", "DAPI_001"),
        ("{clock:%y%m/%d/%H%M}/x", "2603/02/0905/x"),
        ("{name}[_t{t}][_z{z:2}].tif", "run_z02.tif"),
        ("[t{t}z{z}]_{name}", "t7z2_run"),
        ("[{row}{col}--]W.tif", "W.tif"),
        ("[fixed]{name}", "run"),
    ],
)
def test_fields_are_written_and_single_axes_left_out(template: str, expected: str | None) -> None:
    made = NameTemplate(template)
    if expected is None:
        with pytest.raises(LayoutError, match="cannot be written"):
            made.render(FIELDS, {"t", "well"})
    else:
        assert made.render(FIELDS, {"t", "well"}) == expected


@pytest.mark.parametrize("template", ["{what}", "{t:wide}", "{clock}", "{c:%H}"])
def test_fields_that_cannot_be_written_are_refused(template: str) -> None:
    with pytest.raises(LayoutError, match="cannot be written"):
        NameTemplate(template).render(FIELDS, ())


@pytest.mark.parametrize(
    ("template", "names", "needs"),
    [("{well}_{t}", True, True), ("[{row}{col}--]{t}", True, False), ("{t}", False, False)],
)
def test_templates_tell_whether_they_have_wells(template: str, names: bool, needs: bool) -> None:
    made = NameTemplate(template)
    assert (made.names_well, made.needs_well) == (names, needs)
