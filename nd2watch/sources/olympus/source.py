"""OIF and OIB files of Olympus FluoView, read through oiffile."""

from __future__ import annotations

import io
import tempfile
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import oiffile

from nd2watch.errors import FrameIncomplete, FrameUnreadable
from nd2watch.sources.base import PlaneInfo, SourceInfo
from nd2watch.sources.files import check_not_replaced, check_start, key_of, opened
from nd2watch.sources.olympus import metadata as told
from nd2watch.sources.olympus.planes import arrange
from nd2watch.sources.records import unless_damaged
from nd2watch.sources.tiff import TiffSource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy.typing as npt

    from nd2watch.sources.olympus.metadata import Settings

_SETTINGS_STARTS: Final = (b"\xff\xfe[\0", b"[")
_COMPOUND_START: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LARGEST_SETTINGS: Final = 2**26
_SPARE: Final = 2**14
"""Bytes by which the sectors of a file may be more than it has, as the last one may be short."""

_TIFF: Final = ".tif"
_PLANE_SETTINGS: Final = ".pty"


class OlympusSource:
    """An open OIF file, with the folder that belongs to it, or an open OIB file.

    Axes T, Z and C are those of their names; one further axis, as of wavelengths, is pages.

    Parameters
    ----------
    path : Path
        Its name; the folder of an OIF file is beside it, an OIB file is opened once more.
    file : BinaryIO
        The open file.

    Raises
    ------
    FrameIncomplete
        If it is cut short, or its planes are not all there yet.
    FrameUnreadable
        If it is no such file, or of a kind that cannot be converted.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        is_oib = path.suffix.lower() == ".oib"
        starts = (_COMPOUND_START,) if is_oib else _SETTINGS_STARTS
        check_start(path, file, "FluoView", *starts)
        self._members: _Members = _Compound(path, file) if is_oib else _Folder(path, file)
        try:
            main = self._members.main
            axes = told.scanned_axes(main)
            if axes and not axes.startswith("XY"):
                raise FrameUnreadable(
                    f"{path} is a scan along {axes[:2]}; only planes of X and Y can be converted",
                    path,
                )
            names = self._members.names
            # A folder may still be copied; what one file lacks will never be there.
            planned = {} if is_oib else told.planned_sizes(main)
            missing = FrameUnreadable if is_oib else FrameIncomplete
            self._planes = arrange(path, names, planned, missing)
            self._settings = {name.lower(): name for name in names}
            self._first = self._format(self._planes.names[0])
        except BaseException:
            self._members.close()
            raise

    @cached_property
    def info(self) -> SourceInfo:
        """What the file tells, which is found out when it is asked for."""
        main, first = self._members.main, self._first
        self._members.check(self._planes.names)
        plane = self._settings_of(self._planes.names[0])
        channels = self._planes.points.get("C", (1,))
        return SourceInfo(
            height=first.height,
            width=first.width,
            dtype=first.dtype,
            axes=self._planes.axes,
            channels=tuple(told.channel_of(main, plane, number) for number in channels),
            optics=told.optics_of(plane),
            pixel_size_um=told.pixel_size_um(main, plane),
            z_step_um=told.z_step_um(main),
            z_falls=told.z_falls(main),
            period_ms=told.period_ms(main),
            started=told.started(main),
            planes=self._times(),
        )

    def read(self, plane: int) -> npt.NDArray[Any]:
        """Return the pixels of a plane."""
        try:
            with self._tiff(self._planes.names[plane]) as tiff:
                return tiff.read(0)
        except FrameIncomplete as error:
            raise FrameUnreadable(f"{error} (it was whole before)", self._path) from error

    def close(self) -> None:
        """Close what was opened."""
        self._members.close()

    @contextmanager
    def _tiff(self, name: str) -> Iterator[TiffSource]:
        """Open the file of a plane."""
        with (
            self._members.opened(name) as file,
            closing(TiffSource(self._members.folder / name, file)) as tiff,
        ):
            yield tiff

    def _format(self, name: str) -> SourceInfo:
        """Return what the file of a plane says of its pixels."""
        with self._tiff(name) as tiff:
            info = tiff.info
        if info.rgb or info.plane_count > 1:
            found = f"{info.format_text} {info.axes_text}".strip()
            raise FrameUnreadable(
                f"{self._members.folder / name} is {found}, not one plane of one sample a pixel, as"
                " FluoView writes",
                self._path,
            )
        return info

    def _settings_of(self, name: str) -> Settings:
        """Return the settings of a plane, none where they are not there or are damaged."""
        settings = self._settings.get(f"{name[: -len(_TIFF)]}{_PLANE_SETTINGS}".lower())
        nothing: Settings = {}
        if settings is None:
            return nothing
        return unless_damaged(lambda: _parsed(self._members.content(settings)), nothing)

    def _times(self) -> tuple[PlaneInfo, ...]:
        """Return when the planes were taken, where that is told of all of them."""
        main = self._members.main
        times = [told.time_ms(main, self._settings_of(name)) for name in self._planes.names]
        if None in times or not any(times):
            return ()
        return tuple(PlaneInfo(time_ms=time) for time in times)


class _Members(Protocol):
    """The files of an image, by their names."""

    folder: Path
    main: Settings
    names: Collection[str]

    def content(self, name: str) -> bytes:
        """Return what a file holds."""
        ...

    def opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file, which is one of the file system."""
        ...

    def check(self, names: Collection[str]) -> None:
        """Refuse planes that are not there as a whole."""
        ...

    def close(self) -> None:
        """Close what was opened."""
        ...


class _Folder:
    """The files in the folder of an OIF file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        file.seek(0)
        self.main = _parsed(file.read(_LARGEST_SETTINGS))
        self.folder = path.with_name(f"{path.name}.files")
        if self.folder.is_symlink():
            raise FrameUnreadable(f"{self.folder} is a link, which is not followed", path)
        try:
            self.names: Collection[str] = [each.name for each in self.folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FrameIncomplete(
                f"{self.folder} is not there; the planes of {path} are in it, and both must be in"
                " one folder",
                path,
            ) from error

    def content(self, name: str) -> bytes:
        """Return what a file holds."""
        with self.opened(name) as file:
            return file.read(_LARGEST_SETTINGS)

    def opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file."""
        return opened(self.folder / name)

    def check(self, names: Collection[str]) -> None:
        """Refuse planes that are not there as a whole."""
        for name in names:
            with self.opened(name) as file:
                TiffSource(self.folder / name, file).close()

    def close(self) -> None:
        """Do nothing: no file stays open."""


class _Compound:
    """The files in an OIB file, which are streams of a compound file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.folder = path
        size = key_of(file).size
        self._file = _BoundedFile(path, size)
        try:
            check_not_replaced(path, file)
            streams = {_base(stream): stream for stream in self._file.files()}
            about = _parsed(self._file.open_file("OibInfo.txt").getvalue())["OibSaveInfo"]
            self._streams = {
                _base(str(name)): streams[stream]
                for stream, name in about.items()
                if stream in streams
            }
            self.names: Collection[str] = self._streams
            self.main = _parsed(self.content(_base(str(about[about["MainFileName"]]))))
            self._check_end(size)
        except BaseException:
            self.close()
            raise

    def _check_end(self, size: int) -> None:
        """Refuse a file that ends before its streams do."""
        entries = {stream: self._file.direntry(stream) for stream in self._file.files()}
        whole = sum(entry.stream_size for entry in entries.values())
        if whole > size:
            raise ValueError(f"its streams have {whole} bytes, it has {size}")
        least = self._file.mini_stream_cutoff_size
        long = {name for name, entry in entries.items() if entry.stream_size >= least}
        last = sorted(long, key=lambda name: entries[name].sector_start)[-1:]
        for name in (*(entries.keys() - long), *last):  # short streams are in memory
            self._file.open_file(name)

    def content(self, name: str) -> bytes:
        """Return what a stream holds."""
        return self._file.open_file(self._streams[name]).getvalue()

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Open a copy of a stream."""
        with tempfile.TemporaryFile() as file:
            file.write(self.content(name))
            file.seek(0)
            yield file

    def check(self, names: Collection[str]) -> None:
        """Do nothing: the end of the file was seen."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _BoundedFile(oiffile.CompoundFile):
    """A compound file, of which no more sectors are read at a time than there are.

    In a damaged file a chain of sectors may be a circle.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._most = size + _SPARE
        self._left = self._most
        super().__init__(path)

    def open_file(self, filename: str, /) -> io.BytesIO:
        """Return a stream, all of which must be there."""
        self._left = self._most
        content = super().open_file(filename)
        size = self.direntry(filename).stream_size
        if content.getbuffer().nbytes < size:
            raise ValueError(f"{filename} has less than its {size} bytes")
        return content

    def _sec_read(self, secid: int, /) -> bytes:
        """Return a sector."""
        self._spend(self.sec_size)
        return super()._sec_read(secid)

    def _mini_sec_read(self, secid: int, /) -> bytes:
        """Return a short sector."""
        self._spend(self.short_sec_size)
        return super()._mini_sec_read(secid)

    def _spend(self, size: int) -> None:
        """Refuse to read more than there is."""
        self._left -= size
        if self._left < 0:
            raise ValueError("its sectors are a circle")


def _parsed(stored: bytes) -> Settings:
    """Return settings."""
    return oiffile.SettingsFile(io.BytesIO(stored), "settings")


def _base(name: str) -> str:
    """Return the last part of the name of a stream."""
    return name.replace("\\", "/").rpartition("/")[2]
