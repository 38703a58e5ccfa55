"""The summary of an ND2 file: all that its metadata tell, as plain values."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.nd2 import spec
from nd2watch.nd2.channel import Modality

if TYPE_CHECKING:
    from collections.abc import Callable

    from nd2watch.nd2.channel import Channel
    from nd2watch.nd2.columns import RecordedColumn, RecordedValue
    from nd2watch.nd2.reader import Nd2Reader

_LEVEL: Final = re.compile(r"CustomDataSeq\|DownsampledColorData_(\d+)\|")
_TIMES: Final = spec.custom_data_name("AcqTimesCache")


def summarize(reader: Nd2Reader) -> dict[str, Any]:
    """Return what a file tells, of values that JSON has; unknown ones are None.

    Parameters
    ----------
    reader : Nd2Reader
        The open file. No pixels are read.

    Raises
    ------
    FormatError
        If metadata are damaged.
    """
    return {name: section(reader) for name, section in _SECTIONS.items()}


def _file(reader: Nd2Reader) -> dict[str, Any]:
    """Return the facts on the file itself."""
    return {
        "path": str(reader.path),
        "bytes": reader.path.stat().st_size,
        "chunks": len(reader.chunks),
    }


def _sizes(reader: Nd2Reader) -> dict[str, int]:
    """Return the length of each axis."""
    return reader.sizes


def _samples(reader: Nd2Reader) -> dict[str, Any]:
    """Return how samples are stored."""
    attributes = reader.attributes
    return {
        "dtype": attributes.dtype.name,
        "bits_significant": attributes.bits_significant,
        "compression": "none" if attributes.zlib_level is None else "zlib",
    }


def _frames(reader: Nd2Reader) -> dict[str, Any]:
    """Return how many frames there are."""
    return {"count": reader.attributes.frame_count, "missing": list(reader.missing_frames)}


def _loops(reader: Nd2Reader) -> list[dict[str, Any]]:
    """Return the loops with what their kind has, outermost first."""
    return [
        {"axis": loop.axis.upper(), "count": loop.count, **asdict(loop)}
        for loop in reader.experiment.loops
    ]


def _channels(reader: Nd2Reader) -> list[dict[str, Any]]:
    """Return the channels in component order."""
    return [_channel(channel) for channel in reader.picture.channels]


def _channel(channel: Channel) -> dict[str, Any]:
    """Return one channel; without optics of its own it has those of the file."""
    return {
        "name": channel.name,
        "component_count": channel.component_count,
        "color": f"#{channel.color:06X}",
        "excitation_nm": channel.excitation_nm,
        "emission_nm": channel.emission_nm,
        "modality": [str(flag.name).lower() for flag in Modality if flag in channel.modality],
        "exposure_ms": channel.exposure_ms,
        "pinhole_um": channel.pinhole_um,
        "camera": channel.camera,
        "microscope": channel.microscope,
        "optics": asdict(channel.optics) if channel.optics else None,
    }


def _optics(reader: Nd2Reader) -> dict[str, Any]:
    """Return what lies between sample and camera, for channels that have no optics of their own."""
    return asdict(reader.picture.optics)


def _calibration(reader: Nd2Reader) -> dict[str, float | None]:
    """Return the distances between pixels and between planes."""
    stack = reader.experiment.z_stack
    return {"pixel_size_um": reader.pixel_size_um, "z_step_um": stack.step_um if stack else None}


def _time(reader: Nd2Reader) -> dict[str, Any]:
    """Return the start, and the first and last time of a frame with the steps between them."""
    started = reader.picture.started
    known: dict[str, Any] = {"started": started.isoformat() if started else None}
    times = reader.frame_times_ms if _TIMES in reader.chunks else np.empty(0)
    steps = np.diff(times)
    return {
        **known,
        "first_ms": _number(times[0]) if times.size else None,
        "last_ms": _number(times[-1]) if times.size else None,
        "steps_ms": _range(steps) if steps.size else None,
    }


def _range(values: np.ndarray[Any, np.dtype[Any]]) -> dict[str, float | None]:
    """Return the smallest, the mean and the largest value."""
    return {
        "min": _number(values.min()),
        "mean": _number(values.mean()),
        "max": _number(values.max()),
    }


def _columns(reader: Nd2Reader) -> list[dict[str, Any]]:
    """Return the recorded columns with the range of their values."""
    return [_column(column, values) for column, values in reader.columns().values()]


def _column(column: RecordedColumn, values: tuple[RecordedValue, ...]) -> dict[str, Any]:
    """Return one column: how many values are known, and their range, numbers or texts."""
    texts = sorted(value for value in values if isinstance(value, str) and value)
    numbers = [v for v in values if not isinstance(v, str) and math.isfinite(v)]
    known: list[Any] = texts or numbers
    return {
        "name": column.name,
        "unit": column.unit,
        "kind": column.kind,
        "known": len(known),
        "min": min(known, default=None),
        "max": max(known, default=None),
    }


def _text(reader: Nd2Reader) -> dict[str, str]:
    """Return the texts for people that are not empty."""
    info = reader.text_info
    texts = {name: getattr(info, name) for name in info.__dataclass_fields__}
    return {name: text for name, text in texts.items() if text}


def _provenance(reader: Nd2Reader) -> dict[str, Any] | None:
    """Return where the file comes from; None in files of other programs."""
    provenance = reader.provenance
    if provenance is None:
        return None
    return {
        "software": provenance.software,
        "sources_digest": provenance.sources_digest,
        "layout": provenance.layout,
        "folder": provenance.folder,
        "frames": len(provenance.frames),
        "sources": len({s.name for frame in provenance.frames for s in frame.sources if s}),
    }


def _wells(reader: Nd2Reader) -> dict[str, Any] | None:
    """Return the plate, and its wells in the order of the frames; None without."""
    plate = reader.well_plate
    if plate is None:
        return None
    visited = dict.fromkeys(well.name for _, well in sorted(reader.frame_wells.items()))
    return {
        "name": plate.name,
        "rows": plate.rows,
        "columns": plate.columns,
        "visited": list(visited),
    }


def _rois(reader: Nd2Reader) -> list[dict[str, Any]]:
    """Return the regions of interest, their shapes in pixels."""
    return [
        {
            "label": roi.label,
            "color": f"#{roi.color:06X}",
            "role": roi.role.name.lower(),
            "position": roi.position,
            "shape": type(roi.shape).__name__.lower(),
            **asdict(roi.shape),
        }
        for roi in reader.rois
    ]


def _masks(reader: Nd2Reader) -> list[dict[str, Any]]:
    """Return the layers of masks."""
    return [
        {"name": layer.name, "color": f"#{layer.color:06X}", "channel": layer.channel}
        for layer in reader.mask_layers
    ]


def _pyramid(reader: Nd2Reader) -> list[int]:
    """Return the sizes of the smaller versions of the frames, largest first."""
    found = (_LEVEL.match(name) for name in reader.chunks)
    return sorted({int(match[1]) for match in found if match}, reverse=True)


def _number(value: float) -> float | None:
    """Return a number, None when it is none."""
    return float(value) if math.isfinite(value) else None


_SECTIONS: Final[dict[str, Callable[[Nd2Reader], Any]]] = {
    "file": _file,
    "sizes": _sizes,
    "samples": _samples,
    "frames": _frames,
    "loops": _loops,
    "channels": _channels,
    "optics": _optics,
    "calibration": _calibration,
    "time": _time,
    "columns": _columns,
    "text": _text,
    "wells": _wells,
    "rois": _rois,
    "masks": _masks,
    "pyramid": _pyramid,
    "provenance": _provenance,
}
"""What a summary has, in its order."""
