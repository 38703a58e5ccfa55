"""Scans cost little for files that are as they were, and miss none that is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nd2watch.service.intake import Intake
from tests.frames import acquisition, write
from tests.service.fakes import Bench

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "img_t001_xy01_z001_cDAPI.tif"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    write(tmp_path / "in", acquisition())
    for name in ("~new.tif", "stranger.tif"):
        (tmp_path / "in" / name).touch()
    bench = Bench(tmp_path / "in", acquisition())
    bench.settle()
    return bench


@pytest.fixture
def noticed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files that are looked at from now on."""
    names: list[str] = []
    notice = Intake.notice

    def noting(self: Intake, file: Path | str, entry: os.DirEntry[str] | None = None) -> None:
        names.append(Path(file).name)
        notice(self, file, entry)

    monkeypatch.setattr(Intake, "notice", noting)
    return names


@pytest.mark.skipif(sys.platform == "win32", reason="folders tell no identity of files there")
def test_files_that_are_as_they_were_are_not_looked_at(bench: Bench, noticed: list[str]) -> None:
    bench.scan()
    assert noticed == []
    assert bench.intake.known.ignored == 1
    assert bench.ready == 1


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def replace(path: Path) -> None:
    times = path.stat()
    (path.parent / "~copy").write_bytes(path.read_bytes())
    (path.parent / "~copy").replace(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def rename(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere.tif")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [rewrite, replace, os.utime, os.remove, rename, make_folder])
def test_any_change_is_noticed(
    bench: Bench, noticed: list[str], change: Callable[[Path], None]
) -> None:
    change(bench.folder / NAME)
    bench.scan()
    assert NAME in noticed
    assert bench.ready == 0


def test_files_that_settle_are_looked_at(bench: Bench, noticed: list[str]) -> None:
    (bench.folder / NAME).touch()
    bench.scan()
    bench.scan()
    assert noticed.count(NAME) == 2
    assert bench.intake.unsettled == 1


def test_names_that_are_no_frames_are_counted_as_long_as_they_are_there(bench: Bench) -> None:
    (bench.folder / "~new.tif").unlink()
    bench.scan()
    assert bench.intake.known.ignored == 0
    assert len(bench.logged("file_passed_over")) == 1
    (bench.folder / "stranger.tif").unlink()
    bench.scan()
    (bench.folder / "stranger.tif").touch()
    bench.scan()
    assert len(bench.logged("file_passed_over")) == 2
