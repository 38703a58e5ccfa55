"""Channels and optics: what they refuse, and what readers show of them."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nd2watch.errors import FormatError
from nd2watch.nd2 import (
    Channel,
    ImageAttributes,
    Modality,
    Nd2Reader,
    Nd2Writer,
    Optics,
    Picture,
    TextInfo,
)
from nd2watch.nd2.lite_variant import decode, encode
from tests.nd2.builders import frame_metadata, loops, quick, write_one

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.nd2.lite_variant import Item, Plain
    from tests.nd2.builders import Pixels
    from tests.oracles import VendorSdk

Make = Callable[[], object]
NAN, INF = math.nan, math.inf
GRAY = Channel(name="Gray")
RGB = Channel(name="Colour", component_count=3)


def channel(**changes: Any) -> Make:
    return lambda: Channel(**{"name": "GFP", **changes})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(channel(component_count=2), "GFP has 2 components; 1, or 3", id="2"),
        pytest.param(channel(component_count=0), "GFP has 0 components", id="no component"),
        pytest.param(
            channel(excitation_nm=-488.0), "excitation_nm of channel GFP is -488", id="ex"
        ),
        pytest.param(channel(emission_nm=INF), "emission_nm of channel GFP is inf", id="em"),
        pytest.param(channel(exposure_ms=0.0), "exposure_ms of channel GFP is 0.0", id="exposure"),
        pytest.param(channel(exposure_ms=NAN), "exposure_ms of channel GFP is nan", id="nan ms"),
        pytest.param(channel(pinhole_um=-1.0), "pinhole_um of channel GFP is -1.0", id="pinhole"),
        pytest.param(channel(camera="a\0b"), r"camera of channel GFP .* U\+0000", id="camera"),
        pytest.param(channel(camera="a\x07"), r"camera of channel GFP .* U\+0007", id="bell"),
        pytest.param(channel(microscope="a\0b"), r"microscope of .* U\+0000", id="microscope"),
        pytest.param(channel(optics="60x"), "optics is '60x'", id="optics of a channel"),
        pytest.param(lambda: Optics(magnification=0.0), "magnification of the", id="magnification"),
        pytest.param(lambda: Optics(numerical_aperture=-1.4), "aperture .* -1.4", id="aperture"),
        pytest.param(lambda: Optics(immersion_index=NAN), "immersion_index .* nan", id="immersion"),
        pytest.param(lambda: Optics(zoom=INF), "zoom of the optics is inf", id="zoom"),
        pytest.param(lambda: Optics(objective_name="\ud800"), "objective's name", id="objective"),
        pytest.param(
            lambda: Picture(channels=(RGB, GRAY)),
            "RGB channel cannot be stored beside others",
            id="RGB beside another",
        ),
        pytest.param(lambda: Picture(channels=(GRAY,), pixel_size_um=-0.1), "above 0", id="pixel"),
        pytest.param(lambda: Modality(0x8), "invalid value", id="unknown flag"),
    ],
)
def test_a_wrong_value_is_refused_saying_what_is_wrong(make: Make, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert isinstance(caught.value, FormatError) or "invalid" in message


def test_rgb_of_floats_is_refused(tmp_path: Path) -> None:
    attributes = ImageAttributes(width=1, height=1, component_count=3, bits_in_memory=32)
    with pytest.raises(FormatError, match="RGB is stored as uint8 or uint16"):
        Nd2Writer(tmp_path / "file.nd2", attributes, picture=Picture(channels=(RGB,)))


PHASE = Modality.BRIGHTFIELD | Modality.PHASE_CONTRAST | Modality.CAMERA
FULL = Picture(
    channels=(
        Channel(
            name="DAPI",
            color=0x0000FF,
            excitation_nm=405.0,
            emission_nm=450.5,
            modality=Modality.FLUORESCENCE | Modality.LASER_SCAN_CONFOCAL | Modality.PMT,
            exposure_ms=12.5,
            pinhole_um=30.25,
            camera="PMT 1",
        ),
        Channel(
            name="Ph",
            modality=PHASE,
            exposure_ms=8.0,
            optics=Optics(objective_name="Plan Fluor 4x", magnification=4.0),
            microscope="Eclipse Ti2-E",
        ),
        Channel(name="Spectral", emission_nm=612.5, modality=Modality.SPECTRAL),
        Channel(name="nothing known", modality=Modality(0)),
    ),
    optics=Optics(
        objective_name="Plan Apo 60x Oil",
        magnification=60.0,
        numerical_aperture=1.4,
        immersion_index=1.515,
        zoom=1.5,
    ),
    pixel_size_um=0.108,
    started=datetime(2024, 4, 22, 18, 30, 1, 250_000, tzinfo=UTC),
)


def write_picture(path: Path, picture: Picture, info: TextInfo | None = None) -> Path:
    """Write one black frame."""
    count = picture.component_count
    attributes = ImageAttributes(width=4, height=3, component_count=count, bits_in_memory=8)
    with Nd2Writer(path, attributes, picture=picture, text_info=info) as writer:
        writer.write_frame(np.zeros((3, 4, count), np.uint8))
    return path


def channels_of(path: Path) -> list[Any]:
    """Return the channels that nd2 shows."""
    with nd2.ND2File(path) as file:
        metadata = file.metadata
        assert not isinstance(metadata, dict)
        return metadata.channels or []


def test_a_full_picture_reads_back(tmp_path: Path) -> None:
    with Nd2Reader(write_picture(tmp_path / "file.nd2", FULL)) as reader:
        assert reader.picture == FULL


def test_nd2_shows_channels_and_optics(tmp_path: Path) -> None:
    dapi, phase, spectral, unknown = channels_of(write_picture(tmp_path / "file.nd2", FULL))
    assert (dapi.channel.excitationLambdaNm, dapi.channel.emissionLambdaNm) == (405.0, 450.5)
    assert (spectral.channel.excitationLambdaNm, spectral.channel.emissionLambdaNm) == (None, 612.5)
    assert dapi.microscope.modalityFlags == ["fluorescence", "laserScanConfocal", "pmt"]
    assert phase.microscope.modalityFlags == ["brightfield", "phaseContrast", "camera"]
    assert unknown.microscope.modalityFlags == ["fluorescence"]  # as for every unknown one
    assert dapi.microscope.pinholeDiameterUm == 30.25
    assert phase.microscope.pinholeDiameterUm is None
    for shown in (dapi, phase, spectral, unknown):  # the picture's optics for each
        microscope = shown.microscope
        assert microscope.objectiveName == "Plan Apo 60x Oil"
        assert microscope.objectiveMagnification == 60.0
        assert microscope.objectiveNumericalAperture == 1.4
        assert microscope.immersionRefractiveIndex == 1.515
        assert microscope.zoomMagnification == 1.5
        assert shown.volume.axesCalibration[:2] == (0.108, 0.108)


def test_the_vendors_reader_shows_channels_and_optics(
    vendor_sdk: VendorSdk, tmp_path: Path
) -> None:
    view = vendor_sdk.read(write_picture(tmp_path / "file.nd2", FULL))
    shown = view.metadata["channels"]
    assert [c["channel"]["name"] for c in shown] == [c.name for c in FULL.channels]
    assert shown[0]["microscope"]["pinholeDiameterUm"] == 30.25
    assert set(shown[0]["microscope"]["modalityFlags"]) >= {"fluorescence", "laserScanConfocal"}
    for found in shown:
        own = found is shown[1]
        assert found["microscope"]["objectiveName"] == "Plan Apo 60x Oil"
        assert found["microscope"]["objectiveMagnification"] == (4.0 if own else 60.0)
        assert found["microscope"]["objectiveNumericalAperture"] == 1.4


@pytest.mark.parametrize(
    ("modality", "flag"),
    [
        (Modality.BRIGHTFIELD, "brightfield"),
        (Modality.PHASE_CONTRAST, "phaseContrast"),
        (Modality.DIC, "diContrast"),
        (Modality.CAMERA, "camera"),
        (Modality.LASER_SCAN_CONFOCAL, "laserScanConfocal"),
        (Modality.SPINNING_DISK, "spinningDiskConfocal"),
        (Modality.MULTIPHOTON, "multiphoton"),
        (Modality.TIRF, "TIRF"),
        (Modality.PMT, "pmt"),
        (Modality.SPECTRAL, "spectral"),
        (Modality.STRUCTURED_ILLUMINATION, "SIM"),
        (Modality.GAASP, "gaasp"),
    ],
)
def test_each_modality_is_the_flag_that_nd2_knows(
    tmp_path: Path, modality: Modality, flag: str
) -> None:
    picture = Picture(channels=(replace(GRAY, modality=modality | Modality.FLUORESCENCE),))
    (shown,) = channels_of(write_picture(tmp_path / "file.nd2", picture))
    assert shown.microscope.modalityFlags == ["fluorescence", flag]


def test_what_is_unknown_is_shown_as_unknown(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "file.nd2", Picture(channels=(GRAY,)))
    (shown,) = channels_of(path)
    microscope = shown.microscope
    assert not microscope.objectiveName
    assert microscope.objectiveMagnification is None
    assert microscope.objectiveNumericalAperture is None
    assert microscope.immersionRefractiveIndex is None
    assert microscope.zoomMagnification is None
    assert microscope.pinholeDiameterUm is None
    assert microscope.modalityFlags == ["fluorescence", "camera"]
    with Nd2Reader(path) as reader:
        assert reader.picture == Picture(channels=(GRAY,))


@pytest.mark.parametrize("name", ["Apochromat Max", "60x", "Relax", "x", "Plan Fluor 4x/0.13"])
def test_an_objective_without_a_magnification_does_not_mislead_nd2(
    tmp_path: Path, name: str
) -> None:
    picture = Picture(channels=(GRAY,), optics=Optics(objective_name=name))
    path = write_picture(tmp_path / "file.nd2", picture)
    (shown,) = channels_of(path)
    assert shown.microscope.objectiveName == name
    assert shown.microscope.objectiveMagnification is None
    with Nd2Reader(path) as reader:
        assert reader.picture.optics.objective_name == name


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("level", [None, 6], ids=["uncompressed", "zlib"])
@pytest.mark.parametrize("width", [5, 8])
def test_rgb_is_one_channel_given_and_read_as_red_green_blue(
    tmp_path: Path, dtype: type, level: int | None, width: int
) -> None:
    pixels: Pixels = np.arange(4 * width * 3).reshape(4, width, 3).astype(dtype)
    attributes = ImageAttributes(
        width=width,
        height=4,
        component_count=3,
        bits_in_memory=8 * np.dtype(dtype).itemsize,
        zlib_level=level,
    )
    path = write_one(tmp_path / "file.nd2", pixels, attributes, Picture(channels=(RGB,)))
    with Nd2Reader(path) as reader, nd2.ND2File(path) as file:
        assert reader.sizes == {"S": 3, "Y": 4, "X": width}
        assert reader.picture.channels == (RGB,)
        assert np.array_equal(reader.read_frame(0), pixels)
        assert dict(file.sizes) == {"Y": 4, "X": width, "S": 3}
        assert np.array_equal(file.asarray(), pixels[:, :, ::-1])  # as stored
    (shown,) = channels_of(path)
    assert shown.channel.name == "Colour"
    assert shown.volume.componentCount == 3


def test_exposures_and_cameras_are_those_of_each_channel(tmp_path: Path) -> None:
    channels = tuple(
        Channel(name=f"c{n}", exposure_ms=ms, camera=camera)
        for n, (ms, camera) in enumerate([(10.0, "A"), (10.0, "A"), (20.5, "B"), (None, "")])
    )
    path = write_picture(tmp_path / "file.nd2", Picture(channels=channels))
    with Nd2Reader(path) as reader:
        assert reader.picture.channels == channels
    assert [c.channel.index for c in channels_of(path)] == [0, 1, 2, 3]


def test_texts_read_back_beside_the_facts(tmp_path: Path) -> None:
    info = TextInfo(
        description="first\n\nthird, 37 °C",
        capturing="by hand",
        author="Ada",
        sample_id="S-1",
        location="room 7",
        conclusion="good",
        info1="one",
        info2="two\nlines",
    )
    path = write_picture(tmp_path / "file.nd2", FULL, info)
    with Nd2Reader(path) as reader, nd2.ND2File(path) as file:
        assert reader.text_info == replace(info, optics="Plan Apo 60x Oil")
        assert file.text_info["author"] == "Ada"
        assert file.text_info["description"].startswith("Dimensions: λ(4)\r\n")
        assert file.text_info["description"].endswith("first\r\n\r\nthird, 37 °C\r\n")
    path = write_picture(tmp_path / "bare.nd2", FULL)
    with Nd2Reader(path) as reader:
        assert reader.text_info == TextInfo(optics="Plan Apo 60x Oil")


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
quantities = st.none() | st.floats(1e-3, 1e6)
optics = st.builds(
    Optics,
    objective_name=texts,
    magnification=quantities,
    numerical_aperture=quantities,
    immersion_index=quantities,
    zoom=quantities,
)
channels = st.builds(
    Channel,
    name=texts.filter(str.strip),
    color=st.integers(0, 0xFFFFFF),
    excitation_nm=quantities,
    emission_nm=quantities,
    modality=st.lists(st.sampled_from(list(Modality))).map(
        lambda flags: functools.reduce(operator.or_, flags, Modality(0))
    ),
    exposure_ms=quantities,
    pinhole_um=quantities,
    camera=texts,
    optics=st.none() | optics,
    microscope=texts,
)
zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
pictures = st.builds(
    Picture,
    channels=st.lists(channels, min_size=1, max_size=4, unique_by=lambda c: c.name).map(tuple)
    | channels.map(lambda c: (replace(c, component_count=3),)),
    optics=optics,
    pixel_size_um=quantities,
    started=st.none()
    | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones).map(
        lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
    ),
)


@quick
@given(picture=pictures)
def test_random_pictures_read_back(picture: Picture) -> None:
    (row,) = frame_metadata(loops())
    assert Picture.decode(decoded(picture.encode(row, 0.0))) == picture


def decoded(tree: dict[str, Item]) -> Plain:
    return decode(encode("root", tree))[1]
