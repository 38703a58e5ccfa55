"""The conversion engine: from a sequence of frames to a published, verified ND2 file."""

from nd2watch.convert.check import FileCheck, check_file
from nd2watch.convert.files import FilePlan, plan_conversion, plan_files
from nd2watch.convert.folder import collect_folder, convert_folder
from nd2watch.convert.pixels import read_frames
from nd2watch.convert.plan import ConversionPlan, plan_frames
from nd2watch.convert.run import ConversionResult, convert
from nd2watch.convert.stated import StatedMetadata
from nd2watch.convert.steps import Step, ignore_step
from nd2watch.convert.verify import holds_sequence

__all__ = [
    "ConversionPlan",
    "ConversionResult",
    "FileCheck",
    "FilePlan",
    "StatedMetadata",
    "Step",
    "check_file",
    "collect_folder",
    "convert",
    "convert_folder",
    "holds_sequence",
    "ignore_step",
    "plan_conversion",
    "plan_files",
    "plan_frames",
    "read_frames",
]
