"""Process in which Bio-Formats runs: a path a line on stdin, a JSON object a line on stdout.

Java lives in a process of its own because the signal handlers of its virtual machine and those
of Python's faulthandler exclude each other.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import jpype

from tests.conformance.view import digest_of_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    Reply = dict[str, Any]


def main() -> int:
    """Serve until stdin ends; return the exit status."""
    # What Java prints must not come between the replies.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def reply(value: Reply) -> None:
        replies.write(json.dumps(value) + "\n")
        replies.flush()

    try:
        jpype.startJVM(
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true",
            classpath=[sys.argv[1]],
            convertStrings=True,
        )
    except jpype.JVMNotFoundException as error:
        reply({"failure": str(error)})
        return 1
    read = _reader()
    reply(
        {
            "version": str(jpype.JClass("loci.formats.FormatTools").VERSION),
            "java": str(jpype.JClass("java.lang.System").getProperty("java.version")),
        }
    )
    for line in sys.stdin:
        reply(read(json.loads(line)))
    return 0


def _reader() -> Callable[[str], Reply]:
    """Return a function that reads one file."""
    jpype.JClass("loci.common.DebugTools").setRootLevel("ERROR")
    factory = jpype.JClass("loci.common.services.ServiceFactory")()
    service = factory.getInstance(jpype.JClass("loci.formats.services.OMEXMLService"))

    def read(path: str) -> Reply:
        # A new reader for each file: a used one keeps loops of the file before.
        reader = jpype.JClass("loci.formats.ImageReader")()
        store = service.createOMEXMLMetadata()
        reader.setMetadataStore(store)
        try:
            reader.setId(path)
            return {
                "series": [_series(reader, n) for n in range(reader.getSeriesCount())],
                "xml": str(store.dumpXML()),
                "global": _table(reader.getGlobalMetadata()),
            }
        except jpype.JException as error:
            return {"error": str(error)}
        finally:
            reader.close()

    return read


def _series(reader: Any, number: int) -> Reply:
    """Return sizes, sample format and the digest of every plane of one series."""
    reader.setSeries(number)
    planes = []
    for index in range(reader.getImageCount()):
        place = [int(n) for n in reader.getZCTCoords(index)]
        try:
            found = digest_of_bytes(bytes(reader.openBytes(index)))
        except jpype.JException as error:
            found = f"refused: {error.__class__.__name__}"
        planes.append([*place, found])
    return {
        "width": int(reader.getSizeX()),
        "height": int(reader.getSizeY()),
        "sizes": [int(reader.getSizeZ()), int(reader.getSizeC()), int(reader.getSizeT())],
        "bits": int(reader.getBitsPerPixel()),
        "type": str(
            jpype.JClass("loci.formats.FormatTools").getPixelTypeString(reader.getPixelType())
        ),
        "little_endian": bool(reader.isLittleEndian()),
        "planes": planes,
    }


def _table(table: Any) -> dict[str, str]:
    """Return a Java table as texts."""
    return {str(entry.getKey()): str(entry.getValue()) for entry in table.entrySet()}


if __name__ == "__main__":
    sys.exit(main())
