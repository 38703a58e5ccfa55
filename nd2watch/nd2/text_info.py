"""The text information of an ND2 file: description, date, and what people note."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.lite_variant import check_text, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nd2watch.nd2.channel import Channel
    from nd2watch.nd2.experiment import Experiment
    from nd2watch.nd2.lite_variant import Item, Plain
    from nd2watch.nd2.picture import Picture

_ITEMS: Final = 14
_DESCRIPTION: Final = 5
_DATE: Final = 9
_OPTICS: Final = 13
_NUMBERS: Final = {
    "image_id": 0,
    "image_type": 1,
    "group": 2,
    "sample_id": 3,
    "author": 4,
    "description": _DESCRIPTION,
    "capturing": 6,
    "sampling": 7,
    "location": 8,
    "conclusion": 10,
    "info1": 11,
    "info2": 12,
    "optics": _OPTICS,
}
"""Number of the stored item of each attribute; 9 is the date."""

_DIMENSIONS: Final = "Dimensions:"
_FACTS: Final = (
    _DIMENSIONS,
    "Name:",
    "Numerical Aperture:",
    "Refractive Index:",
    "Number of Picture Planes:",
    "Excitation wavelength:",
    "Emission wavelength:",
)
_FACT: Final = re.compile(
    r"Dimensions: |Camera Name: |Numerical Aperture: |Refractive Index: "
    r"|Number of Picture Planes: |Plane #| (Name|Component Count|Excitation|Emission)\b"
    r"|(Non-equidistant )?Time Loop: |XY Position Loop: |Z Stack Loop: "
    r"|- (Equidistant|Phase|Step|Device)\b|Missing frames: "
)
"""How the lines of facts begin that are written before the user's description."""

_HIDE: Final = "\N{NO-BREAK SPACE}"
_BREAK: Final = "\r\n"
_LISTED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInfo:
    r"""Free text for people.

    Any line break is read back as ``\\n``; those at the end of a text are not kept.

    Attributes
    ----------
    description : str
        Shown under the facts that the writer puts there itself.
    image_id, image_type, group, sample_id, author, capturing, sampling, location, conclusion : str
        Further items of NIS-Elements' image information.
    info1, info2 : str
        Two more, without a meaning.
    optics : str
        The objective; its name when left empty.

    Raises
    ------
    FormatError
        If a text cannot be stored.
    """

    description: str = ""
    image_id: str = ""
    image_type: str = ""
    group: str = ""
    sample_id: str = ""
    author: str = ""
    capturing: str = ""
    sampling: str = ""
    location: str = ""
    conclusion: str = ""
    info1: str = ""
    info2: str = ""
    optics: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            text = getattr(self, field.name)
            check_text(text, f"the text {field.name}")

    def encode(
        self,
        experiment: Experiment,
        picture: Picture,
        missing: Sequence[int] = (),
        *,
        hidden_positions: bool = False,
    ) -> dict[str, Item]:
        r"""Return the 14 stored items.

        The description begins with the line of sizes, from which nd2reader takes all of its
        sizes; lines end in ``\r\n`` as it expects. The user's description follows after an empty
        line.
        """
        lines = [
            *_sizes(experiment, picture, "m=" * hidden_positions),
            *_facts(picture),
            *(loop.describe() for loop in experiment.loops),
            *_absent(missing),
        ]
        items = [""] * _ITEMS
        for name, number in _NUMBERS.items():
            items[number] = _BREAK.join(map(_own_line, _lines(getattr(self, name))))
        own = [items[_DESCRIPTION]] if items[_DESCRIPTION] else []
        items[_DESCRIPTION] = _BREAK.join([*lines, "", *own, ""])
        # Without a magnification nd2 looks for one in this text, and fails on an "x" alone.
        if not self.optics and picture.optics.magnification is not None:
            items[_OPTICS] = picture.optics.objective_name
        if picture.started is not None:
            moment = picture.started
            items[_DATE] = f"{moment:%m/%d}/{moment.year:04}  {moment:%H:%M:%S}"
        return {f"TextInfoItem_{index}": text for index, text in enumerate(items)}

    def check_optics(self, picture: Picture) -> None:
        """Refuse a text on the optics on which nd2 fails: an "x" without a number before it.

        Raises
        ------
        FormatError
            If the picture has no magnification and the text such an "x".
        """
        found = re.search(r"(\d+)?x", self.optics, re.IGNORECASE)
        if picture.optics.magnification is None and found and not found.group(1):
            raise FormatError(
                f"the text optics, {self.optics!r}, has an 'x', which nd2 takes for a"
                " magnification; state Optics.magnification too"
            )

    @classmethod
    def decode(cls, stored: Plain) -> TextInfo:
        """Return the value of stored items; what is missing is empty.

        Of the description the facts that `encode` puts there are left out; they are written anew
        from the values that they tell.
        """
        texts = {name: find(stored, f"TextInfoItem_{n}") for name, n in _NUMBERS.items()}
        known = {name: text for name, text in texts.items() if isinstance(text, str)}
        facts, empty, own = known.get("description", "").partition(_BREAK * 2)
        if empty and all(_FACT.match(line) for line in facts.split(_BREAK)):
            known["description"] = own
        return cls(
            **{name: "\n".join(map(_shown_line, _lines(text))) for name, text in known.items()}
        )


def _sizes(experiment: Experiment, picture: Picture, before_positions: str) -> Iterator[str]:
    """Yield the line of sizes, if there is more than one frame or channel."""
    sizes = [
        f"{before_positions * (loop.axis == 'p')}{loop.text_name}({loop.count})"
        for loop in experiment.loops
        if loop.count > 1
    ]
    if len(picture.channels) > 1:
        sizes.append(f"λ({len(picture.channels)})")
    if sizes:
        yield f"{_DIMENSIONS} {' x '.join(sizes)}"


def _facts(picture: Picture) -> Iterator[str]:
    """Yield the lines on optics and channels, from which Bio-Formats takes what it shows."""
    cameras = dict.fromkeys(channel.camera for channel in picture.channels if channel.camera)
    if cameras:
        yield f"Camera Name: {_one_line(', '.join(cameras))}"
    if picture.optics.numerical_aperture is not None:
        yield f"Numerical Aperture: {picture.optics.numerical_aperture!r}"
    if picture.optics.immersion_index is not None:
        yield f"Refractive Index: {picture.optics.immersion_index!r}"
    yield f"Number of Picture Planes: {picture.component_count}"  # so Bio-Formats takes it
    with_light = any(c.excitation_nm or c.emission_nm for c in picture.channels)
    for number, channel in enumerate(picture.channels, 1):
        yield f"Plane #{number}:"
        yield f" Name: {_one_line(channel.name)}"
        yield f" Component Count: {channel.component_count}"
        if with_light:
            yield from _light(channel)


def _light(channel: Channel) -> Iterator[str]:
    """Yield the wavelengths of a channel; 0 when unknown, as Bio-Formats counts the lines."""
    yield f" Excitation wavelength: {channel.excitation_nm or 0!r}"
    yield f" Emission wavelength: {channel.emission_nm or 0!r}"


def _absent(missing: Sequence[int]) -> Iterator[str]:
    """Yield the line on frames that are missing."""
    if missing:
        shown = ", ".join(map(str, missing[:_LISTED])) + ", ..." * (len(missing) > _LISTED)
        yield f"Missing frames: {len(missing)} ({shown})"


def _one_line(text: str) -> str:
    """Return `text` without line breaks."""
    return " ".join(text.split())


def _lines(text: str) -> list[str]:
    """Return the lines of a text without empty ones at its end."""
    lines = text.splitlines()
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _shown_line(line: str) -> str:
    """Return the user's line that `_own_line` may have hidden."""
    shown = line.removeprefix(_HIDE)
    return shown if shown.strip().startswith(_FACTS) else line


def _own_line(line: str) -> str:
    """Return a user's line so that readers do not take it for a fact: behind a no-break space."""
    return _HIDE + line if line.strip().startswith(_FACTS) else line
