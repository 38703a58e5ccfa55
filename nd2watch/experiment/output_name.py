"""Names of output files, made from a sequence's fields and safe as paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nd2watch.experiment.layout import SequenceKey

_FIELD: Final = re.compile(r"\{(\w+)(?::([^{}/\\]*))?\}")
_PARTED_FORM: Final = re.compile(r"\{date:[^{}/\\]*[/\\]")
_UNSAFE: Final = re.compile(r"[^\w .,+=@()#%-]")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\..*)?")
_WATCH: Final = "watch"
_DATE: Final = "date"
_LONGEST: Final = 200
"""Bytes of a path part: names on common file systems end at 255."""

_LONGEST_ENDING: Final = 60
_DIGEST: Final = 8
"""Digits by which names that were cut are told apart."""

_MOMENT: Final = datetime(2001, 2, 3, tzinfo=UTC)
_NOTHING: Final = "\0"
_GAP: Final = re.compile(rf"[_ .-]*(?:{_NOTHING}[_ .-]*)+")
"""What an empty field leaves, with the separators on both sides."""

SUFFIX: Final = ".nd2"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputName:
    """Template of an output path below the output folder.

    Attributes
    ----------
    template : str
        Text with ``{field}`` of the sequence key, ``{watch}``, the name of the watch, and
        ``{date}``, when the acquisition began, in local time; ``{date:%Y%m%d_%H%M}`` writes it in
        the form of `datetime.strftime`. ``/`` makes folders, but not in such a form.
        Empty for all texts of the key, joined by ``_``.
    """

    template: str = ""

    def __post_init__(self) -> None:
        rest = _FIELD.sub("", self.template)
        if _PARTED_FORM.search(rest):
            raise LayoutError(
                f"the output name {self.template!r}: the form of a date has no / or backslash;"
                " folders are {date:%Y}/{date:%m}"
            )
        if "{" in rest or "}" in rest or "\\" in rest:
            raise LayoutError(
                f"the output name {self.template!r} has a brace or backslash that is no field"
            )
        if self.template and not self.template.removesuffix(SUFFIX).rpartition("/")[2]:
            raise LayoutError(f"the output name {self.template!r} names no file")
        if self.template.startswith("/") or ".." in self.template.split("/"):
            raise LayoutError(f"the output name {self.template!r} leaves the output folder")

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that the template uses."""
        return tuple(name for name, _ in _FIELD.findall(self.template))

    def check(self, key_fields: Iterable[str]) -> None:
        """Refuse a template that names a field which sequences lack.

        Raises
        ------
        LayoutError
            Names the field, and those that there are, or a form that no date has.
        """
        known = list(dict.fromkeys((_WATCH, _DATE, *key_fields)))
        if missing := [name for name in self.fields if name not in known]:
            raise LayoutError(
                f"the output name {self.template!r} uses {', '.join(missing)};"
                f" the sequence has {', '.join(known)}"
            )
        for name, form in _FIELD.findall(self.template):
            if form and name != _DATE:
                raise LayoutError(f"the output name {self.template!r}: only {{date}} has a form")
            try:
                _MOMENT.strftime(form)
            except ValueError as error:
                raise LayoutError(f"{form!r} is no form of a date: {error}") from error

    def path(
        self, key: SequenceKey, watch: str, started: datetime | None = None, part: str = ""
    ) -> Path:
        """Return the relative path for a sequence.

        Whatever the fields hold, the path has no part that leads upwards, is hidden, or is
        reserved on Windows.

        Parameters
        ----------
        key : SequenceKey
            Fields of the sequence.
        watch : str
            Name of the watch.
        started : datetime, optional
            When the acquisition began; ``{date}`` is "unknown" without it.
        part : str
            What is added to the name of a file that is only a part of the sequence.

        Raises
        ------
        LayoutError
            If the template names a field that the key lacks.
        """
        fields = {_WATCH: watch, **dict(key)}
        self.check(fields)
        if not self.template:
            folders, name = [], "_".join(text for _, text in key if text) or watch
        else:
            texts = [
                _filled(text, fields, started)
                for text in self.template.removesuffix(SUFFIX).split("/")
            ]
            folders, name = [_safe(text) for text in texts[:-1] if text], texts[-1]
        return Path(*folders, _safe(name, part) + SUFFIX)


def safe_part(text: str) -> str:
    """Return a text, such as the name of a channel, as a harmless ending of a file's name."""
    return _short(_UNSAFE.sub("_", text), _LONGEST_ENDING)


def _filled(template: str, fields: Mapping[str, str], started: datetime | None) -> str:
    """Return a part of a template with its fields filled in; separators of empty ones go."""

    def text_of(found: re.Match[str]) -> str:
        text = fields.get(found[1])
        if text is None:
            form = found[2] or "%Y-%m-%d"
            text = "unknown" if started is None else started.astimezone().strftime(form)
        return text.replace(_NOTHING, "_") or _NOTHING

    def separator_of(gap: re.Match[str]) -> str:
        is_inside = gap.start() > 0 and gap.end() < len(gap.string)
        return gap[0].replace(_NOTHING, "")[:1] if is_inside else ""

    return _GAP.sub(separator_of, _FIELD.sub(text_of, template))


def _safe(text: str, ending: str = "") -> str:
    """Return `text`, and an ending set off from it, as one harmless path part."""
    longest = _LONGEST
    if ending:
        ending = f"_{safe_part(ending)}"
        longest -= len(ending.encode())
    text = _short(_UNSAFE.sub("_", text).strip(" ."), longest) + ending
    return f"_{text}" if not text or _RESERVED.fullmatch(text) else text


def _short(text: str, longest: int) -> str:
    """Return a text of at most so many bytes; one that is cut in its midst ends in its digest."""
    data = text.encode()
    if len(data) <= longest:
        return text.rstrip(" .")
    digest = sha256(data).hexdigest()[:_DIGEST]
    tail = longest // 4
    head = longest - tail - len(digest) - len("__")
    parts = (data[:head], data[-tail:])
    begin, end = (part.decode(errors="ignore").strip(" .") for part in parts)
    return f"{begin}_{end}_{digest}"
