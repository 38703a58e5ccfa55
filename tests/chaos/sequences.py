"""The sequences that the microscopes acquire: every file, and what the ND2 files are to hold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nd2watch.config import built_in_presets
from nd2watch.simulate import Acquisition, RunRequest, plan_run, write_run
from nd2watch.sources import encode_frame
from tests.conformance.view import Plane, Point, digest
from tests.frames import QUICK
from tests.presets.programs import ACQUIRED, PROGRAMS
from tests.presets.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WELLS: Final = ("B02", "C03")
_CHANNELS: Final = ("DAPI", "GFP")
_WIDTH: Final = 40
_HEIGHT: Final = 32
_LARGE: Final = 384
"""Edge of images whose conversion takes a while, pixels."""

_PATTERN: Final = """
pattern = "{tag}_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
sequence = ["folder"]
output = "pattern_{folder}.nd2"

[watch.axes]
t = 2
p = 2
z = 2
c = ["DAPI", "GFP"]
"""
_PRESET: Final = """
preset = "{preset}"

[watch.complete]
quiet_s = 100000
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of frames.

    Attributes
    ----------
    path : str
        Where it is, from the watched folder.
    data : bytes
        Its content in the end.
    output : str
        Name of the ND2 file that it goes into.
    """

    path: str
    data: bytes
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """What is acquired in one go.

    Attributes
    ----------
    name : str
        Its folder in the watched one.
    files : tuple of File
        All files of frames, in the order of acquisition.
    sidecars : tuple of mapping from str to bytes
        What lies beside them by its path, at the start, half-way, and in the end.
    outputs : mapping from str to mapping from Plane to str
        Digest of each plane of each ND2 file that is to come of it, by its name.
    """

    name: str
    files: tuple[File, ...]
    sidecars: tuple[Mapping[str, bytes], ...] = ()
    outputs: Mapping[str, Mapping[Plane, str]] = field(default_factory=dict)

    @property
    def last(self) -> list[File]:
        """The last file of each ND2 file, without which it is not whole."""
        return list({file.output: file for file in self.files}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternLayout:
    """Frames that are named after a pattern, as they are configured without a preset."""

    name: str = "pattern"
    section: str = _PATTERN
    doubles: bool = True

    def sequence(self, name: str, scratch: Path, seed: int) -> Sequence:
        """Return a new sequence."""
        what = Acquisition(
            t=2, p=2, z=2, channels=_CHANNELS, width=_LARGE, height=_LARGE, seed=seed
        )
        output = f"pattern_{name}.nd2"
        pixels = {place: what.pixels(place) for place in what.coordinates()}
        return Sequence(
            name=name,
            files=tuple(
                File(path=f"{name}/{what.name(place)}", data=encode_frame(image), output=output)
                for place, image in pixels.items()
            ),
            outputs={
                output: {
                    Plane(Point(t, p, z), c): digest(image)
                    for (t, p, z, c), image in pixels.items()
                }
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramLayout:
    """Frames and sidecars of an acquisition program that has a preset.

    Attributes
    ----------
    preset, form : str
        The preset, and the form of names; its ND2 files have the folder in their names.
    """

    preset: str
    form: str
    doubles: bool = False

    @property
    def name(self) -> str:
        """Name of its watch."""
        return self.preset

    @property
    def section(self) -> str:
        """What its watch says in the configuration."""
        return _PRESET.format(preset=self.preset)

    def sequence(self, name: str, scratch: Path, seed: int) -> Sequence:
        """Return a new sequence."""
        tells = PROGRAMS[self.preset, self.form]
        request = RunRequest(
            form=self.form,
            t=2,
            sites=2,
            z=2,
            channels=ACQUIRED,
            wells=_WELLS if tells.has_wells else (),
            width=_WIDTH,
            height=_HEIGHT,
            seed=seed,
        )
        acquired = plan_run(built_in_presets()[self.preset], request)
        write_run(scratch / name, acquired, QUICK)
        written = {
            path.relative_to(scratch).as_posix(): path.read_bytes()
            for path in scratch.joinpath(name).rglob("*")
            if path.is_file()
        }
        wells: defaultdict[str, str] = defaultdict(str)
        for frame in acquired.run.frames:
            wells[f"{name}/{frame.path}"] = frame.well
        outputs = {
            well: tells.output.format(folder=name, well=well)
            for well in acquired.run.wells or ("",)
        }
        frames = len(acquired.run.frames)
        before = [acquired.sidecars(done, finished=False) for done in (0, frames // 2)]
        return Sequence(
            name=name,
            files=tuple(
                File(path=path, data=written[path], output=outputs[well])
                for path, well in wells.items()
            ),
            sidecars=(
                *({f"{name}/{path}": data for path, data in each.items()} for each in before),
                {path: data for path, data in written.items() if path not in wells},
            ),
            outputs={
                output: Truth(acquired, tells, wells=[well] if well else None).values()["planes"]
                for well, output in outputs.items()
            },
        )


Layout = PatternLayout | ProgramLayout

PROGRAM_LAYOUTS: Final = tuple(
    ProgramLayout(preset=preset, form=form)
    for preset, form in (
        ("micro-manager", "2.0"),
        ("metamorph", "metamorph"),
        ("imagexpress", "export"),
        ("yokogawa-cv8000", "cv7000"),
        ("operetta", "phenix"),
    )
)
"""Programs whose sidecars tell the sizes, so that a pause never ends a sequence."""
