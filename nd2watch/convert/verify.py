"""Reading a written ND2 file back and comparing it with its plan and sources."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nd2watch.convert.pixels import read_frames
from nd2watch.convert.steps import checkpoint
from nd2watch.convert.structure import Structure
from nd2watch.errors import FormatError, SourceChanged, VerificationFailed
from nd2watch.nd2 import Nd2Reader, Provenance, spec
from nd2watch.sources import FileKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.convert.plan import ConversionPlan


def pixel_digest(*strips: npt.NDArray[Any]) -> bytes:
    """Return a digest of the samples of a frame, whatever its byte order or memory layout.

    Parameters
    ----------
    *strips : array, shape (row, X, component)
        The frame, whole or cut into strips from top to bottom.
    """
    return _digest(strips)


def frame_digest(reader: Nd2Reader, index: int) -> bytes:
    """Return the `pixel_digest` of a frame in a file, which is not held in memory.

    Raises
    ------
    FormatError
        If the frame is damaged.
    """
    return _digest(reader.read_strips(index))


def _digest(strips: Iterable[npt.NDArray[Any]]) -> bytes:
    """Return the digest of strips."""
    digest = hashlib.blake2b(digest_size=16)
    for strip in strips:
        digest.update(np.ascontiguousarray(strip, strip.dtype.newbyteorder("<")).data)
    return digest.digest()


def verify_file(
    path: Path,
    plan: ConversionPlan,
    provenance: Provenance,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Compare a finished file with its plan and with the digests of its frames.

    Parameters
    ----------
    path : Path
        The ND2 file.
    plan : ConversionPlan
        What it is to hold.
    provenance : Provenance
        What it is to tell of its sources, with the digest of each frame as it was read from them.
    cancelled : callable
        Asked before each chunk and frame; when true the comparison ends.

    Raises
    ------
    ConversionCancelled
        If `cancelled` returned true.
    VerificationFailed
        If anything differs.
    """
    try:
        with Nd2Reader(path) as reader:
            _compare_metadata(reader, plan, provenance, cancelled)
            for index, frame in enumerate(provenance.frames):
                checkpoint(cancelled, f"conversion to {path}")
                if frame_digest(reader, index).hex() != frame.digest:
                    raise VerificationFailed(f"frame {index} of {path} differs from its sources")
    except FormatError as error:
        raise VerificationFailed(f"the written file does not read back: {error}") from error


def _compare_metadata(
    reader: Nd2Reader,
    plan: ConversionPlan,
    provenance: Provenance,
    cancelled: Callable[[], bool],
) -> None:
    """Compare what a file says with itself and with its plan."""
    structure = Structure(reader, cancelled)
    if structure.problems:
        raise VerificationFailed(f"{reader.path} is damaged: {'; '.join(structure.problems)}")
    found = structure.provenance
    pairs = {
        "attributes": (reader.attributes, plan.attributes),
        "loops": (reader.experiment, plan.experiment),
        "channels": (reader.picture.channels, plan.picture.channels),
        "optics": (reader.picture.optics, plan.picture.optics),
        "pixel size": (reader.pixel_size_um, plan.picture.pixel_size_um),
        "times": (tuple(reader.frame_times_ms), tuple(f.time_ms for f in plan.frames)),
    }
    for what, (stored, planned) in pairs.items():
        if stored != planned:
            raise VerificationFailed(f"{what} of {reader.path} are {stored}, not {planned}")
    if found is None or replace(found, chunks=()) != provenance:
        raise VerificationFailed(f"{reader.path} does not tell where it comes from")


def check_sources_unchanged(
    plan: ConversionPlan, output: Path, cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Raise `SourceChanged` when a source is not the file that was planned with.

    On a slow share this may take longer than anything else: `cancelled` is asked before each file.
    """
    for file in plan.files:
        checkpoint(cancelled, f"conversion to {output}")
        if FileKey.of_path(file.path) != file.key:
            raise SourceChanged(f"{file.path} changed while it was converted", file.path)


def holds_sequence(
    path: Path, plan: ConversionPlan, cancelled: Callable[[], bool] = lambda: False
) -> bool:
    """Return whether an existing file is what converting `plan` would give.

    The digest of the sources' paths, sizes and times decides if it is equal; else, as files may
    have been copied, every pixel is compared.

    Parameters
    ----------
    path : Path
        An existing file, perhaps no ND2 file at all.
    plan : ConversionPlan
        What it should hold.
    cancelled : callable
        Asked before each frame; when true the comparison ends.

    Raises
    ------
    ConversionCancelled
        If `cancelled` returned true.
    SourceError
        If a source cannot be read.
    """
    if not path.is_file():
        return False
    try:
        with Nd2Reader(path) as reader:
            if reader.attributes != plan.attributes:
                return False
            if reader.experiment.sizes != plan.experiment.sizes:
                return False
            if _sources_digest(reader) == plan.sources_digest:
                return True
            for index, pixels in enumerate(read_frames(plan)):
                checkpoint(cancelled, f"conversion to {path}")
                if frame_digest(reader, index) != pixel_digest(pixels):
                    return False
            return True
    except FormatError:
        return False


def _sources_digest(reader: Nd2Reader) -> str | None:
    """Return the digest of the sources that a file tells, without reading its list of them."""
    if spec.PROVENANCE not in reader.chunks:
        return None
    return Provenance.decode(reader.read_chunk(spec.PROVENANCE)).sources_digest
