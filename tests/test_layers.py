"""Imports point downwards only, and third-party packages stay where they belong."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

import nd2watch

ROOT = Path(nd2watch.__file__).parent
LAYERS = {
    "errors": 0,
    "clock": 0,
    "host": 0,
    "pending": 0,
    "version": 0,
    "nd2": 1,
    "sources": 2,
    "sidecars": 2,
    "experiment": 3,
    "convert": 4,
    "simulate": 6,
    "tools": 5,
    "config": 5,
    "log": 5,
    "journal": 5,
    "layouts": 6,
    "service": 6,
    "attributes": 6,
    "experiment_factory": 6,
    "metadata_factory": 6,
    "__init__": 6,
    "demo": 7,
    "guide": 7,
    "cli": 8,
    "__main__": 9,
}
"""Modules and folders of the package by layer."""

NEVER = {("sources", "nd2"), ("nd2", "experiment"), ("simulate", "convert")}
EXCEPT = {"sources/nd2_file.py"}
"""ND2 files as sources are read by the reader of ND2 files."""

BASE_ONLY = {"config", "journal", "log"}
PACKAGES = {
    "tifffile": {"sources/tiff/*.py"},
    "PIL": {"sources/raster.py", "tools/words.py"},
    "czifile": {"sources/czi/*.py"},
    "oiffile": {"sources/olympus/*.py"},
    "imagecodecs": {"sources/*.py"},
    "watchdog": {"service/events.py"},
    "apscheduler": {"service/schedule.py", "service/executor.py"},
    "pydantic": {"config/*.py"},
    "regex": {"experiment/bounded.py"},
    "rich": {"cli/terminal.py", "cli/simulation.py", "demo.py"},
    "structlog": {"log.py", "cli/service.py"},
}
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def imports(module: str) -> set[str]:
    """Return the dotted names that a module imports at run time."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    checks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    for_types = {id(child) for check in checks for child in ast.walk(check)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} uses a relative import"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(dotted: str) -> str | None:
    """Return the top-level part of the package that a dotted name lies in."""
    words = dotted.split(".")
    if words[0] != "nd2watch":
        return None
    return words[1] if len(words) > 1 and words[1] in LAYERS else "__init__"


def own_part(module: str) -> str:
    """Return the top-level part that a module lies in."""
    return module.split("/")[0].removesuffix(".py")


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    own = own_part(module)
    for name in imports(module):
        target = part(name)
        if target is None:
            continue
        allowed = 0 if own in BASE_ONLY else LAYERS[own]
        assert LAYERS[target] <= allowed or target == own, f"{module} imports {name}"
        assert (own, target) not in NEVER or module in EXCEPT, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_packages_are_seen_only_where_they_belong(module: str) -> None:
    used = {name.split(".")[0] for name in imports(module)} & PACKAGES.keys()
    for package in used:
        places = PACKAGES[package]
        assert any(fnmatch(module, place) for place in places), f"{module} imports {package}"


def test_every_module_has_a_layer() -> None:
    assert {own_part(module) for module in MODULES} == LAYERS.keys()


@pytest.mark.parametrize("module", MODULES)
def test_files_stay_short(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= 400


def test_pure_layers_do_not_log() -> None:
    for module in MODULES:
        if own_part(module) in ("nd2", "experiment"):
            assert not imports(module) & {"structlog", "logging"}, module
