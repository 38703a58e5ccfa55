"""The commands for layouts: ``presets``, ``explain``, ``guess`` and ``plan``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nd2watch.cli.layout_text import (
    explanation_lines,
    guess_lines,
    plan_lines,
    preset_list_lines,
)
from nd2watch.cli.terminal import show_lines
from nd2watch.clock import SystemClock
from nd2watch.guide.explain import explain
from nd2watch.guide.guess import guess
from nd2watch.guide.known import known_presets, of_preset, of_watch, preset_named
from nd2watch.guide.listing import preset_lines
from nd2watch.guide.proposal import proposal_lines
from nd2watch.guide.survey import list_names
from nd2watch.service import load_settings
from nd2watch.service.overview import overview
from nd2watch.tools.printing import show

if TYPE_CHECKING:
    import argparse

    from nd2watch.guide.known import NamedLayout


def _add_config(parser: argparse.ArgumentParser, purpose: str, *, required: bool = False) -> None:
    """Add the option for a configuration."""
    parser.add_argument(
        "-c", "--config", type=Path, required=required, metavar="FILE", help=purpose
    )


def _add_presets(parser: argparse.ArgumentParser) -> None:
    _add_config(parser, "TOML file, whose presets are listed too")
    parser.add_argument("--show", metavar="NAME", help="print one in full, as TOML")
    parser.set_defaults(command=_presets)


def _presets(options: argparse.Namespace) -> int:
    """List the presets, or print one in full."""
    presets = known_presets(options.config)
    if options.show is None:
        show_lines(preset_list_lines(presets))
    else:
        parts = preset_lines(options.show, preset_named(options.show, presets))
        show_lines(line for part in parts for line in part.split("\n"))
    return 0


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", type=Path, nargs="+", metavar="FILE", help="name or path, which need not exist"
    )
    _add_config(parser, "TOML file, whose watches explain the names")
    parser.add_argument("--preset", metavar="NAME", help="only this preset; else all of them")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="the watched folder, from which paths count"
    )
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(command=_explain)


def _explain(options: argparse.Namespace) -> int:
    """Tell what names mean; the status is 1 if one of them means nothing."""
    known = _known(options)
    found = [explain(name, known, options.folder) for name in options.names]
    if options.json:
        _show_json([dataclasses.asdict(explanation) for explanation in found])
    else:
        by_watches = options.config is not None and options.preset is None
        what = "watch" if by_watches else "preset"
        show_lines(line for each in found for line in explanation_lines(each, what))
    return 0 if all(explanation.readings for explanation in found) else 1


def _known(options: argparse.Namespace) -> list[NamedLayout]:
    """Return the layouts by which names are explained."""
    if options.preset is not None:
        presets = known_presets(options.config)
        return [of_preset(options.preset, preset_named(options.preset, presets))]
    if options.config is not None:
        return [of_watch(watch) for watch in load_settings(options.config).watches]
    return [of_preset(name, preset) for name, preset in known_presets().items()]


def _add_guess(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the frames are")
    _add_config(parser, "TOML file, whose presets are tried too")
    parser.set_defaults(command=_guess)


def _guess(options: argparse.Namespace) -> int:
    """Tell which preset fits a folder, and how to use it; the status is 1 if none fits."""
    presets = known_presets(options.config)
    known = [of_preset(name, preset) for name, preset in presets.items()]
    found = guess(list_names(options.folder), known)
    show_lines(guess_lines(found))
    if found.best is None:
        return 1
    preset = presets[found.best.known.name]
    show_lines(["", *proposal_lines(found.best, preset, options.folder.absolute())])
    return 0


def _add_plan(parser: argparse.ArgumentParser) -> None:
    _add_config(parser, "TOML file", required=True)
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(command=_plan)


def _plan(options: argparse.Namespace) -> int:
    """Tell what the service would do now; the status is 1 if a person is needed."""
    watches = overview(load_settings(options.config), SystemClock())
    if options.json:
        _show_json(
            [
                {**dataclasses.asdict(watch), "needs_a_person": watch.needs_a_person}
                for watch in watches
            ]
        )
    else:
        show_lines(plan_lines(watches))
    return 1 if any(watch.needs_a_person for watch in watches) else 0


def _show_json(value: Any) -> None:
    """Print a value as JSON."""
    show(json.dumps(value, indent=2, allow_nan=False, default=str))


COMMANDS: Final = {
    "presets": (_add_presets, "list the layouts of acquisition programs, or show one"),
    "explain": (_add_explain, "tell what file names mean by a layout"),
    "guess": (_add_guess, "find the layout that fits a folder"),
    "plan": (_add_plan, "tell what the service would do now, touching nothing"),
}
"""What adds the arguments of a command, and its purpose."""
