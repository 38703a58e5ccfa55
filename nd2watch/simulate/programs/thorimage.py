"""What ThorImage LS writes beside and into its frames."""

from __future__ import annotations

from html import escape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nd2watch.simulate.run import Run, RunFrame

_LETTERS: Final = "ABCD"


def sidecars(run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
    """Return all sidecars, by path from the folder of the run: the plan, from the beginning."""
    folder = PurePosixPath(run.frames[0].path).parent if run.frames else PurePosixPath()
    return {str(folder / "Experiment.xml"): _plan(run).encode()}


def description(run: Run, frame: RunFrame) -> str:
    """Return an OME document of all frames for the first of them, nothing for the others."""
    return _document(run) if frame.path == run.frames[0].path else ""


def _plan(run: Run) -> str:
    """Return the experiment, of a scanner with as many channels as the run has."""
    lines = [
        f'<Name name="{escape(run.name)}" />',
        f'<Date date="{run.started.astimezone():%m/%d/%Y %H:%M:%S}"'
        f' uTime="{run.started.timestamp():.0f}" />',
        '<User name="operator" />',
        '<Computer name="MICROSCOPE" />',
        '<Software version="4.1.2021.9131" />',
        f'<Magnification mag="{run.magnification:g}" indexOfRefraction="1.33"'
        f' name="{escape(run.objective)}" />',
        *_wavelengths(run),
        f'<ZStage name="ThorZPiezo" steps="{run.z}" stepSizeUM="{run.z_step_um:g}"'
        f' startPos="0" enable="{int(run.z > 1)}" zStreamFrames="1" zStreamMode="0" />',
        f'<Timelapse timepoints="{run.t}" intervalSec="{run.period_ms / 1000:g}"'
        ' triggerMode="0" />',
        *_sample(run),
        f'<LSM name="ResonanceGalvo" pixelX="{run.width}" pixelY="{run.height}"'
        f' pixelSizeUM="{run.pixel_size_um:g}" widthUM="{run.width * run.pixel_size_um:g}"'
        f' heightUM="{run.height * run.pixel_size_um:g}" frameRate="30.2" averageMode="0"'
        ' averageNum="1" />',
        '<Streaming enable="0" frames="1" rawData="0" zFastEnable="0" flybackFrames="1" />',
        '<CaptureMode mode="0" />',
    ]
    body = "".join(f"  {line}\n" for line in lines)
    return f'<?xml version="1.0"?>\n<ThorImageExperiment>\n{body}</ThorImageExperiment>\n'


def _wavelengths(run: Run) -> Iterator[str]:
    """Yield the lines of the channels, which are named after detectors."""
    yield "<Wavelengths>"
    for letter, channel in zip(_LETTERS, run.channels, strict=False):
        yield f'  <Wavelength name="Chan{letter}" exposureTimeMS="{channel.exposure_ms:.0f}" />'
    yield f'  <ChannelEnable Set="{(1 << len(run.channels)) - 1}" />'
    yield "</Wavelengths>"


def _sample(run: Run) -> Iterator[str]:
    """Yield the lines of the regions, each of one tile."""
    yield '<Sample type="5" offsetXMM="0" offsetYMM="0">'
    yield '  <Wells startRow="1" startColumn="1" rows="1" columns="1">'
    places = {frame.site: frame.stage_um for frame in run.frames}
    for site, (x, y, _) in sorted(places.items()):
        yield (
            f'    <SubImages name="Region {site + 1}" isEnabled="True" subRows="1" subColumns="1"'
            f' transOffsetXMM="{x / 1000:.4f}" transOffsetYMM="{y / 1000:.4f}" />'
        )
    yield "  </Wells>"
    yield "</Sample>"


def _document(run: Run) -> str:
    """Return an OME document, with an image for each region."""
    images = "".join(_image(run, site) for site in range(run.sites))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{images}</OME>'
    )


def _image(run: Run, site: int) -> str:
    """Return an image of a document, with the file of each of its planes."""
    channels = "".join(
        f'<Channel ID="Channel:{site}:{index}" Name="Chan{letter}" SamplesPerPixel="1"/>'
        for index, (letter, _) in enumerate(zip(_LETTERS, run.channels, strict=False))
    )
    planes = "".join(
        f'<TiffData FirstC="{frame.c}" FirstT="{frame.t}" FirstZ="{frame.z}" IFD="0"'
        f' PlaneCount="1"><UUID FileName="{PurePosixPath(frame.path).name}">'
        f"urn:uuid:{uuid5(NAMESPACE_URL, frame.path)}</UUID></TiffData>"
        for frame in run.frames
        if frame.site == site
    )
    return (
        f'<Image ID="Image:{site}" Name="{escape(run.name)}"><Pixels ID="Pixels:{site}"'
        f' DimensionOrder="XYCZT" Type="uint16" SizeX="{run.width}" SizeY="{run.height}"'
        f' SizeC="{len(run.channels)}" SizeZ="{run.z}" SizeT="{run.t}"'
        f' PhysicalSizeX="{run.pixel_size_um:g}" PhysicalSizeY="{run.pixel_size_um:g}">'
        f"{channels}{planes}</Pixels></Image>"
    )
