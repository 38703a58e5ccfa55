"""The matrix, shared by the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.matrix import Matrix

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """Return the matrix; files and readers are made when they are needed."""
    with Matrix(tmp_path_factory.mktemp("conformance")) as matrix:
        yield matrix
