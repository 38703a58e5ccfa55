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
from nd2watch.experiment.grid import FrameGrid, join_files
from nd2watch.experiment.layout import (
    TEMPORARY_NAMES,
    Calibration,
    FrameName,
    Layout,
    SequenceKey,
)
from nd2watch.experiment.output_name import OutputName
from nd2watch.experiment.pattern import NamePattern, compile_pattern, compile_regex
from nd2watch.experiment.sequence import ImageSequence, describe

__all__ = [
    "AXES",
    "TEMPORARY_NAMES",
    "AxisSize",
    "Calibration",
    "Coordinate",
    "FrameGrid",
    "FrameName",
    "ImageSequence",
    "Layout",
    "NamePattern",
    "OutputName",
    "SequenceKey",
    "compile_pattern",
    "compile_regex",
    "describe",
    "join_files",
    "natural_key",
    "plain_label",
]
