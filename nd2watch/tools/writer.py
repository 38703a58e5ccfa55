"""Writing an ND2 file frame by frame, or from images and values that are set in any order."""

from __future__ import annotations

import operator
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

import numpy as np

from nd2watch import nd2
from nd2watch.errors import FormatError, OutputExists
from nd2watch.nd2 import (
    Experiment,
    ImageAttributes,
    Picture,
    StagePosition,
    XYPosLoop,
    stored_dtype,
)
from nd2watch.nd2.frame_codec import FrameCodec
from nd2watch.tools.image_spool import ImageSpool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import SupportsIndex, Unpack

    import numpy.typing as npt

    from nd2watch.nd2 import MaskLayer, Provenance, RecordedColumn, Roi, TextInfo, WellPlate

_LISTED: Final = 20


class WriterOptions(TypedDict, total=False):
    """What `nd2watch.nd2.Nd2Writer` takes beside path and attributes."""

    experiment: Experiment | None
    picture: Picture | None
    text_info: TextInfo | None
    recorded: Iterable[RecordedColumn]
    well_plate: WellPlate | None
    rois: Iterable[Roi]
    mask_layers: Iterable[MaskLayer]
    pyramid: bool
    provenance: Provenance | None
    custom_chunks: Mapping[str, bytes] | None
    threads: int | None
    check: Callable[[Path], None] | None
    replace: bool
    keep_unfinished: bool


class Nd2Writer(nd2.Nd2Writer):
    """Writes one ND2 file, in either of two ways; a context manager.

    With `attributes` it is `nd2watch.nd2.Nd2Writer`, which takes frames in their order.

    Without, it takes images and values in any order, as programs for limnd2 set them: images by
    `setImage`, and `imageAttributes`, `experiment` and `pictureMetadata` by assignment. Images wait
    in a temporary file without a name beside the output, which is written when the block ends, or
    by `finalize`. Leaving the block by an exception writes nothing.

    Parameters
    ----------
    path : str or path
        Name of the finished file. It is not replaced when it exists, unless ``replace=True``.
    attributes : ImageAttributes, optional
        Size and sample format of the frames, to write them in their order.
    chunker_kwargs : mapping, optional
        limnd2's way to state attributes that hold until `imageAttributes` is set, as
        ``{"with_image_attributes": attributes}``.
    **options
        As `nd2watch.nd2.Nd2Writer` takes them; experiment and picture until they are set.

    Attributes
    ----------
    size : int
        Bytes of the completed file; 0 before.

    Raises
    ------
    FormatError
        When the file is completed, if something is missing or values contradict each other; it is
        not written then.
    OutputExists
        If `path` exists and `replace` is False; at once without attributes, else on entering the
        context.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        attributes: ImageAttributes | None = None,
        *,
        chunker_kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[WriterOptions],
    ) -> None:
        self._path = Path(path)
        self._options = options
        self._takes_images = attributes is None
        self._is_closed = False
        self._spool: ImageSpool | None = None
        self._stated: ImageAttributes | None = None
        if attributes is not None:
            self._stated = attributes
            super().__init__(path, attributes, **options)
            return
        self.size = 0
        if os.path.lexists(path) and not options.get("replace"):
            raise OutputExists(
                f"{path} exists already; move it away, choose another name, or allow to replace"
                " it (replace=True)"
            )
        self.imageAttributes = (chunker_kwargs or {}).get("with_image_attributes")

    @property
    def imageAttributes(self) -> ImageAttributes | None:
        """Size and sample format of the frames; None while not set. None cannot be set."""
        return self._stated

    @imageAttributes.setter
    def imageAttributes(self, attributes: ImageAttributes | None) -> None:
        if attributes is not None:
            self._check_settable("imageAttributes")
            _check_kind("imageAttributes", attributes, ImageAttributes)
            self.attributes = self._stated = attributes

    @property
    def experiment(self) -> Experiment | None:
        """The loops; None while not set, for a position a frame. None cannot be set."""
        return self._options.get("experiment")

    @experiment.setter
    def experiment(self, experiment: Experiment | None) -> None:
        if experiment is not None:
            self._check_settable("experiment")
            _check_kind("experiment", experiment, Experiment)
            self._options["experiment"] = experiment

    @property
    def pictureMetadata(self) -> Picture | None:
        """Channels and optics; None while not set, for "Channel 1", .... None cannot be set."""
        return self._options.get("picture")

    @pictureMetadata.setter
    def pictureMetadata(self, picture: Picture | None) -> None:
        if picture is not None:
            self._check_settable("pictureMetadata")
            _check_kind("pictureMetadata", picture, Picture)
            self._options["picture"] = picture

    def setImage(self, seq_index: SupportsIndex, data: npt.ArrayLike) -> None:
        """Set an image, in any order; one that is set again is replaced.

        Parameters
        ----------
        seq_index : int
            Number of the frame, in row-major order of the loops.
        data : array, shape (Y, X, component), or (Y, X) for one component
            Samples, as `nd2watch.nd2.Nd2Writer.write_frame` takes them. They are checked at once
            when `imageAttributes` is set, else when the file is completed.

        Raises
        ------
        FormatError
            If the number is below 0, the shape differs from the attributes, a value cannot be
            stored, or the file is completed already.
        """
        self._check_settable("setImage")
        number = operator.index(seq_index)
        if number < 0:
            raise FormatError(f"there is no image {number}; numbers begin at 0")
        image = _image(data, self._stated, f"image {number}")
        self._spool = self._spool or ImageSpool(self._path.parent)
        self._spool.put(number, image)

    def finalize(self) -> None:
        """Complete the file, as leaving the block does; afterwards it does nothing.

        Raises
        ------
        FormatError
            If something is missing, which is listed, or values contradict each other. Without a
            block it can be set, and the file completed then.
        """
        if not self._takes_images:
            super().__exit__(None, None, None)
        elif not self._is_closed:
            self._write()
            self._close()

    def set_provenance(self, provenance: Provenance) -> None:
        """Say where the file comes from, as `nd2watch.nd2.Nd2Writer.set_provenance` does."""
        if self._takes_images:
            self._options["provenance"] = provenance
        else:
            super().set_provenance(provenance)

    def write_mask(self, layer: str, index: int, labels: npt.ArrayLike) -> None:
        """Write a mask, as `nd2watch.nd2.Nd2Writer.write_mask` does, with attributes only."""
        self._check_in_order()
        super().write_mask(layer, index, labels)

    def __enter__(self) -> Nd2Writer:
        if not self._takes_images:
            super().__enter__()
        elif self._is_closed:
            raise FormatError(f"a writer writes once; make a new one to write {self._path} again")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._takes_images:
            super().__exit__(kind, error, trace)
            return
        try:
            if kind is None:
                self.finalize()
        finally:
            self._close()

    def _next_index(self) -> int:
        """Return the number of the next frame that is written in order."""
        self._check_in_order()
        return super()._next_index()

    def _check_in_order(self) -> None:
        """Refuse what needs attributes from the beginning."""
        if self._takes_images:
            raise FormatError(
                "a writer made without attributes takes images by setImage; make it as"
                " Nd2Writer(path, attributes) to write frames in their order, and masks"
            )

    def _check_settable(self, name: str) -> None:
        """Refuse to set what was stated when the writer was made, or what comes too late."""
        if not self._takes_images:
            raise FormatError(
                f"{name} is for a writer made as Nd2Writer(path); this one has its attributes"
                " already, and writes frames by write_frame"
            )
        if self._is_closed:
            raise FormatError(f"{self._path} is closed; {name} comes too late")

    def _write(self) -> None:
        """Write the file from what was set."""
        spool = self._spool
        numbers = set() if spool is None else spool.numbers
        faults = list(_faults(self._stated, numbers))
        if faults or spool is None or self._stated is None:
            raise FormatError(f"{self._path} cannot be written: {'; '.join(faults)}")
        options, frames = self._options.copy(), self._stated.frame_count
        if self.experiment is None and frames > 1:
            positions = (StagePosition(),) * frames
            options["experiment"] = Experiment(loops=(XYPosLoop(positions=positions),))
        with nd2.Nd2Writer(self._path, self._stated, **options) as writer:
            for number in range(frames):
                writer.write_frame(spool.get(number))
        self.size = writer.size

    def _close(self) -> None:
        """Drop the images."""
        self._is_closed = True
        if self._spool is not None:
            self._spool.close()


def _faults(attributes: ImageAttributes | None, numbers: set[int]) -> Iterator[str]:
    """Yield what is missing for a file, or set in vain."""
    if attributes is None:
        yield "imageAttributes is not set"
        return
    frames = attributes.frame_count
    if missing := _listed(number for number in range(frames) if number not in numbers):
        yield f"of {frames} images these are not set: {missing}"
    if surplus := _listed(number for number in sorted(numbers) if number >= frames):
        yield f"imageAttributes says {frames} frames, but these images are set too: {surplus}"


def _listed(numbers: Iterator[int]) -> str:
    """Return the first of many numbers."""
    first = [str(number) for number in islice(numbers, _LISTED)]
    return ", ".join(first + ["..."] * (next(numbers, None) is not None))


def _check_kind(name: str, value: object, kind: type) -> None:
    """Refuse a value of another kind."""
    if not isinstance(value, kind):
        raise FormatError(f"{name} is set to {value!r}; it must be {kind.__name__}")


def _image(data: npt.ArrayLike, attributes: ImageAttributes | None, what: str) -> npt.NDArray[Any]:
    """Return an image as it is kept, with the samples that attributes say when there are any."""
    if attributes is not None:
        return FrameCodec(attributes=attributes).checked(data, attributes.shape[:2], what)
    if np.ma.is_masked(data):
        raise FormatError(f"{what} has masked pixels, which ND2 cannot hold; fill them first")
    image = np.asarray(data)
    stored_dtype(image.dtype)
    return image
