"""Writing Nikon ND2 3.0 files, and reading them back to verify them.

Terms
-----
A *component* is a stored sample of a pixel, a *channel* its optical meaning. A *frame* holds all
components of one point of the loops and has one *sequence index*, row-major over the loops.

File
----
A file is a sequence of chunks, each beginning on a multiple of 4096 bytes; numbers are
little-endian:

====== ==== =================================================================
offset type content
====== ==== =================================================================
0      u32  magic 0x0ABECEDA
4      u32  bytes of name and padding, from 16 to the data
8      u64  bytes of data
16          ASCII name ending in ``!``, zeros
..          data
====== ==== =================================================================

The first chunk is the signature. Metadata chunks end on a boundary, with the slack behind their
name. Frame chunks always have 4072 bytes of name and padding, so that their pixels begin on a
boundary after an f64 time in ms. Rows are padded to 4 bytes; components interleave by pixel.

The last chunk is the map: for each chunk its name, u64 offset and u64 data size, then an end
mark; the last 40 bytes of the file repeat the mark and the offset of the map.

Order of writing
----------------
Signature, attributes, loops, calibration, picture metadata, frames, text, recorded columns, what is
drawn on the frames, provenance, map. What precedes the frames is enough to recover them when the
rest was never written: a file without its map is recognisably incomplete, and does not carry its
final name. Text follows the frames because Bio-Formats drops frames found after text and
attributes. Metadata use the lite variant encoding, see `nd2watch.nd2.lite_variant`.
"""

from nd2watch.nd2.attributes import ImageAttributes
from nd2watch.nd2.channel import Channel, Modality
from nd2watch.nd2.colors import display_color, wavelength_color
from nd2watch.nd2.columns import RecordedColumn
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.extent import measured, planned_time_ms
from nd2watch.nd2.frame_meta import FrameMetadata
from nd2watch.nd2.loops import Loop, NETimeLoop, StagePosition, TimeLoop, XYPosLoop, ZStackLoop
from nd2watch.nd2.masks import MaskLayer
from nd2watch.nd2.optics import Optics
from nd2watch.nd2.picture import Picture
from nd2watch.nd2.provenance import FrameSources, Provenance, SourceRecord
from nd2watch.nd2.reader import Nd2Reader
from nd2watch.nd2.recover import Recovery, recover
from nd2watch.nd2.roi_shapes import Circle, Ellipse, OtherShape, Point, Polygon, Polyline, Rectangle
from nd2watch.nd2.rois import Roi, RoiRole
from nd2watch.nd2.samples import exact_samples, stored_dtype
from nd2watch.nd2.text_info import TextInfo
from nd2watch.nd2.wells import Well, WellPlate
from nd2watch.nd2.writer import Nd2Writer

__all__ = [
    "Channel",
    "Circle",
    "Ellipse",
    "Experiment",
    "FrameMetadata",
    "FrameSources",
    "ImageAttributes",
    "Loop",
    "MaskLayer",
    "Modality",
    "NETimeLoop",
    "Nd2Reader",
    "Nd2Writer",
    "Optics",
    "OtherShape",
    "Picture",
    "Point",
    "Polygon",
    "Polyline",
    "Provenance",
    "RecordedColumn",
    "Recovery",
    "Rectangle",
    "Roi",
    "RoiRole",
    "SourceRecord",
    "StagePosition",
    "TextInfo",
    "TimeLoop",
    "Well",
    "WellPlate",
    "XYPosLoop",
    "ZStackLoop",
    "display_color",
    "exact_samples",
    "measured",
    "planned_time_ms",
    "recover",
    "stored_dtype",
    "wavelength_color",
]
