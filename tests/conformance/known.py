"""Bugs of the readers, each with the files in which it shows."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from nd2watch.nd2 import Circle, Modality, NETimeLoop, Optics, Rectangle, XYPosLoop, ZStackLoop
from tests.conformance.view import Point

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.case import Case

_QUANTITIES: Final = ("magnification", "numerical_aperture", "immersion_index")
_OPTICS: Final = tuple(field.name for field in fields(Optics))
_STAGE: Final = ("frame_x_um", "frame_y_um", "frame_z_um")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A bug of a reader.

    Attributes
    ----------
    reader : str
        Title of the reader.
    fields : tuple of str
        Names of the fields that differ by it; in each file at least one of them does.
    when : callable
        Tells whether it shows in a file.
    reason : str
        What the reader does, for the documentation.
    """

    reader: str
    fields: tuple[str, ...]
    when: Callable[[Case], bool]
    reason: str

    def explains(self, reader: str, field: str, case: Case) -> bool:
        """Tell whether a field of a file differs by this bug."""
        return self.reader == reader and field in self.fields and self.when(case)


def _order(case: Case) -> str:
    """Return the letters of the loops with more than one point, outermost first."""
    return "".join(axis for axis, count in case.experiment.sizes.items() if count > 1)


def _nests_otherwise(case: Case) -> bool:
    """Tell whether the loops are in another order than time, positions, Z."""
    order = _order(case)
    return order != "".join(axis for axis in Point._fields if axis in order)


def _z_outside_time(case: Case) -> bool:
    order = _order(case)
    return "t" in order and "z" in order and order.index("z") < order.index("t")


def _is_rgb(case: Case) -> bool:
    return case.picture.is_rgb


def _is_padded_otherwise(case: Case) -> bool:
    """Tell whether the padding of the rows is not what Bio-Formats takes it for."""
    attributes = case.attributes
    is_odd = attributes.width % 2 and attributes.component_count % 2
    taken = attributes.dtype.itemsize if is_odd else 0
    return attributes.row_stride - attributes.row_size != taken and attributes.height > 1


def _is_padded(case: Case) -> bool:
    """Tell whether nd2reader takes the padding of the rows for samples."""
    attributes = case.attributes
    return (
        attributes.dtype.name == "uint16"
        and attributes.row_stride != attributes.row_size
        and attributes.width > 1
    )


def _lacks_stage(case: Case) -> bool:
    return any(frame.x_um is None for frame in case.frames)


def _drifts(case: Case) -> bool:
    """Tell whether the stage moved without a loop that says so."""
    if "p" in case.experiment.sizes or _lacks_stage(case):
        return False
    places = {
        (point.z, frame.x_um, frame.y_um, frame.z_um)
        for point, frame in zip(case.points, case.frames, strict=True)
    }
    return len(places) > case.sizes.z


def _has_flag(case: Case, *flags: Modality) -> bool:
    return any(flag in channel.modality for channel in case.picture.channels for flag in flags)


def _falls(case: Case) -> bool:
    return any(
        isinstance(loop, ZStackLoop) and not loop.bottom_to_top for loop in case.experiment.loops
    )


def _misreads_times(case: Case) -> bool:
    """Tell whether Bio-Formats looks for the time of a plane in the wrong place."""
    sizes, components = case.sizes, case.attributes.component_count
    if _nests_otherwise(case):
        return True
    if components == 1:
        return False
    return sizes.p == components or (sizes.p == 1 and sizes.z > 1 and sizes.t > 1)


def _some_exposures_unknown(case: Case) -> bool:
    known = [channel.exposure_ms is not None for channel in case.picture.channels]
    return any(known) and not all(known)


def _has_own_optics(case: Case, *names: str) -> bool:
    """Tell whether optics of channels differ from those of the picture in one of these."""
    common = case.picture.optics
    own = [channel.optics for channel in case.picture.channels if channel.optics]
    return any(getattr(optics, n) != getattr(common, n) for optics in own for n in names)


def _lacks_quantities(case: Case) -> bool:
    """Tell whether optics of channels leave open what is known of those of the picture."""
    common = case.picture.optics
    own = [channel.optics for channel in case.picture.channels if channel.optics]
    return any(getattr(o, n) is None and getattr(common, n) for o in own for n in _QUANTITIES)


def _position_names(case: Case) -> tuple[str, ...]:
    found = [loop for loop in case.experiment.loops if isinstance(loop, XYPosLoop)]
    return tuple(p.name for p in found[0].positions) if found else ()


def _is_spoilt(text: str) -> bool:
    """Tell whether Bio-Formats takes a byte of a text for a character that does not exist."""
    return any(
        byte >= 0x80 and unicodedata.category(chr(0xFF00 | byte)) == "Cn" for byte in text.encode()
    )


def _has_other_regions(case: Case) -> bool:
    return any(
        roi.position is not None or not isinstance(roi.shape, (Rectangle, Circle))
        for roi in case.rois
    )


def _of_sdk_and_nd2(title: str) -> tuple[Bug, ...]:
    """Return the bugs that nd2 shares with the SDK, whose answers it follows."""
    return (
        Bug(
            reader=title,
            fields=("excitation_nm", "emission_nm"),
            when=_is_rgb,
            reason="shows 420 nm for the unknown wavelengths of an RGB channel",
        ),
        Bug(
            reader=title,
            fields=("modality",),
            when=lambda case: _has_flag(case, Modality.DARKFIELD, Modality.LIGHT_SHEET),
            reason="does not know the flags of dark field and light sheet, and leaves them out",
        ),
        Bug(
            reader=title,
            fields=_STAGE,
            when=_lacks_stage,
            reason="has no unknown stage position: it shows 0 for it",
        ),
        Bug(
            reader=title,
            fields=_STAGE,
            when=_drifts,
            reason=(
                "shows the stage position of the first frame for all, unless there is an XY loop;"
                " the recorded columns have the true ones"
            ),
        ),
    )


SDK_BUGS: Final = (
    *_of_sdk_and_nd2("SDK"),
    Bug(
        reader="SDK",
        fields=("frame_julian_day",),
        when=lambda case: case.picture.started is None,
        reason="shows the present time when the start of the acquisition is unknown",
    ),
    Bug(
        reader="SDK",
        fields=("objective_name", "zoom"),
        when=lambda case: _has_own_optics(case, "objective_name", "zoom"),
        reason=(
            "shows the name of the objective and the zoom of the picture for every channel, while"
            " magnification, numerical aperture and immersion are those of the channel"
        ),
    ),
    Bug(
        reader="SDK",
        fields=_QUANTITIES,
        when=_lacks_quantities,
        reason="shows those of the picture where what a channel's own objective has is unknown",
    ),
)

ND2_BUGS: Final = (
    *_of_sdk_and_nd2("nd2"),
    Bug(
        reader="nd2",
        fields=("recorded_z_offset_um",),
        when=lambda case: _falls(case) and case.sizes.z > 1,
        reason="turns the distances from the home plane around in a stack from top to bottom",
    ),
    Bug(
        reader="nd2",
        fields=("frame_z_um",),
        when=lambda case: case.sizes.z > 1,
        reason=(
            "shows the stage Z of the first plane for every plane of a stack; the recorded column"
            " has the true one"
        ),
    ),
    Bug(
        reader="nd2",
        fields=_OPTICS,
        when=lambda case: _has_own_optics(case, *_OPTICS),
        reason="shows the optics of the picture for every channel",
    ),
)

ND2READER_BUGS: Final = (
    Bug(
        reader="nd2reader",
        fields=("sample_type",),
        when=lambda _: True,
        reason="says float64 for every file",
    ),
    Bug(
        reader="nd2reader",
        fields=("planes",),
        when=lambda case: case.attributes.dtype.name != "uint16",
        reason="reads all samples as uint16",
    ),
    Bug(
        reader="nd2reader",
        fields=("planes",),
        when=lambda case: case.attributes.zlib_level is not None,
        reason="does not read compressed frames",
    ),
    Bug(
        reader="nd2reader",
        fields=("planes",),
        when=_is_padded,
        reason="takes the padding of the rows for samples: every row is shifted",
    ),
    Bug(
        reader="nd2reader",
        fields=("planes",),
        when=_is_rgb,
        reason="shows the first component of an RGB channel only",
    ),
    Bug(
        reader="nd2reader",
        fields=("channel_names",),
        when=lambda case: len(case.picture.channels) > 10,
        reason="sorts the names of the channels by their number as text (a10 before a2)",
    ),
    Bug(
        reader="nd2reader",
        fields=("planes", "frame_time_ms", *_STAGE),
        when=_nests_otherwise,
        reason="takes frames to be in the order of time, positions, Z, whatever the loops are",
    ),
    Bug(
        reader="nd2reader",
        fields=("roi_shapes", "roi_places"),
        when=_has_other_regions,
        reason="knows rectangles and circles only, and no regions of single positions",
    ),
    Bug(
        reader="nd2reader",
        fields=("phase_start_ms", "phase_period_ms", "phase_duration_ms"),
        when=lambda case: any(isinstance(loop, NETimeLoop) for loop in case.experiment.loops),
        reason="collects the phases of a time loop, and then returns an empty one instead",
    ),
)

BIOFORMATS_BUGS: Final = (
    Bug(
        reader="Bio-Formats",
        fields=("planes",),
        when=_is_padded_otherwise,
        reason=(
            "takes rows to be padded by one sample when width and components are odd, else not at"
            " all; the vendor's SDK takes them to be padded to 4 bytes, as they are written"
        ),
    ),
    Bug(
        reader="Bio-Formats",
        fields=("planes",),
        when=_z_outside_time,
        reason="misplaces the planes when the Z loop lies outside the time loop",
    ),
    Bug(
        reader="Bio-Formats",
        fields=("frame_time_ms",),
        when=_misreads_times,
        reason=(
            "looks up the time of a plane in the wrong place: with one position, several channels,"
            " time points and Z planes; with as many positions as channels; and when the loops are"
            " not in the order of time, positions, Z"
        ),
    ),
    Bug(
        reader="Bio-Formats",
        fields=(
            "channel_names",
            "channel_colors",
            "excitation_nm",
            "emission_nm",
            "acquisition_mode",
            "exposure_ms",
            "camera",
        ),
        when=_is_rgb,
        reason=(
            "shows the components of an RGB channel as three channels in stored order (blue,"
            " green, red), of which the first has the name and the colour"
        ),
    ),
    Bug(
        reader="Bio-Formats",
        fields=("channel_colors",),
        when=lambda case: any(channel.color == 0 for channel in case.picture.channels),
        reason="shows no colour for a black channel",
    ),
    Bug(
        reader="Bio-Formats",
        fields=("exposure_ms",),
        when=_some_exposures_unknown,
        reason="leaves unknown exposures out, so that those of later channels move up",
    ),
    Bug(
        reader="Bio-Formats",
        fields=("camera",),
        when=lambda case: len({channel.camera for channel in case.picture.channels}) > 1,
        reason="knows one detector for all channels; when they differ, it is not written",
    ),
    Bug(
        reader="Bio-Formats",
        fields=_OPTICS,
        when=lambda case: _has_own_optics(case, *_OPTICS),
        reason=(
            "knows one objective for all channels: that of the picture, with the last"
            " magnification of a channel where the picture has none"
        ),
    ),
    Bug(
        reader="Bio-Formats",
        fields=("microscope",),
        when=lambda case: len({channel.microscope for channel in case.picture.channels}) > 1,
        reason="knows one microscope for all channels, the last",
    ),
    Bug(
        reader="Bio-Formats",
        fields=("position_names",),
        when=lambda case: any(map(_is_spoilt, _position_names(case))),
        reason="blanks out some bytes of names in UTF-8, among them those of Cyrillic and emoji",
    ),
)

BUGS: Final = (*SDK_BUGS, *ND2_BUGS, *ND2READER_BUGS, *BIOFORMATS_BUGS)
"""All of them, in the order of the documentation."""
