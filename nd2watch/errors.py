"""The tree of errors that nd2watch raises.

::

    Nd2WatchError
    ├── ConfigError          the configuration cannot be used            exit 78
    ├── SourceError          a frame file cannot be used                 exit 1
    │   ├── FrameIncomplete  ... yet: it is still being written          exit 75, retryable
    │   │   └── FrameMissing     ... it is not there
    │   ├── FrameUnreadable  ... it is not a usable image
    │   ├── FrameMismatch    ... its size or dtype differs from the rest
    │   ├── SidecarError     what lies beside frames cannot be read      exit 75, retryable
    │   └── SourceChanged    ... it changed while it was converted       exit 75, retryable
    ├── LayoutError          file names do not fit the layout            exit 1
    │   ├── AxisUnclear      the place of planes in a file is not clear
    │   └── SequenceIncomplete  frames are missing
    ├── FormatError          an ND2 file or value breaks the format      exit 1
    ├── ConversionError      a conversion cannot be finished             exit 1
    │   ├── OutputExists     the output is there and is not overwritten
    │   ├── VerificationFailed  the written file differs from its sources
    │   ├── ConversionCrashed   its process crashed, hung, or lacked memory  exit 75, retryable
    │   └── ConversionCancelled  the service was asked to stop           exit 75, retryable
    ├── ServiceError         the service is not there, or refuses what is asked  exit 69
    │   ├── ServiceUnreachable  it does not run, or does not answer
    │   └── ServiceRunning   another one is at work                      exit 75, retryable
    └── JournalError         the service's journal cannot be used        exit 74
        └── JournalBlocked   ... now: its disk is full, for instance     exit 75, retryable

Each message says what happened, to which file, and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class Nd2WatchError(Exception):
    """Base of every error that nd2watch raises on purpose.

    Attributes
    ----------
    exit_code : int
        Exit status of the command line when this error ends a command.
    retryable : bool
        True when the same step may succeed later without anyone changing the set-up.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class ConfigError(Nd2WatchError):
    """The configuration cannot be used; every fault found is listed."""

    exit_code = 78


class SourceError(Nd2WatchError):
    """A frame file cannot be used.

    Parameters
    ----------
    message : str
        What is wrong, naming the file.
    path : Path, optional
        The file, when the error is about one.
    """

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class FrameIncomplete(SourceError):
    """A frame file looks as if it is still being written."""

    exit_code = 75
    retryable = True


class FrameMissing(FrameIncomplete, FileNotFoundError):
    """A frame file is not there."""


class FrameUnreadable(SourceError):
    """A frame file is not an image that nd2watch can convert."""


class FrameMismatch(SourceError, ValueError):
    """A frame's size or dtype differs from the other frames of its sequence."""


class SidecarError(SourceError):
    """A sidecar, which tells of the frames beside it, cannot be read, or not yet."""

    exit_code = 75
    retryable = True


class SourceChanged(SourceError):
    """A frame file changed or vanished while it was being converted."""

    exit_code = 75
    retryable = True


class LayoutError(Nd2WatchError, ValueError):
    """File names do not fit the configured layout."""


class AxisUnclear(LayoutError):
    """The place of planes in a file is not told, or told twice."""


class SequenceIncomplete(LayoutError):
    """Frames of a sequence are missing."""


class FormatError(Nd2WatchError, ValueError):
    """A value cannot be stored in ND2, or bytes are not a valid ND2 file."""


class ConversionError(Nd2WatchError):
    """A conversion cannot be finished."""


class OutputExists(ConversionError):
    """The output file is already there and is not overwritten."""


class VerificationFailed(ConversionError):
    """The ND2 file read back differs from its sources."""


class ConversionCrashed(ConversionError):
    """The process of a conversion crashed, hung, or ran out of memory."""

    exit_code = 75
    retryable = True


class ConversionCancelled(ConversionError):
    """A conversion was stopped before its end; nothing was published."""

    exit_code = 75
    retryable = True


class ServiceError(Nd2WatchError):
    """The running service cannot be reached, or refuses what it is asked."""

    exit_code = 69


class ServiceUnreachable(ServiceError):
    """The service does not run, or does not answer."""


class ServiceRunning(ServiceError):
    """Another service works with the same folders."""

    exit_code = 75
    retryable = True


class JournalError(Nd2WatchError):
    """The journal of the service cannot be used, or does not hold what is asked of it."""

    exit_code = 74


class JournalBlocked(JournalError):
    """The journal cannot be read or written now, because of its disk or another program."""

    exit_code = 75
    retryable = True
