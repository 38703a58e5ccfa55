"""Files below a folder, and what is passed over there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from nd2watch.sources import list_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows gives links to administrators alone")
def test_links_are_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / "below" / "frame.tif").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.tif").touch()
    links = {
        tmp_path / "in" / "folder": tmp_path / "elsewhere",
        tmp_path / "in" / "below" / "file.tif": tmp_path / "elsewhere" / "other.tif",
        tmp_path / "in" / "broken.tif": tmp_path / "nowhere",
    }
    for link, target in links.items():
        link.symlink_to(target)
    told: list[Path] = []
    assert list(list_files(tmp_path / "in", link=told.append)) == [
        tmp_path / "in" / "below" / "frame.tif"
    ]
    assert sorted(told) == sorted(links)
    assert len(list(list_files(tmp_path / "in"))) == 1
