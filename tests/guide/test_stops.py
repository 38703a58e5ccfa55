"""How far a name goes along with a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.experiment import compile_pattern, compile_regex
from nd2watch.guide.stops import stop_of
from tests.guide.runs import KNOWN

if TYPE_CHECKING:
    from nd2watch.guide.stops import Stop


def stop(source: str, path: str) -> Stop:
    pattern = compile_regex(source) if "(?P<" in source else compile_pattern(source)
    found = stop_of(pattern.forms[0], path.split("/"))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("path", "read", "wanted"),
    [
        ("cells_t001_xy1.tif", "cells_t001_xy1", "_c{c}.tif"),
        ("cells_t1_yx2_c1.tif", "cells_t1_", "xy{p}_c{c}.tif"),
        ("cells_tA_xy2_c1.tif", "cells_t", "{t}_xy{p}_c{c}.tif"),
        ("cells_t1_xy2_c1.png", "cells_t1_xy2_c1.", ".tif"),
    ],
)
def test_free_text_in_front_hides_nothing(path: str, read: str, wanted: str) -> None:
    found = stop("{prefix}_t{t}_xy{p}_c{c}.tif", path)
    assert found.text[: found.at] == read
    assert found.wanted == wanted


def test_a_field_that_is_too_short_is_named_with_its_form() -> None:
    found = stop(r"img_(?P<t>\d{9})_(?P<z>\d{3})\.tif", "img_00000012_003.tif")
    assert found.text[: found.at] == "img_00000012"
    assert (found.field, found.field_form) == ("t", r"\d{9}")
    assert found.wanted == "{t}_{z}.tif"


def test_free_text_is_not_told() -> None:
    found = stop(r"(?P<name>.+?)_z(?P<z>\d+)_(?P<c>\d+)\.tif", "a_long_name_z01.tif")
    assert found.told == len("_z01")
    assert found.share == pytest.approx(4 / 19)


def test_what_looks_ahead_is_no_progress() -> None:
    (form,) = KNOWN["yokogawa-cv8000"].layout.pattern.forms
    found = stop_of(form, ["SC_notes.tif"])
    assert found is not None
    assert (found.at, found.told) == (0, 0)


def test_a_path_of_too_few_folders_has_no_stop() -> None:
    (form,) = compile_pattern("{run}/t{t}.tif").forms
    assert stop_of(form, ["t1.tif"]) is None


def test_an_expression_that_takes_too_long_stops_a_name_at_its_start() -> None:
    found = stop(r"(?P<t>(?:\d|\d\d|[0-9]|\d?)+)+_x", "1" * 60 + "_" + "ab" * 90)
    assert found.share < 1
