"""What OME-XML in TIFF files tells: which plane lies where, and all about them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from nd2watch.convert.files import plan_files
from nd2watch.errors import FrameUnreadable, LayoutError
from nd2watch.experiment import ImageSequence, Layout, compile_pattern
from nd2watch.sources import PAGES, ChannelInfo, OpticsInfo, PlaneInfo, SourceInfo, open_frame
from tests.sources.tiff_files import pixels, read_planes, write

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
ALL = "<TiffData/>"


def image(
    inside: str = ALL,
    attributes: str = "",
    *,
    t: int = 1,
    z: int = 1,
    c: int = 1,
    order: str = "XYCZT",
    before: str = "",
    name: str = "an image",
) -> str:
    """Return the element of an image."""
    return (
        f'<Image ID="Image:0" Name="{name}">{before}<Pixels ID="Pixels:0" DimensionOrder="{order}"'
        f' Type="uint16" SizeX="32" SizeY="24" SizeT="{t}" SizeZ="{z}" SizeC="{c}" {attributes}>'
        f"{inside}</Pixels></Image>"
    )


def ome(*images: str, before: str = "", attributes: str = "") -> str:
    """Return a document."""
    return (
        f'<?xml version="1.0"?><OME xmlns="{SCHEMA}" {attributes}>{before}{"".join(images)}</OME>'
    )


def write_ome(path: Path, document: str, count: int = 1, **options: Any) -> Path:
    """Write pages with a document."""
    shape = (count, 24, 32) if count > 1 else (24, 32)
    return write(path, pixels(*shape), description=document.encode(), metadata=None, **options)


def info_of(tmp_path: Path, document: str, count: int = 1) -> SourceInfo:
    """Return what a file with a document tells."""
    return open_frame(write_ome(tmp_path / "a.ome.tif", document, count)).info


@pytest.mark.parametrize(
    ("order", "axes"),
    [("XYCZT", "tzc"), ("XYZCT", "tcz"), ("XYTZC", "czt"), ("XYCTZ", "ztc"), ("nonsense", "tzc")],
)
def test_pages_are_in_the_order_of_the_document(tmp_path: Path, order: str, axes: str) -> None:
    path = write_ome(tmp_path / "a.ome.tif", ome(image(t=2, z=3, c=4, order=order)), 24)
    info, planes = read_planes(path)
    assert info.axes == (("t", 2), ("z", 3), ("c", 4))
    sizes = [dict(info.axes)[axis] for axis in axes]
    stored = pixels(24, 24, 32).reshape(*sizes, 24, 32)
    expected = np.transpose(stored, [*(axes.index(axis) for axis in "tzc"), 3, 4])
    np.testing.assert_array_equal(planes, expected)


def test_a_file_of_tifffile_is_read_with_its_metadata(tmp_path: Path) -> None:
    data = pixels(2, 3, 2, 24, 32)
    path = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "TZCYX",
        "PhysicalSizeX": 0.65,
        "PhysicalSizeXUnit": "\u00b5m",
        "PhysicalSizeZ": 300.0,
        "PhysicalSizeZUnit": "nm",
        "TimeIncrement": 2.5,
        "TimeIncrementUnit": "s",
        "Channel": {"Name": ["DAPI", "GFP"]},
    }
    tifffile.imwrite(path, data, ome=True, metadata=metadata, compression="zlib", tile=(16, 16))
    info, planes = read_planes(path)
    assert info.axes == (("t", 2), ("z", 3), ("c", 2))
    assert info.pixel_size_um == 0.65
    assert info.z_step_um == pytest.approx(0.3)
    assert info.period_ms == 2500.0
    assert [channel.name for channel in info.channels] == ["DAPI", "GFP"]
    np.testing.assert_array_equal(planes, data)


def test_rgb_is_one_channel(tmp_path: Path) -> None:
    data = pixels(3, 24, 32, 3, dtype="uint8")
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, data, ome=True, photometric="rgb", metadata={"axes": "ZYXS"})
    info, planes = read_planes(path)
    assert info.rgb
    assert info.axes == (("z", 3),)
    np.testing.assert_array_equal(planes, data)


@pytest.mark.parametrize("numbers", [(0, 1), (0, 2)])
def test_channels_of_several_samples_are_numbered_by_either(
    tmp_path: Path, numbers: tuple[int, int]
) -> None:
    channels = "".join(f'<Channel Name="{name}" SamplesPerPixel="2"/>' for name in ("a", "b"))
    data = "".join(
        f'<TiffData IFD="{page}" FirstC="{c}"/><Plane TheC="{c}" TheZ="0" TheT="0" DeltaT="{c}"/>'
        for page, c in enumerate(numbers)
    )
    document = ome(image(channels + data, c=4))
    path = write(
        tmp_path / "a.ome.tif",
        pixels(2, 24, 32, 2),
        planarconfig="contig",
        description=document,
        metadata=None,
    )
    info, planes = read_planes(path)
    assert info.axes == (("c", 4),)
    assert [channel.name for channel in info.channels] == ["a", "a", "b", "b"]
    times = [plane.time_ms for plane in info.planes]
    assert times == [1000.0 * numbers[n] for n in (0, 0, 1, 1)]
    np.testing.assert_array_equal(
        planes, np.moveaxis(pixels(2, 24, 32, 2), 3, 1).reshape(4, 24, 32)
    )


def test_several_images_are_positions(tmp_path: Path) -> None:
    data = pixels(3, 2, 2, 24, 32)
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for number, series in enumerate(data):
            writer.write(
                series,
                photometric="minisblack",
                metadata={"axes": "TCYX", "Name": f"well {number}"},
            )
    info, planes = read_planes(path)
    assert info.axes == (("p", 3), ("t", 2), ("c", 2))
    assert info.positions == ("well 0", "well 1", "well 2")
    np.testing.assert_array_equal(planes, data)


def test_a_stage_label_names_a_position_before_the_image_does(tmp_path: Path) -> None:
    document = ome(image(before='<StageLabel Name="B2"/>'))
    assert info_of(tmp_path, document).positions == ("B2",)
    assert info_of(tmp_path, ome(image())).positions == ("an image",)


def test_images_of_different_sizes_are_refused(tmp_path: Path) -> None:
    document = ome(
        image('<TiffData IFD="0" PlaneCount="2"/>', t=2),
        image('<TiffData IFD="2" PlaneCount="3"/>', z=3),
    )
    with pytest.raises(FrameUnreadable, match="different shapes: t=2 z=1 c=1, t=1 z=3 c=1; save"):
        info_of(tmp_path, document, 5)


def test_images_of_different_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(pixels(2, 24, 32), photometric="minisblack", metadata={"axes": "TYX"})
        writer.write(pixels(2, 24, 48), photometric="minisblack", metadata={"axes": "TYX"})
    with pytest.raises(FrameUnreadable, match="different shapes: 32 x 24 uint16, 48 x 24 uint16"):
        open_frame(path)


def test_pages_of_different_pixels_are_refused_whatever_sizes_are_announced(
    tmp_path: Path,
) -> None:
    document = ome(image('<TiffData IFD="0"/><TiffData IFD="1" FirstZ="1"/>', t=9**9, z=9**9))
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        for side in (24, 12):
            writer.write(
                pixels(side, 32), photometric="minisblack", description=document, metadata=None
            )
    with pytest.raises(FrameUnreadable, match="different shapes: 32 x 24 uint16, 32 x 12 uint16"):
        open_frame(path)


def test_labels_and_overviews_are_no_positions(tmp_path: Path) -> None:
    document = ome(
        image('<TiffData IFD="0" PlaneCount="2"/>', t=2),
        image('<TiffData IFD="2"/>', name="label image"),
        image('<TiffData IFD="3"/>', name="macro image"),
    )
    info, planes = read_planes(write_ome(tmp_path / "a.ome.tif", document, 4))
    assert info.axes == (("t", 2),)
    np.testing.assert_array_equal(planes, pixels(4, 24, 32)[:2])


def test_a_pyramid_is_read_at_its_first_level(tmp_path: Path) -> None:
    data = pixels(2, 64, 96)
    path = tmp_path / "a.ome.tif"
    options: dict[str, Any] = {"photometric": "minisblack", "tile": (16, 16)}
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(data, subifds=1, metadata={"axes": "CYX"}, **options)
        writer.write(data[:, ::2, ::2], subfiletype=1, **options)
    info, planes = read_planes(path)
    assert info.axes == (("c", 2),)
    np.testing.assert_array_equal(planes, data)


def files(*places: tuple[str, int, int, int, int], uuids: bool = True) -> str:
    """Return where planes are: name of the file, page, T, Z and C of each."""
    return "".join(
        f'<TiffData IFD="{ifd}" FirstT="{t}" FirstZ="{z}" FirstC="{c}" PlaneCount="1">'
        f'<UUID FileName="{name}">{f"urn:uuid:{name}" if uuids else ""}</UUID></TiffData>'
        for name, ifd, t, z, c in places
    )


SET = files(
    *(
        (f"{'ab'[t // 2]}.ome.tif", (t % 2 * 3 + z) * 2 + c, t, z, c)
        for t in range(4)
        for z in range(3)
        for c in range(2)
    )
)


@pytest.mark.parametrize("name", ["a.ome.tif", "b.ome.tif"])
def test_one_file_of_a_set_is_read_alone_with_what_it_has(tmp_path: Path, name: str) -> None:
    channels = '<Channel Name="DAPI"/><Channel Name="GFP"/>'
    times = "".join(f'<Plane TheT="{t}" TheZ="0" TheC="0" DeltaT="{t}"/>' for t in range(4))
    document = ome(image(channels + SET + times, t=4, z=3, c=2))
    info, planes = read_planes(write_ome(tmp_path / name, document, 12))
    assert info.axes == (("t", 2), ("z", 3), ("c", 2))
    assert [channel.name for channel in info.channels] == ["DAPI", "GFP"]
    first = 0 if name.startswith("a") else 2
    assert info.plane(0).time_ms == 1000.0 * first
    assert info.plane(6).time_ms == 1000.0 * (first + 1)
    np.testing.assert_array_equal(planes.reshape(12, 24, 32), pixels(12, 24, 32))


def test_a_file_of_one_channel_of_a_set_tells_of_that_channel(tmp_path: Path) -> None:
    channels = '<Channel Name="DAPI"/><Channel Name="GFP"/>'
    data = files(*(("ab"[c], z, 0, z, c) for c in range(2) for z in range(3)))
    document = ome(image(channels + data, z=3, c=2))
    info = open_frame(write_ome(tmp_path / "b", document, 3)).info
    assert info.axes == (("z", 3),)
    assert [channel.name for channel in info.channels] == ["GFP"]


def test_a_renamed_file_is_known_by_its_identifier(tmp_path: Path) -> None:
    document = ome(image(SET, t=4, z=3, c=2), attributes='UUID="urn:uuid:b.ome.tif"')
    info = open_frame(write_ome(tmp_path / "renamed.tif", document, 12)).info
    assert info.axes == (("t", 2), ("z", 3), ("c", 2))


def test_a_renamed_file_that_is_the_only_one_is_read(tmp_path: Path) -> None:
    data = files(*(("a.tif", z, 0, z, 0) for z in range(3)), uuids=False)
    info = open_frame(write_ome(tmp_path / "b.tif", ome(image(data, z=3)), 3)).info
    assert info.axes == (("z", 3),)


def test_a_file_that_is_not_of_the_set_has_pages(tmp_path: Path) -> None:
    document = ome(image(SET, t=4, z=3, c=2))
    assert open_frame(write_ome(tmp_path / "c.tif", document, 5)).info.axes == ((PAGES, 5),)


def test_a_file_that_refers_to_a_companion_has_pages(tmp_path: Path) -> None:
    document = ome('<BinaryOnly MetadataFile="a.companion.ome" UUID="urn:uuid:1"/>')
    assert open_frame(write_ome(tmp_path / "c.tif", document, 5)).info.axes == ((PAGES, 5),)


@pytest.mark.parametrize(
    "data",
    [
        '<TiffData IFD="0" PlaneCount="3"/>',
        '<TiffData IFD="0" FirstZ="9"/>',
        '<TiffData IFD="0" FirstZ="x"/>',
        '<TiffData IFD="8"/>',
        '<TiffData IFD="9999999999999" PlaneCount="99999999999"/>',
        '<TiffData IFD="-1" PlaneCount="8"/>',
        "",
    ],
)
def test_planes_that_do_not_fill_their_axes_are_pages(tmp_path: Path, data: str) -> None:
    document = ome(image(data, t=2, z=2, c=2))
    info, planes = read_planes(write_ome(tmp_path / "a.tif", document, 8))
    assert info.axes == ((PAGES, 8),)
    np.testing.assert_array_equal(planes, pixels(8, 24, 32))


def test_pages_that_are_not_listed_do_not_count(tmp_path: Path) -> None:
    data = '<TiffData IFD="3"/><TiffData IFD="1" FirstZ="1"/>'
    info, planes = read_planes(write_ome(tmp_path / "a.tif", ome(image(data, z=2)), 5))
    assert info.axes == (("z", 2),)
    np.testing.assert_array_equal(planes, pixels(5, 24, 32)[[3, 1]])


def test_a_page_is_not_taken_twice(tmp_path: Path) -> None:
    document = ome(image(t=4), image(t=4))
    info, planes = read_planes(write_ome(tmp_path / "a.tif", document, 4))
    assert info.axes == (("t", 4),)
    np.testing.assert_array_equal(planes, pixels(4, 24, 32))


def test_absurd_sizes_cost_nothing(tmp_path: Path) -> None:
    document = ome(image(t=2000000000, z=2000000000, c=2000000000))
    info = info_of(tmp_path, document, 4)
    assert info.axes == (("c", 4),)
    assert info.channels == (ChannelInfo(),) * 4


CHANNEL = (
    '<Channel ID="Channel:0" Name="GFP" Color="16711935" ExcitationWavelength="488"'
    ' EmissionWavelength="0.525" EmissionWavelengthUnit="&#181;m" PinholeSize="40000"'
    ' PinholeSizeUnit="nm" AcquisitionMode="LaserScanningConfocalMicroscopy"'
    ' ContrastMethod="Fluorescence"><DetectorSettings ID="Detector:1"/></Channel>'
)
INSTRUMENT = (
    '<Instrument ID="Instrument:0"><Detector ID="Detector:0" Model="a PMT"/>'
    '<Detector ID="Detector:1" Model="a camera"/><Objective ID="Objective:0" Model="60x oil"'
    ' NominalMagnification="60" LensNA="1.4" Immersion="Oil"/></Instrument>'
)


def test_channels_tell_all_about_themselves(tmp_path: Path) -> None:
    document = ome(image(CHANNEL + ALL), before=INSTRUMENT)
    assert info_of(tmp_path, document).channels == (
        ChannelInfo(
            name="GFP",
            color=0x00FF00,
            excitation_nm=488.0,
            emission_nm=525.0,
            pinhole_um=40.0,
            modality=("fluorescence", "laser_scan_confocal"),
            camera="a camera",
        ),
    )


@pytest.mark.parametrize(
    ("text", "color"),
    [("-16776961", 0xFF0000), ("65535", 0x0000FF), ("-1", 0xFFFFFF), ("red", None)],
)
def test_colours_are_signed_numbers_of_red_green_blue_and_opacity(
    tmp_path: Path, text: str, color: int | None
) -> None:
    document = ome(image(f'<Channel Name="a" Color="{text}"/>' + ALL))
    assert info_of(tmp_path, document).channels[0].color == color


@pytest.mark.parametrize(
    ("attributes", "modality"),
    [
        ('AcquisitionMode="WideField" ContrastMethod="Brightfield"', ("brightfield", "camera")),
        ('AcquisitionMode="WideField" ContrastMethod="Phase"', ("phase_contrast", "camera")),
        ('AcquisitionMode="WideField" EmissionWavelength="525"', ("fluorescence", "camera")),
        ('AcquisitionMode="WideField"', ()),
        ('AcquisitionMode="SpinningDiskConfocal"', ("fluorescence", "spinning_disk")),
        ('AcquisitionMode="TIRF"', ("fluorescence", "tirf")),
        ('AcquisitionMode="SPIM" ContrastMethod="Fluorescence"', ("fluorescence", "light_sheet")),
        ('AcquisitionMode="MultiPhotonMicroscopy"', ("fluorescence", "multiphoton")),
        ('AcquisitionMode="BrightField"', ("brightfield",)),
        ('ContrastMethod="DIC"', ("dic",)),
        ('AcquisitionMode="Other" ContrastMethod="Other"', ()),
        ("", ()),
    ],
)
def test_mode_and_contrast_are_the_modality(
    tmp_path: Path, attributes: str, modality: tuple[str, ...]
) -> None:
    document = ome(image(f"<Channel {attributes}/>" + ALL))
    assert info_of(tmp_path, document).channels[0].modality == modality


def test_the_objective_is_that_of_the_settings(tmp_path: Path) -> None:
    settings = '<ObjectiveSettings ID="Objective:0" RefractiveIndex="1.515"/>'
    expected = OpticsInfo(objective_name="60x oil", magnification=60.0, numerical_aperture=1.4)
    assert info_of(tmp_path, ome(image(), before=INSTRUMENT)).optics == OpticsInfo()
    document = ome(image(before=settings.replace("1.515", "")), before=INSTRUMENT)
    assert info_of(tmp_path, document).optics == expected
    optics = info_of(tmp_path, ome(image(before=settings), before=INSTRUMENT)).optics
    assert optics.immersion_index == 1.515


@pytest.mark.parametrize(
    ("attributes", "um"),
    [
        ('PhysicalSizeX="0.5" PhysicalSizeZ="2"', 1.0),
        (
            'PhysicalSizeX="0.5" PhysicalSizeXUnit="mm" PhysicalSizeZ="2" PhysicalSizeZUnit="mm"',
            1e3,
        ),
        ('PhysicalSizeX="0.5" PhysicalSizeXUnit="m" PhysicalSizeZ="2" PhysicalSizeZUnit="m"', 1e6),
    ],
)
def test_sizes_of_voxels_have_units(tmp_path: Path, attributes: str, um: float) -> None:
    info = info_of(tmp_path, ome(image(ALL, attributes)))
    assert info.pixel_size_um == pytest.approx(0.5 * um)
    assert info.z_step_um == pytest.approx(2 * um)


def test_pixels_and_reference_frames_are_no_units_of_length(tmp_path: Path) -> None:
    attributes = 'PhysicalSizeX="1" PhysicalSizeXUnit="pixel"'
    plane = '<Plane TheT="0" TheZ="0" TheC="0" PositionX="1" PositionY="2" PositionZ="3"/>'
    info = info_of(tmp_path, ome(image(ALL + plane, attributes)))
    assert info.pixel_size_um is None
    assert info.plane(0).stage_um is None


def test_planes_tell_time_exposure_and_stage_position(tmp_path: Path) -> None:
    unit = 'PositionXUnit="mm" PositionYUnit="&#181;m" PositionZUnit="nm"'
    inside = ALL + "".join(
        f'<Plane TheT="{t}" TheZ="0" TheC="0" DeltaT="{t * 0.5}" ExposureTime="{20 + t}"'
        f' ExposureTimeUnit="ms" PositionX="1" PositionY="2" PositionZ="3000" {unit}/>'
        for t in (1, 0)
    )
    before = "<AcquisitionDate>2024-11-04T10:38:07.9475104+01:00</AcquisitionDate>"
    document = ome(image(inside, 'TimeIncrement="0.1" TimeIncrementUnit="min"', t=2, before=before))
    info = info_of(tmp_path, document, 2)
    assert info.started == datetime(2024, 11, 4, 9, 38, 7, 947510, UTC)
    assert info.period_ms == pytest.approx(6000)
    stage = (1000.0, 2.0, 3.0)
    assert info.planes == (
        PlaneInfo(time_ms=0.0, exposure_ms=20.0, stage_um=stage),
        PlaneInfo(time_ms=500.0, exposure_ms=21.0, stage_um=stage),
    )


def test_exposures_that_are_the_same_are_those_of_the_channel(tmp_path: Path) -> None:
    inside = "<Channel/><Channel/>" + ALL
    inside += "".join(
        f'<Plane TheT="{t}" TheZ="0" TheC="{c}" ExposureTime="{(c + 1) * 0.1}"/>'
        for t in range(2)
        for c in range(2)
    )
    info = info_of(tmp_path, ome(image(inside, t=2, c=2)), 4)
    assert [channel.exposure_ms for channel in info.channels] == [100.0, 200.0]
    assert all(plane.exposure_ms is None for plane in info.planes)


def test_dates_without_a_zone_are_local(tmp_path: Path) -> None:
    before = "<AcquisitionDate>2024-11-04T10:38:07</AcquisitionDate>"
    info = info_of(tmp_path, ome(image(before=before)))
    assert info.started == datetime(2024, 11, 4, 10, 38, 7).astimezone()


def test_later_images_are_timed_from_the_first(tmp_path: Path) -> None:
    plane = '<Plane TheT="0" TheZ="0" TheC="0" DeltaT="1"/>'
    document = ome(
        *(
            image(
                f'<TiffData IFD="{n}"/>{plane}',
                before=f"<AcquisitionDate>2024-11-04T10:00:0{n}Z</AcquisitionDate>",
            )
            for n in range(3)
        )
    )
    info = info_of(tmp_path, document, 3)
    assert info.started == datetime(2024, 11, 4, 10, tzinfo=UTC)
    assert [each.time_ms for each in info.planes] == [1000.0, 2000.0, 3000.0]


@pytest.mark.parametrize(
    "element",
    [
        '<Plane TheT="x" TheZ="0" TheC="9" DeltaT="late"/>',
        '<Plane TheT="0" TheZ="0" TheC="0" ExposureTime="inf" PositionX="nan"/>',
        '<Channel Name="GFP" Color="1e999" ExcitationWavelength="blue" PinholeSize=""/>',
        '<Channel Name="GFP"><DetectorSettings/></Channel>',
        "<UUID/><Unknown>text</Unknown>",
    ],
)
def test_a_damaged_element_costs_only_itself(tmp_path: Path, element: str) -> None:
    before = "<AcquisitionDate>soon</AcquisitionDate><ObjectiveSettings/>"
    document = ome(image(ALL + element, 'PhysicalSizeX="0.5"', t=2, before=before))
    info = info_of(tmp_path, document, 2)
    assert info.axes == (("t", 2),)
    assert info.pixel_size_um == 0.5
    assert info.started is None


@pytest.mark.parametrize(
    "damaged",
    [
        ome(image(t=4)).replace("<Pixels", "<Pixels <"),
        ome(image(t=4)).replace("<OME", "<!DOCTYPE x [<!ENTITY a 'b'>]><OME"),
        ome(image(t=4))[:-4] + "\x01OME>",
        "nothing that ends with </OME>",
    ],
)
def test_a_damaged_document_costs_only_the_metadata(tmp_path: Path, damaged: str) -> None:
    info, planes = read_planes(write_ome(tmp_path / "a.ome.tif", damaged, 4))
    assert info.axes == ((PAGES, 4),)
    assert info.positions == ()
    np.testing.assert_array_equal(planes, pixels(4, 24, 32))


def test_one_plane_tells_all_too(tmp_path: Path) -> None:
    inside = CHANNEL + ALL + '<Plane TheT="0" TheZ="0" TheC="0" DeltaT="3" ExposureTime="0.02"/>'
    info = info_of(tmp_path, ome(image(inside, 'PhysicalSizeX="0.5"'), before=INSTRUMENT))
    assert info.axes == ()
    assert info.pixel_size_um == 0.5
    assert info.channels[0].name == "GFP"
    assert info.channels[0].exposure_ms == 20.0
    assert info.plane(0).time_ms == 3000.0


RAGGED = "".join(
    f'<TiffData IFD="{ifd}" FirstT="{t}" FirstZ="{z}" FirstC="{c}" PlaneCount="1"/>'
    for ifd, (t, z, c) in enumerate(
        [(0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 1), (1, 1, 1)]
    )
)


def test_the_single_plane_of_a_channel_is_at_all_points_of_z(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "a.ome.tif", ome(image(RAGGED, t=2, z=2, c=2)), 6)
    info, planes = read_planes(path)
    assert info.axes == (("t", 2), ("z", 2), ("c", 2))
    assert info.single_planes == (0,)
    stored = pixels(6, 24, 32)
    expected = [[[stored[0], stored[1]], [stored[0], stored[2]]]]
    expected += [[[stored[3], stored[4]], [stored[3], stored[5]]]]
    np.testing.assert_array_equal(planes, np.array(expected))


@pytest.mark.parametrize(("z", "single"), [(0, ()), (1, (0,))])
def test_one_plane_at_the_bottom_may_be_a_stack_that_was_broken_off(
    tmp_path: Path, z: int, single: tuple[int, ...]
) -> None:
    once = "".join(re.findall(r'<TiffData IFD="[0-2]".*?/>', RAGGED)).replace(
        'FirstZ="1" FirstC="0"', f'FirstZ="{z}" FirstC="0"'
    )
    assert info_of(tmp_path, ome(image(once, z=2, c=2)), 3).single_planes == single


def test_stacks_that_lack_some_planes_are_no_single_planes(tmp_path: Path) -> None:
    lacking = RAGGED.replace('IFD="5" FirstT="1" FirstZ="1"', 'IFD="5" FirstT="1" FirstZ="0"')
    info = info_of(tmp_path, ome(image(lacking, t=2, z=2, c=2)), 6)
    assert info.single_planes == ()
    assert info.sizes == {PAGES: 6}


@pytest.mark.parametrize("ragged_z", ["refuse", "replicate", "separate"])
def test_what_becomes_of_it_is_chosen(tmp_path: Path, ragged_z: Any) -> None:
    write_ome(tmp_path / "a.ome.tif", ome(image(RAGGED, t=2, z=2, c=2)), 6)
    layout = Layout(pattern=compile_pattern("a{p}.ome.tif", text_axes="p"), ragged_z=ragged_z)
    sequence = ImageSequence(layout, ())
    sequence.add(("", ".", "", ""), open_frame(tmp_path / "a.ome.tif"))
    if ragged_z == "refuse":
        with pytest.raises(LayoutError, match="has one plane, others have 2"):
            plan_files(sequence)
        return
    plans = plan_files(sequence)
    channels = [len(each.plan.picture.channels) for each in plans]
    stacks = [each.plan.experiment.sizes.get("z", 1) for each in plans if each.plan.experiment]
    expected = {"replicate": ([2], [2]), "separate": ([1, 1], [2, 1])}
    assert (channels, stacks) == expected[ragged_z]
    repeated = [a for a in plans[0].plan.assumptions if "repeated on each of 2" in a]
    assert len(repeated) == (ragged_z == "replicate")
