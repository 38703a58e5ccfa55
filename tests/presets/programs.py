"""What the files of each acquisition program tell, by what is known of the program."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

SCALE: Final = frozenset({"pixel_size_um", "z_step_um"})
OBJECTIVE: Final = frozenset({"objective_name", "magnification", "numerical_aperture"})
SIX_DIGITS_UM: Final = 0.06
"""What six digits leave of a stage position below 100 mm, um, such as MetaXpress writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tells:
    """What a form of names, the frames and the sidecars of a program tell.

    Attributes
    ----------
    output : str
        Name of the ND2 file, with ``{well}``, and ``{folder}``, in which the run was written.
    channels : mapping from str to int
        Names of the channels in their order, and the number by which each was acquired. Without
        numbers or a sidecar the order is that of the alphabet.
    axes : str
        Axes of which names, or pages, tell the points.
    positions : str
        Name of a position, with ``{n}`` from 1, ``{i}`` from 0, ``{well}`` and its ``{number}``.
    has_wells : bool
        Wells are told.
    has_plate : bool
        The plate is told, too.
    times : {"nothing", "each point", "each frame"}
        Whether it is told when time points, or single frames, were taken.
    start_ms : float, optional
        How exactly the clock time is told, ms; None where it is not.
    stage_um : float, optional
        How exactly stage positions are told, um; None where they are not.
    stage_axes : str
        Coordinates of the stage that are told.
    facts : frozenset of str
        Fields of a `View` that are told of channels and optics.
    has_plan : bool
        A sidecar tells which frames there will be, so that nothing has to be waited for.
    name : str
        Name of the run, where that of the preset is not to be taken.
    points : mapping from str to int
        Points to acquire on an axis, where 2 (of Z: 3) would not show all.
    """

    output: str
    channels: Mapping[str, int]
    axes: str = "tpzc"
    positions: str = "{n}"
    has_wells: bool = False
    has_plate: bool = True
    times: Literal["nothing", "each point", "each frame"] = "nothing"
    start_ms: float | None = None
    stage_um: float | None = None
    stage_axes: str = "xyz"
    facts: frozenset[str] = frozenset()
    has_plan: bool = False
    name: str = ""
    points: Mapping[str, int] = field(default_factory=dict)


ACQUIRED: Final = ("GFP", "DAPI")
"""Channels that are acquired, not in the order of the alphabet."""

IN_ORDER: Final = {"GFP": 0, "DAPI": 1}
BY_NAME: Final = {"DAPI": 1, "GFP": 0}
FROM_0: Final = {"Channel 0": 0, "Channel 1": 1}
FROM_1: Final = {"Channel 1": 0, "Channel 2": 1}
ONE: Final = {"Channel 1": 0}

_MICRO_MANAGER: Final = Tells(
    output="{folder}_cells_1.nd2",
    channels=IN_ORDER,
    positions="Pos{i}",
    points={"p": 12},
    times="each frame",
    start_ms=1.0,
    stage_um=1e-3,
    facts=SCALE | OBJECTIVE | {"exposure_ms"},
    has_plan=True,
)
_IMAGEXPRESS: Final = Tells(
    output="{folder}_9987_Plate_3420_9987_{well}.nd2",
    channels=IN_ORDER,
    positions="{well} : Site {n}",
    has_wells=True,
    times="each frame",
    start_ms=1.0,
    stage_um=SIX_DIGITS_UM,
    facts=SCALE | OBJECTIVE | {"emission_nm", "exposure_ms"},
    has_plan=True,
)
_YOKOGAWA: Final = Tells(
    output="{folder}_Plate1_20260302_093000_Plate1_Plate1_{well}.nd2",
    channels=IN_ORDER,
    has_wells=True,
    times="each frame",
    start_ms=1.0,
    stage_um=1e-3,
    facts=SCALE | OBJECTIVE | {"channel_colors", "excitation_nm", "emission_nm", "exposure_ms"},
    has_plan=True,
)
_INCUCYTE: Final = Tells(
    output="{folder}_VID1630_{well}.nd2",
    channels={"green": 1, "phase": 0},
    axes="tpc",
    has_wells=True,
    has_plate=False,
    times="each point",
)

PROGRAMS: Final[Mapping[tuple[str, str], Tells]] = {
    ("andor-fusion", "export"): Tells(
        output="{folder}_Protocol 1_2026-03-02_09.30.00.nd2",
        axes="p",
        positions="{i}",
        channels=ONE,
    ),
    ("andor-iq", "iq"): Tells(output="{folder}_run.nd2", positions="{i}", channels=FROM_0),
    ("cellsens", "file"): Tells(output="{folder}_Image.nd2", axes="tzc", channels=FROM_1),
    ("generic", "tokens"): Tells(output="{folder}_run.nd2", channels=FROM_1),
    ("imagexpress", "export"): _IMAGEXPRESS,
    ("imagexpress", "database"): replace(
        _IMAGEXPRESS,
        output="{folder}_9987_2026-03-02_1697_9987_{well}.nd2",
        has_plan=False,
        has_plate=False,
    ),
    ("imagexpress-hcsai", "hcsai"): Tells(
        output="{folder}_screen_2026-03-02_experiment_screen_{well}.nd2",
        channels=IN_ORDER,
        positions="{well} : Site {n}",
        has_wells=True,
        times="each frame",
        start_ms=1.0,
        stage_um=1e-3,
        facts=SCALE
        | {"objective_name", "magnification", "excitation_nm", "emission_nm", "exposure_ms"},
    ),
    ("incell", "incell"): Tells(
        output="{folder}_Plate1_1_{well}.nd2", channels=BY_NAME, has_wells=True, has_plate=False
    ),
    ("incucyte", "channel in name"): replace(
        _INCUCYTE, output="{folder}_VID7_{well}.nd2", name="VID7"
    ),
    ("incucyte", "export"): _INCUCYTE,
    ("incucyte-archive", "archive"): replace(
        _INCUCYTE, output="{folder}_1630_{well}.nd2", channels={"C1": 1, "Ph": 0}, start_ms=1.0
    ),
    ("lasx", "export"): Tells(
        output="{folder}_Series001_Series001.nd2", positions="{i}", channels=FROM_0
    ),
    ("lasx-matrix", "matrix"): Tells(
        output="{folder}_experiment--2026_03_02_09_30_00_08_00.nd2",
        positions="0_{i}",
        channels=FROM_0,
    ),
    ("metamorph", "metamorph"): Tells(
        output="{folder}_exp1.nd2",
        channels=IN_ORDER,
        positions="Position{n}",
        times="each frame",
        start_ms=1.0,
        stage_um=1e-3,
        facts=SCALE | OBJECTIVE | {"emission_nm", "exposure_ms"},
        has_plan=True,
    ),
    ("micro-manager", "1.4"): replace(
        _MICRO_MANAGER, start_ms=1000.0, facts=_MICRO_MANAGER.facts | {"channel_colors"}
    ),
    ("micro-manager", "2.0"): _MICRO_MANAGER,
    ("micro-manager", "stack"): replace(
        _MICRO_MANAGER, facts=_MICRO_MANAGER.facts | {"channel_colors"}
    ),
    ("nis-elements", "tokens"): Tells(output="{folder}_run_.nd2", channels=FROM_1),
    ("nis-elements", "channel names"): Tells(
        output="{folder}_run.nd2", axes="tc", channels=BY_NAME
    ),
    ("numbered", "numbered"): Tells(output="{folder}_run_.nd2", axes="t", channels=ONE),
    ("operetta", "phenix"): Tells(
        output="{folder}_Plate1__2026-03-02T09_30_00-Measurement 1_{well}.nd2",
        channels=IN_ORDER,
        has_wells=True,
        times="each frame",
        start_ms=1.0,
        stage_um=1e-3,
        facts=SCALE
        | {"magnification", "numerical_aperture", "excitation_nm", "emission_nm", "exposure_ms"},
        has_plan=True,
    ),
    ("pco", "recording"): Tells(
        output="{folder}_run.nd2", axes="t", channels=ONE, points={"t": 23}
    ),
    ("prairie", "prairie"): Tells(
        output="{folder}_TSeries-03022026-0930-001.nd2",
        channels=IN_ORDER,
        axes="tzc",
        times="each frame",
        start_ms=1.0,
        stage_um=1e-3,
        facts=SCALE | OBJECTIVE,
        has_plan=True,
    ),
    ("scanimage", "acquisition"): Tells(
        output="{folder}_mouse_00001.nd2", axes="t", channels=ONE, points={"t": 23}
    ),
    ("scanr", "data"): Tells(
        output="{folder}_run_{well}.nd2",
        channels=BY_NAME,
        positions="{number}_{n}",
        has_wells=True,
        has_plate=False,
    ),
    ("thorimage", "thorimage"): Tells(
        output="{folder}_Experiment_001.nd2",
        channels={"ChanA": 0, "ChanB": 1},
        positions="{n}_1",
        times="each point",
        start_ms=1.0,
        stage_um=SIX_DIGITS_UM,
        stage_axes="xy",
        facts=SCALE | OBJECTIVE | {"exposure_ms"},
        has_plan=True,
    ),
    ("yokogawa-cq1", "cv1000"): replace(
        _YOKOGAWA, output="{folder}_20260302T093000_Plate1_Image_{well}.nd2"
    ),
    ("yokogawa-cv8000", "cv7000"): _YOKOGAWA,
    ("zen", "export"): Tells(
        output="{folder}_plate-Image Export-01_plate-Image Export-01_ORG.nd2", channels=FROM_1
    ),
}
"""By preset and form of names."""
