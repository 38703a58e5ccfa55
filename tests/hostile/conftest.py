"""The corpus, written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.corpus import HostileFile, write_corpus

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="session")
def corpus_files(corpus_folder: Path) -> list[HostileFile]:
    return write_corpus(corpus_folder)
