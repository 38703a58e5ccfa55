"""Every program is simulated with sidecars that are found, read, and closed at the end."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import pytest

from nd2watch.config import built_in_presets
from nd2watch.sidecars.base import joined
from nd2watch.sidecars.registry import read_sidecar
from nd2watch.simulate import Manner, RunRequest, plan_run, write_run
from nd2watch.sources import open_frame, read_frame

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nd2watch.sidecars.base import Sidecar

PRESETS: Final = built_in_presets()
FORMS: Final = [(name, form) for name, preset in PRESETS.items() for form in preset.names]
WITHOUT: Final = [("imagexpress", "database")]
WITH_SIDECARS: Final = [
    (name, form)
    for name, form in FORMS
    if PRESETS[name].sidecar is not None and (name, form) not in WITHOUT
]
QUICK: Final = Manner(frames_per_s=0, pieces=1)


def patterns_of(name: str, run_name: str) -> list[str]:
    """Return the patterns of a preset's sidecars for a run."""
    sidecar = PRESETS[name].sidecar
    assert sidecar is not None
    return [file.replace("{name}", run_name) for file in sidecar.files]


def told_by(folder: Path, paths: Iterable[str], name: str) -> Sidecar:
    """Return what sidecars tell together."""
    sidecar = PRESETS[name].sidecar
    assert sidecar is not None
    return joined(read_sidecar(folder / path, sidecar.kind)[0] for path in sorted(paths))


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_frames_are_written_and_can_be_opened(tmp_path: Path, name: str, form: str) -> None:
    request = RunRequest(form=form, width=24, height=16)
    acquired = plan_run(PRESETS[name], request)
    write_run(tmp_path, acquired, QUICK)
    (frame,) = acquired.run.frames
    pixels = read_frame(open_frame(tmp_path / frame.path))
    assert (pixels == acquired.pixels(frame)).all()


@pytest.mark.parametrize(("name", "form"), WITH_SIDECARS)
def test_sidecars_have_the_names_that_are_looked_for(name: str, form: str) -> None:
    acquired = plan_run(PRESETS[name], RunRequest(form=form))
    written = {PurePosixPath(path) for path in acquired.sidecars(1, finished=True)}
    patterns = patterns_of(name, acquired.run.name)
    assert any(path.match(pattern) for path in written for pattern in patterns)
    folders = {parent for f in acquired.run.frames for parent in PurePosixPath(f.path).parents}
    assert {path.parent for path in written} & folders


@pytest.mark.parametrize(("name", "form"), WITH_SIDECARS)
def test_sidecars_can_be_read_when_the_run_is_over(tmp_path: Path, name: str, form: str) -> None:
    acquired = plan_run(PRESETS[name], RunRequest(form=form, t=2, width=24, height=16))
    write_run(tmp_path, acquired, QUICK)
    patterns = patterns_of(name, acquired.run.name)
    paths = [
        path
        for path in acquired.sidecars(len(acquired.run.frames), finished=True)
        if any(PurePosixPath(path).match(pattern) for pattern in patterns)
    ]
    told = told_by(tmp_path, paths, name)
    assert told.is_closed in (True, None)
    assert told.sizes.get("t", 2) == 2
