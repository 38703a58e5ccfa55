"""What people may ask of a single sequence while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nd2watch.errors import ServiceError
from nd2watch.experiment import describe

if TYPE_CHECKING:
    from nd2watch.service.collection import Collection
    from nd2watch.service.intake import Intake

Extent = Literal["trim", "fill"]


def retry(intake: Intake, collection: Collection) -> str:
    """Take a sequence up again, whatever has become of it, and return what that means.

    Raises
    ------
    ServiceError
        If it is being converted.
    """
    _refuse_running(collection)
    if collection.is_settled:
        intake.begin_anew(collection)
        intake.doubt_refused(collection.sequence.key)
        return "its frames are collected again; an ND2 file that is there is compared with them"
    collection.retry_at = 0.0
    collection.reopen()
    intake.doubt_refused(collection.sequence.key)
    return "it is tried again as soon as it is complete"


def release(collection: Collection, extent: Extent) -> str:
    """Have an incomplete sequence converted as it is, and return what that means.

    Parameters
    ----------
    collection : Collection
        The sequence.
    extent : {"trim", "fill"}
        Its whole time points, or all of it with black planes for what is missing.

    Raises
    ------
    ServiceError
        If it is done with or being converted, has a conflict, or no time point is whole.
    """
    _refuse_running(collection)
    sequence = collection.sequence
    if collection.is_settled:
        raise ServiceError(f"sequence {sequence.title} is {collection.state}; retry it first")
    if collection.rivals:
        raise ServiceError(
            f"sequence {sequence.title} has several files for one place; remove all but one"
        )
    if extent == "trim" and not sequence.is_complete and sequence.trimmed() is None:
        raise ServiceError(f"no time point of sequence {sequence.title} is whole; fill it instead")
    collection.reopen()
    collection.retry_at = 0.0
    collection.released = extent
    return f"it is converted as it is ({extent})"


def forget(collection: Collection) -> str:
    """Leave a sequence alone until it is retried, and return what that means.

    Raises
    ------
    ServiceError
        If it is being converted.
    """
    _refuse_running(collection)
    collection.close()
    collection.state = "forgotten"
    return "it is left alone, with all files that come for it, until it is retried"


def missing(collection: Collection) -> list[str]:
    """Return what a sequence lacks, and which files are in each other's way."""
    if collection.is_settled:
        return []
    rivals = [f"{path}: another file is {describe(at)}" for path, at in collection.rivals.items()]
    refused = [f"{path}: it could not be used" for path in collection.refused]
    return [*(collection.sequence.missing() or refused), *rivals]


def _refuse_running(collection: Collection) -> None:
    """Refuse to touch a sequence that is being converted."""
    if collection.state == "queued":
        raise ServiceError(f"sequence {collection.sequence.title} is being converted; wait for it")
