"""Writing the pyramid of a frame that is in the file already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nd2watch.nd2 import spec
from nd2watch.nd2.frame_codec import FrameCodec
from nd2watch.nd2.pyramid import halved_strips, level_attributes, level_name, levels

if TYPE_CHECKING:
    from nd2watch.nd2.chunk_writer import ChunkWriter


def write_pyramid(writer: ChunkWriter, codec: FrameCodec, index: int) -> None:
    """Write the smaller versions of frame `index`, each made from the one before, by strips.

    A missing frame has none. Levels that are there already stay.
    """
    name = spec.frame_name(index)
    if name not in writer.places:
        return
    skip = spec.FRAME_TIME.size
    for level in levels(codec.attributes.width, codec.attributes.height):
        smaller = FrameCodec(attributes=level_attributes(codec.attributes, level), rgb=codec.rgb)
        larger = codec.strips(writer.read_back(name, skip), f"frame {index}")
        name, skip, codec = level_name(level.size, index), 0, smaller
        if name not in writer.places:
            writer.begin_metadata(name, codec.attributes.frame_size)
            for strip in halved_strips(larger):
                writer.file.write(codec.encode_rows(strip).data)
