"""The page that tells of failures names tests that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| (\d+) (\|.*)$", PAGE, re.MULTILINE)
TESTS: Final = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)*)`", PAGE)))


@cache
def names_in(path: str) -> set[str]:
    """Return the test functions and classes of a file, methods as CLASS::NAME."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{each.name}" for each in node.body if hasattr(each, "name")}
    return names


def test_every_failure_has_its_row() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 63))


@pytest.mark.parametrize(("number", "row"), ROWS)
def test_every_row_names_a_test(number: str, row: str) -> None:
    assert "`tests/" in row, number


@pytest.mark.parametrize("test", TESTS)
def test_named_tests_are_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in names_in(path)
