"""Words that limnd2 has for modalities and colours."""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import TYPE_CHECKING, Final

from PIL import ImageColor

from nd2watch.errors import FormatError
from nd2watch.nd2 import Modality

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLUORESCENCE: Final = Modality.FLUORESCENCE
_WIDEFIELD: Final = Modality.WIDEFIELD_FLUORESCENCE
_LIGHT: Final = Modality.TRANSMITTED_LIGHT
_LASER: Final = Modality.LASER_SCAN_CONFOCAL

_MODALITIES: Final[dict[str, Modality]] = {
    "Wide-field": _WIDEFIELD,
    "Brightfield": _LIGHT,
    "Phase": _LIGHT | Modality.PHASE_CONTRAST,
    "DIC": _LIGHT | Modality.DIC,
    "DarkField": Modality.DARKFIELD | Modality.CAMERA,
    "MC": _LIGHT,
    "TIRF": _WIDEFIELD | Modality.TIRF,
    "Confocal, Fluo": _FLUORESCENCE | _LASER,
    "Confocal, Trans": Modality.BRIGHTFIELD | _LASER,
    "Multi-Photon": _FLUORESCENCE | _LASER | Modality.MULTIPHOTON,
    "SFC pinhole": _FLUORESCENCE | _LASER,
    "SFC slit": _FLUORESCENCE | _LASER,
    "Spinning Disc": _FLUORESCENCE | Modality.SPINNING_DISK,
    "DSD": _FLUORESCENCE | Modality.SPINNING_DISK,
    "NSIM": _FLUORESCENCE | Modality.STRUCTURED_ILLUMINATION,
    "iSim": _FLUORESCENCE | Modality.STRUCTURED_ILLUMINATION,
    "RCM": _FLUORESCENCE | _LASER,
    "CSU W1-SoRa": _FLUORESCENCE | Modality.SPINNING_DISK,
    "NSPARC": _FLUORESCENCE | _LASER,
}
"""limnd2's words; those of devices that `Modality` does not have stand for the next of kin."""

_UNKNOWN: Final = {"", "unknown", "undefined"}
_GREEN: Final = "#00ff00"
"""That of limnd2 and of microscopy; the green of web pages is half as bright."""


def _bare(text: str) -> str:
    """Return the letters and digits of a text, in lower case."""
    return "".join(filter(str.isalnum, text)).lower()


_BY_WORD: Final = {_bare(name): flags for name, flags in Modality.__members__.items()} | {
    _bare(word): flags for word, flags in _MODALITIES.items()
}


def modality_of(text: str) -> Modality | None:
    """Return the modality that a word stands for; None when it says that it is unknown.

    Parameters
    ----------
    text : str
        A word of limnd2, such as "Confocal, Fluo", or the name of a `Modality`. Case, blanks and
        punctuation do not matter.

    Raises
    ------
    FormatError
        If there is no such word; the message lists those that there are.
    """
    word = _bare(text)
    if word in _UNKNOWN:
        return None
    if word not in _BY_WORD:
        own = [
            name.lower()
            for name in Modality.__members__
            if _bare(name) not in map(_bare, _MODALITIES)
        ]
        known = "; ".join([*_MODALITIES, *own, "Unknown"])
        raise FormatError(f"{text!r} is no modality that is known; these are: {known}")
    return _BY_WORD[word]


def color_of(color: str | Sequence[float]) -> int:
    """Return a colour as 0xRRGGBB.

    Parameters
    ----------
    color : str or sequence of 3 numbers
        A name such as "red", ``#RGB``, or ``#RRGGBB`` with or without ``#``; or red, green and
        blue, from 0 to 255 when all are whole numbers, else from 0.0 to 1.0.

    Raises
    ------
    FormatError
        If it is none of these.
    """
    levels = _levels_of_text(color) if isinstance(color, str) else _levels(color)
    if len(levels) != 3 or not all(0 <= level <= 255 for level in levels):
        raise FormatError(
            f"{color!r} is no colour that is known; these are: names such as red, #RGB, #RRGGBB,"
            " and (red, green, blue) from 0.0 to 1.0 or, as whole numbers, to 255"
        )
    red, green, blue = levels
    return red << 16 | green << 8 | blue


def _levels_of_text(text: str) -> tuple[int, ...]:
    """Return red, green and blue of a name or number, nothing when it is none."""
    word = text.strip().lower()
    if word == "green":
        word = _GREEN
    elif re.fullmatch("[0-9a-f]{6}", word):
        word = f"#{word}"
    try:
        return tuple(ImageColor.getrgb(word)[:3])
    except ValueError:
        return ()


def _levels(parts: Sequence[float]) -> tuple[int, ...]:
    """Return red, green and blue from 0 to 255 of numbers, nothing when they are none."""
    if not hasattr(parts, "__len__"):
        return ()
    numbers = [part for part in parts if isinstance(part, Real) and math.isfinite(part)]
    if len(numbers) < len(parts):
        return ()
    if all(isinstance(number, Integral) for number in numbers):
        return tuple(int(number) for number in numbers)
    return tuple(round(255 * number) for number in numbers)
