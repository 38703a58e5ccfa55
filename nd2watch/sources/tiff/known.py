"""What the metadata of a TIFF file tell, whichever program wrote it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from xml.etree import ElementTree as ET

from nd2watch.sources.base import ChannelInfo, OpticsInfo, PlaneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nd2watch.sources.tiff.planes import Grid

T = TypeVar("T")
V = TypeVar("V", "Known", ChannelInfo, OpticsInfo)

_LONGEST_XML: Final = 1 << 26
_NO_OPTICS: Final = OpticsInfo()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What metadata tell; None or empty where they tell nothing.

    Attributes
    ----------
    channels, positions, optics, pixel_size_um, z_step_um, z_falls, period_ms, started, notes
        As in `SourceInfo`.
    planes : mapping from int to PlaneInfo
        What they tell of pages, by their numbers.
    """

    channels: tuple[ChannelInfo, ...] = ()
    positions: tuple[str, ...] = ()
    optics: OpticsInfo = _NO_OPTICS
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    z_falls: bool | None = None
    period_ms: float | None = None
    started: datetime | None = None
    planes: Mapping[int, PlaneInfo] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def filled_from(self, other: Known) -> Known:
        """Return this, with what it does not tell taken from another."""
        channels = self.channels
        if len(channels) == len(other.channels):
            channels = tuple(map(_filled, channels, other.channels))
        optics = _filled(self.optics, other.optics)
        return _filled(replace(self, channels=channels, optics=optics), other)


def _filled(value: V, other: V) -> V:
    """Return a value with what it does not tell taken from another."""
    missing = {
        each.name: getattr(other, each.name)
        for each in fields(value)
        if getattr(value, each.name) in (None, "", (), {})
    }
    return replace(value, **missing)


class Flavour(Protocol):
    """The metadata of one program, found in a TIFF file."""

    def grid(self) -> Grid | None:
        """Return its pages in the order of their axes, None when that is not told."""
        ...

    def known(self) -> Known:
        """Return all else that they tell; it may take a while, as pages have records of their own.

        It may raise whatever damaged metadata make it raise.
        """
        ...


def parse_xml(text: str) -> ET.Element:
    """Return the root of an XML document.

    Raises
    ------
    ValueError
        If it has a document type, which may define entities without end, or is too long.
    xml.etree.ElementTree.ParseError
        If it is not well-formed.
    """
    if len(text) > _LONGEST_XML or "<!DOCTYPE" in text:
        raise ValueError("the XML is too long, or has a document type")
    return ET.fromstring(text)  # noqa: S314 - without a document type it has no entities # nosec B314
