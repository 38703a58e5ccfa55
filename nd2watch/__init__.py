"""nd2watch turns microscope image sequences into Nikon ND2 files.

The names below are the public interface: the ND2 writer with its values, and the conversion of a
folder of frames. Everything else may change.
"""

from nd2watch.convert import ConversionResult, convert_folder
from nd2watch.errors import Nd2WatchError
from nd2watch.experiment import AxisSize, Calibration, Layout, compile_pattern, compile_regex
from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Modality,
    Nd2Reader,
    Nd2Writer,
    NETimeLoop,
    Optics,
    Picture,
    RecordedColumn,
    StagePosition,
    TextInfo,
    TimeLoop,
    Well,
    WellPlate,
    XYPosLoop,
    ZStackLoop,
    recover,
)
from nd2watch.version import __version__

__all__ = [
    "AxisSize",
    "Calibration",
    "Channel",
    "ConversionResult",
    "Experiment",
    "FrameMetadata",
    "ImageAttributes",
    "Layout",
    "Modality",
    "NETimeLoop",
    "Nd2Reader",
    "Nd2WatchError",
    "Nd2Writer",
    "Optics",
    "Picture",
    "RecordedColumn",
    "StagePosition",
    "TextInfo",
    "TimeLoop",
    "Well",
    "WellPlate",
    "XYPosLoop",
    "ZStackLoop",
    "__version__",
    "compile_pattern",
    "compile_regex",
    "convert_folder",
    "recover",
]
