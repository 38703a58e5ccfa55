"""The words of the command line for converting a folder of numbered files."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError, LayoutError
from nd2watch.experiment import Calibration, plain_label
from nd2watch.nd2 import Optics
from nd2watch.sources import SUFFIXES, ChannelInfo
from nd2watch.tools.dimensions import AXIS_OF
from nd2watch.tools.numbered_pattern import NumberedPattern, compile_numbered, composed
from nd2watch.tools.plate import PlateOptions
from nd2watch.tools.words import color_of, modality_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_GROUPS: Final = (
    ("-mx", "--multipoint_x", "position along X"),
    ("-my", "--multipoint_y", "position along Y"),
    ("-m", "--multipoint", "position"),
    ("-z", "--zstack", "Z plane"),
    ("-t", "--timeloop", "time point"),
    ("-c", "--channel", "channel"),
)
_MICROSCOPE: Final = (
    ("objective_magnification", "X", "magnification of the objective", 0, 1000),
    ("objective_numerical_aperture", "NA", "its numerical aperture", 0, 2),
    ("zoom_magnification", "X", "further magnification up to the camera", 0, 1000),
    ("immersion_refractive_index", "N", "refractive index of the immersion medium", 1, 2.5),
    ("pinhole_diameter", "UM", "diameter of the pinhole of all channels, um", 0, math.inf),
)
"""Name, unit, meaning, and the least and largest value that a microscope may have."""

_WAVELENGTHS_NM: Final = (100, 3000)
_OPTICS: Final = {
    "ms_objective_magnification": "magnification",
    "ms_objective_numerical_aperture": "numerical_aperture",
    "ms_zoom_magnification": "zoom",
    "ms_immersion_refractive_index": "immersion_index",
}
_EXAMPLES: Final = r"""examples:
  %(prog)s cells "t(\d+)_z(\d+)_(\w+)\.tif" -t 1 -z 2 -c 3 -n cells.nd2
  %(prog)s cells "t*_z*_*.tif" -s -t 1 -z 2 -c 3 -n cells.nd2 -o results

docs/sequences.md has an example of each option."""
_ONE_OUTPUT: Final = "give either --nd2 or --json"
_THREADS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceOptions:
    """What the command line says.

    Attributes
    ----------
    folder : Path
        Where the files are.
    pattern : NumberedPattern
        How their names are read.
    suffixes : tuple of str
        Endings of the names that are looked at, in lower case.
    pages : {"t", "p", "z", "c"} or None
        Axis of pages of which the files do not say what they are.
    output : Path or None
        The ND2 file.
    description : Path or None
        The JSON file that describes the sequence.
    force : bool
        Replace an existing file.
    calibration : Calibration
        Pixel size, Z step, period.
    optics : Optics
        Objective and zoom.
    pinhole_um : float or None
        Diameter of the pinhole of all channels, um.
    channels : mapping from str to ChannelInfo
        What is stated of channels, by the names that they have in the files.
    threads : int
        Threads that read sources.
    flatten : bool
        Several groups, and points in the files, make one axis together.
    allow_missing : bool
        Write black planes where files are missing.
    plate : PlateOptions
        What is stated of the well plate.
    json_logs : bool
        Messages are JSON.
    """

    folder: Path
    pattern: NumberedPattern
    suffixes: tuple[str, ...]
    pages: str | None
    output: Path | None
    description: Path | None
    force: bool
    calibration: Calibration
    optics: Optics
    pinhole_um: float | None
    channels: Mapping[str, ChannelInfo]
    threads: int
    flatten: bool
    allow_missing: bool
    plate: PlateOptions
    json_logs: bool

    @property
    def target(self) -> Path:
        """The one file to write.

        Raises
        ------
        LayoutError
            If there is none.
        """
        target = self.output or self.description
        if target is None:
            raise LayoutError(f"there is no output; {_ONE_OUTPUT}")
        return target


def add_sequence_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that describe a sequence, and examples, to a parser."""
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="where the files are")
    add("regexp", metavar="REGEXP", help="regular expression of the names, with capture groups")
    names = parser.add_argument_group("names of the files")
    add = names.add_argument
    add(
        "-s", "--simple_regexp", action="store_true",
        help=r"REGEXP is no regular expression: * is any run of characters, ??? exactly as many,"
        r" each a group; \x is the character x",
    )  # fmt: skip
    add("--extension", metavar="EXT", help="ending of the names (default: that of REGEXP)")
    for short, long, what in _GROUPS:
        add(
            short, long, action="append", type=int, default=[], metavar="N",
            help=f"number of the group, from 1, that is the {what}",
        )  # fmt: skip
    add(
        "--extra-dimension", choices=tuple(AXIS_OF), metavar="DIMENSION",
        help="what pages in the files are, if they do not say: %(choices)s",
    )  # fmt: skip
    add(
        "--flatten_duplicates", action="store_true",
        help="several groups of one dimension, or groups and pages, make one axis together",
    )  # fmt: skip
    add(
        "--allow_missing_files", action="store_true",
        help="write black planes for missing files, marked as missing in the metadata",
    )  # fmt: skip
    _add_output(parser)
    _add_metadata(parser)
    _add_plate(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    """Add what says where the result goes."""
    add = parser.add_argument_group("output").add_argument
    add("-n", "--nd2", metavar="NAME", help="write this ND2 file")
    add("-j", "--json", metavar="NAME", help="describe the sequence in this JSON file instead")
    add(
        "-o", "--output_dir", type=Path, metavar="DIR",
        help="where the ND2 file goes (default: FOLDER)",
    )  # fmt: skip
    add("-f", "--force", action="store_true", help="replace an existing file")
    add("--multiprocessing", action="store_true", help="read files by several threads")
    add("--logs_to_json", action="store_true", help="print messages as JSON, one a line")


def _add_metadata(parser: argparse.ArgumentParser) -> None:
    """Add what is stated of loops, channels and optics."""
    add = parser.add_argument_group("metadata, instead of those that the files tell").add_argument
    add("-zstep", "--zstack_step", type=_positive, metavar="UM", help="distance of Z planes, um")
    add("-tstep", "--timeloop_step", type=_positive, metavar="MS", help="time between points, ms")
    add(
        "--channel-setting", action="append", default=[], metavar="SETTING",
        help="original|new|modality|ex|em|color: the name in the files, the name to write, how it"
        " is imaged, wavelengths in nm, a colour name or #RRGGBB; empty parts are taken from the"
        " files; five parts keep the name",
    )  # fmt: skip
    add("--pixel_calibration", type=_positive, metavar="UM", help="edge of a pixel, um")
    for word, metavar, what, least, most in _MICROSCOPE:
        add(f"--ms-{word}", type=_between(least, most), metavar=metavar, help=what)


def _add_plate(parser: argparse.ArgumentParser) -> None:
    """Add what is stated of the well plate."""
    add = parser.add_argument_group("well plate").add_argument
    add(
        "--wellplate-mode", choices=("auto", "off"), default="auto",
        help="auto: positions named like A01, or by row and column, are wells (default:"
        " %(default)s)",
    )  # fmt: skip
    for side in ("rows", "columns"):
        add(f"--wellplate-{side}", type=int, metavar="N", help=f"{side} of the plate")
    add("--wellplate-name", default="", metavar="NAME", help="name of the plate")
    add(
        "--wellplate-row-naming", default="letter", metavar="NAMING",
        help="how rows are labelled: letter, number, or a text (default: %(default)s)",
    )  # fmt: skip
    add(
        "--wellplate-column-naming", default="number", metavar="NAMING",
        help="how columns are labelled: letter, number, or a text (default: %(default)s)",
    )  # fmt: skip


def read_options(words: argparse.Namespace) -> SequenceOptions:
    """Return the options that parsed words are, checked against each other.

    Parameters
    ----------
    words : Namespace
        From a parser with `add_sequence_arguments`.

    Raises
    ------
    LayoutError, FormatError
        If they contradict each other, or a value is out of range.
    """
    if words.nd2 is not None and words.json is not None:
        raise LayoutError(f"there are two outputs; {_ONE_OUTPUT}")
    if words.json is not None and words.output_dir is not None:
        raise LayoutError("--output_dir is for --nd2; give --json with a folder in its name")
    for option, name in (("--nd2", words.nd2), ("--json", words.json)):
        if name is not None and Path(name).name in ("", ".."):
            raise LayoutError(f"{option} {name!r} is no name of a file")
    numbers = {long.removeprefix("--"): getattr(words, long[2:]) for _, long, _ in _GROUPS}
    pattern = compile_numbered(
        words.regexp, numbers, simple=words.simple_regexp, flatten=words.flatten_duplicates
    )
    output_folder = words.output_dir or words.folder
    return SequenceOptions(
        folder=words.folder,
        pattern=pattern,
        suffixes=_suffixes(words.extension, pattern),
        pages=AXIS_OF.get(words.extra_dimension),
        output=None if words.nd2 is None else with_nd2_ending(output_folder / words.nd2),
        description=None if words.json is None else words.folder / words.json,
        force=words.force,
        calibration=Calibration(
            pixel_size_um=words.pixel_calibration,
            z_step_um=words.zstack_step,
            period_ms=words.timeloop_step,
        ),
        optics=Optics(**{name: getattr(words, word) for word, name in _OPTICS.items()}),
        pinhole_um=words.ms_pinhole_diameter,
        channels=_channel_settings(words.channel_setting),
        threads=_THREADS if words.multiprocessing else 1,
        flatten=words.flatten_duplicates,
        allow_missing=words.allow_missing_files,
        plate=PlateOptions(
            is_off=words.wellplate_mode == "off",
            rows=words.wellplate_rows,
            columns=words.wellplate_columns,
            name=words.wellplate_name,
            row_naming=words.wellplate_row_naming,
            column_naming=words.wellplate_column_naming,
        ),
        json_logs=words.logs_to_json,
    )


def with_nd2_ending(path: Path) -> Path:
    """Return the name of an ND2 file, which gets its ending unless it has it.

    Raises
    ------
    LayoutError
        If it has the ending of another format.
    """
    if path.suffix.lower() == ".nd2":
        return path
    if path.suffix.lower() in SUFFIXES:
        raise LayoutError(f"{path} is to be an ND2 file, whose name ends with .nd2")
    return path.with_name(f"{path.name}.nd2")


def _suffixes(extension: str | None, pattern: NumberedPattern) -> tuple[str, ...]:
    """Return the endings of names that are looked at: those of one format, else all."""
    if extension is not None:
        suffix = f".{extension.lower().removeprefix('.')}"
        last = f".{suffix.rpartition('.')[2]}"
        if last not in SUFFIXES:
            known = ", ".join(SUFFIXES)
            raise LayoutError(f"--extension {extension}: files end with {known}")
        return (suffix,)
    return pattern.suffixes


def _channel_settings(settings: Sequence[str]) -> dict[str, ChannelInfo]:
    """Return what is stated of channels, by their names in the files."""
    channels: dict[str, ChannelInfo] = {}
    for setting in settings:
        parts = [part.strip() for part in setting.split("|")]
        if len(parts) == 5:
            parts = [parts[0], *parts]
        if len(parts) != 6:
            raise LayoutError(
                f"--channel-setting {setting!r} has {len(parts)} parts; it is"
                " original|new|modality|ex|em|color, or without the first"
            )
        original, name, modality, excitation, emission, color = parts
        original = plain_label(composed(original))
        if original in channels:
            raise LayoutError(f"there are two --channel-setting for {original!r}")
        try:
            known = modality_of(modality)
            channels[original] = ChannelInfo(
                name=name,
                modality=() if known is None else tuple(f.name.lower() for f in known if f.name),
                excitation_nm=_wavelength(excitation),
                emission_nm=_wavelength(emission),
                color=color_of(color) if color else None,
            )
        except (FormatError, argparse.ArgumentTypeError) as error:
            raise LayoutError(f"--channel-setting {setting!r}: {error}") from error
    return channels


def _wavelength(text: str) -> float | None:
    """Return a wavelength, nm; None when it is left open, or 0."""
    try:
        number = _number(text or "0")
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"wavelength {error}") from error
    least, most = _WAVELENGTHS_NM
    if number and not least <= number <= most:
        raise argparse.ArgumentTypeError(f"wavelength {text!r} is not within {least} to {most} nm")
    return number or None


def _between(least: float, most: float) -> Callable[[str], float]:
    """Return what reads a number above 0 that a microscope may have."""

    def read(text: str) -> float:
        number = _positive(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"{text!r} is below {least}")
        if number > most:
            raise argparse.ArgumentTypeError(f"{text!r} is above {most}")
        return number

    return read


def _positive(text: str) -> float:
    """Return a number above 0, which may have a fraction."""
    number = _number(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number


def _number(text: str) -> float:
    """Return a number, which may have a fraction."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return number
