"""Words for modalities and colours."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import Modality
from nd2watch.tools.words import color_of, modality_of
from tests.nd2.builders import quick

FLUORESCENCE = Modality.FLUORESCENCE
WIDEFIELD = Modality.WIDEFIELD_FLUORESCENCE
LIGHT = Modality.TRANSMITTED_LIGHT
LASER = Modality.LASER_SCAN_CONFOCAL


@pytest.mark.parametrize(
    ("word", "modality"),
    [
        ("Wide-field", WIDEFIELD),
        ("Brightfield", LIGHT),
        ("Phase", LIGHT | Modality.PHASE_CONTRAST),
        ("DIC", LIGHT | Modality.DIC),
        ("DarkField", Modality.DARKFIELD | Modality.CAMERA),
        ("MC", LIGHT),
        ("TIRF", WIDEFIELD | Modality.TIRF),
        ("Confocal, Fluo", FLUORESCENCE | LASER),
        ("Confocal, Trans", Modality.BRIGHTFIELD | LASER),
        ("Multi-Photon", FLUORESCENCE | LASER | Modality.MULTIPHOTON),
        ("SFC pinhole", FLUORESCENCE | LASER),
        ("SFC slit", FLUORESCENCE | LASER),
        ("Spinning Disc", FLUORESCENCE | Modality.SPINNING_DISK),
        ("DSD", FLUORESCENCE | Modality.SPINNING_DISK),
        ("NSIM", FLUORESCENCE | Modality.STRUCTURED_ILLUMINATION),
        ("iSim", FLUORESCENCE | Modality.STRUCTURED_ILLUMINATION),
        ("RCM", FLUORESCENCE | LASER),
        ("CSU W1-SoRa", FLUORESCENCE | Modality.SPINNING_DISK),
        ("NSPARC", FLUORESCENCE | LASER),
        ("light sheet", Modality.LIGHT_SHEET),
        ("widefield_fluorescence", WIDEFIELD),
    ],
)
def test_each_word_is_a_modality_however_it_is_spelled(word: str, modality: Modality) -> None:
    assert modality_of(word) == modality
    assert modality_of(word.upper().replace(" ", "_")) == modality
    assert modality_of(word.lower().replace("-", "").replace(",", " ")) == modality


@pytest.mark.parametrize("name", [*Modality.__members__])
def test_each_modality_is_known_by_its_own_name(name: str) -> None:
    modality = modality_of(name)
    assert modality is not None
    assert Modality[name] in modality


@pytest.mark.parametrize("word", ["", " ", "Unknown", "undefined"])
def test_unknown_is_no_modality(word: str) -> None:
    assert modality_of(word) is None


def test_another_word_is_refused_with_a_list_of_those_that_are_known() -> None:
    with pytest.raises(FormatError, match=r"'Fluo'.*Wide-field; .*Confocal, Fluo; .*; Unknown"):
        modality_of("Fluo")


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("red", 0xFF0000),
        ("Blue", 0x0000FF),
        (" GRAY ", 0x808080),
        ("green", 0x00FF00),
        ("orange", 0xFFA500),
        ("rebeccapurple", 0x663399),
        ("#f80", 0xFF8800),
        ("#FF8001", 0xFF8001),
        ("ff8001", 0xFF8001),
        ((1.0, 0.5, 0.0), 0xFF8000),
        ((1.0, 0, 0), 0xFF0000),
        ([0.0, 0.0, 1.0], 0x0000FF),
        (np.array([0.0, 1.0, 0.0], np.float32), 0x00FF00),
        ((255, 128, 1), 0xFF8001),
        ((1, 0, 0), 0x010000),
    ],
)
def test_colours_are_names_numbers_or_parts(color: Any, expected: int) -> None:
    assert color_of(color) == expected


@pytest.mark.parametrize(
    "color",
    [
        "",
        "reddish",
        "#12",
        "#12345",
        "ff",
        "rgb(300, 0, 0)",
        "x" * 200,
        (0.1, 0.2),
        (1.5, 0.0, 0.0),
        (-0.5, 0.0, 0.0),
        (256, 0, 0),
        (float("nan"), 0.0, 0.0),
        (float("inf"), 0.0, 0.0),
        ("r", "g", "b"),
        (),
        7,
    ],
)
def test_what_is_no_colour_is_refused(color: Any) -> None:
    with pytest.raises(FormatError, match=r"is no colour that is known; .*#RRGGBB"):
        color_of(color)


@quick
@given(st.text(max_size=12))
def test_any_text_is_a_colour_or_refused(text: str) -> None:
    with contextlib.suppress(FormatError):
        assert 0 <= color_of(text) <= 0xFFFFFF


@quick
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_parts_and_hexadecimal_numbers_agree(parts: tuple[int, int, int]) -> None:
    number = "{:02x}{:02x}{:02x}".format(*parts)
    assert color_of(f"#{number}") == color_of(number) == color_of(parts) == int(number, 16)
    assert color_of([part / 255 for part in parts]) == color_of(parts)
