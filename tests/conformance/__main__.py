"""Writing docs/conformance.md anew: ``python -m tests.conformance``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.conformance.matrix import Matrix
from tests.conformance.table import PATH, render


def main() -> None:
    """Write the documentation."""
    with tempfile.TemporaryDirectory() as folder, Matrix(Path(folder)) as matrix:
        PATH.write_text(render(matrix), encoding="utf-8")


if __name__ == "__main__":
    main()
