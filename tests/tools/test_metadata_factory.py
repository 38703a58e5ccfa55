"""Channels and optics that are made step by step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest

import nd2watch
from nd2watch.errors import FormatError
from nd2watch.metadata_factory import MetadataFactory, PictureMetadata, Plane
from nd2watch.nd2 import Channel, Modality, Optics, Picture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import VendorSdk

CONFOCAL = Modality.FLUORESCENCE | Modality.LASER_SCAN_CONFOCAL


def channel_of(**settings: Any) -> Channel:
    """Return the one channel of settings."""
    (channel,) = MetadataFactory([settings])().channels
    return channel


def test_planes_are_given_as_keywords_mappings_or_values() -> None:
    settings: dict[str, Any] = {"name": "GFP", "color": "green", "emission_wavelength": 520}
    factory = MetadataFactory([settings, Plane(name="Cy3")])
    factory.addPlane(name="Cy5", color="red")
    factory.addPlane({"name": "Cy7", "color": "red"}, color="blue")
    factory.addPlane(Plane(name="DIA"), modality="Brightfield")
    channels = factory.createMetadata().channels
    assert [channel.name for channel in channels] == ["GFP", "Cy3", "Cy5", "Cy7", "DIA"]
    assert channels[0].emission_nm == 520
    assert [channels[n].color for n in (0, 2, 3)] == [0x00FF00, 0xFF0000, 0x0000FF]
    assert channels[4].modality == Modality.TRANSMITTED_LIGHT


def test_every_setting_has_its_place() -> None:
    factory = MetadataFactory(pixel_calibration=0.5)
    factory.addPlane(
        name="GFP",
        modality="Confocal, Fluo",
        excitation_wavelength=488,
        emission_wavelength=520.5,
        color="#12AB34",
        objective_magnification=60,
        objective_numerical_aperture=1.4,
        zoom_magnification=2,
        immersion_refractive_index=1.515,
        pinhole_diameter=50,
        camera_name="PMT 1",
        microscope_name="Ti2",
        filter_name="FITC",
        acquisition_time=datetime(2024, 5, 6, 7, 8, tzinfo=UTC),
    )
    assert factory() == Picture(
        channels=(
            Channel(
                name="GFP",
                color=0x12AB34,
                excitation_nm=488,
                emission_nm=520.5,
                modality=CONFOCAL,
                pinhole_um=50,
                camera="PMT 1",
                microscope="Ti2",
            ),
        ),
        optics=Optics(magnification=60, numerical_aperture=1.4, immersion_index=1.515, zoom=2),
        pixel_size_um=0.5,
        started=datetime(2024, 5, 6, 7, 8, tzinfo=UTC),
    )


def test_settings_of_the_factory_are_those_of_every_plane_without_its_own() -> None:
    factory = MetadataFactory(camera_name="Camera", objective_magnification=40)
    factory.addPlane(name="A")
    factory.addPlane(name="B", camera_name="Other", objective_magnification=None)
    assert factory.planes[0].objective_magnification == 40
    first, second = factory().channels
    assert (first.camera, second.camera) == ("Camera", "Other")
    assert factory().optics == Optics(magnification=40)


def test_planes_with_other_optics_have_their_own() -> None:
    factory = MetadataFactory(objective_magnification=40, immersion_refractive_index=1.5)
    factory.addPlane(name="A")
    factory.addPlane(name="B", objective_magnification=20, microscope_name="Ni")
    picture = factory()
    assert picture.optics == Optics(immersion_index=1.5)  # what they share
    assert picture.channels[0].optics == Optics(magnification=40, immersion_index=1.5)
    assert picture.channels[1].optics == Optics(magnification=20, immersion_index=1.5)
    assert [channel.microscope for channel in picture.channels] == ["", "Ni"]


def test_planes_can_be_changed_after_they_are_added() -> None:
    factory = MetadataFactory()
    given = Plane(name="A")
    added = factory.addPlane(given)
    added.color = "red"
    factory.addPlane(name="B")
    for key, pinhole_um in ((0, 30), ("B", 40)):
        plane = factory.getChannel(key)
        assert plane is not None
        plane.pinhole_diameter = pinhole_um
    first, second = factory().channels
    assert (first.color, first.pinhole_um, second.pinhole_um) == (0xFF0000, 30, 40)
    assert given.color is None


def test_a_channel_that_is_not_there_is_none() -> None:
    factory = MetadataFactory([{"name": "A"}])
    assert factory.getChannel("B") is None
    assert factory.getChannel(1) is None
    assert factory.getChannel(-1) is None


@pytest.mark.parametrize("unknown", [None, 0, -1, 0.0, -1.0])
def test_numbers_of_0_and_minus_1_are_unknown(unknown: float | None) -> None:
    names = [
        "excitation_wavelength",
        "emission_wavelength",
        "objective_magnification",
        "objective_numerical_aperture",
        "zoom_magnification",
        "immersion_refractive_index",
        "pinhole_diameter",
    ]
    factory = MetadataFactory(
        pixel_calibration=-1 if unknown is None else unknown, **dict.fromkeys(names, unknown)
    )
    factory.addPlane(name="A", color="red")
    plain = Channel(name="A", color=0xFF0000, modality=Modality(0))
    assert factory() == Picture(channels=(plain,))


@pytest.mark.parametrize("word", [None, "", "Unknown", "undefined"])
def test_an_unknown_modality_is_stored_as_such(word: str | None) -> None:
    assert channel_of(modality=word).modality == Modality(0)


def test_a_modality_can_be_a_value() -> None:
    assert channel_of(modality=CONFOCAL).modality == CONFOCAL


def test_names_and_colours_that_are_left_out_are_by_place() -> None:
    factory = MetadataFactory([{}, {"name": "GFP", "color": ""}, {}])
    channels = factory().channels
    assert [channel.name for channel in channels] == ["Channel 1", "GFP", "Channel 3"]
    assert len({channel.color for channel in channels}) == 3
    assert channel_of().color == 0xFFFFFF


def test_without_planes_there_are_the_usual_ones() -> None:
    factory = MetadataFactory(camera_name="Camera")
    assert factory.createMetadata().channels == (
        Channel(name="Mono", modality=Modality.FLUORESCENCE, camera="Camera"),
    )
    three = factory.createMetadata(number_of_channels_fallback=3).channels
    assert [channel.name for channel in three] == ["Channel 1", "Channel 2", "Channel 3"]
    assert len({channel.color for channel in three}) == 3
    (rgb,) = factory.createMetadata(is_rgb_fallback=True).channels
    assert (rgb.name, rgb.component_count, rgb.camera) == ("RGB", 3, "Camera")
    assert rgb.modality == Modality.TRANSMITTED_LIGHT
    assert factory.planes == []


def test_planes_come_before_the_usual_ones() -> None:
    factory = MetadataFactory([{"name": "A"}])
    picture = factory.createMetadata(number_of_channels_fallback=3, is_rgb_fallback=True)
    assert [channel.name for channel in picture.channels] == ["A"]
    assert not picture.is_rgb


def test_the_file_begins_when_the_first_plane_was_taken() -> None:
    early = datetime(2024, 5, 6, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    factory = MetadataFactory([{"acquisition_time": early + timedelta(seconds=3)}, {}])
    factory.addPlane(acquisition_time=early)
    assert factory().started == early


def test_a_time_without_a_zone_is_local() -> None:
    local = datetime(2024, 5, 6, 7, 8)
    picture = MetadataFactory([{"acquisition_time": local}])()
    assert picture.started == local.astimezone()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modality": "Fluo"}, "'Fluo' is no modality"),
        ({"modality": 3}, "modality is 3"),
        ({"color": "reddish"}, "'reddish' is no colour"),
        ({"pinhole_diameter": -5}, "pinhole_um of channel Channel 1 is -5"),
        ({"objective_magnification": "60x"}, "magnification of the optics is '60x'"),
        ({"acquisition_time": "today"}, "acquisition_time is 'today'"),
        ({"name": "a\0b"}, r"a channel's name .* U\+0000"),
    ],
)
def test_what_cannot_be_stored_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        MetadataFactory([settings])()


def test_two_planes_of_one_name_are_refused() -> None:
    with pytest.raises(FormatError, match="channel names must be there and differ"):
        MetadataFactory([{"name": "A"}, {"name": "A"}])()


def test_settings_that_do_not_exist_are_refused_at_once() -> None:
    with pytest.raises(TypeError, match="objective_mag"):
        MetadataFactory(objective_mag=40)
    factory = MetadataFactory()
    with pytest.raises(TypeError, match="colour"):
        factory.addPlane(colour="red")
    with pytest.raises(AttributeError, match="colour"):
        factory.addPlane().colour = "red"  # type: ignore[attr-defined]


def test_readers_show_what_a_factory_made(vendor_sdk: VendorSdk, tmp_path: Path) -> None:
    factory = MetadataFactory(pixel_calibration=0.25, zoom_magnification=1.5, pinhole_diameter=50)
    factory.addPlane(name="A", modality="Confocal, Fluo", color="blue", excitation_wavelength=405)
    factory.addPlane(name="B", modality="DIC", objective_magnification=20, microscope_name="Ti2")
    attributes = nd2watch.ImageAttributes(width=4, height=3, component_count=2)
    path = tmp_path / "a.nd2"
    with nd2watch.Nd2Writer(path, attributes, picture=factory()) as writer:
        writer.write_frame(np.zeros((3, 4, 2), np.uint16))
    with nd2watch.Nd2Reader(path) as reader:
        assert reader.picture == factory()
    with nd2.ND2File(path) as file:
        assert file.voxel_size()[:2] == (0.25, 0.25)
        first, second = file.metadata.channels  # type: ignore[misc]
        assert (first.channel.name, second.channel.name) == ("A", "B")
        color = first.channel.color
        assert (color.r, color.g, color.b) == (0, 0, 255)
        assert first.channel.excitationLambdaNm == 405
        assert first.microscope.modalityFlags == ["fluorescence", "laserScanConfocal"]
        assert second.microscope.modalityFlags == ["brightfield", "diContrast", "camera"]
        assert first.microscope.zoomMagnification == 1.5
        assert first.microscope.pinholeDiameterUm == 50
    shown = vendor_sdk.read(path).metadata["channels"]
    assert [found["channel"]["name"] for found in shown] == ["A", "B"]
    assert shown[1]["microscope"]["objectiveMagnification"] == 20


def test_the_picture_has_limnd2s_name_too() -> None:
    assert PictureMetadata is nd2watch.PictureMetadata is Picture
    assert nd2watch.MetadataFactory is MetadataFactory
