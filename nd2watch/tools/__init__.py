"""The interface for programs written for limnd2, on the engine and the values of nd2watch."""

from nd2watch.tools.command import (
    convert_sequence_to_nd2_args,
    convert_sequence_to_nd2_cli,
    get_file_dimensions_as_json,
    get_image_dimensions_cli,
    plan_sequence,
    plan_sequence_cli,
)
from nd2watch.tools.file import (
    convert_file_to_nd2,
    convert_file_to_nd2_args,
    convert_file_to_nd2_cli,
)
from nd2watch.tools.image_source import LimImageSource
from nd2watch.tools.sequence import convert_sequence_to_nd2

__all__ = [
    "LimImageSource",
    "convert_file_to_nd2",
    "convert_file_to_nd2_args",
    "convert_file_to_nd2_cli",
    "convert_sequence_to_nd2",
    "convert_sequence_to_nd2_args",
    "convert_sequence_to_nd2_cli",
    "get_file_dimensions_as_json",
    "get_image_dimensions_cli",
    "plan_sequence",
    "plan_sequence_cli",
]
