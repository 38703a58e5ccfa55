"""Names of output files, made from a sequence's fields and safe as paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nd2watch.errors import LayoutError

if TYPE_CHECKING:
    from nd2watch.experiment.layout import SequenceKey

_FIELD: Final = re.compile(r"\{(\w+)\}")
_UNSAFE: Final = re.compile(r"[^\w .,+=@()#%-]")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\..*)?")
_LONGEST: Final = 200
"""Bytes of a path part: names on common file systems end at 255."""

SUFFIX: Final = ".nd2"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputName:
    """Template of an output path below the output folder.

    Attributes
    ----------
    template : str
        Text with ``{field}`` of the sequence key and ``{watch}``, the name of the watch; ``/``
        makes folders. Empty for all texts of the key, joined by ``_``.
    """

    template: str = ""

    def __post_init__(self) -> None:
        rest = _FIELD.sub("", self.template)
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
        return tuple(_FIELD.findall(self.template))

    def path(self, key: SequenceKey, watch: str) -> Path:
        """Return the relative path for a sequence.

        Whatever the fields hold, the path has no part that leads upwards, is hidden, or is
        reserved on Windows.

        Raises
        ------
        LayoutError
            If the template names a field that the key lacks.
        """
        fields = {"watch": watch, **dict(key)}
        missing = [name for name in self.fields if name not in fields]
        if missing:
            raise LayoutError(
                f"the output name {self.template!r} uses {', '.join(missing)};"
                f" the sequence has {', '.join(fields)}"
            )
        if not self.template:
            text = "_".join(text for _, text in key if text) or watch
            return Path(_safe(text) + SUFFIX)
        parts = [
            _safe(_FIELD.sub(lambda found: fields[found[1]], part))
            for part in self.template.removesuffix(SUFFIX).split("/")
            if part
        ]
        return Path(*parts[:-1], parts[-1] + SUFFIX)


def _safe(text: str) -> str:
    """Return `text` as one harmless path part."""
    text = _UNSAFE.sub("_", text).strip(" .")
    text = text.encode()[:_LONGEST].decode(errors="ignore").rstrip(" .")
    return f"_{text}" if not text or _RESERVED.fullmatch(text) else text
