"""What Harmony, the program of Opera Phenix and Operetta, writes beside its frames."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from nd2watch.simulate.programs.values import place_of, windows_time

if TYPE_CHECKING:
    from nd2watch.simulate.run import Run, RunFrame

_NAME: Final = "Index.idx.xml"
_FOCUS_UM: Final = 135_350.823
"""Height of the focus on the axis of the objective, um."""

_HEAD: Final = """\
<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData xmlns:xsd="http://www.w3.org/2001/XMLSchema" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" Version="1" \
xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5">
  <User>User</User>
  <InstrumentType>Phenix</InstrumentType>
  <Plates>
    <Plate>
      <PlateID>{name}</PlateID>
      <MeasurementID>5f0f3f5c-6f5e-4c38-a0de-0c8b64f0f9c7</MeasurementID>
      <MeasurementStartTime>{started}</MeasurementStartTime>
      <Name>{name}</Name>
      <PlateTypeName>{wells} Well Plate</PlateTypeName>
      <PlateRows>{rows}</PlateRows>
      <PlateColumns>{columns}</PlateColumns>
"""
_MIDDLE: Final = """\
    </Plate>
  </Plates>
  <Images>
"""
_IMAGE: Final = """\
    <Image Version="1">
      <id>{row:02d}{column:02d}K{sk}F{field}P{plane}R{channel}</id>
      <State>Ok</State>
      <URL>{url}</URL>
      <Row>{row}</Row>
      <Col>{column}</Col>
      <FieldID>{field}</FieldID>
      <PlaneID>{plane}</PlaneID>
      <TimepointID>{timepoint}</TimepointID>
      <ChannelID>{channel}</ChannelID>
      <FlimID>1</FlimID>
      <ChannelName>{channel_name}</ChannelName>
      <ImageType>Signal</ImageType>
      <AcquisitionType>NonConfocal</AcquisitionType>
      <IlluminationType>Epifluorescence</IlluminationType>
      <ChannelType>Fluorescence</ChannelType>
      <ImageResolutionX Unit="m">{pixel}</ImageResolutionX>
      <ImageResolutionY Unit="m">{pixel}</ImageResolutionY>
      <ImageSizeX>{width}</ImageSizeX>
      <ImageSizeY>{height}</ImageSizeY>
      <BinningX>1</BinningX>
      <BinningY>1</BinningY>
      <MaxIntensity>65536</MaxIntensity>
      <CameraType>{camera}</CameraType>
      <PositionX Unit="m">{x}</PositionX>
      <PositionY Unit="m">{y}</PositionY>
      <PositionZ Unit="m">{z}</PositionZ>
      <AbsPositionZ Unit="m">{absolute_z}</AbsPositionZ>
      <MeasurementTimeOffset Unit="s">{offset}</MeasurementTimeOffset>
      <AbsTime>{acquired}</AbsTime>
      <MainExcitationWavelength Unit="nm">{excitation:g}</MainExcitationWavelength>
      <MainEmissionWavelength Unit="nm">{emission:g}</MainEmissionWavelength>
      <ObjectiveMagnification Unit="">{magnification:g}</ObjectiveMagnification>
      <ObjectiveNA Unit="">{aperture:g}</ObjectiveNA>
      <ExposureTime Unit="s">{exposure}</ExposureTime>
      <OrientationMatrix>[[1,0,0,0],[0,-1,0,0],[0,0,1,0]]</OrientationMatrix>
    </Image>
"""
_TAIL: Final = """\
  </Images>
</EvaluationInputData>
"""


def sidecars(run: Run, done: int, *, finished: bool) -> dict[str, bytes]:
    """Return the index of the images, which is written at the end."""
    if not finished or not done:
        return {}
    frames = run.frames[:done]
    head = _HEAD.format(
        name=escape(run.name),
        started=windows_time(run.started),
        wells=run.plate_rows * run.plate_columns,
        rows=run.plate_rows,
        columns=run.plate_columns,
    )
    wells = "".join(
        f'      <Well id="{row:02d}{column:02d}" />\n' for row, column in map(place_of, run.wells)
    )
    images = "".join(_image(run, frame) for frame in frames)
    path = PurePosixPath(frames[0].path).with_name(_NAME)
    return {str(path): f"\ufeff{head}{wells}{_MIDDLE}{images}{_TAIL}".encode()}


def description(run: Run, frame: RunFrame) -> str:
    """Return nothing: the frames tell nothing of themselves."""
    return ""


def _image(run: Run, frame: RunFrame) -> str:
    """Return the entry of a plane; its time point is counted from 0, all else from 1."""
    channel, (row, column) = run.channels[frame.c], place_of(frame.well)
    x, y, z = frame.stage_um
    return _IMAGE.format(
        row=row,
        column=column,
        sk=frame.t + 1,
        field=frame.site + 1,
        plane=frame.z + 1,
        timepoint=frame.t,
        channel=frame.c + 1,
        url=escape(PurePosixPath(frame.path).name),
        channel_name=escape(channel.name),
        pixel=_metres(run.pixel_size_um),
        width=run.width,
        height=run.height,
        camera=escape(run.camera),
        x=_metres(x),
        y=_metres(y),
        z=_metres(z),
        absolute_z=_metres(z + _FOCUS_UM),
        offset=f"{frame.t * run.period_ms / 1e3:.10g}",
        acquired=windows_time(frame.acquired),
        excitation=channel.excitation_nm,
        emission=channel.emission_nm,
        magnification=run.magnification,
        aperture=run.numerical_aperture,
        exposure=f"{channel.exposure_ms / 1e3:.10g}",
    )


def _metres(length_um: float) -> str:
    """Return a length as the program writes it, like ``6.5E-07``."""
    return f"{length_um / 1e6:.15G}"
