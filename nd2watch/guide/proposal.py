"""A watch for a configuration, made from what was found in a folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from nd2watch.experiment import AXES, OutputName
from nd2watch.experiment.pattern import FOLDER_FIELD
from nd2watch.guide.toml import comment_lines, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nd2watch.config import PresetConfig
    from nd2watch.experiment import SequenceKey
    from nd2watch.guide.guess import AxisFound, Fit

_FOLDERS: Final = (FOLDER_FIELD, "root")
"""Fields that hold the folders of frames."""

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_SHOWN: Final = 6


def proposal_lines(fit: Fit, preset: PresetConfig, folder: Path) -> Iterator[str]:
    """Yield the lines of a section ``[[watch]]`` by which the service converts a folder.

    Sizes are stated where every sequence is whole and has the same ones; where sidecars tell them
    or they may change they are comments.

    Parameters
    ----------
    fit : Fit
        The preset as it fits the folder.
    preset : PresetConfig
        The same preset.
    folder : Path
        The folder, absolute.
    """
    name = _NO_NAME.sub("-", folder.name).strip("-") or "watch"
    yield "[[watch]]"
    yield f"name = {value_text(name)}"
    yield f"folder = {value_text(folder.as_posix())}"
    yield f"preset = {value_text(fit.known.name)}"
    if fit.sampled.pages:
        others = " or ".join(f'"{axis}"' for axis in fit.sampled.pages[1:])
        yield (
            f"pages = {value_text(fit.sampled.pages[0])}"
            f" # the files hold {fit.sampled.page_count} pages and do not say what they are"
            + (f"; or {others}" if others else "")
        )
    output = None if preset.output else _output(fit, name)
    if output is not None:
        template, example = output
        yield f"output = {value_text(template)} # like {example}"
    yield ""
    yield "[watch.axes]"
    yield from _axis_lines(fit)


def _output(fit: Fit, watch: str) -> tuple[str, str] | None:
    """Return a template that gives each sequence a name of its own, and one of these names."""
    keys = [sequence.key for sequence in fit.sampled.sequences]
    fields = {name: f"{{{name}}}" for name in fit.known.layout.key_fields}
    folders = [text for name, text in fields.items() if name in _FOLDERS]
    name = "_".join(text for name, text in fields.items() if name not in _FOLDERS)
    flat = "_".join(fields.values())
    for template in (f"{'/'.join(folders)}/{name}", flat, f"{{watch}}_{flat}"):
        names = _names(template.lstrip("/"), keys, watch)
        if names and len(set(names)) == len(keys):
            return f"{template.lstrip('/')}.nd2", names[0]
    return None


def _names(template: str, keys: Sequence[SequenceKey], watch: str) -> list[str]:
    """Return the names that a template gives; none if one of them would be nameless."""
    own = OutputName(template=template.rpartition("/")[2]).fields
    if not all(any({"watch": watch, **dict(key)}.get(name) for name in own) for key in keys):
        return []
    output = OutputName(template=template)
    return [output.path(key, watch).as_posix() for key in keys]


def _axis_lines(fit: Fit) -> Iterator[str]:
    """Yield the axes as values, or as comments."""
    told = [axis for axis in fit.axes if axis.is_told and axis.labels]
    open_ones = [axis for axis in fit.axes if not axis.is_told]
    if told:
        files = list(dict.fromkeys(path.name for path in fit.sidecars))[:_SHOWN]
        sizes = ", ".join(_size_text(axis) for axis in told)
        yield from comment_lines(f"Told by {', '.join(files) or 'the layout'}: {sizes}.")
    if not open_ones:
        return
    is_certain = fit.gaps == 0
    if is_certain:
        yield from comment_lines(
            "As found: a sequence is complete as soon as it has these sizes. Check them, above all"
            "\nwhile an acquisition goes on, and take out what differs from run to run."
        )
    else:
        among = "some of the files" if fit.gaps is None else "sequences that lack frames"
        yield from comment_lines(
            f"As found in {among}. State what is certain: by sizes in all axes a sequence"
            "\nis complete as soon as its last frame is there."
        )
    for axis in open_ones:
        yield from _axis_line(axis, is_certain=is_certain)


def _axis_line(axis: AxisFound, *, is_certain: bool) -> Iterator[str]:
    """Yield the line of an axis that no sidecar tells."""
    hint = ""
    value: Any = axis.most
    if axis.axis == "c" and axis.names and axis.names != axis.labels:
        value = [
            {"name": name, "label": label}
            for name, label in zip(axis.names, axis.labels, strict=True)
        ]
    elif axis.axis == "c" and axis.labels and not all(map(str.isdecimal, axis.labels)):
        value = list(axis.labels)
    elif axis.axis == "c" and len(axis.labels) > 1:
        named = value_text({"name": "...", "label": axis.labels[0]})
        hint = f" # or with names: c = [{named}, ...]"
    line = f"{axis.axis} = {value_text(value)}"
    if axis.least != axis.most:
        yield f"# {axis.axis} = {axis.most} # sequences have {axis.least} to {axis.most}"
    elif axis.is_joined:
        yield f"# {axis.axis} = {axis.most} # files of each sequence, which may hold several points"
    else:
        yield from (line + hint).splitlines() if is_certain else comment_lines(line + hint)


def _size_text(axis: AxisFound) -> str:
    """Return the size of an axis, like ``t=3``, or ``t=3 to 5``."""
    return f"{axis.axis}={axis.most if axis.least == axis.most else f'{axis.least} to {axis.most}'}"


def sizes_text(axes: tuple[AxisFound, ...]) -> str:
    """Return the sizes that were found, like ``t=3 z=5 to 7``; axes of one point are left out."""
    found = [axis for axis in sorted(axes, key=lambda a: AXES.index(a.axis)) if axis.most > 1]
    return " ".join(_size_text(axis) for axis in found)
