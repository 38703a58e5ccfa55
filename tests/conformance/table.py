"""The table of readers and fields for the documentation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.conformance.cases import CASES
from tests.conformance.compare import TOLERANCES, Outcome
from tests.conformance.known import BUGS
from tests.conformance.matrix import TITLES
from tests.conformance.view import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.case import Case
    from tests.conformance.matrix import Matrix
    from tests.conformance.view import Field

PATH: Final = Path(__file__).parents[2] / "docs" / "conformance.md"
"""Where the table is kept."""

_HEAD: Final = """\
# Conformance

<!-- Written by `python -m tests.conformance`; do not edit. -->

{files} files are written, each special in one thing, and opened by {readers} readers. Every sample
of every plane and every metadata field that a reader exposes are compared with the value written.

| Reader | Version |
| --- | --- |
{versions}

- **equal**: the same in every file, numbers to the last bit unless a tolerance is given below.
- **differs in n**: equal in all files but n, where the documented bugs of the reader show whose
  numbers follow.
- **not exposed**: the reader does not show it.
- *raw*: the reader shows what is stored, as it is stored, and does not interpret it.
"""


def render(matrix: Matrix) -> str:
    """Return the documentation."""
    versions = [f"| {title} | {matrix.reader(title).version} |" for title in TITLES]
    parts = [
        _HEAD.format(files=len(CASES), readers=len(TITLES), versions="\n".join(versions)),
        "## Fields\n",
        *_table(matrix),
        "\n## Bugs of the readers\n",
        *_bugs(matrix),
        "\n## Tolerances\n",
        *_tolerances(),
        "\n## Files\n",
        *(_line(case) for case in CASES),
        "",
    ]
    return "\n".join(parts)


def _table(matrix: Matrix) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| Field | {' | '.join(TITLES)} |"
    yield f"| --- |{' --- |' * len(TITLES)}"
    for field in FIELDS:
        cells = (_cell(matrix, field, title) for title in TITLES)
        yield f"| {field.title} | {' | '.join(cells)} |"


def _cell(matrix: Matrix, field: Field, title: str) -> str:
    """Return how a field of a reader compares over all files."""
    outcomes: Counter[Outcome] = Counter()
    numbers: set[int] = set()
    for case in CASES:
        outcome = next(f for f in matrix.compare(case, title) if f.field == field.name).outcome
        outcomes[outcome] += 1
        if outcome is Outcome.DIFFERS:
            numbers |= {
                number
                for number, bug in enumerate(BUGS, 1)
                if bug.explains(title, field.name, case)
            }
    if not outcomes[Outcome.EQUAL] and not outcomes[Outcome.DIFFERS]:
        return "not exposed"
    words = ["equal"] if outcomes[Outcome.EQUAL] else []
    if field.name in matrix.reader(title).raw:
        words.append("*raw*")
    if outcomes[Outcome.DIFFERS]:
        links = " ".join(f"[{number}](#bug-{number})" for number in sorted(numbers))
        words.append(f"differs in {outcomes[Outcome.DIFFERS]}: {links}")
    return ", ".join(words)


def _bugs(matrix: Matrix) -> Iterator[str]:
    """Yield a line for each bug."""
    for number, bug in enumerate(BUGS, 1):
        files = sum(map(bug.when, CASES))
        yield f'{number}. <a id="bug-{number}"></a>{bug.reader} {bug.reason} ({_files(files)}).'


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _tolerances() -> Iterator[str]:
    """Yield a line for each tolerance."""
    titles = {field.name: field.title for field in FIELDS}
    for (reader, field), tolerance in TOLERANCES.items():
        limits = []
        if tolerance.relative:
            limits.append(f"{tolerance.relative:g} of the value")
        if tolerance.absolute:
            limits.append(f"{tolerance.absolute:g}")
        yield f"- {reader}, {titles[field]}: {' or '.join(limits)} ({tolerance.reason})"


def _line(case: Case) -> str:
    """Return a line on a file."""
    attributes = case.attributes
    loops = " x ".join(f"{axis.upper()}{n}" for axis, n in case.experiment.sizes.items())
    facts = [
        f"{attributes.width} x {attributes.height} {attributes.dtype.name}",
        "RGB" if case.picture.is_rgb else f"C{attributes.component_count}",
        loops or "one frame",
    ]
    if attributes.zlib_level is not None:
        facts.append(f"zlib {attributes.zlib_level}")
    return f"- {case.name}: {', '.join(facts)}"
