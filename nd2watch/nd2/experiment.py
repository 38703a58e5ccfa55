"""The experiment: its loops and how they nest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nd2watch.errors import FormatError
from nd2watch.nd2.checks import make_tuple
from nd2watch.nd2.lite_variant import Bool, UInt32, get
from nd2watch.nd2.loops import DECODERS, Loop, XYPosLoop, ZStackLoop

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

_USUAL_ORDER: Final = "tpz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """The nested loops of an acquisition.

    Attributes
    ----------
    loops : tuple of TimeLoop, XYPosLoop or ZStackLoop
        Outermost first, each kind at most once. Frames are stored in row-major order of the
        loops. Time, XY, Z is the one order that every known reader follows.

    Raises
    ------
    FormatError
        If a kind of loop occurs twice.
    """

    loops: tuple[Loop, ...] = ()

    def __post_init__(self) -> None:
        make_tuple(self, "loops", Loop)
        axes = [loop.axis for loop in self.loops]
        if len(set(axes)) < len(axes):
            raise FormatError(f"each kind of loop may occur once, not {', '.join(axes)}")

    @property
    def frame_count(self) -> int:
        """Product of the loop counts, 1 without loops."""
        return math.prod(loop.count for loop in self.loops)

    @property
    def sizes(self) -> dict[str, int]:
        """Count of each loop by axis letter (t, p, z), outermost first."""
        return {loop.axis: loop.count for loop in self.loops}

    @property
    def z_stack(self) -> ZStackLoop | None:
        """The Z loop, if there is one."""
        return next((loop for loop in self.loops if isinstance(loop, ZStackLoop)), None)

    @property
    def is_in_usual_order(self) -> bool:
        """The loops nest as time, XY, Z."""
        return list(self.sizes) == sorted(self.sizes, key=_USUAL_ORDER.index)

    def place_of(self, index: int) -> tuple[tuple[Loop, int], ...]:
        """Return the loops, outermost first, each with the number of its point at frame `index`."""
        counts = [loop.count for loop in self.loops]
        at = np.unravel_index(index, counts) if counts else ()
        return tuple(zip(self.loops, map(int, at), strict=True))

    def encode(self, *, hidden_positions: bool = False) -> dict[str, Item]:
        """Return the stored form of the outermost loop with the others nested in it.

        Parameters
        ----------
        hidden_positions : bool, default False
            Put a count of 1 before that of the XY loop, where only Bio-Formats looks.
        """
        level: dict[str, Item] = {}
        for loop in reversed(self.loops):
            hidden = hidden_positions and isinstance(loop, XYPosLoop)
            level = _encode_loop(loop, level, {"uiCount": UInt32(1)} if hidden else {})
        return level


def _encode_loop(loop: Loop, inner: dict[str, Item], first: dict[str, Item]) -> dict[str, Item]:
    """Return the stored form of one loop, `first` behind its type; the next inner comes last."""
    stored: dict[str, Item] = {
        "eType": UInt32(loop.code),
        **first,
        "wsApplicationDesc": "",
        "wsUserDesc": "",
        "aMeasProbesBase64": "",
        "wsCameraName": "",
        "uLoopPars": loop.encode(),
        "wsCommandBeforeLoop": "",
        "wsCommandBeforeCapture": "",
        "wsCommandAfterCapture": "",
        "wsCommandAfterLoop": "",
        "bControlShutter": Bool(False),
        "bControlLight": Bool(False),
        "bUsePFS": Bool(False),
        "bUseHWSequencer": Bool(False),
        "bUseTiRecipe": Bool(False),
        "bUseIntenzityCorrection": Bool(False),
        "bKeepObject": Bool(False),
        "uiRepeatCount": UInt32(1),
        "uiNextLevelCount": UInt32(1 if inner else 0),
    }
    if inner:
        stored["ppNextLevelEx"] = [inner]
    return stored


def decode_loops(stored: Plain) -> tuple[Loop, ...]:
    """Return the loops of a stored experiment, outermost first.

    Raises
    ------
    FormatError
        If a loop is of a kind that is not read here, or a field is missing.
    """
    loops: list[Loop] = []
    level = stored
    while level:
        code = get(level, "eType", int)
        if code not in DECODERS:
            raise FormatError(f"a loop of kind {code} is not read here")
        loops.append(DECODERS[code](get(level, "uLoopPars", dict)))
        nested = isinstance(level, dict) and "ppNextLevelEx" in level
        level = get(level, "ppNextLevelEx", list)[0] if nested else {}
    return tuple(loops)
