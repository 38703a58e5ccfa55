"""What is recorded for each frame: time, stage position, exposure, further columns."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec
from nd2watch.nd2.checks import check_finite, check_kind
from nd2watch.nd2.columns import RecordedColumn, encode_tags
from nd2watch.nd2.wells import FRAME_WELLS, PLATE, Well, encode_frame_wells, encode_plate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from nd2watch.nd2.columns import RecordedValue
    from nd2watch.nd2.wells import WellPlate

OWN_COLUMNS: Final = {
    "x_um": ("X", RecordedColumn(name="X Coord", unit="µm")),
    "y_um": ("Y", RecordedColumn(name="Y Coord", unit="µm")),
    "z_um": ("Z", RecordedColumn(name="Z Coord", unit="µm")),
    "exposure_ms": ("Camera_ExposureTime1", RecordedColumn(name="Exposure Time", unit="ms")),
}
_STAGE_KEYS: Final = frozenset("XYZ")
_SHOWN_BY_READERS: Final = frozenset(
    {"Time [s]", "Index", "T Index", "P Index", "Z Index", "Z-Series", "Position Name", "Events"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMetadata:
    """Time, stage position and further recordings of one frame.

    Attributes
    ----------
    time_ms : float
        Time since the start of the acquisition, ms. Readers expect it to rise from frame to frame.
    x_um, y_um, z_um : float, optional
        Stage position, um; None when unknown. Readers see NaN when other frames have one.
    exposure_ms : float, optional
        Exposure of this frame, ms, where it is not that of the channel.
    recorded : mapping of str to float, int or str
        Values by the name of the column that the writer was told of.
    well : Well, optional
        Well of the plate that the writer was told of.

    Raises
    ------
    FormatError
        If a number is not finite.
    """

    time_ms: float
    x_um: float | None = None
    y_um: float | None = None
    z_um: float | None = None
    exposure_ms: float | None = None
    recorded: Mapping[str, RecordedValue] = field(default_factory=dict)
    well: Well | None = None

    def __post_init__(self) -> None:
        check_kind(self, "time_ms", int | float | np.integer | np.floating)
        check_kind(self, "recorded", Mapping)
        check_kind(self, "well", Well | None)
        check_finite(self, "time_ms", *OWN_COLUMNS)


class FrameTable:
    """The columns of a file, one value a frame, as they grow while frames are written.

    Parameters
    ----------
    recorded : tuple of RecordedColumn
        Columns that the user adds.
    plate : WellPlate, optional
        Plate that the frames' wells are on.

    Raises
    ------
    FormatError
        If two columns have the same name, or one has that of what readers show of their own.
    """

    def __init__(
        self,
        recorded: tuple[RecordedColumn, ...] = (),
        plate: WellPlate | None = None,
    ) -> None:
        self._plate = plate
        self._wells: list[Well | None] = []
        self._times = array("d")
        self._given = array("b")
        self._missing: list[int] = []
        self._own = {name: array("d") for name in OWN_COLUMNS}
        self._recorded = {column.name: column for column in recorded}
        self._values: dict[str, list[RecordedValue | None]] = {c.name: [] for c in recorded}
        shown = [column.header for _, column in OWN_COLUMNS.values()]
        shown += [column.header for column in recorded]
        names = {column.name for _, column in OWN_COLUMNS.values()} | self._recorded.keys()
        if len(set(shown)) < len(shown) or len(names) < len(shown):
            raise FormatError(f"columns must differ in their names, not be {shown}")
        if hidden := _SHOWN_BY_READERS & {column.header for column in recorded}:
            raise FormatError(f"columns {sorted(hidden)} would hide what readers show of their own")

    def __len__(self) -> int:
        return len(self._times)

    @property
    def times_ms(self) -> Sequence[float]:
        """Time of each frame, ms."""
        return self._times

    @property
    def given_times_ms(self) -> npt.NDArray[np.float64]:
        """Time of each frame, ms, NaN where it was not given."""
        return np.where(np.asarray(self._given, bool), np.asarray(self._times), np.nan)

    @property
    def stage_um(self) -> dict[str, npt.NDArray[np.float64]]:
        """The stage columns that are written, um, shape (frame,)."""
        return {key: values for key, _, values in self._own_known() if key in _STAGE_KEYS}

    @property
    def missing(self) -> tuple[int, ...]:
        """Frames that are not there."""
        return tuple(self._missing)

    def next_default(self) -> FrameMetadata:
        """Return what stands for a frame of which nothing is known: 1 ms after the one before."""
        return FrameMetadata(time_ms=self._times[-1] + 1.0 if self._times else 0.0)

    def check(self, metadata: FrameMetadata) -> None:
        """Refuse values that `append` cannot record.

        Raises
        ------
        FormatError
            If a column was not declared, a value is not of its kind, or the well is not on the
            plate.
        """
        if not isinstance(metadata, FrameMetadata):
            raise FormatError(f"{metadata!r} is given for a frame; it must be FrameMetadata")
        if metadata.well is not None:
            if self._plate is None:
                raise FormatError(f"a frame is in well {metadata.well.name}, but there is no plate")
            self._plate.check(metadata.well, f"frame {len(self)}")
        if unknown := metadata.recorded.keys() - self._recorded.keys():
            raise FormatError(f"columns {sorted(unknown)} were not declared to the writer")
        for name, column in self._recorded.items():
            value = metadata.recorded.get(name)
            if value is not None:
                column.encode([value])
            elif column.kind == "integer":
                raise FormatError(f"a frame has no value of column {name}, which is of integers")

    def append(self, metadata: FrameMetadata, *, missing: bool = False, given: bool = True) -> None:
        """Record the next frame.

        Parameters
        ----------
        metadata : FrameMetadata
            What is known of it.
        missing : bool, default False
            It has no pixels.
        given : bool, default True
            Its time is known, and not just assumed.
        """
        self._given.append(given)
        if missing:
            self._missing.append(len(self))
        self._times.append(metadata.time_ms)
        if self._plate is not None:
            self._wells.append(metadata.well)
        for name, values in self._values.items():
            values.append(metadata.recorded.get(name))
        for name, own in self._own.items():
            value = getattr(metadata, name)
            own.append(np.nan if value is None else value)

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and data of each chunk: the columns' description, then the columns.

        A column of stage positions or exposures is written when a frame has a value; it is NaN
        for those that have none.
        """
        known = list(self._known())
        yield spec.CUSTOM_TAGS, encode_tags({key: column for key, column, _ in known}, len(self))
        for key, _, data in known:
            yield spec.custom_data_name(key), data
        yield spec.custom_data_name("AcqTimesCache"), _doubles(self._times)
        yield spec.custom_data_name("AcqTimes2Cache"), bytes(8 * len(self))
        yield spec.custom_data_name("AcqFramesCache"), bytes(4 * len(self))
        if self._missing:
            yield spec.MISSING, np.asarray(self._missing, "<u4").tobytes()
        if self._plate is not None:
            yield PLATE, encode_plate(self._plate)
            yield FRAME_WELLS, encode_frame_wells(self._plate, self._wells)

    def _known(self) -> Iterator[tuple[str, RecordedColumn, bytes]]:
        """Yield key, description and data of the columns that are written."""
        keys = {key for key, _ in OWN_COLUMNS.values()}
        for key, column, values in self._own_known():
            yield key, column, values.astype("<f8").tobytes()
        for number, column in enumerate(self._recorded.values()):
            key = column.chunk_key()
            while key in keys:
                key = f"{key}_{number}"
            keys.add(key)
            yield key, column, column.encode(self._values[column.name])

    def _own_known(self) -> Iterator[tuple[str, RecordedColumn, npt.NDArray[np.float64]]]:
        """Yield key, description and values of the stage positions and exposures of frames."""
        for name, (key, column) in OWN_COLUMNS.items():
            values = np.asarray(self._own[name])
            if not np.isnan(values).all():
                yield key, column, values


def _doubles(column: array[float]) -> bytes:
    """Return a column as little-endian f64."""
    return np.asarray(column).astype("<f8").tobytes()
