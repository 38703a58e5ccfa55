"""Compressing frames in several threads, in their order."""

from __future__ import annotations

import os
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    import numpy as np
    import numpy.typing as npt

_WAITING_PER_THREAD: Final = 2
_WAITING_BYTES: Final = 1 << 28


class FrameCompressor:
    """Makes one zlib stream of each frame; hands them over in the order in which they came.

    Parameters
    ----------
    level : int
        zlib level, 0 to 9.
    threads : int, optional
        Threads; as many as there are processors when omitted. Two frames a thread are in memory,
        but not more than 256 MiB of them, or one frame.
    """

    def __init__(self, level: int, threads: int | None = None) -> None:
        self._level = level
        count = threads or os.cpu_count() or 1
        self._limit = count * _WAITING_PER_THREAD
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="nd2-zlib")
        self._waiting: deque[tuple[int, float, int, Future[bytes]]] = deque()

    def put(self, index: int, time_ms: float, rows: npt.NDArray[np.uint8]) -> None:
        """Begin with a frame; its rows must not change any more."""
        future = self._pool.submit(zlib.compress, rows.data, self._level)
        self._waiting.append((index, time_ms, rows.nbytes, future))

    def finished(self, *, all_of_them: bool = False) -> Iterator[tuple[int, float, bytes]]:
        """Yield index, time and stream of the frames whose turn it is.

        It waits for a frame only when too many are under way, or for all of them on request.
        """
        while self._waiting and (all_of_them or self._is_full or self._waiting[0][3].done()):
            index, time_ms, _, future = self._waiting[0]
            yield index, time_ms, future.result()
            self._waiting.popleft()  # not before it is written: that may fail, and be done again

    @property
    def _is_full(self) -> bool:
        """As many frames are under way as may be."""
        return (
            len(self._waiting) > self._limit
            or sum(size for _, _, size, _ in self._waiting) > _WAITING_BYTES
        )

    def close(self) -> None:
        """Give up what is not begun and end the threads."""
        self._pool.shutdown(cancel_futures=True)
