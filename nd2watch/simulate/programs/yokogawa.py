"""What Yokogawa CellVoyager and CQ systems write beside their frames."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from nd2watch.simulate.programs.values import place_of, windows_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nd2watch.simulate.run import Run, RunChannel, RunFrame

_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>\r\n'
_NAMESPACE: Final = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
_IMAGE_FOLDER: Final = "Image"
"""Folder below the sidecars in which CV1000 and CQ1 have their frames."""


def sidecars(run: Run, done: int, *, finished: bool) -> dict[str, bytes]:
    """Return the settings, the details, and the list of images, which grows."""
    folder = _folder(run)
    texts = {
        f"{run.name}.mes": _settings(run),
        "MeasurementDetail.mrf": _details(run, done, finished=finished),
        "MeasurementData.mlf": _images(run, done, finished=finished),
    }
    return {str(folder / name): text.encode("utf-8-sig") for name, text in texts.items()}


def description(run: Run, frame: RunFrame) -> str:
    """Return nothing: the frames tell nothing of themselves."""
    return ""


def _folder(run: Run) -> PurePosixPath:
    """Return the folder of the sidecars."""
    folder = PurePosixPath(run.frames[0].path).parent
    return folder.parent if folder.name == _IMAGE_FOLDER else folder


def _images(run: Run, done: int, *, finished: bool) -> str:
    """Return the list of images."""
    records = "".join(_record(run, frame) for frame in run.frames[:done])
    end = "</bts:MeasurementData>\r\n" if finished else ""
    return f'{_DECLARATION}<bts:MeasurementData bts:Version="1.0" {_NAMESPACE}>\r\n{records}{end}'


def _record(run: Run, frame: RunFrame) -> str:
    """Return the record of a plane."""
    row, column = place_of(frame.well)
    x, y, z = (round(each, 4) for each in frame.stage_um)
    attributes = _attributes(
        Type="IMG",
        Time=frame.acquired.isoformat(timespec="milliseconds"),
        Column=column,
        Row=row,
        TimePoint=frame.t + 1,
        FieldIndex=frame.site + 1,
        ZIndex=frame.z + 1,
        TimelineIndex=1,
        ActionIndex=frame.c + 1,
        Action=_action_name(run.channels[frame.c]),
        X=x,
        Y=y,
        Z=z,
        Ch=frame.c + 1,
    )
    path = PurePosixPath(frame.path).relative_to(_folder(run))
    return f"<bts:MeasurementRecord {attributes}>{escape(str(path))}</bts:MeasurementRecord>\r\n"


def _details(run: Run, done: int, *, finished: bool) -> str:
    """Return the details of the measurement."""
    ended = run.frames[max(done, 1) - 1].acquired
    begin_and_end = {
        "BeginTime": windows_time(run.started),
        **({"EndTime": windows_time(ended)} if finished else {}),
    }
    attributes = _attributes(
        Version="1.0",
        OperatorName="operator",
        Title=run.name,
        Application="",
        **begin_and_end,
        MeasurementSettingFileName=f"{run.name}.mes",
        ColumnCount=run.plate_columns,
        RowCount=run.plate_rows,
        TimePointCount=run.t,
        FieldCount=run.sites,
        ZCount=run.z,
        TargetSystem="CV8000",
        ReleaseNumber="R2.06.03",
        Status=0,
    )
    plate = _attributes(
        Name=run.name,
        WellPlateFileName=f"{run.name}.wpi",
        WellPlateProductFileName="1009680001_Plate.wpp",
    )
    channels = "".join(
        f"  <bts:MeasurementChannel {_detail(run, number)} />\r\n"
        for number in range(1, len(run.channels) + 1)
    )
    return (
        f"{_DECLARATION}<bts:MeasurementDetail {attributes} {_NAMESPACE}>\r\n"
        f"  <bts:MeasurementSamplePlate {plate} />\r\n{channels}</bts:MeasurementDetail>\r\n"
    )


def _detail(run: Run, number: int) -> str:
    """Return the attributes of a channel in the details."""
    return _attributes(
        Ch=number,
        HorizontalPixelDimension=run.pixel_size_um,
        VerticalPixelDimension=run.pixel_size_um,
        CameraNumber=1,
        InputBitDepth=16,
        InputLevel=10000,
        HorizontalPixels=run.width,
        VerticalPixels=run.height,
        FilterWheelPosition=6,
        FilterPosition=number,
        ShadingCorrectionSource="",
        ObjectiveMagnificationRatio=1,
        OriginalHorizontalPixels=run.width,
        OriginalVerticalPixels=run.height,
    )


def _settings(run: Run) -> str:
    """Return the settings: what is to be acquired, light sources and channels."""
    lights = [
        _attributes(Name=f"{nm:g}nm", Type="Laser", WaveLength=f"{nm:g}", Power=100)
        for nm in sorted({channel.excitation_nm for channel in run.channels})
    ]
    lamp = _attributes(Name="Lamp", Type="Lamp", WaveLength=0, Power=30)
    lines = [
        f"<bts:MeasurementSetting {_plate(run)} {_NAMESPACE}>",
        "  <bts:Timelapse>",
        *_timeline(run),
        "  </bts:Timelapse>",
        '  <bts:LightSourceList bts:UseCalibratedLaserPower="true">',
        *(f"    <bts:LightSource {light} />" for light in (*lights, lamp)),
        "  </bts:LightSourceList>",
        "  <bts:ChannelList>",
        *_channels(run),
        "  </bts:ChannelList>",
        "</bts:MeasurementSetting>",
    ]
    return _DECLARATION + "\r\n".join(lines)


def _timeline(run: Run) -> Iterable[str]:
    """Yield the lines of what is acquired: where, and how."""
    interval_s = run.period_ms / 1e3
    line = _attributes(
        Name="Time Line 1",
        InitialTime=0,
        Period=f"{run.t * interval_s:g}",
        Interval=f"{interval_s:g}",
        ExpectedTime=f"{interval_s:g}",
        Color="#ff44ee66",
        OverrideExpectedTime="false",
    )
    places = [_attributes(Column=column, Row=row) for row, column in map(place_of, run.wells)]
    first = {f.site: f.stage_um for f in reversed(run.frames) if f.well == run.frames[0].well}
    points = [_attributes(X=first[site][0], Y=first[site][1]) for site in sorted(first)]
    yield f"    <bts:Timeline {line}>"
    yield '      <bts:WellSequence bts:IsSelected="true">'
    yield from (f"        <bts:TargetWell {place}>true</bts:TargetWell>" for place in places)
    yield "      </bts:WellSequence>"
    yield '      <bts:PointSequence bts:Method="FixedPosition">'
    yield '        <bts:FixedPosition bts:IsProportional="false">'
    yield from (f"          <bts:Point {point} />" for point in points)
    yield "        </bts:FixedPosition>"
    yield "      </bts:PointSequence>"
    yield '      <bts:ActionList bts:RunMode="sequential" bts:AFSearch="afparam">'
    yield from _actions(run)
    yield "      </bts:ActionList>"
    yield "    </bts:Timeline>"


def _plate(run: Run) -> str:
    """Return the attributes of the plate in the settings."""
    return _attributes(
        Version="1.0",
        ProductID="1009680001",
        Application="",
        Columns=run.plate_columns,
        Rows=run.plate_rows,
    )


def _actions(run: Run) -> Iterable[str]:
    """Yield the lines of the actions: each channel has its own."""
    for number, channel in enumerate(run.channels, start=1):
        name = f"bts:ActionAcquire{_action_name(channel)}"
        half_um = (channel.z - 1) * run.z_step_um / 2
        told = {"XOffset": 0, "YOffset": 0, "AFShiftBase": f"{half_um:g}"}
        if channel.z > 1:
            told |= {
                "TopDistance": f"{half_um:g}",
                "BottomDistance": f"{-half_um:g}",
                "SliceLength": f"{run.z_step_um:g}",
            }
        yield f'        <{name} {_attributes(**told)} bts:UseSoftFocus="false">'
        yield f"          <bts:Ch>{number}</bts:Ch>"
        yield f"        </{name}>"


def _channels(run: Run) -> Iterable[str]:
    """Yield the lines of the channels, and of one that is defined, but not acquired."""
    for number, channel in enumerate(run.channels, start=1):
        yield from _channel(run, number, channel)
    yield from _channel(run, len(run.channels) + 1, run.channels[0])


def _channel(run: Run, number: int, channel: RunChannel) -> Iterable[str]:
    """Yield the lines of a channel."""
    attributes = _attributes(
        Ch=number,
        Target=channel.name,
        ObjectiveID=20200,
        Objective=run.objective,
        Magnification=f"{run.magnification:g}",
        MethodID=1,
        Method="Confocal Fluorescence",
        FilterID=number,
        Acquisition=f"BP{channel.emission_nm:g}/45",
        ExposureTime=f"{channel.exposure_ms:g}",
        Binning=1,
        Color=f"#FF{channel.color:06X}",
        MinLevel=0,
        MaxLevel=1,
        CSUID=2,
        PinholeDiameter=50,
        Kind="ConfocalFluorescence",
        CameraType=run.camera,
        InputLevel=10000,
        Fluorophore="",
    )
    yield f"    <bts:Channel {attributes}>"
    yield f"      <bts:LightSourceName>{channel.excitation_nm:g}nm</bts:LightSourceName>"
    yield "    </bts:Channel>"


def _attributes(**values: object) -> str:
    """Return attributes in the namespace of the program."""
    return " ".join(f"bts:{name}={quoteattr(str(value))}" for name, value in values.items())


def _action_name(channel: RunChannel) -> str:
    """Return what the acquisition of a channel is called."""
    return "3D" if channel.z > 1 else "2D"
