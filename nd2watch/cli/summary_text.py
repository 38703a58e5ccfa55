"""The summary of an ND2 file as aligned lines for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_INDENT: Final = 15
_LISTED: Final = 8


def summary_lines(summary: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a summary as `nd2watch.nd2.summary.summarize` makes it."""
    yield summary["file"]["path"]
    for label, lines in _rows(summary):
        for line in _shortened(lines):
            yield f"  {label:<{_INDENT - 2}}{line}"
            label = ""


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    """Return lines as far as they fit a glance."""
    if len(lines) <= _LISTED + 1:
        return lines
    return [*lines[:_LISTED], f"... {len(lines) - _LISTED} more, see --json"]


def _rows(summary: dict[str, Any]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each label with its lines."""
    file, samples, frames = summary["file"], summary["samples"], summary["frames"]
    count = _many(frames["count"], "frame")
    yield "file", [f"{file['bytes'] / 1e6:.1f} MB, {count} in {file['chunks']} chunks"]
    yield "sizes", [" ".join(f"{axis}={count}" for axis, count in summary["sizes"].items())]
    bits = f"{samples['bits_significant']} significant bits"
    packed = "uncompressed" if samples["compression"] == "none" else samples["compression"]
    yield "samples", [f"{samples['dtype']}, {bits}, {packed}"]
    if frames["missing"]:
        shown = ", ".join(_shortened([str(index) for index in frames["missing"]]))
        yield "missing", [f"{_many(len(frames['missing']), 'frame')}: {shown}"]
    for loop in summary["loops"]:
        yield f"loop {loop['axis']}", _LOOPS[loop["axis"]](loop)
    yield "channels", table([_channel(channel) for channel in summary["channels"]])
    if optics := _optics(summary["optics"]):
        yield "optics", [optics]
    yield "pixel size", [_um(summary["calibration"]["pixel_size_um"])]
    if time := list(_time(summary["time"])):
        yield "time", time
    if summary["columns"]:
        yield "columns", table([_column(c, frames["count"]) for c in summary["columns"]])
    for name, text in summary["text"].items():
        if text != summary["optics"]["objective_name"]:
            yield name.replace("_", " "), [line.expandtabs(4) for line in _filled(text)]
    if summary["wells"]:
        yield "wells", [_wells(summary["wells"])]
    if summary["rois"]:
        yield "ROIs", table([_roi(roi) for roi in summary["rois"]])
    if summary["masks"]:
        yield "masks", table([_mask(layer) for layer in summary["masks"]])
    if summary["pyramid"]:
        yield "pyramid", [f"levels up to {', '.join(map(str, summary['pyramid']))} pixels"]
    if summary["provenance"]:
        yield "provenance", list(_provenance(summary["provenance"]))


def _time_loop(loop: dict[str, Any]) -> list[str]:
    """Return the lines on time points."""
    phases = loop.get("phases")
    if phases is None:
        return [_phase(loop)]
    return [f"{_many(loop['count'], 'time point')} in {len(phases)} phases", *map(_phase, phases)]


def _phase(phase: dict[str, Any]) -> str:
    """Return the line on equidistant time points."""
    name = f"{phase['name']}: " * bool(phase["name"])
    parts = [f"{name}{_many(phase['count'], 'time point')}"]
    if phase["period_ms"]:
        parts.append(f"every {_s(phase['period_ms'])}")
    if phase["period_mean_ms"]:
        parts.append(f"measured {_range(phase['period_min_ms'], phase['period_max_ms'])}")
    if phase["duration_ms"]:
        parts.append(f"lasting {_s(phase['duration_ms'])}")
    return ", ".join(parts)


def _positions(loop: dict[str, Any]) -> list[str]:
    """Return the lines on stage positions."""
    rows = []
    for number, place in enumerate(loop["positions"]):
        stage = [f"{axis} {_number(place[f'{axis}_um'])}" for axis in "xyz"]
        pfs = [] if place["pfs_offset"] is None else [f"PFS {_number(place['pfs_offset'])}"]
        rows.append([f"{number}", place["name"], *stage, "um", *pfs])
    return [_many(loop["count"], "position"), *table(rows)]


def _stack(loop: dict[str, Any]) -> list[str]:
    """Return the line on planes."""
    way = "bottom to top" if loop["bottom_to_top"] else "top to bottom"
    parts = [f"{_many(loop['count'], 'plane')}, {_um(loop['step_um'])} apart, {way}"]
    parts.append(f"home index {loop['home_index']}")
    return [", ".join([*parts, loop["device"]] if loop["device"] else parts)]


_LOOPS: Final = {"T": _time_loop, "P": _positions, "Z": _stack}


def _channel(channel: dict[str, Any]) -> list[str]:
    """Return the cells on a channel."""
    light = [channel["excitation_nm"], channel["emission_nm"]]
    shown = "/".join("?" if nm is None else _number(nm) for nm in light)
    details = [
        "RGB" if channel["component_count"] == 3 else "",
        ", ".join(name.replace("_", " ") for name in channel["modality"]),
        f"exposure {_s(channel['exposure_ms'])}" if channel["exposure_ms"] else "",
        f"pinhole {_um(channel['pinhole_um'])}" if channel["pinhole_um"] else "",
        channel["camera"],
        channel["microscope"],
        _optics(channel["optics"]) if channel["optics"] else "",
    ]
    return [
        channel["name"],
        channel["color"],
        "" if light == [None, None] else f"{shown} nm",
        "; ".join(detail for detail in details if detail),
    ]


def _optics(optics: dict[str, Any]) -> str:
    """Return the line on the optics."""
    forms = {
        "magnification": "{}x",
        "numerical_aperture": "NA {}",
        "immersion_index": "immersion {}",
        "zoom": "zoom {}",
    }
    known = [
        form.format(_number(optics[name])) for name, form in forms.items() if optics[name]
    ]  # fmt: skip
    return ", ".join([optics["objective_name"], *known] if optics["objective_name"] else known)


def _time(time: dict[str, Any]) -> Iterator[str]:
    """Yield the lines on the start and the times of frames."""
    if time["started"] is not None:
        started = datetime.fromisoformat(time["started"])
        yield f"started {started.isoformat(' ', 'milliseconds')}"
    if time["first_ms"] is not None and time["last_ms"] is not None:
        steps = time["steps_ms"]
        shown = f", steps of {_range(steps['min'], steps['max'])}" if steps else ""
        yield f"frames from {_s(time['first_ms'])} to {_s(time['last_ms'])}{shown}"


def _column(column: dict[str, Any], frames: int) -> list[str]:
    """Return the cells on a recorded column."""
    ends = [column["min"], column["max"]]
    shown = [end if isinstance(end, str) else _number(end) for end in ends if end is not None]
    values = " to ".join(dict.fromkeys(shown)) or "unknown"
    unit = f" {column['unit']}" * bool(column["unit"] and shown)
    partly = f" ({column['known']} of {frames} frames)" if column["known"] < frames else ""
    return [column["name"], f"{values}{unit}{partly}"]


def _wells(wells: dict[str, Any]) -> str:
    """Return the line on the plate."""
    visited = ", ".join(_shortened(wells["visited"]))
    return f"{wells['name']}, {wells['rows']} x {wells['columns']} wells: {visited}"


def _roi(roi: dict[str, Any]) -> list[str]:
    """Return the cells on a region of interest."""
    where = "" if roi["position"] is None else f"at position {roi['position'] + 1}"
    return [roi["label"], roi["color"], roi["shape"], roi["role"], where]


def _mask(layer: dict[str, Any]) -> list[str]:
    """Return the cells on a layer of masks."""
    return [layer["name"], layer["color"], f"on {layer['channel']}" * bool(layer["channel"])]


def _provenance(provenance: dict[str, Any]) -> Iterator[str]:
    """Yield the lines on where the file comes from."""
    files = f" from {_many(provenance['sources'], 'file')} of {provenance['folder']}"
    yield provenance["software"] + files * bool(provenance["frames"])
    if provenance["layout"]:
        yield f"layout {provenance['layout']}"


def _filled(text: str) -> list[str]:
    """Return the lines of a text that are not empty."""
    return [line for line in text.splitlines() if line.strip()]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns.

    Parameters
    ----------
    rows : sequence of sequence of str
        The cells of each row; cells at the end may be left out.
    """
    count = max(len(row) for row in rows)
    filled = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width
        ).rstrip()
        for row in filled
    ]


def _many(count: int, what: str) -> str:
    """Return a number of things."""
    return f"{count} {what}{'s' * (count != 1)}"


def _range(low: float, high: float) -> str:
    """Return a range of times, a single one when they are shown the same."""
    return " to ".join(dict.fromkeys([_s(low), _s(high)]))


def _um(value: float | None) -> str:
    """Return a length."""
    return "unknown" if value is None else f"{_number(value)} um"


def _s(ms: float) -> str:
    """Return a time, in s from one second on."""
    return f"{_number(ms / 1000)} s" if abs(ms) >= 1000 else f"{_number(ms)} ms"


def _number(value: float) -> str:
    """Return a number without needless digits."""
    return f"{value:.6g}"
