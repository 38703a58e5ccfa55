"""The configuration of a layout: how files form sequences, and when these are complete."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from nd2watch.config.base import Axis, Count, Finite, Index, Positive, Strict, Text

Rule = Literal["counts", "marker", "sidecar", "next", "quiet"]


class ChannelConfig(Strict):
    """A channel with its properties.

    Attributes
    ----------
    name : str
        Name in the ND2 file.
    label : str, optional
        How it is written in file names; the name itself when omitted.
    z : int, optional
        Its Z planes, where it has not as many as the other channels.
    color : str, optional
        Display colour, ``#RRGGBB``.
    excitation_nm, emission_nm : float, optional
        Wavelengths, nm.
    """

    name: Text
    label: Text | None = None
    z: Count | None = None
    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None
    excitation_nm: Positive | None = None
    emission_nm: Positive | None = None


class AxesConfig(Strict):
    """Axis sizes: a count, or for positions and channels their names in order."""

    t: Count | None = None
    p: Count | list[Text] | None = None
    z: Count | None = None
    c: Count | list[Text | ChannelConfig] | None = None


class CalibrationConfig(Strict):
    """Physical sizes; what is left out comes from the files where they have it."""

    pixel_size_um: Positive | None = None
    z_step_um: Positive | None = None
    period_ms: Positive | None = None


class WellConfig(Strict):
    """How names tell the well.

    Attributes
    ----------
    fields : list of str
        One field with a name like ``B02``, or with a running number; or the fields of row and
        column, which are letters or numbers.
    columns : int, optional
        Columns of the plate, by which running numbers are a row and a column.
    first : {0, 1}
        Number of the first row and column, or of the first well.
    """

    fields: Annotated[list[Text], Field(min_length=1, max_length=2)]
    columns: Count | None = None
    first: Literal[0, 1] = 1


class PlateConfig(Strict):
    """The well plate; left out, it is that of the sidecar, or the smallest of a file's wells.

    A file of one well or site has none then, unless the sidecar lists the wells of the run.

    Attributes
    ----------
    wells : int, optional
        Wells of a standard plate.
    rows, columns : int, optional
        Size of another plate.
    name : str
        Shown to people.
    """

    wells: Literal[6, 12, 24, 48, 96, 384, 1536] | None = None
    rows: Count | None = None
    columns: Count | None = None
    name: str = ""

    @model_validator(mode="after")
    def _one_size(self) -> PlateConfig:
        if (self.rows is None) != (self.columns is None) or (self.wells and self.rows):
            raise ValueError("give either wells, or rows and columns")
        return self


class TimesConfig(Strict):
    r"""Time labels that are times themselves.

    Attributes
    ----------
    elapsed : list of str
        Regular expressions with the groups ``d``, ``h``, ``m``, ``s`` (days, hours, minutes,
        seconds since the start), like ``(?P<d>\d+)d(?P<h>\d+)h(?P<m>\d+)m``.
    clock : list of str
        Forms of `datetime.strptime`, in local time, like ``%Yy%mm%dd_%Hh%Mm``.
    """

    elapsed: list[Text] = []
    clock: list[Text] = []


class GridConfig(Strict):
    """Sites of a position in a rectangular grid, whose stage positions follow from their number.

    Attributes
    ----------
    columns, rows : int
        Sites in X and in Y.
    step_um : tuple of float
        Distance of neighbours in X and in Y, um; below 0 where an axis of the stage runs the
        other way.
    order : {"rows", "columns", "serpentine-rows", "serpentine-columns"}
        How sites are numbered: row by row from the first corner, or column by column; serpentine
        ones turn round at each end.
    """

    columns: Count
    rows: Count
    step_um: tuple[Finite, Finite]
    order: Literal["rows", "columns", "serpentine-rows", "serpentine-columns"] = "rows"


class SidecarConfig(Strict):
    """Files of the acquisition program that tell of the frames.

    Attributes
    ----------
    kind : str
        What they are.
    files : list of str
        Their names, with wildcards and ``{field}`` of the frames' names; each is looked for in
        the folder of a frame and in those above it, up to the watched one.
    """

    kind: Literal[
        "imagexpress", "metamorph", "micro-manager", "operetta", "prairie", "thorimage", "yokogawa"
    ]
    files: Annotated[list[Text], Field(min_length=1)]


class CompleteConfig(Strict):
    """When a sequence is complete.

    Attributes
    ----------
    rules : list of str
        "counts": all frames are there that the sizes, or the list in the sidecar, ask for. The
        other rules tell that nothing more will come, so that a grid without holes is complete:
        "marker": a file of the name `marker` is there; "sidecar": the program has finished its
        sidecar; "next": the next sequence was started; "quiet": no frame came for `quiet_s`.
    need : {"any", "all"}
        Whether one of the rules is enough.
    marker : str
        Name of the marker file, with wildcards and ``{field}``, in the folder of the frames or one
        above.
    quiet_s : float
        Seconds; three times the longest pause of the sequence if that is more.
    """

    rules: Annotated[list[Rule], Field(min_length=1)] = ["counts"]
    need: Literal["any", "all"] = "any"
    marker: str = ""
    quiet_s: Positive = 300.0

    @field_validator("rules")
    @classmethod
    def _different(cls, rules: list[Rule]) -> list[Rule]:
        if len(set(rules)) < len(rules):
            raise ValueError(f"each rule counts once, not {', '.join(rules)}")
        return rules

    @model_validator(mode="after")
    def _marker_named(self) -> CompleteConfig:
        if ("marker" in self.rules) != bool(self.marker):
            raise ValueError('the rule "marker" and the name of the marker file go together')
        return self


class IncompleteConfig(Strict):
    """What becomes of a sequence that stays incomplete.

    Attributes
    ----------
    action : {"hold", "trim", "fill"}
        "hold": it waits on, and what it lacks is reported; "trim": its time points before the
        first one that lacks something are converted; "fill": it is converted with black planes,
        which the file marks as missing.
    deadline_s : float, optional
        Seconds without a new frame after which that is done; `stalled_s` of the service when
        omitted.
    """

    action: Literal["hold", "trim", "fill"] = "hold"
    deadline_s: Positive | None = None


class LayoutConfig(Strict):
    """How the files of a folder form sequences; every key of it can be preset.

    Attributes
    ----------
    preset : str, optional
        Preset from which come all keys that are not given here.
    pattern, regex : str, optional
        How names are written.
    names : dict from str to str
        Instead, several regular expressions by a name of their own: the first that matches counts.
    fields : dict from axis to str or list of str
        Fields that make an axis, outermost first, where that is not the field of its own name.
    absent : dict from axis to str
        Label of the names that leave an axis out.
    first : dict from axis to int
        First index of an axis, where the program always begins with it.
    sequence : list of str, optional
        Fields that tell one sequence from the next.
    file_per : {"plate", "well", "site"}, optional
        What becomes one file: all wells and sites, those of a well, or each site.
    ignore : list of str
        Shell patterns of names, or with ``/`` of paths below the watched folder, to pass over.
    pages : axis, optional
        Axis of pages in files that do not say what they are.
    joined : list of axis
        Axes on which the points in one file follow those of the file before.
    output : str
        Name of the ND2 file.
    channel_name : str, optional
        Field that is the name of the channel.
    ragged_z : {"refuse", "replicate", "separate"}
        What is done with channels of fewer Z planes than others have: "replicate" repeats those of
        one plane, "separate" makes a file of its own for them.
    """

    preset: Text | None = None
    pattern: Text | None = None
    regex: Text | None = None
    names: dict[Text, Text] = {}
    fields: dict[Axis, Text | list[Text]] = {}
    absent: dict[Axis, Text] = {}
    first: dict[Axis, Index] = {}
    sequence: list[Text] | None = None
    file_per: Literal["plate", "well", "site"] | None = None
    ignore: list[Text] = []
    pages: Axis | None = None
    joined: list[Axis] = []
    output: str = ""
    channel_name: Text | None = None
    ragged_z: Literal["refuse", "replicate", "separate"] = "refuse"
    well: WellConfig | None = None
    plate: PlateConfig = PlateConfig()
    times: TimesConfig = TimesConfig()
    grid: GridConfig | None = None
    sidecar: SidecarConfig | None = None
    complete: CompleteConfig = CompleteConfig()
    incomplete: IncompleteConfig = IncompleteConfig()
    axes: AxesConfig = AxesConfig()
    calibration: CalibrationConfig = CalibrationConfig()

    @model_validator(mode="after")
    def _one_grammar(self) -> LayoutConfig:
        if sum(map(bool, (self.pattern, self.regex, self.names))) != 1:
            raise ValueError("give either preset, or pattern, or regex, or names")
        return self
