"""Every field of every file, in every reader: equal, not exposed, or a documented bug."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.cases import CASES
from tests.conformance.compare import Outcome
from tests.conformance.known import BUGS
from tests.conformance.matrix import TITLES
from tests.conformance.table import PATH, render

if TYPE_CHECKING:
    from tests.conformance.case import Case
    from tests.conformance.known import Bug
    from tests.conformance.matrix import Matrix


def test_the_family_has_at_least_60_files_of_different_names() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_fields_are_equal_unless_a_documented_bug_says_why(
    matrix: Matrix, case: Case, title: str
) -> None:
    unexplained = [
        f"{found.field}: {found.difference}"
        for found in matrix.compare(case, title)
        if found.outcome is Outcome.DIFFERS
        and not any(bug.explains(title, found.field, case) for bug in BUGS)
    ]
    assert not unexplained, "\n".join([f"{title} differs in {case.name!r}:", *unexplained])


@pytest.mark.parametrize("bug", BUGS, ids=[f"{bug.reader}: {bug.reason}" for bug in BUGS])
def test_documented_bugs_show_wherever_they_are_said_to(matrix: Matrix, bug: Bug) -> None:
    seen: set[str] = set()
    for case in filter(bug.when, CASES):
        differing = {
            found.field
            for found in matrix.compare(case, bug.reader)
            if found.outcome is Outcome.DIFFERS and found.field in bug.fields
        }
        assert differing, f"it does not show in {case.name!r}"
        seen |= differing
    assert seen == set(bug.fields), "fields that never differ by it"


def test_the_documentation_is_up_to_date(matrix: Matrix) -> None:
    assert PATH.read_text(encoding="utf-8") == render(matrix), (
        "run python -m tests.conformance to write docs/conformance.md anew"
    )
