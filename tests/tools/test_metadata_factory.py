"""Channels and optics that are made step by step."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest

import nd2watch
from nd2watch.errors import FormatError
from nd2watch.metadata_factory import MetadataFactory, PictureMetadata, Plane
from nd2watch.nd2 import Channel, Modality, Optics, Picture
from nd2watch.sources import ChannelInfo, OpticsInfo
from nd2watch.tools.metadata_factory import StatedPicture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import VendorSdk

CONFOCAL = Modality.FLUORESCENCE | Modality.LASER_SCAN_CONFOCAL


def channel_of(**settings: Any) -> Channel:
    """Return the one channel of settings."""
    (channel,) = MetadataFactory([settings])().channels
    return channel


def picture_of(factory: MetadataFactory) -> Picture:
    """Return what a factory makes, without what was stated of it."""
    made = factory()
    return Picture(**{field.name: getattr(made, field.name) for field in fields(Picture)})


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
    assert picture_of(factory) == Picture(
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


def test_of_each_plane_only_what_was_stated_is_told() -> None:
    factory = MetadataFactory(pixel_calibration=0.5)
    factory.addPlane()
    factory.addPlane(name="GFP", color=(0, 0, 0), modality="Confocal, Fluo")
    factory.addPlane(modality="unknown", emission_wavelength=520, excitation_wavelength=-1)
    factory.addPlane(name="DIA", pinhole_diameter=30, camera_name="C", microscope_name="M")
    picture = factory.createMetadata()
    assert isinstance(picture, StatedPicture)
    assert picture.channel_infos == (
        ChannelInfo(),
        ChannelInfo(name="GFP", color=0, modality=("fluorescence", "laser_scan_confocal")),
        ChannelInfo(emission_nm=520),
        ChannelInfo(name="DIA", pinhole_um=30, camera="C", microscope="M"),
    )
    assert [channel.name for channel in picture.channels] == [
        "Channel 1",
        "GFP",
        "Channel 3",
        "DIA",
    ]
    assert picture.pixel_size_um == 0.5


def test_what_the_factory_states_is_stated_of_every_plane() -> None:
    factory = MetadataFactory([{"name": "A"}], camera_name="C", modality="DIC")
    flags = ("brightfield", "dic", "camera")
    assert factory().channel_infos == (ChannelInfo(name="A", camera="C", modality=flags),)


def test_without_planes_nothing_is_stated_of_channels() -> None:
    factory = MetadataFactory(camera_name="C", objective_magnification=20)
    for options in ({}, {"number_of_channels_fallback": 3}, {"is_rgb_fallback": True}):
        picture = factory.createMetadata(**options)
        assert picture.channel_infos == ()
        assert picture.optics == Optics(magnification=20)


def test_optics_of_a_plane_are_told_where_they_are_not_those_of_all() -> None:
    factory = MetadataFactory(objective_magnification=60, immersion_refractive_index=1.5)
    factory.addPlane(name="A", zoom_magnification=2)
    factory.addPlane(name="B", microscope_name="Ni")
    factory.addPlane(name="C", objective_magnification=0, objective_numerical_aperture=1.2)
    picture = factory()
    assert picture.optics == Optics(magnification=60, immersion_index=1.5)
    assert picture.channel_infos == (
        ChannelInfo(name="A", optics=OpticsInfo(magnification=60, immersion_index=1.5, zoom=2)),
        ChannelInfo(name="B", microscope="Ni"),
        ChannelInfo(
            name="C",
            optics=OpticsInfo(magnification=60, immersion_index=1.5, numerical_aperture=1.2),
        ),
    )
    for channel, info in zip(picture.channels, picture.channel_infos, strict=True):
        own = None if info.optics is None else Optics(**asdict(info.optics))
        assert channel.optics == own


def test_planes_that_are_put_into_the_list_are_completed_as_added_ones() -> None:
    factory = MetadataFactory(objective_magnification=60, camera_name="C")
    factory.planes.append(Plane(name="A", zoom_magnification=2))
    factory.addPlane(name="B").objective_magnification = None
    assert factory().optics == Optics(magnification=60)
    assert factory().channels[0].optics == Optics(magnification=60, zoom=2)
    assert [channel.camera for channel in factory().channels] == ["C", "C"]


def test_a_colour_can_be_an_array() -> None:
    assert channel_of(color=np.array([0.0, 1.0, 0.0])).color == 0x00FF00


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
    assert picture_of(factory) == Picture(channels=(plain,))


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
        ({"name": 1}, "name is 1; it must be str"),
        ({"camera_name": 1}, "camera_name is 1; it must be str"),
        ({"microscope_name": ["M"]}, r"microscope_name is \['M'\]; it must be str"),
        ({"filter_name": 5}, "filter_name is 5; it must be str"),
        ({"emission_wavelength": [520]}, r"emission_nm of channel Channel 1 is \[520\]"),
        ({"zoom_magnification": np.ones(2)}, "zoom of the optics is"),
        ({"color": 0}, "0 is no colour"),
        ({"acquisition_time": datetime(1, 1, 1)}, "acquisition_time is 0001-01-01"),
    ],
)
def test_what_cannot_be_stored_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        MetadataFactory([settings])()


@pytest.mark.parametrize(
    ("planes", "message"),
    [
        ({"name": "A"}, "a plane is 'name'; it must be a Plane, or a mapping of its settings"),
        (["A"], "a plane is 'A'; it must be a Plane"),
        (5, "planes is 5; it must be a list"),
        (Plane(name="A"), r"planes is Plane\(name='A', .*; it must be a list"),
    ],
)
def test_what_is_no_list_of_planes_is_refused(planes: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        MetadataFactory(planes)


def test_what_is_no_plane_is_refused_where_it_is_used() -> None:
    factory = MetadataFactory()
    factory.planes.append("A")  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="a plane is 'A'"):
        factory()


@pytest.mark.parametrize("count", ["3", 1.5, None])
def test_a_number_of_channels_that_is_none_is_refused(count: Any) -> None:
    with pytest.raises(FormatError, match=r"number_of_channels_fallback is .* a whole number"):
        MetadataFactory().createMetadata(number_of_channels_fallback=count)


def test_a_pixel_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(FormatError, match=r"pixel_size_um of the picture is '0\.5'"):
        MetadataFactory(pixel_calibration="0.5")()  # type: ignore[arg-type]


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
        assert reader.picture == picture_of(factory)
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
