"""The record of a conversion that goes into the file: its provenance, and words for people."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from nd2watch.nd2 import Provenance, TextInfo
from nd2watch.nd2.provenance import FrameSources, SourceRecord
from nd2watch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nd2watch.convert.plan import ConversionPlan
    from nd2watch.sources import SourcePlane

_SOFTWARE: Final = f"nd2watch {__version__}"
_NOT_SHOWN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class SourceFolder:
    """The folder below which the sources of a plan lie.

    Parameters
    ----------
    plan : ConversionPlan
        The plan.

    Attributes
    ----------
    path : Path or None
        The innermost common folder, absolute; None where they have none in common, as on several
        drives of Windows. Then sources are recorded by their whole paths.
    """

    def __init__(self, plan: ConversionPlan) -> None:
        parents = {file.path.parent for file in plan.files}
        whole = {parent: _absolute(parent) for parent in parents}
        self.path: Path | None = None
        with contextlib.suppress(ValueError):  # paths on different drives
            self.path = Path(os.path.commonpath(list(whole.values())))
        self._below = {
            parent: path.as_posix().lstrip("/")
            if self.path is None
            else path.relative_to(self.path).as_posix()
            for parent, path in whole.items()
        }

    def record(self, plane: SourcePlane | None) -> SourceRecord | None:
        """Return what is recorded of a source; None of a missing one."""
        if plane is None:
            return None
        file = plane.file
        return SourceRecord(
            name=(PurePosixPath(self._below[file.path.parent]) / file.path.name).as_posix(),
            size=file.key.size,
            mtime_ns=file.key.mtime_ns,
            plane=plane.index,
            by_page=file.by_page,
        )


def _absolute(folder: Path) -> Path:
    """Return a folder as an absolute path, with the links that it was given by if possible."""
    return folder.resolve() if ".." in folder.parts else folder.absolute()


def provenance_of(plan: ConversionPlan, digests: Sequence[bytes]) -> Provenance:
    """Return where the file of a plan comes from.

    Parameters
    ----------
    plan : ConversionPlan
        The plan.
    digests : sequence of bytes
        `pixel_digest` of each frame.
    """
    folder = SourceFolder(plan)
    return Provenance(
        software=_SOFTWARE,
        sources_digest=plan.sources_digest,
        layout=plan.layout,
        folder="" if folder.path is None else folder.path.as_posix(),
        frames=tuple(
            FrameSources(
                digest=digest.hex(), sources=tuple(folder.record(plane) for plane in planes)
            )
            for digest, planes in zip(digests, plan.sources, strict=True)
        ),
    )


def text_of(plan: ConversionPlan) -> TextInfo:
    """Return the text that tells people where the file of a plan comes from."""
    count = len(plan.files)
    where = SourceFolder(plan).path or "several drives"
    lines = [
        f"Written by {_SOFTWARE} from {count} file{'s' * (count > 1)} of {where}",
        f"Layout: {plan.layout}",
        f"Sequence: {plan.title}",
        *plan.assumptions,
    ]
    # Names of files may hold what is no text.
    shown = [_NOT_SHOWN.sub("\N{REPLACEMENT CHARACTER}", line) for line in lines]
    return TextInfo(description="\n".join(shown))
