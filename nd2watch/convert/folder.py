"""Converting the one sequence in a folder by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from nd2watch.convert.files import plan_files
from nd2watch.convert.run import ConversionResult, convert
from nd2watch.errors import LayoutError, SourceError
from nd2watch.experiment import Companions, ImageSequence, Layout, describe, safe_part
from nd2watch.sources import list_files, open_frame

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from nd2watch.experiment import SequenceKey, SidecarNames


def collect_folder(
    folder: Path,
    layout: Layout,
    passed_over: Callable[[Path, str], None] = lambda path, why: None,
    sidecars: SidecarNames | None = None,
) -> list[ImageSequence]:
    """Return the sequences that the files below a folder form, in order of their keys.

    Parameters
    ----------
    folder : Path
        Where the frames lie, at any depth.
    layout : Layout
        How the names are to be read.
    passed_over : callable
        Called with each file whose name does not fit the layout, and with the reason.
    sidecars : SidecarNames, optional
        Which files tell of the frames.

    Raises
    ------
    SourceError
        If a frame or sidecar cannot be used, or two files claim one place; every such file is
        named.
    OSError
        If the folder cannot be listed.
    """
    sequences: dict[SequenceKey, ImageSequence] = {}
    faults: list[str] = []
    companions = Companions(root=folder, sidecars=sidecars)
    for path in sorted(list_files(folder)):
        relative = path.relative_to(folder)
        if layout.is_ignored(relative):
            continue
        try:
            if companions.is_sidecar(path.name):
                companions.found(path)
                companions.read(path)
                continue
            name = layout.parse(relative)
        except SourceError as error:
            faults.append(str(error))
            continue
        except LayoutError as error:
            passed_over(path, str(error))
            continue
        sequence = sequences.setdefault(name.sequence, ImageSequence(layout, name.sequence))
        try:
            frame = open_frame(path, by_page=companions.by_page)
            layout.check(frame, name.coordinate)
            rival = sequence.add(name.coordinate, frame, name.fields)
        except (SourceError, LayoutError) as error:
            faults.append(str(error))
        else:
            if rival is not None:
                faults.append(f"{path} and {rival.path} are both {describe(name.coordinate)}")
    if faults:
        raise SourceError("; ".join(faults))
    return [_told(sequences[key], companions) for key in sorted(sequences)]


def _told(sequence: ImageSequence, companions: Companions) -> ImageSequence:
    """Return a sequence with what its sidecars tell."""
    folders = dict.fromkeys(frame.path.parent for frame in sequence.frames.values())
    paths = companions.sidecars_of(folders, dict(sequence.key))
    return sequence.with_told(companions.told(paths), companions.root)


def convert_folder(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    layout: Layout,
    *,
    replace: bool = False,
    progress: Callable[[int, int], None] | None = None,
    passed_over: Callable[[Path, str], None] = lambda path, why: None,
    sidecars: SidecarNames | None = None,
) -> ConversionResult:
    """Convert the one sequence that a folder holds.

    Where channels differ in their Z planes and get files of their own, these have the names of the
    channels behind that of `output`; they are the `others` of the result.

    Parameters
    ----------
    folder : str or path
        Where the frames lie, at any depth.
    output : str or path
        Name of the ND2 file.
    layout : Layout
        How the names are to be read. Axis sizes may be left out: then the labels found count,
        and only holes in their grid are noticed.
    replace : bool, default False
        Replace an existing file.
    progress : callable, optional
        Called with frames done and all frames.
    passed_over : callable, optional
        Called with each file whose name does not fit the layout, and with the reason.
    sidecars : SidecarNames, optional
        Which files tell of the frames.

    Raises
    ------
    LayoutError
        If no file fits the layout, or the files form several sequences.
    Nd2WatchError
        As `collect_folder`, `plan_files` and `convert` say.
    """
    root = Path(folder)
    sequences = collect_folder(root, layout, passed_over, sidecars)
    if not sequences:
        raise LayoutError(f"no file below {root} matches the pattern {layout.pattern.source!r}")
    if len(sequences) > 1:
        titles = ", ".join(sequence.title for sequence in sequences[:10])
        raise LayoutError(
            f"{root} holds {len(sequences)} sequences ({titles}); fix the fields that tell them"
            " apart in the pattern, name the folder of one, or let `nd2watch run --once`"
            " convert them all"
        )
    path = Path(output)
    results = [
        convert(
            file.plan,
            path.with_stem(f"{path.stem}_{safe_part(file.part)}") if file.part else path,
            replace=replace,
            progress=progress,
        )
        for file in plan_files(sequences[0])
    ]
    return dataclasses.replace(results[0], others=tuple(results[1:]))
