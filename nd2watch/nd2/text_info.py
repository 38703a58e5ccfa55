"""The text information of an ND2 file: description and date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nd2watch.nd2.lite_variant import check_text

if TYPE_CHECKING:
    from nd2watch.nd2.experiment import Experiment
    from nd2watch.nd2.lite_variant import Item
    from nd2watch.nd2.picture import Picture

_ITEMS: Final = 14
_DESCRIPTION: Final = 5
_DATE: Final = 9
_DIMENSIONS: Final = "Dimensions:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInfo:
    """Free text for people.

    Attributes
    ----------
    description : str
        Shown under the facts that the writer puts there itself.
    """

    description: str = ""

    def __post_init__(self) -> None:
        check_text(self.description, "the description")

    def encode(self, experiment: Experiment, picture: Picture) -> dict[str, Item]:
        r"""Return the 14 stored items.

        The description begins with the line of sizes, from which nd2reader takes all of its
        sizes; lines end in ``\r\n`` as it expects.
        """
        sizes = [f"{loop.text_name}({loop.count})" for loop in experiment.loops if loop.count > 1]
        if len(picture.channels) > 1:
            sizes.append(f"λ({len(picture.channels)})")
        lines = [f"{_DIMENSIONS} {' x '.join(sizes)}"] if sizes else []
        lines.append(f"Number of Picture Planes: {len(picture.channels)}")
        for number, channel in enumerate(picture.channels, 1):
            lines += [f"Plane #{number}:", f" Name: {_one_line(channel.name)}"]
            lines.append(" Component Count: 1")
        lines += [loop.describe() for loop in experiment.loops]
        lines += [_own_line(line) for line in self.description.splitlines()]
        items = [""] * _ITEMS
        items[_DESCRIPTION] = "\r\n".join([*lines, ""])
        if picture.started is not None:
            items[_DATE] = picture.started.astimezone().strftime("%m/%d/%Y  %H:%M:%S")
        return {f"TextInfoItem_{index}": text for index, text in enumerate(items)}


def _one_line(text: str) -> str:
    """Return `text` without line breaks."""
    return " ".join(text.split())


def _own_line(line: str) -> str:
    """Return a user's line so that it is not taken for the line of sizes."""
    return f" {line}" if line.startswith(_DIMENSIONS) else line
