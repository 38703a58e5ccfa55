"""The run-length codec of masks: a label image to the stored bytes of a frame's mask, and back.

A stored mask is u32 bytes of the stream, then the stream as zlib. The stream is of u32 words:

====== =========================================================================
header version 3, width, height, objects, bytes of the stream, byte offset of the last object, 0
object label, left, top, right, bottom (inclusive), bytes of the object with this header, rows,
       byte offset of the last row from the object, 0; then its rows
row    Y, runs; then for each run X and length in pixels
====== =========================================================================

An object is all pixels of one label, connected or not.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FormatError

if TYPE_CHECKING:
    import numpy.typing as npt

    Index = npt.NDArray[np.int64]
    Words = npt.NDArray[np.uint32]

MAX_LABEL: Final = 0xFFFF
"""Highest label that is written; the stream has room for more, but nd2 reads 16 bits."""

_VERSION: Final = 3
_SIZE: Final = struct.Struct("<I")
_HEADER: Final = struct.Struct("<7I")
_OBJECT: Final = struct.Struct("<9I")
_PAIR: Final = struct.Struct("<2I")
_WORD: Final = 4
_MAX_STREAM: Final = 0xFFFFFFFF
_BLOCK: Final = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """Runs of equal labels other than 0 along the rows of an image, one element each.

    Attributes
    ----------
    labels, rows, columns, lengths : array, shape (run,)
        Label, Y, X of its first pixel, and pixels.
    """

    labels: Words
    rows: Words
    columns: Words
    lengths: Words


def encode_mask(labels: npt.ArrayLike, shape: tuple[int, int], what: str = "the mask") -> bytes:
    """Return the stored bytes of a label image.

    Parameters
    ----------
    labels : array of integers, shape (Y, X)
        Label of the object that each pixel belongs to, 0 for background; at most 65535.
    shape : tuple of int
        Height and width of the file's frames.
    what : str
        Name of the mask in errors.

    Raises
    ------
    FormatError
        If the shape differs from the frames, a label cannot be stored, or there are too many runs.
    """
    stream = _stream(_find_runs(_checked(labels, shape, what), what), shape, what)
    return _SIZE.pack(stream.nbytes) + zlib.compress(stream.data)


def decode_mask(
    data: bytes, shape: tuple[int, int], what: str = "the mask"
) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32] | None:
    """Return the label image that stored bytes hold.

    Parameters
    ----------
    data : bytes
        Data of a mask's chunk.
    shape : tuple of int
        Height and width of the file's frames.
    what : str
        Name of the mask in errors.

    Returns
    -------
    array, shape (Y, X), or None
        Of uint16, or of uint32 if a label needs it. None when the data say that the frame has no
        mask.

    Raises
    ------
    FormatError
        If the data are damaged or do not fit the shape.
    """
    if len(data) <= _SIZE.size:
        return None
    try:
        runs = _read_runs(_inflated(data, shape), shape)
    except (struct.error, zlib.error, FormatError) as error:
        raise FormatError(f"{what} is damaged: {error}") from error
    return _painted(runs, shape, what)


def _checked(
    labels: npt.ArrayLike, shape: tuple[int, int], what: str
) -> npt.NDArray[np.integer] | npt.NDArray[np.bool_]:
    """Return the labels as an array that can be stored."""
    image = np.asarray(labels)
    if image.dtype.kind not in "bui":
        raise FormatError(f"{what} is of {image.dtype}; labels are whole numbers")
    if image.shape != tuple(shape):
        raise FormatError(f"{what} has shape {image.shape}, the frames have {tuple(shape)}")
    low, high = int(image.min()), int(image.max())
    if low < 0 or high > MAX_LABEL:
        wrong = low if low < 0 else high
        raise FormatError(f"{what} has label {wrong}; labels are 0 to {MAX_LABEL}")
    return image


def _find_runs(image: npt.NDArray[np.integer] | npt.NDArray[np.bool_], what: str) -> _Runs:
    """Return the runs of an image in the order of its rows."""
    height, width = image.shape
    step = max(_BLOCK // width, 1)  # by blocks of rows, as indices take more room than labels
    parts: list[Words] = []
    size = 0
    for top in range(0, height, step):
        block = np.ascontiguousarray(image[top : top + step])
        edges = np.ones(block.shape, dtype=bool)
        np.not_equal(block[:, 1:], block[:, :-1], out=edges[:, 1:])
        starts = np.flatnonzero(edges)
        values = block.reshape(-1)[starts]
        lengths = np.diff(starts, append=block.size)
        inside = values != 0
        rows, columns = np.divmod(starts[inside], width)
        part = np.empty((4, len(rows)), dtype=np.uint32)
        part[:] = values[inside], rows + top, columns, lengths[inside]
        parts.append(part)
        size += _PAIR.size * len(rows)
        if size > _MAX_STREAM:
            raise FormatError(f"{what} has more runs of pixels than a mask can hold")
    labels, all_rows, all_columns, all_lengths = np.concatenate(parts, axis=1)
    return _Runs(labels=labels, rows=all_rows, columns=all_columns, lengths=all_lengths)


def _stream(runs: _Runs, shape: tuple[int, int], what: str) -> Words:
    """Return the words of a stream."""
    height, width = shape
    if not len(runs.labels):
        return np.array([_VERSION, width, height, 0, _HEADER.size, 0, 0], dtype="<u4")
    order = np.argsort(runs.labels.astype(np.uint16), kind="stable")
    labels, rows = runs.labels[order], runs.rows[order]
    columns, lengths = runs.columns[order], runs.lengths[order]

    new_object = np.diff(labels, prepend=labels[:1] + 1) != 0
    new_row = new_object | (np.diff(rows, prepend=rows[:1]) != 0)
    row_number = np.cumsum(new_row)
    run_at = np.cumsum(new_object) * (_OBJECT.size // _WORD) + row_number * 2
    run_at += _HEADER.size // _WORD + 2 * np.arange(len(labels))
    row_first, object_first = np.flatnonzero(new_row), np.flatnonzero(new_object)
    row_at = run_at[row_first] - 2
    object_at = run_at[object_first] - 2 - _OBJECT.size // _WORD
    size = int(run_at[-1]) + 2
    if size * _WORD > _MAX_STREAM:
        raise FormatError(f"{what} has more runs of pixels than a mask can hold")

    words = np.zeros(size, dtype="<u4")
    words[run_at], words[run_at + 1] = columns, lengths
    words[row_at] = rows[row_first]
    words[row_at + 1] = np.diff(row_first, append=len(labels))
    first_row = row_number[object_first] - 1
    row_count = np.diff(first_row, append=len(row_first))
    last_row = first_row + row_count - 1
    table = (
        labels[object_first],
        np.minimum.reduceat(columns, object_first),
        rows[object_first],
        np.maximum.reduceat(columns + lengths - 1, object_first),
        rows[row_first[last_row]],
        np.diff(object_at, append=size) * _WORD,
        row_count,
        (row_at[last_row] - object_at) * _WORD,
    )
    for offset, column in enumerate(table):
        words[object_at + offset] = column
    last = int(object_at[-1]) * _WORD
    words[: _HEADER.size // _WORD] = _VERSION, width, height, len(object_at), words.nbytes, last, 0
    return words


def _inflated(data: bytes, shape: tuple[int, int]) -> bytes:
    """Return the stream, which is not larger than one with an object for every pixel."""
    most = _HEADER.size + (_OBJECT.size + 2 * _PAIR.size) * shape[0] * shape[1]
    limit = min(most, _MAX_STREAM)
    inflater = zlib.decompressobj()
    stream = inflater.decompress(memoryview(data)[_SIZE.size :], limit + 1)
    if len(stream) > limit:
        raise FormatError(f"it holds more than {limit} bytes")
    if not inflater.eof:
        raise FormatError("it is cut short")
    return stream


def _read_runs(stream: bytes, shape: tuple[int, int]) -> _Runs:
    """Return the runs of a stream as they are stored."""
    version, width, height, object_count, *_ = _HEADER.unpack_from(stream)
    if version != _VERSION:
        raise FormatError(f"version {version} of masks is not read here")
    if (height, width) != tuple(shape):
        raise FormatError(f"its shape {(height, width)} is not that of the frames, {tuple(shape)}")
    labels, rows, firsts, counts = (array("q") for _ in range(4))
    at = _HEADER.size
    for _ in range(object_count):
        label, _, _, _, _, _, row_count, *_ = _OBJECT.unpack_from(stream, at)
        at += _OBJECT.size
        for _ in range(row_count):
            row, run_count = _PAIR.unpack_from(stream, at)
            at += _PAIR.size
            labels.append(label)
            rows.append(row)
            firsts.append(at // _WORD)
            counts.append(run_count)
            at += _PAIR.size * run_count
    if at > len(stream):
        raise FormatError("its last row is cut short")
    words = np.frombuffer(stream, dtype="<u4", count=len(stream) // _WORD)
    number = np.asarray(counts)
    before = np.cumsum(number) - number
    run_at = np.repeat(np.asarray(firsts) - 2 * before, number) + 2 * np.arange(number.sum())
    return _Runs(
        labels=np.repeat(np.asarray(labels).astype(np.uint32), number),
        rows=np.repeat(np.asarray(rows).astype(np.uint32), number),
        columns=words[run_at],
        lengths=words[run_at + 1],
    )


def _painted(
    runs: _Runs, shape: tuple[int, int], what: str
) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
    """Return the label image of runs."""
    height, width = shape
    columns, lengths = runs.columns.astype(np.int64), runs.lengths.astype(np.int64)
    if (runs.rows >= height).any() or (columns + lengths > width).any():
        raise FormatError(f"{what} is damaged: it has pixels outside of the frame")
    starts = runs.rows.astype(np.int64) * width + columns
    order = np.argsort(starts, kind="stable")
    starts, lengths, labels = starts[order], lengths[order], runs.labels[order]
    ends = np.append(0, starts + lengths)
    # What lies between two runs, and after the last: the image is gap, run, gap, ..., gap.
    gaps = np.append(starts, height * width) - ends
    if (gaps < 0).any():
        raise FormatError(f"{what} is damaged: its objects overlap")
    narrow = not len(labels) or int(labels.max()) <= MAX_LABEL
    values = np.zeros(2 * len(labels) + 1, dtype=np.uint16 if narrow else np.uint32)
    values[1::2] = labels
    counts: Index = np.empty(len(values), dtype=np.int64)
    counts[::2], counts[1::2] = gaps, lengths
    return np.repeat(values, counts).reshape(shape)
