"""What Micro-Manager writes: metadata beside images and stacks, and OME-XML into stacks."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from nd2watch.simulate.run import Run, RunFrame

_OLD: Final = "1.4"
_STACK: Final = "stack"
_STACK_NAME: Final = re.compile(r"(?P<prefix>.*MMStack_(?P<position>Pos\d+))(?:_\d+)?\.ome\.tif")
_NAMESPACE: Final = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_SIGN: Final = 1 << 31


def sidecars(run: Run, done: int, *, finished: bool) -> Mapping[str, bytes]:
    """Return the metadata of each folder, or each stack, of which a plane is written.

    Planes are added one by one; the last brace comes when the run has ended.
    """
    texts: dict[str, list[str]] = {}
    for frame in run.frames[:done]:
        entries = texts.setdefault(_sidecar_path(run, frame), [])
        if not entries:
            summary = _old_summary(run, frame) if run.form == _OLD else _summary(run)
            entries.append(_entry("Summary", summary))
        entries.extend(_entry(name, record) for name, record in _records(run, frame))
    end = "\n}\n" if finished else ""
    return {path: ("{\n" + ",\n".join(parts) + end).encode() for path, parts in texts.items()}


def description(run: Run, frame: RunFrame) -> str:
    """Return the OME-XML of a stack, which its first page has alone.

    Separate images have their metadata in tags of their own.
    """
    if run.form != _STACK or frame.z or frame.c:
        return ""
    first = next(other for other in run.frames if other.path == frame.path)
    return "".join(_ome(run, frame)) if first == frame else ""


def _sidecar_path(run: Run, frame: RunFrame) -> str:
    """Return where the metadata of a plane are written: once for a stack in several files."""
    path = PurePosixPath(frame.path)
    stack = _STACK_NAME.fullmatch(path.name)
    name = f"{stack['prefix']}_metadata.txt" if stack else "metadata.txt"
    return (path.parent / name).as_posix()


def _position(run: Run, frame: RunFrame) -> str:
    """Return the name of the position of a plane; 1.4 has none where there is only one."""
    path = PurePosixPath(frame.path)
    if stack := _STACK_NAME.fullmatch(path.name):
        return stack["position"]
    return "" if run.form == _OLD and run.sites == 1 else path.parent.name


def _entry(name: str, record: Mapping[str, Any]) -> str:
    """Return an entry of the metadata."""
    return f"{json.dumps(name)}: {json.dumps(record, indent=2)}"


def _common(run: Run) -> dict[str, Any]:
    """Return what both versions tell of the whole acquisition."""
    return {
        "Prefix": run.name,
        "UserName": "user",
        "ComputerName": "MICROSCOPE",
        "Directory": "D:\\data",
        "ChNames": [channel.name for channel in run.channels],
        "z-step_um": run.z_step_um,
        "Interval_ms": run.period_ms,
        "CustomIntervals_ms": [],
        "Frames": run.t,
        "Slices": run.z,
        "Channels": len(run.channels),
        "Positions": run.sites,
        "SlicesFirst": True,
        "TimeFirst": False,
        "KeepShutterOpenSlices": False,
        "KeepShutterOpenChannels": False,
        "Width": run.width,
        "Height": run.height,
        "IJType": 1 if run.bits > 8 else 0,
        "PixelType": _pixel_type(run),
    }


def _old_summary(run: Run, frame: RunFrame) -> dict[str, Any]:
    """Return what 1.4 tells of the acquisition, in the file whose first plane is given."""
    count = len(run.channels)
    return {
        **_common(run),
        "MicroManagerVersion": "1.4.22",
        "MetadataVersion": 10,
        "Source": "Micro-Manager",
        "UUID": _uuid(run.name),
        "PixelSize_um": run.pixel_size_um,
        "PixelAspect": 1,
        "BitDepth": run.bits,
        "Depth": 2 if run.bits > 8 else 1,
        "ChColors": [_signed(0xFF000000 | channel.color) for channel in run.channels],
        "ChContrastMin": [0] * count,
        "ChContrastMax": [1 << run.bits] * count,
        "GridRow": 0,
        "GridColumn": 0,
        "PositionIndex": frame.site,
        "Comment": "",
        "Date": f"{frame.acquired:%Y-%m-%d}",
        "Time": f"{frame.acquired:%Y-%m-%d %H:%M:%S %z}",
    }


def _summary(run: Run) -> dict[str, Any]:
    """Return what 2.0 tells of the acquisition."""
    firsts = {frame.site: frame for frame in reversed(run.frames)}
    return {
        **_common(run),
        "MicroManagerVersion": "2.0.0",
        "MetadataVersion": "2.0.0",
        "ProfileName": "Default User",
        "ChannelGroup": "Channel",
        "AxisOrder": ["time", "position", "channel", "z"],
        "IntendedDimensions": {
            "time": run.t,
            "position": run.sites,
            "z": run.z,
            "channel": len(run.channels),
        },
        "StartTime": _clock(run.started),
        "StagePositions": [
            {
                "Label": _position(run, frame),
                "DefaultXYStage": "XY",
                "DefaultZStage": "Z",
                "GridRow": 0,
                "GridCol": site,
                "Properties": {},
                "DevicePositions": [{"Device": "XY", "Position_um": list(frame.stage_um[:2])}],
            }
            for site, frame in sorted(firsts.items())
            if run.sites > 1
        ],
        "UserData": {},
    }


def _records(run: Run, frame: RunFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield names and values of the entries of one plane."""
    path = PurePosixPath(frame.path)
    key = f"FrameKey-{frame.t}-{frame.c}-{frame.z}"
    if run.form == _OLD:
        yield key, {**_old_record(run, frame), "FileName": path.name}
    elif run.form == _STACK:
        yield key, {**_record(run, frame), "FileName": path.name}
    else:
        name = f"{path.parent.name}/{path.name}" if path.parent.name else path.name
        yield f"Coords-{name}", _indices(frame)
        yield f"Metadata-{name}", _record(run, frame)


def _indices(frame: RunFrame) -> dict[str, int]:
    """Return the place of a plane on the axes."""
    return {
        "Frame": frame.t,
        "FrameIndex": frame.t,
        "PositionIndex": frame.site,
        "Slice": frame.z,
        "SliceIndex": frame.z,
        "ChannelIndex": frame.c,
    }


def _measured(run: Run, frame: RunFrame) -> dict[str, Any]:
    """Return what both versions tell of a plane."""
    x_um, y_um, z_um = frame.stage_um
    return {
        "UUID": _uuid(f"{frame.path} {frame.t} {frame.c} {frame.z}"),
        "Width": run.width,
        "Height": run.height,
        "PixelType": _pixel_type(run),
        "BitDepth": run.bits,
        "PixelSizeUm": run.pixel_size_um,
        "XPositionUm": x_um,
        "YPositionUm": y_um,
        "ZPositionUm": z_um,
        "PositionName": _position(run, frame) or None,
        "Exposure-ms": run.channels[frame.c].exposure_ms,
    }


def _old_record(run: Run, frame: RunFrame) -> dict[str, Any]:
    """Return what 1.4 tells of a plane, with the states of all devices."""
    return {
        **_measured(run, frame),
        **_indices(frame),
        "Channel": run.channels[frame.c].name,
        "SlicePosition": frame.z * run.z_step_um,
        "ElapsedTime-ms": round(frame.time_ms),
        "Time": f"{frame.acquired:%Y-%m-%d %H:%M:%S %z}",
        "Core-Camera": run.camera,
        "Core-XYStage": "XY",
        f"{run.camera}-Binning": "1",
        f"{run.camera}-Gain": "1",
        "TINosePiece-State": "1",
        "TIObjective-Label": run.objective,
    }


def _record(run: Run, frame: RunFrame) -> dict[str, Any]:
    """Return what 2.0 tells of a plane."""
    states = {"Core-Camera": run.camera, "TIObjective-Label": run.objective}
    return {
        **_measured(run, frame),
        "Camera": run.camera,
        "Binning": 1,
        "PixelAspect": 1.0,
        "ElapsedTime-ms": frame.time_ms,
        "ReceivedTime": _clock(frame.acquired),
        "ScopeData": {
            name: {"PropType": "String", "PropVal": value} for name, value in states.items()
        },
        "UserData": {},
    }


def _ome(run: Run, frame: RunFrame) -> Iterator[str]:
    """Yield the parts of the document that is written into the file of a plane.

    Each file has that of all files; where its own pages are is told by its name.
    """
    positions: dict[int, list[RunFrame]] = {}
    pages = Counter[str]()
    places: dict[RunFrame, int] = {}
    for other in run.frames:
        positions.setdefault(other.site, []).append(other)
        places[other] = pages[other.path]
        pages[other.path] += 1
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<OME xmlns="{_NAMESPACE}" Creator="Micro-Manager" UUID="{_urn(frame.path)}">'
    for site, planes in sorted(positions.items()):
        yield from _image(run, site, planes[0])
        for plane in planes:
            yield from _tiff_data(plane, places[plane])
        for plane in planes:
            yield _plane(run, plane)
        yield "</Pixels></Image>"
    yield "</OME>"


def _image(run: Run, site: int, first: RunFrame) -> Iterator[str]:
    """Yield the beginning of the element of a position."""
    yield _tag("Image", ID=f"Image:{site}", Name=PurePosixPath(first.path).name.split(".")[0])
    yield f"<AcquisitionDate>{run.started:%Y-%m-%dT%H:%M:%S%z}</AcquisitionDate>"
    yield _tag("StageLabel", end="/", Name=_position(run, first), X=0, Y=0, Z=0)
    yield _tag(
        "Pixels",
        ID=f"Pixels:{site}",
        BigEndian="false",
        DimensionOrder="XYZCT",
        Type="uint16" if run.bits > 8 else "uint8",
        SizeX=run.width,
        SizeY=run.height,
        SizeZ=run.z,
        SizeC=len(run.channels),
        SizeT=run.t,
        PhysicalSizeX=run.pixel_size_um,
        PhysicalSizeXUnit="\u00b5m",
        PhysicalSizeY=run.pixel_size_um,
        PhysicalSizeYUnit="\u00b5m",
        PhysicalSizeZ=run.z_step_um,
        PhysicalSizeZUnit="\u00b5m",
        TimeIncrement=run.period_ms,
        TimeIncrementUnit="ms",
    )
    for number, channel in enumerate(run.channels):
        yield _tag(
            "Channel",
            end="/",
            ID=f"Channel:{site}:{number}",
            Name=channel.name,
            SamplesPerPixel=1,
            Color=_signed(channel.color << 8 | 0xFF),
        )


def _tiff_data(frame: RunFrame, page: int) -> Iterator[str]:
    """Yield the element that tells in which page of which file a plane is."""
    yield _tag("TiffData", FirstT=frame.t, FirstZ=frame.z, FirstC=frame.c, IFD=page, PlaneCount=1)
    name = PurePosixPath(frame.path).name
    yield f"{_tag('UUID', FileName=name)}{_urn(frame.path)}</UUID></TiffData>"


def _plane(run: Run, frame: RunFrame) -> str:
    """Return the element that tells when and where a plane was taken."""
    x_um, y_um, z_um = frame.stage_um
    return _tag(
        "Plane",
        end="/",
        TheT=frame.t,
        TheZ=frame.z,
        TheC=frame.c,
        DeltaT=frame.time_ms,
        DeltaTUnit="ms",
        ExposureTime=run.channels[frame.c].exposure_ms,
        ExposureTimeUnit="ms",
        PositionX=x_um,
        PositionXUnit="\u00b5m",
        PositionY=y_um,
        PositionYUnit="\u00b5m",
        PositionZ=z_um,
        PositionZUnit="\u00b5m",
    )


def _tag(name: str, *, end: str = "", **attributes: object) -> str:
    """Return the tag of an element."""
    texts = (f" {key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name}{''.join(texts)}{end}>"


def _pixel_type(run: Run) -> str:
    """Return the name of the sample type."""
    return "GRAY16" if run.bits > 8 else "GRAY8"


def _clock(moment: datetime) -> str:
    """Return a time of day as 2.0 writes it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} {moment:%z}"


def _signed(value: int) -> int:
    """Return an integer of 32 bits with its sign."""
    return value - 2 * _SIGN if value >= _SIGN else value


def _uuid(text: str) -> str:
    """Return an identity, the same one for the same text."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))


def _urn(text: str) -> str:
    """Return the identity of a file."""
    return f"urn:uuid:{_uuid(text)}"
