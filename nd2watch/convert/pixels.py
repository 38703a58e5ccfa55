"""The pixels of frames, from the planes of their sources."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nd2watch.errors import FrameMismatch
from nd2watch.nd2 import exact_samples
from nd2watch.sources import PlaneReader

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from concurrent.futures import Future

    import numpy.typing as npt

    from nd2watch.convert.plan import ConversionPlan
    from nd2watch.nd2 import ImageAttributes
    from nd2watch.sources import SourcePlane

    Frame = Sequence[SourcePlane | None]
    Pixels = npt.NDArray[Any]

_AHEAD: Final = 2
"""Frames that wait for each thread."""

_WAITING_BYTES: Final = 1 << 28
"""Most bytes of frames that wait, unless a single one is larger."""


def read_components(
    planes: Frame, attributes: ImageAttributes, reader: PlaneReader
) -> npt.NDArray[Any]:
    """Return the pixels of one frame's planes as they are stored, shape (Y, X, component).

    Missing planes are black.

    Raises
    ------
    SourceError
        If a source cannot be read, or has not the size of the frame.
    FormatError
        If a value cannot be stored exactly.
    """
    height, width, components = attributes.shape
    for plane in planes:
        if plane is None:
            continue
        info = plane.file.info
        samples = 3 if info.rgb else 1
        if (info.height, info.width, samples * len(planes)) != attributes.shape:
            raise FrameMismatch(
                f"{plane.file.path} is {info.format_text}, of {len(planes)} for frames of"
                f" {width} x {height} with {components} components",
                plane.file.path,
            )
    if len(planes) == 1 and planes[0] is not None:
        return _exact(planes[0], attributes, reader).reshape(attributes.shape)
    pixels = np.zeros(attributes.shape, attributes.dtype)
    for number, plane in enumerate(planes):
        if plane is not None:
            pixels[:, :, number] = _exact(plane, attributes, reader)
    return pixels


def _exact(plane: SourcePlane, attributes: ImageAttributes, reader: PlaneReader) -> Pixels:
    """Return the pixels of a plane in the type that is stored."""
    pixels = reader.read(plane)
    return exact_samples(pixels, attributes.dtype, attributes.bits_significant, str(plane))


def read_frames(plan: ConversionPlan, threads: int = 1) -> Generator[Pixels]:
    """Yield the pixels of each frame of a plan, in their order.

    Parameters
    ----------
    plan : ConversionPlan
        The plan.
    threads : int, default 1
        Threads that read and decode sources, ahead of the frame that is yielded. With 1, each
        frame is read when it is asked for.

    Raises
    ------
    SourceError, FormatError
        As `read_components` says.
    """
    if threads <= 1:
        with PlaneReader() as reader:
            for planes in plan.sources:
                yield read_components(planes, plan.attributes, reader)
        return
    ahead = max(1, min(_AHEAD * threads, _WAITING_BYTES // plan.attributes.frame_size))
    readers = _Readers(threads)
    with readers.closing, ThreadPoolExecutor(threads, "frame reader") as pool:
        waiting: deque[Future[Pixels]] = deque()
        try:
            for planes in plan.sources:
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(readers.read, planes, plan.attributes))
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class _Readers:
    """A reader of planes for each thread.

    Parameters
    ----------
    threads : int
        How many threads there are.

    Attributes
    ----------
    closing : ExitStack
        Closes all of them.
    """

    def __init__(self, threads: int) -> None:
        self.closing = ExitStack()
        self._threads = threads
        self._own = threading.local()
        self._lock = threading.Lock()

    def read(self, planes: Frame, attributes: ImageAttributes) -> Pixels:
        """Return the pixels of a frame."""
        reader = getattr(self._own, "reader", None)
        if reader is None:
            with self._lock:
                reader = self._own.reader = self.closing.enter_context(PlaneReader(self._threads))
        return read_components(planes, attributes, reader)
