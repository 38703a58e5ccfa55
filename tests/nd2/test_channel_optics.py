"""Optics and microscope of single channels, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nd2watch.nd2 import Channel, ImageAttributes, Nd2Reader, Optics, Picture
from nd2watch.nd2.lite_variant import Double, decode, encode
from tests.nd2.builders import frame_metadata, loops, write_one

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2.lite_variant import Item

GRAY = Channel(name="Gray")
LOW = Optics(objective_name="Plan Fluor 4x", magnification=4.0, numerical_aperture=0.13)
HIGH = Optics(
    objective_name="Plan Apo 60x Oil",
    magnification=60.0,
    numerical_aperture=1.4,
    immersion_index=1.515,
    zoom=1.5,
)


def write(path: Path, picture: Picture) -> Path:
    """Write one black frame."""
    count = picture.component_count
    attributes = ImageAttributes(width=4, height=3, component_count=count)
    return write_one(path, np.zeros((3, 4, count)), attributes, picture)


@pytest.mark.parametrize("common", [HIGH, LOW, Optics(), Optics(zoom=1.0)])
@pytest.mark.parametrize(
    "own", [LOW, HIGH, replace(HIGH, zoom=None), replace(HIGH, zoom=1.0), Optics(zoom=3.0), None]
)
def test_optics_of_a_channel_read_back_exactly(
    tmp_path: Path, common: Optics, own: Optics | None
) -> None:
    picture = Picture(channels=(GRAY, Channel(name="Own", optics=own)), optics=common)
    with Nd2Reader(write(tmp_path / "file.nd2", picture)) as reader:
        assert reader.picture == picture
        assert reader.picture.channels[1].optics == (None if own == common else own)
        assert reader.picture.optics == common


def test_optics_of_a_channel_that_tell_nothing_more_are_left_out() -> None:
    assert Channel(name="Own", optics=Optics()).optics is None
    picture = Picture(channels=(Channel(name="Own", optics=HIGH),), optics=HIGH)
    assert picture.channels[0].optics is None


def test_the_microscope_of_each_channel_reads_back(tmp_path: Path) -> None:
    names = ("Eclipse Ti2-E µ", "", "upright")
    channels = tuple(Channel(name=f"c{n}", microscope=name) for n, name in enumerate(names))
    with Nd2Reader(write(tmp_path / "file.nd2", Picture(channels=channels))) as reader:
        assert tuple(channel.microscope for channel in reader.picture.channels) == names


def picture_of(setting: dict[str, Item]) -> Picture:
    """Return a picture as read when its channel has this sample setting."""
    tree: dict[str, Any] = Picture(channels=(GRAY,), optics=HIGH).encode(
        frame_metadata(loops())[0], 0
    )
    tree["sPicturePlanes"]["sSampleSetting"] = {"a0": setting}
    return Picture.decode(decode(encode("root", tree))[1])


def test_a_setting_without_an_objective_tells_no_optics() -> None:
    assert picture_of({}).channels[0].optics is None
    assert picture_of({"pObjectiveSetting": {}}).channels[0].optics is None


def test_the_zoom_in_settings_of_nis_elements_is_not_that_of_the_channel() -> None:
    setting: dict[str, Item] = {
        "pDeviceSetting": {"m_sMicroscopeKey": "Microscope", "m_sMicroscopeFullName": "Ti2"},
        "pObjectiveSetting": HIGH.encode_setting(),
        "dObjectiveToPinholeZoom": Double(1.0),
    }
    (channel,) = picture_of(setting).channels
    assert (channel.optics, channel.microscope) == (None, "Ti2")
    (channel,) = picture_of({**setting, "pObjectiveSetting": LOW.encode_setting()}).channels
    assert channel.optics == replace(LOW, zoom=HIGH.zoom)
    (channel,) = picture_of({**setting, "pObjectiveSetting": {}}).channels
    assert channel.optics is None
