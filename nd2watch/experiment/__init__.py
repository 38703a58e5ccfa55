"""Experiment layouts: from file names to sequences of frames.

A *label* is an index as it stands in a file name; a *coordinate* is the labels of one file on the
axes time, XY position, Z and channel. Labels are ranked within a sequence: they need not start at
0, nor be without gaps.
"""

from nd2watch.experiment.axes import (
    AXES,
    AxisSize,
    Coordinate,
    natural_key,
    plain_label,
)
from nd2watch.experiment.companions import Companions, SidecarNames
from nd2watch.experiment.completeness import MOST_MISSING, describe
from nd2watch.experiment.grid import FrameGrid, join_files
from nd2watch.experiment.layout import (
    TEMPORARY_NAMES,
    Calibration,
    FrameName,
    Layout,
    SequenceKey,
)
from nd2watch.experiment.output_name import OutputName, safe_part
from nd2watch.experiment.parts import SequencePart, parts_of
from nd2watch.experiment.pattern import (
    FOLDER_FIELD,
    NamePattern,
    compile_names,
    compile_pattern,
    compile_regex,
)
from nd2watch.experiment.sequence import ImageSequence
from nd2watch.experiment.single_planes import single_plane_hint
from nd2watch.experiment.site_grid import SiteGrid
from nd2watch.experiment.time_labels import TimeLabels
from nd2watch.experiment.wells import WELL_FIELD, WellNames, plate_for

__all__ = [
    "AXES",
    "FOLDER_FIELD",
    "MOST_MISSING",
    "TEMPORARY_NAMES",
    "WELL_FIELD",
    "AxisSize",
    "Calibration",
    "Companions",
    "Coordinate",
    "FrameGrid",
    "FrameName",
    "ImageSequence",
    "Layout",
    "NamePattern",
    "OutputName",
    "SequenceKey",
    "SequencePart",
    "SidecarNames",
    "SiteGrid",
    "TimeLabels",
    "WellNames",
    "compile_names",
    "compile_pattern",
    "compile_regex",
    "describe",
    "join_files",
    "natural_key",
    "parts_of",
    "plain_label",
    "plate_for",
    "safe_part",
    "single_plane_hint",
]
