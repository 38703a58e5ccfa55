"""What a layout, the names of frames and sidecars state of a file."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

from nd2watch.convert.stated import StatedMetadata
from nd2watch.experiment import AXES, WELL_FIELD, Calibration, plate_for
from nd2watch.experiment.told import channel_info
from nd2watch.nd2 import Optics, Well, WellPlate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nd2watch.experiment import ImageSequence, SequencePart
    from nd2watch.nd2 import Channel
    from nd2watch.sidecars import Sidecar
    from nd2watch.sources import ChannelInfo

_TO_STATE: Final = "state it by plate.wells"


def stated_of(sequence: ImageSequence, part: SequencePart) -> StatedMetadata:
    """Return what is stated of one file of a sequence: by the layout, else by its sidecars.

    Parameters
    ----------
    sequence : ImageSequence
        The sequence.
    part : SequencePart
        The planes of the file.

    Raises
    ------
    FormatError
        If a well is not on the stated plate.
    """
    told, layout = sequence.told, sequence.layout
    times, positions, _, _ = part.grid.labels
    wells = _wells(sequence, positions)
    plate, assumed = _plate(sequence, wells)
    return StatedMetadata(
        calibration=_calibration(layout.calibration, told),
        channels=_channels(sequence, part),
        channel_info=_channel_infos(sequence, part),
        optics=Optics(**asdict(told.optics)),
        told_start=told.started or layout.times.started(times),
        well_plate=plate,
        wells=wells if plate is not None else (),
        label_times_ms=layout.times.times_ms(times),
        have_one_start=bool(told.frames or told.pages),
        notes=(*part.notes, *assumed, *_unfinished(sequence)),
    )


def _unfinished(sequence: ImageSequence) -> tuple[str, ...]:
    """Return that a sidecar is not finished, where it is not known either that all is there."""
    if sequence.told.is_closed is not False or (sequence.is_sized and sequence.is_complete):
        return ()
    return (
        "its sidecar is not finished; what that was still to tell of axes and times is unknown",
    )


def _calibration(own: Calibration, told: Sidecar) -> Calibration:
    """Return the sizes that the layout states, else those of the sidecars."""
    return Calibration(
        pixel_size_um=own.pixel_size_um or told.pixel_size_um,
        z_step_um=own.z_step_um or told.z_step_um,
        period_ms=own.period_ms or told.period_ms,
    )


def _channels(sequence: ImageSequence, part: SequencePart) -> tuple[Channel, ...]:
    """Return the stated channels of a part; all where they cannot be told apart."""
    layout, labels = sequence.layout, part.channels
    if part.points is not None and len(layout.channels) > max(part.points):
        return tuple(layout.channels[number] for number in part.points)
    every = sequence.labels()[AXES.index("c")]
    if not layout.channels or len(layout.channels) != len(every):
        return layout.channels
    by_label = dict(zip(every, layout.channels, strict=True))
    return tuple(by_label[label] for label in labels)


def _channel_infos(sequence: ImageSequence, part: SequencePart) -> Mapping[str, ChannelInfo]:
    """Return what is told of channels, by the names that they have in the grid."""
    if part.points is not None:  # their file tells what they are
        return {}
    infos = {
        name: channel_info(sequence, label)
        for name, label in zip(part.grid.labels[AXES.index("c")], part.channels, strict=False)
    }
    return {name: replace(info, optics=None) for name, info in infos.items() if info.name}


def _wells(sequence: ImageSequence, positions: Sequence[str]) -> tuple[Well, ...]:
    """Return the well of each position; none unless all have one."""
    common = dict(sequence.key).get(WELL_FIELD, "")
    names = [sequence.fields("p", label).get(WELL_FIELD, common) or common for label in positions]
    if sequence.layout.wells is None or not all(names):
        return ()
    return tuple(map(Well.parse, names))


def _plate(
    sequence: ImageSequence, wells: Sequence[Well]
) -> tuple[WellPlate | None, tuple[str, ...]]:
    """Return the plate: the stated one, or that of the sidecars; and what had to be assumed of it.

    Where neither tells it, it is the smallest usual one that has all wells that were visited. One
    well does not show these: of one plate, A01 would be on 96 wells, and P24 on 384.
    """
    layout, told = sequence.layout, sequence.told
    if not wells:
        return None, ()
    plate, assumed = layout.plate, ""
    if plate is None and told.plate_rows is not None and told.plate_columns is not None:
        name = told.plate_name or f"{told.plate_rows * told.plate_columns} Well Plate"
        plate = WellPlate(name=name, rows=told.plate_rows, columns=told.plate_columns)
    if plate is None and layout.file_per != "plate" and not told.wells:
        return None, (f"the well plate is unknown; no well is written: {_TO_STATE}",)
    if plate is None:
        plate = plate_for([*wells, *map(Well.parse, told.wells)])
        count = plate.rows * plate.columns
        assumed = f"the well plate is unknown; one of {count} wells is written: {_TO_STATE}"
    for well in wells:
        plate.check(well, f"a position of sequence {sequence.title}")
    return plate, (assumed,) if assumed else ()
