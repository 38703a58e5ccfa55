"""What ``check-config`` prints: what a configuration means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nd2watch.cli.layout_text import rules_text
from nd2watch.experiment import AXES
from nd2watch.experiment.axes import AXIS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nd2watch.experiment import Layout
    from nd2watch.service import ServiceSettings
    from nd2watch.service.settings import Watch

_WIDTH: Final = 11
_PARTS: Final = {"plate": "", "well": "; a file for each well", "site": "; a file for each site"}
_ACTIONS: Final = {
    "hold": "reported after {stalled_s:g} s without a frame, and waited for",
    "trim": "after {deadline_s:g} s without a frame, its whole time points are converted",
    "fill": "after {deadline_s:g} s without a frame, converted with black planes",
}


def watch_lines(watch: Watch, preset: str | None, settings: ServiceSettings) -> Iterator[str]:
    """Yield the lines on one watched folder.

    Parameters
    ----------
    watch : Watch
        The folder.
    preset : str or None
        The preset that it is built on.
    settings : ServiceSettings
        All of the configuration.
    """
    yield f"{watch.name}: {watch.root}"
    layout, completion = watch.layout, watch.completion
    forms = [form.name for form in layout.pattern.forms if form.name]
    ends = rules_text(
        completion.rules,
        needs_all=completion.needs_all,
        marker=completion.marker,
        quiet_s=completion.quiet_s,
    )
    stalled_s = settings.service.stalled_s
    deadline_s = completion.deadline_s or stalled_s
    sidecars = watch.sidecars
    rows = {
        "preset": preset or "",
        "names": f"as {', or '.join(forms)}" if forms else layout.pattern.source,
        "axes": "; ".join(_axes(layout, has_sidecars=sidecars is not None)),
        "sequences": f"{_told_apart(layout)}{_PARTS[layout.file_per]}",
        "sidecars": "" if sidecars is None else f"{sidecars.kind}: {', '.join(sidecars.files)}",
        "complete": f"when {ends}",
        "incomplete": _ACTIONS[completion.action].format(
            stalled_s=stalled_s, deadline_s=deadline_s
        ),
        "output": str(settings.output_folder / _template(watch)),
    }
    for name, text in rows.items():
        if text:
            yield f"  {name:<{_WIDTH}}{text}"


def _axes(layout: Layout, *, has_sidecars: bool) -> Iterator[str]:
    """Yield what is known of the sizes of axes."""
    sizes = layout.sizes
    known = [
        f"{axis}={sizes[axis].count}"
        + (f" ({', '.join(sizes[axis].labels)})" if sizes[axis].labels else "")
        for axis in AXES
        if axis in sizes
    ]
    if known:
        yield " ".join(known)
    if layout.unsized_axes:
        yield f"{', '.join(layout.unsized_axes)} as {'sidecars tell, or as ' * has_sidecars}found"
    if layout.pages is not None:
        yield f"pages of a file are {AXIS_NAMES[layout.pages]}s"


def _told_apart(layout: Layout) -> str:
    """Return what tells one sequence from the next."""
    fields = ", ".join(layout.key_fields)
    return f"told apart by {fields}" if fields else "one, of all frames"


def _template(watch: Watch) -> str:
    """Return the template of the names of ND2 files."""
    fields = watch.layout.key_fields or ("watch",)
    template = watch.output_name.template or "_".join(f"{{{name}}}" for name in fields)
    return f"{template.removesuffix('.nd2')}.nd2"
