"""Mask layers: named masks that lie over the frames, and the chunks that hold them.

A layer, NIS-Elements' binary layer, has at most one mask a frame: a label image, see
`nd2watch.nd2.mask_codec`. The layers are described in XML, which names for each a tag; its mask of
frame n is the chunk ``CustomDataSeq|<tag>|n!``. A frame without a mask has no such chunk.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.colors import check_color, stored_color
from nd2watch.nd2.columns import parse_xml, xml_bytes
from nd2watch.nd2.lite_variant import check_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LAYERS: Final = "CustomDataVar|BinaryMetadata_v1!"
"""Chunk that describes the layers."""

_ROOT: Final = "BinaryMetadata_v1"
_OF_CHANNEL: Final = 0x80000


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskLayer:
    """A layer of masks.

    Attributes
    ----------
    name : str
        Not empty, and unlike the other layers of the file.
    color : int
        Display colour as 0xRRGGBB.
    channel : str, optional
        Name of the channel that it belongs to; None for all.

    Raises
    ------
    FormatError
        If the name is empty, a text cannot be stored, or the colour is out of range.
    """

    name: str
    color: int = 0xFF0000
    channel: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise FormatError("a mask layer has no name")
        for text in (self.name, self.channel or ""):
            check_text(text, f"mask layer {self.name!r}")
        check_color(self.color, f"mask layer {self.name}")


def mask_tag(layer_index: int) -> str:
    """Return the tag of the layer of this number, counted from 0."""
    return f"RleZipBinarySequence_{layer_index + 1}_v1"


def mask_chunk_name(tag: str, frame_index: int) -> str:
    """Return the chunk of the mask of a frame, counted from 0, in the layer with this tag."""
    return f"CustomDataSeq|{tag}|{frame_index}!"


def encode_layers(layers: Sequence[MaskLayer], channel_names: Sequence[str]) -> bytes:
    """Return the data of chunk `LAYERS`; the layer at index i gets the tag ``mask_tag(i)``.

    Parameters
    ----------
    layers : sequence of MaskLayer
        In the order of their numbers.
    channel_names : sequence of str
        Channels of the file.

    Raises
    ------
    FormatError
        If two layers have the same name, or one belongs to a channel that the file does not have.
    """
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        raise FormatError(f"mask layers must differ in their names, not {names}")
    root = ET.Element("variant", version="1.0")
    listing = ET.SubElement(root, _ROOT, runtype="CLxListVariant")
    for index, layer in enumerate(layers):
        if layer.channel is not None and layer.channel not in channel_names:
            raise FormatError(
                f"mask layer {layer.name} belongs to channel {layer.channel}, which is none of"
                f" {', '.join(channel_names)}"
            )
        entry = ET.SubElement(listing, "BinaryItem", runtype="CLxListVariant")
        for name, kind, value in _fields(index, layer):
            ET.SubElement(entry, name, runtype=kind, value=value)
    return xml_bytes(root)


def _fields(index: int, layer: MaskLayer) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and value of what is stored of a layer; limnd2 takes no other names."""
    number = str(index + 1)
    yield "uiBinLayerID", "lx_uint32", number
    yield "uiState", "lx_uint32", str(_OF_CHANNEL if layer.channel is not None else 0)
    yield "uiColor", "lx_uint32", str(stored_color(layer.color))
    yield "uiColorMode", "lx_uint32", "0"  # the colour of the layer, not one for each object
    yield "strName", "CLxStringW", layer.name
    yield "strFileTag", "CLxStringW", mask_tag(index)
    if layer.channel is not None:
        yield "strCompName", "CLxStringW", layer.channel
        yield "uiCompOrder", "lx_uint32", number


def decode_layers(data: bytes) -> dict[str, MaskLayer]:
    """Return the layers that chunk `LAYERS` holds, in their order, by their tags.

    Raises
    ------
    FormatError
        If the data are damaged.
    """
    layers: dict[str, MaskLayer] = {}
    for entry in parse_xml(data).iterfind(f"./{_ROOT}/*"):
        values = {element.tag: element.get("value", "") for element in entry}
        tag = values.get("strFileTag", "")
        if not tag or tag in layers:
            raise FormatError(f"damaged mask layers: {tag!r} is no tag of its own")
        stored = values.get("uiColor", "0")
        if not re.fullmatch("[0-9]{1,10}", stored, re.ASCII):
            raise FormatError(f"damaged mask layers: {stored!r} is no colour")
        blue_green_red = int(stored) & 0xFFFFFF
        layers[tag] = MaskLayer(
            name=(values.get("strName", "").strip() and values["strName"]) or tag,
            color=stored_color(blue_green_red),
            channel=values.get("strCompName") or None,
        )
    return layers
