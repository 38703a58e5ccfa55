"""Writes small OIF and OIB files as FluoView does.

An OIF file is text: sections of keys with values, in UTF-16. Beside it, in a folder, are the TIFF
files of the planes, each with settings of its own (.pty). An OIB file is a compound file (OLE) that
holds the same files as streams, and a stream that tells which stream is which file.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from tests.frames import noise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Sections = Mapping[str, Mapping[str, Any]]

SUFFIXES = (".oif", ".oib")
SECTOR, SHORT_SECTOR, CUTOFF, ENTRY = 512, 64, 4096, 128
END, FAT_SECTOR, FREE, NONE = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF, 0xFFFFFFFF


def settings(sections: Sections) -> bytes:
    """Return a settings file; texts are quoted, unless they are already."""
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            quoted = isinstance(value, str) and not value.startswith("'") and "," not in value
            lines.append(f'{key}="{value}"' if quoted else f"{key}={value}")
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode("utf-16-le")


def plane_file(pixels: npt.NDArray[Any], **options: Any) -> bytes:
    """Return the TIFF file of a plane."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **{"photometric": "minisblack", "metadata": None, **options})
    return buffer.getvalue()


def write(folder: Path, suffix: str, main: Sections, members: Mapping[str, bytes]) -> Path:
    """Write an image as the kind of file that a suffix tells."""
    write_it = write_oif if suffix == ".oif" else write_oib
    return write_it(folder / f"a{suffix}", main, members)


def write_oif(path: Path, main: Sections, members: Mapping[str, bytes]) -> Path:
    """Write an OIF file and the folder beside it."""
    path.write_bytes(settings({"ProfileSaveInfo": {"Name": "a", "Version": "2.0.0.0"}, **main}))
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir(exist_ok=True)
    for name, content in members.items():
        (folder / name).write_bytes(content)
    return path


def write_oib(path: Path, main: Sections, members: Mapping[str, bytes]) -> Path:
    """Write an OIB file."""
    path.write_bytes(build_oib(main, members))
    return path


def build_oib(main: Sections, members: Mapping[str, bytes]) -> bytes:
    """Return an OIB file."""
    streams, named = {}, {}
    for number, (name, content) in enumerate(members.items(), 1):
        streams[f"Storage00001/Stream{number:05}"] = content
        named[f"Stream{number:05}"] = f"Storage00001/{name}"
    last = f"Stream{len(members) + 1:05}"
    streams[last] = settings(main)
    about = {"Version": "2.0.0.0", "MainFileName": last, last: "a.oif"}
    about |= {"Storage00001": "a.oif.files", **named}
    return compound_file({"OibInfo.txt": settings({"OibSaveInfo": about}), **streams})


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """Return a compound file of streams, whose names tell the storage that each is in.

    Its tables come first, then short streams, which share sectors, then long ones.
    """
    long = {name: content for name, content in streams.items() if len(content) >= CUTOFF}
    short, short_fat = b"", list[int]()
    places = {}
    for name in (name for name in streams if name not in long):
        content = _filled(streams[name], SHORT_SECTOR)
        places[name] = _chain(short_fat, len(content) // SHORT_SECTOR)
        short += content
    storages = sorted({name.split("/")[0] for name in streams if "/" in name})
    tables = [
        bytes(ENTRY * (1 + len(storages) + len(streams))),
        struct.pack(f"<{len(short_fat)}I", *short_fat),
        short,
        *long.values(),
    ]
    counts = [-(-len(table) // SECTOR) for table in tables]
    fat_count = next(n for n in range(1, 109) if (sum(counts) + n) * 4 <= n * SECTOR)
    fat = [FAT_SECTOR] * fat_count
    directory, short_table, short_place, *long_places = (_chain(fat, count) for count in counts)
    places |= dict(zip(long, long_places, strict=True))
    tables[0] = _entries(streams, storages, places, short_place, len(short))
    tables[1] = _filled(tables[1], SECTOR, b"\xff")
    places_of_fat = [*range(fat_count), *[FREE] * (109 - fat_count)]
    numbers = (0, fat_count, directory, 0, CUTOFF, short_table, counts[1], END, 0)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack(
        "<16sHHHHHHI9I109I", b"", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, *numbers, *places_of_fat
    )
    fat_table = _filled(struct.pack(f"<{len(fat)}I", *fat), SECTOR, b"\xff")
    return header + fat_table + b"".join(_filled(table, SECTOR) for table in tables)


def _chain(fat: list[int], count: int) -> int:
    """Add a chain of sectors to a table, and return the first."""
    first = len(fat)
    fat += [*range(first + 1, first + count), END] if count else []
    return first if count else END


def _filled(content: bytes, size: int, fill: bytes = b"\0") -> bytes:
    """Return content that is filled to whole sectors."""
    return content.ljust(-(-len(content) // size) * size, fill)


def _entries(
    streams: Mapping[str, bytes],
    storages: Sequence[str],
    places: Mapping[str, int],
    short_place: int,
    short_size: int,
) -> bytes:
    """Return the directory: the root, the storages and the streams, as trees of siblings."""
    nodes = ["", *storages, *streams]
    numbers = {node: number for number, node in enumerate(nodes)}
    siblings = dict.fromkeys(numbers.values(), (NONE, NONE))
    children = {}
    for parent in ("", *storages):
        inside = [n for n in nodes[1:] if n.rpartition("/")[0] == parent]
        inside.sort(key=lambda node: (len(node), node))
        children[parent] = _tree([numbers[node] for node in inside], siblings)
    entries = b""
    for node, number in numbers.items():
        kind, child, place, size = 2, NONE, places.get(node, END), len(streams.get(node, b""))
        if node == "":
            kind, child, place, size = 5, children[""], short_place, short_size
        elif node in storages:
            kind, child, place = 1, children[node], 0
        name = (node.rpartition("/")[2] or "Root Entry").encode("utf-16-le")
        links = (*siblings[number], child)
        entries += struct.pack("<64sHBB3I", name, len(name) + 2, kind, 1, *links)
        entries += struct.pack("<16sIQQIQ", b"", 0, 0, 0, place, size)
    return entries


def _tree(numbers: Sequence[int], siblings: dict[int, tuple[int, int]]) -> int:
    """Link numbers as a balanced tree, and return its root."""
    if not numbers:
        return NONE
    middle = len(numbers) // 2
    left, right = numbers[:middle], numbers[middle + 1 :]
    siblings[numbers[middle]] = (_tree(left, siblings), _tree(right, siblings))
    return numbers[middle]


def members_of(**sizes: int) -> dict[str, bytes]:
    """Return a file for each point of the axes, of different pixels, numbered from 1."""
    members = {}
    for number, at in enumerate(np.ndindex(*sizes.values())):
        point = "".join(f"{axis}{n + 1:03}" for axis, n in zip(sizes, at, strict=True))
        members[f"s_{point}.tif"] = plane_file(noise(number))
    return members


def axes(order: str, **sizes: int) -> dict[str, dict[str, Any]]:
    """Return the sections that describe axes."""
    sections: dict[str, dict[str, Any]] = {"Axis Parameter Common": {"AxisOrder": order}}
    for number, letter in enumerate("XYCZTALPQ"):
        sections[f"Axis {number} Parameters Common"] = {
            "AxisCode": letter,
            "MaxSize": sizes.get(letter, 1),
        }
    return sections


MAIN: dict[str, dict[str, Any]] = {
    "Acquisition Parameters Common": {
        "Acquisition Device": "FV1000",
        "ImageCaputreDate": "'2024-04-22 09:57:37'",
        "ImageCaputreDate+MilliSec": 294,
        "PinholeDiameter": 105000,
    },
    "Axis Parameter Common": {"AxisOrder": "XYCZT"},
    "Axis 2 Parameters Common": {"AxisCode": "C", "MaxSize": 3},
    "Axis 3 Parameters Common": {
        "AxisCode": "Z",
        "StartPosition": 5000.0,
        "EndPosition": 4000.0,
        "Interval": 500,
        "MaxSize": 1,
        "PixUnit": "nm",
    },
    "Axis 4 Parameters Common": {
        "AxisCode": "T",
        "StartPosition": 0.0,
        "EndPosition": 2200.0,
        "Interval": 1000,
        "MaxSize": 3,
        "PixUnit": "ms",
    },
    "Channel 1 Parameters": {
        "CH Name": "CHS1",
        "DyeName": "DAPI",
        "ExcitationWavelength": 405,
        "EmissionWavelength": 461,
        "LightType": "Fluorescence",
    },
    "Channel 2 Parameters": {
        "CH Name": "TD1",
        "DyeName": "None",
        "ExcitationWavelength": 488,
        "EmissionWavelength": 0,
        "LightType": "Transmitted Light",
    },
    "GUI Channel 3 Parameters": {
        "CH Name": "CHS2",
        "DyeName": "EGFP",
        "ExcitationWavelength": 920,
        "EmissionWavelength": 509,
    },
    "Reference Image Parameter": {
        "WidthConvertValue": "0,207.0",
        "WidthUnit": "um",
        "ValidBitCounts": 12,
    },
}


def plane_settings(time_ms: float) -> bytes:
    """Return the settings of a plane."""
    return settings(
        {
            "Acquisition Parameters Common": {
                "Magnification": 60.0,
                "ObjectiveLens NAValue": 1.35,
                "ObjectiveLens Name": "UPLSAPO  60X O  NA:1.35",
                "PinholeDiameter": 110000,
            },
            "Axis 4 Parameters": {"AbsPositionUnitName": "ms", "AbsPositionValue": time_ms},
            "Image Parameters": {"WidthConvertValue": 0.124, "WidthUnit": "um"},
        }
    )
