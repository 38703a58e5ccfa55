"""The matrix: every file of the family in every reader."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol, Self

import pytest

from tests.conformance.bioformats import load_bioformats
from tests.conformance.bioformats_view import BioFormatsReader
from tests.conformance.compare import Comparison, compare
from tests.conformance.nd2_view import Nd2PackageReader
from tests.conformance.nd2reader_view import Nd2ReaderReader
from tests.conformance.sdk_view import SdkReader
from tests.conformance.written import written_view
from tests.oracles import load_vendor_sdk

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tests.conformance.case import Case
    from tests.conformance.view import View

TITLES: Final = ("SDK", "nd2", "nd2reader", "Bio-Formats")
"""The readers."""


class Reader(Protocol):
    """What a reader has to offer.

    Attributes
    ----------
    title : str
        What it is called.
    version : str
        Which one it is.
    raw : frozenset of str
        Names of the fields that it only shows as stored, without interpreting them.
    """

    @property
    def title(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def raw(self) -> frozenset[str]: ...

    def read(self, path: Path) -> View:
        """Return what it shows of a file."""


class Matrix:
    """Files and readers, each made when it is first needed; a context manager.

    Parameters
    ----------
    folder : Path
        Where the files are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[str, Reader] = {}
        self._failures: dict[str, BaseException] = {}
        self._written: dict[str, tuple[Path, View]] = {}
        self._compared: dict[tuple[str, str], tuple[Comparison, ...]] = {}
        self._open = ExitStack()

    def reader(self, title: str) -> Reader:
        """Return a reader; skip the test when it cannot run here."""
        if title in self._failures:
            raise self._failures[title]
        if title not in self._readers:
            try:
                self._readers[title] = self._load(title)
            except (Exception, pytest.skip.Exception) as error:
                self._failures[title] = error
                raise
        return self._readers[title]

    def _load(self, title: str) -> Reader:
        """Start a reader."""
        match title:
            case "SDK":
                return SdkReader(load_vendor_sdk())
            case "nd2":
                return Nd2PackageReader()
            case "nd2reader":
                return Nd2ReaderReader()
        return BioFormatsReader(self._open.enter_context(load_bioformats()))

    def compare(self, case: Case, title: str) -> tuple[Comparison, ...]:
        """Return how each field of a file compares in a reader."""
        key = case.name, title
        if key not in self._compared:
            reader = self.reader(title)
            path, written = self._write(case)
            shown = reader.read(path).without_points(case.missing_points)
            self._compared[key] = compare(written, shown, title)
        return self._compared[key]

    def _write(self, case: Case) -> tuple[Path, View]:
        """Return the file and the view of what was written to it."""
        if case.name not in self._written:
            self._written[case.name] = case.write(self._folder), written_view(case)
        return self._written[case.name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)
