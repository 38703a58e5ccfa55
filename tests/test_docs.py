"""The examples in the documentation work as printed."""

from __future__ import annotations

import re
from pathlib import Path

import nd2
import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"


def test_the_examples_of_the_writer_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "writer.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "writer.md", "exec"), names)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {
        "density.nd2",
        "histology.nd2",
        "mosaic.nd2",
        "timelapse.nd2",
        "cells.nd2",
        "two-scopes.nd2",
        "segmented.nd2",
        "run7.nd2",
        "series.nd2",
    }
    sizes = {}
    for name in written:
        with nd2.ND2File(tmp_path / name) as file:
            sizes[name] = dict(file.sizes)
    assert sizes["timelapse.nd2"] == {"T": 4, "P": 2, "Z": 3, "Y": 48, "X": 64}
    assert sizes["series.nd2"] == {"T": 6, "Y": 48, "X": 64}
    assert sizes["cells.nd2"] == {"C": 2, "Y": 48, "X": 64}
    with nd2.ND2File(tmp_path / "segmented.nd2") as file:
        assert file.binary_data is not None
        np.testing.assert_array_equal(file.binary_data[0].data[0], np.asarray(names["labels"]))


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_point_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (DOCS / target).exists(), target
