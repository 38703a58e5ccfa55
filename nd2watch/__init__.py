"""nd2watch turns microscope image sequences into Nikon ND2 files.

The names below are the public interface: the ND2 writer with its values, and the conversion of a
folder of frames. The modules and factories among them are for programs that were written for
limnd2, which find its names at its paths. Everything else may change.
"""

from nd2watch import attributes, experiment_factory, metadata_factory, tools
from nd2watch.attributes import ImageAttributes
from nd2watch.convert import ConversionResult, convert_folder
from nd2watch.errors import ConversionError, FormatError, Nd2WatchError, OutputExists
from nd2watch.experiment import AxisSize, Calibration, Layout, compile_pattern, compile_regex
from nd2watch.experiment_factory import ExperimentFactory, ExperimentLevel
from nd2watch.metadata_factory import MetadataFactory, PictureMetadata
from nd2watch.nd2 import (
    Channel,
    Circle,
    Ellipse,
    Experiment,
    FrameMetadata,
    FrameSources,
    Loop,
    MaskLayer,
    Modality,
    Nd2Reader,
    NETimeLoop,
    Optics,
    OtherShape,
    Picture,
    Point,
    Polygon,
    Polyline,
    Provenance,
    RecordedColumn,
    Recovery,
    Rectangle,
    Roi,
    RoiRole,
    SourceRecord,
    StagePosition,
    TextInfo,
    TimeLoop,
    Well,
    WellPlate,
    XYPosLoop,
    ZStackLoop,
    recover,
)
from nd2watch.tools.writer import Nd2Writer
from nd2watch.version import __version__

__all__ = [
    "AxisSize",
    "Calibration",
    "Channel",
    "Circle",
    "ConversionError",
    "ConversionResult",
    "Ellipse",
    "Experiment",
    "ExperimentFactory",
    "ExperimentLevel",
    "FormatError",
    "FrameMetadata",
    "FrameSources",
    "ImageAttributes",
    "Layout",
    "Loop",
    "MaskLayer",
    "MetadataFactory",
    "Modality",
    "NETimeLoop",
    "Nd2Reader",
    "Nd2WatchError",
    "Nd2Writer",
    "Optics",
    "OtherShape",
    "OutputExists",
    "Picture",
    "PictureMetadata",
    "Point",
    "Polygon",
    "Polyline",
    "Provenance",
    "RecordedColumn",
    "Recovery",
    "Rectangle",
    "Roi",
    "RoiRole",
    "SourceRecord",
    "StagePosition",
    "TextInfo",
    "TimeLoop",
    "Well",
    "WellPlate",
    "XYPosLoop",
    "ZStackLoop",
    "__version__",
    "attributes",
    "compile_pattern",
    "compile_regex",
    "convert_folder",
    "experiment_factory",
    "metadata_factory",
    "recover",
    "tools",
]
