"""The loops of an experiment: time, XY positions, Z stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.nd2.time_loop import NETimeLoop, TimeLoop
from nd2watch.nd2.xy_loop import StagePosition, XYPosLoop
from nd2watch.nd2.z_loop import ZStackLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from nd2watch.nd2.lite_variant import Plain

__all__ = ["DECODERS", "Loop", "NETimeLoop", "StagePosition", "TimeLoop", "XYPosLoop", "ZStackLoop"]

Loop = TimeLoop | NETimeLoop | XYPosLoop | ZStackLoop

DECODERS: Final[dict[int, Callable[[Plain], Loop]]] = {
    TimeLoop.code: TimeLoop.decode,
    NETimeLoop.code: NETimeLoop.decode,
    XYPosLoop.code: XYPosLoop.decode,
    ZStackLoop.code: ZStackLoop.decode,
}
"""How the parameters of a stored loop are read, by its kind."""
