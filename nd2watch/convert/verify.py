"""Reading a written ND2 file back and comparing it with its plan and sources."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from nd2watch.errors import ConversionCancelled, FormatError, SourceChanged, VerificationFailed
from nd2watch.nd2 import Nd2Reader, exact_samples
from nd2watch.sources import FileKey, read_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.convert.plan import ConversionPlan
    from nd2watch.nd2 import ImageAttributes
    from nd2watch.sources import FrameFile


def read_components(channels: Sequence[FrameFile], attributes: ImageAttributes) -> npt.NDArray[Any]:
    """Return the pixels of one frame's sources as they are stored, shape (Y, X, component).

    Raises
    ------
    SourceError
        If a source cannot be read.
    FormatError
        If a value cannot be stored exactly.
    """
    planes = [
        exact_samples(
            read_frame(frame), attributes.dtype, attributes.bits_significant, str(frame.path)
        )
        for frame in channels
    ]
    return planes[0].reshape(attributes.shape) if len(planes) == 1 else np.stack(planes, axis=2)


def pixel_digest(frame: npt.NDArray[Any]) -> bytes:
    """Return a digest of the samples of a frame, whatever its byte order or memory layout."""
    little = np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<"))
    return hashlib.blake2b(little.data, digest_size=16).digest()


def verify_file(
    path: Path,
    plan: ConversionPlan,
    digests: Sequence[bytes],
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Compare a finished file with its plan and with digests of its frames.

    Parameters
    ----------
    path : Path
        The ND2 file.
    plan : ConversionPlan
        What it is to hold.
    digests : sequence of bytes
        `pixel_digest` of each frame as it was read from its sources.
    cancelled : callable
        Asked before each frame; when true the comparison ends.

    Raises
    ------
    ConversionCancelled
        If `cancelled` returned true.
    VerificationFailed
        If anything differs.
    """
    try:
        with Nd2Reader(path) as reader:
            _compare_metadata(reader, plan)
            for index, digest in enumerate(digests):
                checkpoint(cancelled, path)
                if pixel_digest(reader.read_frame(index)) != digest:
                    raise VerificationFailed(f"frame {index} of {path} differs from its sources")
    except FormatError as error:
        raise VerificationFailed(f"the written file does not read back: {error}") from error


def _compare_metadata(reader: Nd2Reader, plan: ConversionPlan) -> None:
    """Compare sizes, channels and calibration."""
    pairs = {
        "attributes": (reader.attributes, plan.attributes),
        "loops": (reader.experiment, plan.experiment),
        "channels": (reader.picture.channels, plan.picture.channels),
        "optics": (reader.picture.optics, plan.picture.optics),
        "pixel size": (reader.pixel_size_um, plan.picture.pixel_size_um),
        "missing frames": (reader.missing_frames, ()),
        "times": (tuple(reader.frame_times_ms), tuple(f.time_ms for f in plan.frames)),
    }
    for what, (found, planned) in pairs.items():
        if found != planned:
            raise VerificationFailed(f"{what} of {reader.path} are {found}, not {planned}")


def check_sources_unchanged(plan: ConversionPlan) -> None:
    """Raise `SourceChanged` when a source is not the file that was planned with."""
    for channels in plan.sources:
        for frame in channels:
            if FileKey.of_path(frame.path) != frame.key:
                raise SourceChanged(f"{frame.path} changed while it was converted", frame.path)


def checkpoint(cancelled: Callable[[], bool], output: Path) -> None:
    """Raise `ConversionCancelled` when a conversion is to end."""
    if cancelled():
        raise ConversionCancelled(f"the conversion to {output} was stopped; it starts anew")


def holds_sequence(
    path: Path, plan: ConversionPlan, cancelled: Callable[[], bool] = lambda: False
) -> bool:
    """Return whether an existing file is what converting `plan` would give.

    The digest of the sources' names, sizes and times decides if it is equal; else, as files may
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
            provenance = reader.provenance
            if provenance is not None and provenance.sources_digest == plan.sources_digest:
                return True
            if reader.experiment.sizes != plan.experiment.sizes:
                return False
            for index, channels in enumerate(plan.sources):
                checkpoint(cancelled, path)
                if not np.array_equal(
                    reader.read_frame(index), read_components(channels, plan.attributes)
                ):
                    return False
            return True
    except FormatError:
        return False
