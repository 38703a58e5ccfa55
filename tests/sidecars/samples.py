"""Sidecars of all kinds, as simulated programs leave them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from nd2watch.config import built_in_presets
from nd2watch.simulate import RunRequest, plan_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sidecar: its kind, its name, and what it holds at the end of a run."""

    kind: str
    name: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@cache
def samples() -> tuple[Sample, ...]:
    """Return one sidecar of each name that programs give, for each form of their frames."""
    found: list[Sample] = []
    for preset in built_in_presets().values():
        if preset.sidecar is None:
            continue
        for form in preset.names:
            run = plan_run(preset, RunRequest(form=form, t=2, z=2, channels=("DAPI", "GFP")))
            names = [file.replace("{name}", run.run.name) for file in preset.sidecar.files]
            written = run.sidecars(len(run.run.frames), finished=True)
            own = {PurePosixPath(path).name: data for path, data in sorted(written.items())}
            found += [
                Sample(kind=preset.sidecar.kind, name=name, data=data)
                for name, data in own.items()
                if any(PurePosixPath(name).match(pattern) for pattern in names)
            ]
    return tuple(found)
