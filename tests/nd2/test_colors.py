"""Display colours of channels."""

from __future__ import annotations

import pytest

from nd2watch.nd2 import display_color, wavelength_color


@pytest.mark.parametrize(
    ("wavelength_nm", "color"),
    [
        (350, 0x8000FF),
        (440, 0x0000FF),
        (465, 0x007FFF),
        (510, 0x00FF00),
        (545, 0x80FF00),
        (580, 0xFFFF00),
        (612.5, 0xFF8000),
        (645, 0xFF0000),
        (900, 0xFF0000),
    ],
)
def test_light_is_shown_in_its_colour(wavelength_nm: float, color: int) -> None:
    assert wavelength_color(wavelength_nm) == color


def test_channels_of_unknown_light_differ() -> None:
    assert len({display_color(number, 7) for number in range(7)}) == 7
    assert display_color(0, 1) == 0xFFFFFF
