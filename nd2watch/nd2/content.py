"""What an ND2 file holds beside its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec
from nd2watch.nd2.attributes import ImageAttributes
from nd2watch.nd2.checks import check_kind, make_tuple
from nd2watch.nd2.chunks import check_name
from nd2watch.nd2.columns import RecordedColumn
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.extent import measured, planned_time_ms
from nd2watch.nd2.frame_codec import FrameCodec
from nd2watch.nd2.frame_meta import OWN_COLUMNS, FrameMetadata, FrameTable
from nd2watch.nd2.hints import encode_hints
from nd2watch.nd2.masks import LAYERS, MaskLayer, encode_layers, mask_chunk_name, mask_tag
from nd2watch.nd2.picture import Picture
from nd2watch.nd2.provenance import Provenance
from nd2watch.nd2.pyramid import LEVELS
from nd2watch.nd2.pyramid_writer import write_pyramid
from nd2watch.nd2.rois import ROIS, Roi, encode_rois
from nd2watch.nd2.text_info import TextInfo
from nd2watch.nd2.wells import FRAME_WELLS, PLATE, WellPlate

if TYPE_CHECKING:
    from types import UnionType

    from nd2watch.nd2.chunk_spool import ChunkSpool
    from nd2watch.nd2.chunk_writer import ChunkWriter
    from nd2watch.nd2.lite_variant import Item

_OWN_PREFIXES: Final = ("ND2 ", spec.FRAMES, spec.SKIPPED)
_OWN_CHUNKS: Final = frozenset(
    {
        spec.ATTRIBUTES,
        spec.EXPERIMENT,
        spec.PICTURE,
        spec.TEXT_INFO,
        spec.CALIBRATION,
        spec.CUSTOM_TAGS,
        spec.PROVENANCE,
        spec.SOURCES,
        spec.HINTS,
        spec.MISSING,
        spec.CAMERA,
        *(spec.custom_data_name(f"Acq{what}Cache") for what in ("Times", "Times2", "Frames")),
        *(spec.custom_data_name(key) for key, _ in OWN_COLUMNS.values()),
    }
)

_KINDS: Final[dict[str, type | UnionType]] = {
    "attributes": ImageAttributes,
    "experiment": Experiment,
    "picture": Picture,
    "text_info": TextInfo,
    "well_plate": WellPlate | None,
    "provenance": Provenance | None,
    "custom_chunks": Mapping,
}
_ITEMS: Final = {"recorded": RecordedColumn, "rois": Roi, "mask_layers": MaskLayer}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """The values of a file, checked against each other.

    Attributes
    ----------
    attributes, experiment, picture, text_info, recorded, well_plate, rois, mask_layers, pyramid, \
provenance, custom_chunks
        As `Nd2Writer` takes them.

    Raises
    ------
    FormatError
        If the loops, channels and attributes contradict each other, or a custom chunk has a name
        that it cannot have.
    """

    attributes: ImageAttributes
    experiment: Experiment
    picture: Picture
    text_info: TextInfo = field(default_factory=TextInfo)
    recorded: tuple[RecordedColumn, ...] = ()
    well_plate: WellPlate | None = None
    rois: tuple[Roi, ...] = ()
    mask_layers: tuple[MaskLayer, ...] = ()
    pyramid: bool = False
    provenance: Provenance | None = None
    custom_chunks: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            check_kind(self, name, kind)
        for name, kind in _ITEMS.items():
            make_tuple(self, name, kind)
        frames, product = self.attributes.frame_count, self.experiment.frame_count
        if frames != product:
            sizes = " x ".join(f"{axis}={n}" for axis, n in self.experiment.sizes.items())
            raise FormatError(
                f"the loops ({sizes or 'none'}) make {product} frames, the attributes say {frames}"
            )
        described, stored = self.picture.component_count, self.attributes.component_count
        if described != stored:
            raise FormatError(
                f"channels of {described} components cannot describe {stored} components"
            )
        if self.picture.is_rgb and self.attributes.is_float:
            raise FormatError("RGB is stored as uint8 or uint16, not as float32")
        self._check_custom_chunks()
        listed = len(self.provenance.frames) if self.provenance is not None else 0
        if listed not in (0, frames):
            raise FormatError(f"the provenance tells of {listed} frames, not of {frames}")

    def _check_custom_chunks(self) -> None:
        """Refuse custom chunks that no file can have, or that the writer writes itself."""
        own = _OWN_CHUNKS | self._annotations().keys()
        own |= {spec.custom_data_name(column.chunk_key()) for column in self.recorded}
        if self.well_plate is not None:
            own |= {PLATE, FRAME_WELLS}
        prefixes = (*_OWN_PREFIXES, *([LEVELS] if self.pyramid else ()))
        masks = tuple(mask_chunk_name(mask_tag(n), 0)[:-2] for n in range(len(self.mask_layers)))
        for name, data in self.custom_chunks.items():
            check_name(name)
            if name in own or name.startswith((*prefixes, *masks)):
                raise FormatError(f"chunk {name} is written by the writer itself")
            if not isinstance(data, bytes):
                raise FormatError(f"chunk {name} is {type(data).__name__}; it must be bytes")

    def new_table(self) -> FrameTable:
        """Return an empty table of what is recorded for each frame."""
        return FrameTable(self.recorded, self.well_plate)

    @property
    def codec(self) -> FrameCodec:
        """How frames are stored."""
        return FrameCodec(attributes=self.attributes, rgb=self.picture.is_rgb)

    def write_head(self, writer: ChunkWriter, first: FrameMetadata) -> None:
        """Write what precedes the frames, which is enough to recover them.

        Parameters
        ----------
        writer : ChunkWriter
            At the start of the file.
        first : FrameMetadata
            Time and stage position of frame 0.
        """
        writer.signature()
        self.write_extent(writer)
        writer.tree(spec.CALIBRATION, "SLxCalibration", self.picture.encode_calibration())
        picture = self.picture.encode(first, self._home_z(first))
        writer.tree(spec.PICTURE, "SLxPictureMetadata", picture)

    def measured(self, table: FrameTable) -> FileContent:
        """Return the content with durations and periods from the frames' times, if not given."""
        return replace(self, experiment=measured(self.experiment, table.given_times_ms))

    def default_metadata(self, table: FrameTable) -> FrameMetadata:
        """Return what stands for the next frame of a table when nothing is known of it."""
        planned = planned_time_ms(self.experiment, len(table))
        return FrameMetadata(time_ms=max(planned, table.next_default().time_ms))

    def rewrite_experiment(self, writer: ChunkWriter) -> None:
        """Write the loops, with other numbers in them, over those in the head."""
        if self.experiment.loops:
            writer.tree_again(spec.EXPERIMENT, "SLxExperiment", self._encode_experiment())

    def _annotations(self) -> dict[str, bytes]:
        """Return the chunks of regions and mask layers; what cannot be stored is refused."""
        found = {}
        if self.rois:
            positions = self.experiment.sizes.get("p", 1)
            found[ROIS] = encode_rois(self.rois, self.attributes, positions)
        if self.mask_layers:
            names = [channel.name for channel in self.picture.channels]
            found[LAYERS] = encode_layers(self.mask_layers, names)
        return found

    def mask_name(self, layer: str, index: int) -> str:
        """Return the name of the chunk that holds the mask of frame `index`.

        Raises
        ------
        FormatError
            If there is no such layer or frame.
        """
        names = [known.name for known in self.mask_layers]
        if layer not in names:
            raise FormatError(f"there is no mask layer {layer!r} among {names}")
        frames = self.attributes.frame_count
        if not isinstance(index, int | np.integer) or not 0 <= index < frames:
            raise FormatError(f"there is no frame {index!r} among {frames}")
        return mask_chunk_name(mask_tag(names.index(layer)), int(index))

    def write_tail(
        self, writer: ChunkWriter, table: FrameTable, waiting: ChunkSpool | None = None
    ) -> None:
        """Write what follows the frames, but the map.

        Text stays behind the frames, or Bio-Formats loses frames.

        Parameters
        ----------
        writer : ChunkWriter
            Behind the frames.
        table : FrameTable
            What is recorded for each frame.
        waiting : ChunkSpool, optional
            Chunks that were made while the frames were written.
        """
        text = self.text_info.encode(
            self.experiment, self.picture, table.missing, hidden_positions=self._hidden_positions
        )
        writer.tree(spec.TEXT_INFO, "SLxImageTextInfo", text)
        for name, data in table.chunks():
            writer.metadata(name, data)
        hints = encode_hints(self.attributes, self.experiment, self.picture, table.stage_um)
        writer.metadata(spec.HINTS, hints)
        for name, data in self._annotations().items():
            writer.metadata(name, data)
        if waiting is not None:
            waiting.write_to(writer)
        camera = self.picture.encode_camera()
        if camera is not None and spec.CAMERA not in writer.places:
            writer.metadata(spec.CAMERA, camera)
        if self.pyramid:
            for index in range(self.attributes.frame_count):
                write_pyramid(writer, self.codec, index)
        if self.provenance is not None:
            writer.metadata(spec.PROVENANCE, self.provenance.encode())
        for name, data in self.custom_chunks.items():
            writer.metadata(name, data)
        if self.provenance is not None and self.provenance.frames:
            provenance = replace(self.provenance, chunks=writer.digests)
            writer.metadata(spec.SOURCES, provenance.encode_list())

    def write_extent(self, writer: ChunkWriter) -> None:
        """Write what tells how many frames there are: attributes, and loops if there are any."""
        writer.tree(spec.ATTRIBUTES, "SLxImageAttributes", self.attributes.encode())
        if self.experiment.loops:
            writer.tree(spec.EXPERIMENT, "SLxExperiment", self._encode_experiment())

    def _encode_experiment(self) -> dict[str, Item]:
        """Return the stored loops."""
        return self.experiment.encode(hidden_positions=self._hidden_positions)

    @property
    def _hidden_positions(self) -> bool:
        """Bio-Formats must not see the XY loop, as it then forgets that samples are float.

        It still finds the positions, and takes them to lie between time and Z.
        """
        return (
            self.attributes.is_float
            and self.experiment.sizes.get("p", 1) > 1
            and self.experiment.is_in_usual_order
        )

    def _home_z(self, first: FrameMetadata) -> float:
        """Return the Z of the home plane, given that of the first; 0 when unknown."""
        stack = self.experiment.z_stack
        if first.z_um is None:
            return 0.0
        return first.z_um - (stack.height_um(0) if stack else 0.0)
