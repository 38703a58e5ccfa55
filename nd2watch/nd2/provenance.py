"""Where an ND2 file comes from, kept in a chunk of its own."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from nd2watch.errors import FormatError
from nd2watch.nd2.columns import check_xml_text, parse_xml, xml_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The software and the sources that made a file.

    Attributes
    ----------
    software : str
        Name and version of the program.
    sources_digest : str
        Digest over name, size and change time of every source, in frame order: equal for the
        same files, whatever was done since.

    Raises
    ------
    FormatError
        If a text cannot be stored.
    """

    software: str
    sources_digest: str

    def __post_init__(self) -> None:
        check_xml_text(self.software, "the software of the provenance")
        check_xml_text(self.sources_digest, "the digest of the provenance")

    def encode(self) -> bytes:
        """Return the stored XML."""
        root = ET.Element("variant", version="1.0")
        listing = ET.SubElement(root, "Nd2WatchProvenance_v1.0", runtype="CLxListVariant")
        for name, value in (("Software", self.software), ("SourcesDigest", self.sources_digest)):
            ET.SubElement(listing, name, runtype="CLxStringW", value=value)
        return xml_bytes(root)

    @classmethod
    def decode(cls, stored: bytes) -> Provenance:
        """Return the value of the stored XML.

        Raises
        ------
        FormatError
            If it is not the XML that `encode` makes.
        """
        values = {
            element.tag: element.get("value", "")
            for element in parse_xml(stored).iterfind("./Nd2WatchProvenance_v1.0/*")
        }
        try:
            return cls(software=values["Software"], sources_digest=values["SourcesDigest"])
        except KeyError as error:
            raise FormatError(f"damaged provenance: no {error}") from error
