"""Where an ND2 file comes from, kept in two chunks of its own.

A small chunk of XML names software, layout and folder. A second one, compressed JSON with one
frame a line, lists the sources and the digest of each frame, and a digest of each metadata chunk.
The second one is missing in older files, and where the sources of single frames are not known.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import xml.etree.ElementTree as ET
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.columns import parse_xml, xml_bytes
from nd2watch.nd2.lite_variant import check_text
from nd2watch.nd2.zjson import inflated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ROOT: Final = "Nd2WatchProvenance_v1.0"
_VERSION: Final = 1
_WHAT: Final = "the list of sources"
_FRAMES_FOLLOW: Final = ', "frames": [\n'
_END: Final = b"]}"
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")
_NOT_IN_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_BYTES_OF_FRAME: Final = 512
_BYTES_OF_SOURCE: Final = 1 << 15
"""A listed source takes some 80 bytes; a name of 4096 bytes that are no UTF-8 takes 24 KiB."""

_BYTES_AT_LEAST: Final = 1 << 20


def content_digest(data: bytes) -> str:
    """Return the digest of a chunk's data: BLAKE2b of 16 bytes, as hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """A file from which a frame was made.

    Attributes
    ----------
    name : str
        Path below the folder of the sources, with ``/``; bytes that are not UTF-8 are escaped as
        Python does in paths.
    size : int
        Bytes.
    mtime_ns : int
        Last change, ns since 1970.
    plane : int
        Number of the plane in the file.
    by_page : bool
        Planes are numbered as the pages of the file are, whatever it says of its axes.

    Raises
    ------
    FormatError
        If the name leads out of the folder, or a number is none.
    """

    name: str
    size: int
    mtime_ns: int
    plane: int = 0
    by_page: bool = False

    def __post_init__(self) -> None:
        parts = self.name.split("/") if isinstance(self.name, str) else [""]
        if "" in parts or ".." in parts or "\0" in self.name:
            raise FormatError(f"{self.name!r} is no path below the folder of the sources")
        for number in (self.size, self.mtime_ns, self.plane):
            if not isinstance(number, int) or isinstance(number, bool):
                raise FormatError(f"size, time or plane of source {self.name!r} is {number!r}")
        if self.plane < 0:
            raise FormatError(f"source {self.name!r} has no plane {self.plane}")

    def encode(self) -> list[str | int]:
        """Return the stored form, in which plane 0 is left out, and 1 stands for `by_page`."""
        stored: list[str | int] = [self.name, self.size, self.mtime_ns]
        if self.plane or self.by_page:
            stored.append(self.plane)
        return [*stored, 1] if self.by_page else stored


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSources:
    """What one frame was made from.

    Attributes
    ----------
    digest : str
        BLAKE2b of 16 bytes, as hexadecimal digits, of the frame's samples: little-endian, in the
        order (Y, X, component), without padding.
    sources : tuple of SourceRecord or None
        Its planes, in the order of the channels; None for one that was missing.

    Raises
    ------
    FormatError
        If the digest is none.
    """

    digest: str
    sources: tuple[SourceRecord | None, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.digest, str) or not _DIGEST.fullmatch(self.digest):
            raise FormatError(f"{self.digest!r} is no digest of a frame")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDigest:
    """What a metadata chunk held when the file was completed.

    Attributes
    ----------
    name : str
        Name of the chunk.
    offset : int
        Where it was: one that lies elsewhere was written anew since.
    digest : str
        `content_digest` of its data.
    """

    name: str
    offset: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The software and the sources that made a file.

    Attributes
    ----------
    software : str
        Name and version of the program.
    sources_digest : str
        Digest over path, size and change time of every source, in frame order: equal for the
        same files, whatever was done since.
    layout : str
        How the names of the sources were read; empty when unknown.
    folder : str
        Absolute path of the sources at that time, with ``/``; empty when unknown.
    frames : tuple of FrameSources
        For each frame in file order; empty when unknown.
    chunks : tuple of ChunkDigest
        Digests of the metadata, which the writer adds where the frames are known.

    Raises
    ------
    FormatError
        If a text cannot be stored.
    """

    software: str
    sources_digest: str
    layout: str = ""
    folder: str = ""
    frames: tuple[FrameSources, ...] = ()
    chunks: tuple[ChunkDigest, ...] = ()

    def __post_init__(self) -> None:
        check_text(self.software, "the software of the provenance")
        check_text(self.sources_digest, "the digest of the provenance")

    def encode(self) -> bytes:
        """Return the stored XML; what XML cannot hold of layout and folder is marked there."""
        root = ET.Element("variant", version="1.0")
        listing = ET.SubElement(root, _ROOT, runtype="CLxListVariant")
        values = {
            "Software": self.software,
            "SourcesDigest": self.sources_digest,
            "Layout": _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", self.layout),
            "Folder": _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", self.folder),
        }
        for name, value in values.items():
            ET.SubElement(listing, name, runtype="CLxStringW", value=value)
        return xml_bytes(root)

    def encode_list(self) -> bytes:
        """Return the stored list of sources, a zlib stream of ASCII JSON."""
        deflater = zlib.compressobj()
        parts = [deflater.compress(line.encode("ascii")) for line in self._lines()]
        return b"".join([*parts, deflater.flush()])

    def _lines(self) -> Iterator[str]:
        """Yield the list of sources: a line of what is common, then a line a frame."""
        head = {
            "version": _VERSION,
            "layout": self.layout,
            "folder": self.folder,
            "chunks": {chunk.name: [chunk.offset, chunk.digest] for chunk in self.chunks},
        }
        yield json.dumps(head)[:-1] + _FRAMES_FOLLOW
        for number, frame in enumerate(self.frames, 1):
            sources = [source and source.encode() for source in frame.sources]
            end = ",\n" if number < len(self.frames) else "\n"
            yield json.dumps([frame.digest, sources]) + end
        yield _END.decode()

    @classmethod
    def decode(cls, stored: bytes) -> Provenance:
        """Return the value of the stored XML, without the list of sources.

        Raises
        ------
        FormatError
            If it is not the XML that `encode` makes.
        """
        values = {
            element.tag: element.get("value", "")
            for element in parse_xml(stored).iterfind(f"./{_ROOT}/*")
        }
        try:
            return cls(
                software=values["Software"],
                sources_digest=values["SourcesDigest"],
                layout=values.get("Layout", ""),
                folder=values.get("Folder", ""),
            )
        except KeyError as error:
            raise FormatError(f"damaged provenance: no {error}") from error

    def with_list(self, stored: bytes, frames: int, components: int) -> Provenance:
        """Return the value with what a stored list of sources tells.

        Parameters
        ----------
        stored : bytes
            As `encode_list` makes it.
        frames : int
            Most frames, and most chunks, that it may list.
        components : int
            Most sources that a frame may have.

        Raises
        ------
        FormatError
            If it is damaged, or holds far more than that.
        """
        limit = _BYTES_AT_LEAST + frames * (_BYTES_OF_FRAME + components * _BYTES_OF_SOURCE)
        lines = io.BytesIO(inflated(stored, limit, _WHAT))
        try:
            head = json.loads(lines.readline().removesuffix(_FRAMES_FOLLOW.encode()) + b"}")
            return replace(
                self,
                layout=_text(head["layout"]),
                folder=_text(head["folder"]),
                chunks=tuple(
                    ChunkDigest(name=name, offset=offset, digest=digest)
                    for name, (offset, digest) in head["chunks"].items()
                ),
                frames=tuple(_decode_frames(lines)),
            )
        except FormatError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise FormatError(f"{_WHAT} is damaged: {error!r}") from error


def _decode_frames(lines: Iterable[bytes]) -> Iterator[FrameSources]:
    """Yield the frames of a stored list, up to its end."""
    for line in lines:
        if line == _END:
            return
        digest, sources = json.loads(line.rstrip(b",\n"))
        yield FrameSources(
            digest=digest,
            sources=tuple(source and _decode_source(*source) for source in sources),
        )
    raise FormatError(f"{_WHAT} is damaged: it has no end")


def _decode_source(
    name: str, size: int, mtime_ns: int, plane: int = 0, by_page: int = 0
) -> SourceRecord:
    """Return the value of a stored source."""
    return SourceRecord(name=name, size=size, mtime_ns=mtime_ns, plane=plane, by_page=bool(by_page))


def _text(value: object) -> str:
    """Return a text of the list."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
