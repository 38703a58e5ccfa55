"""The steps of a conversion, and how one that was interrupted is taken up again."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


class Step(IntEnum):
    """The last step of a job that was finished; the numbers are stored."""

    CLAIMED = 1
    WRITTEN = 2
    SYNCED = 3
    VERIFIED = 4
    RECHECKED = 5
    PUBLISHING = 6
    PUBLISHED = 7
    FOLDER_SYNCED = 8
    DONE = 9


MEANING: Final[Mapping[Step, str]] = {
    Step.CLAIMED: "the names of output and temporary file are recorded",
    Step.WRITTEN: "the temporary file is written",
    Step.SYNCED: "the temporary file is on the disk",
    Step.VERIFIED: "the temporary file was read back and holds its sources",
    Step.RECHECKED: "no source has changed meanwhile",
    Step.PUBLISHING: "the digest is recorded; the file may have its name from now on",
    Step.PUBLISHED: "the file has its name",
    Step.FOLDER_SYNCED: "its name is on the disk",
    Step.DONE: "the sequence is recorded as published",
}
"""What has been done after each step, for people."""

Recovery = Literal["restart", "publish", "finish", "conflict", "nothing"]
"""What a start does with an interrupted job.

"restart": delete the temporary file; the sequence is converted anew. "publish": give the temporary
file its name, then finish. "finish": delete the temporary file if it is there, sync the folder, and
record the sequence as published. "conflict": touch no file; a person decides. "nothing": it was
done.
"""

Output = Literal["absent", "same", "other"]
"""What is found under the output's name: nothing, a file of the recorded digest, or another."""


def recovery_of(step: Step, *, output: Output, temporary_is_whole: bool) -> Recovery:
    """Return how an interrupted job is taken up again; doing it twice does no harm.

    Parameters
    ----------
    step : Step
        Its last step on record.
    output : {"absent", "same", "other"}
        What is found under the output's name. Not asked before `Step.PUBLISHING`: until then any
        file there is none of the job's.
    temporary_is_whole : bool
        The temporary file is there and has the recorded digest.
    """
    if step is Step.DONE:
        return "nothing"
    if step < Step.PUBLISHING:
        return "restart"
    # The later steps tell only what was tried: without its folder on the disk a name may be lost.
    if output == "same":
        return "finish"
    if output == "other":
        return "conflict"
    return "publish" if temporary_is_whole else "restart"
