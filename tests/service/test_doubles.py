"""Two files for one place that come, change and go while they are compared."""

from __future__ import annotations

import filecmp
import os
from typing import TYPE_CHECKING

import pytest

from nd2watch.service.content import same_content
from nd2watch.sources import encode_frame
from tests.frames import acquisition, noise, write
from tests.service.fakes import SETTLE_S, Bench

if TYPE_CHECKING:
    from pathlib import Path

NAME = "img_t001_xy01_z001_cDAPI.tif"
COPY = "img_t001_xy01_z001_cDAPI.TIF"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "in", acquisition())
    return tmp_path / "in"


def refuse(*_: object, **__: object) -> bool:
    """Do as a disk does that fails, or a folder that is just renamed."""
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("is_other", [True, False])
def test_a_double_that_cannot_be_compared_now_is_compared_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, is_other: bool
) -> None:
    bench = Bench(folder, acquisition())
    bench.settle()
    data = encode_frame(noise(7)) if is_other else (folder / NAME).read_bytes()
    (folder / COPY).write_bytes(data)
    with monkeypatch.context() as patches:
        patches.setattr(filecmp, "cmp", refuse)
        bench.settle()
    (waiting,) = bench.logged("frame_not_ready")
    assert waiting["path"] == folder / COPY
    assert "Permission denied" in waiting["reason"]
    assert bench.ready == 0
    bench.wait(SETTLE_S)
    assert len(bench.logged("frame_conflict")) == is_other
    assert len(bench.logged("frame_doubled")) == (not is_other)
    assert bench.ready == (not is_other)


def test_a_double_that_vanished_while_it_was_compared_is_forgotten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(folder, acquisition())
    bench.settle()
    (folder / COPY).write_bytes(encode_frame(noise(7)))

    def vanish(path: Path, *_: object, **__: object) -> bool:
        path.unlink()
        raise FileNotFoundError(2, "No such file or directory")

    with monkeypatch.context() as patches:
        patches.setattr(filecmp, "cmp", vanish)
        bench.settle()
    bench.settle()
    assert bench.intake.unsettled == 0
    assert bench.ready == 1


def test_a_single_run_takes_a_double_that_cannot_be_compared_for_another_image(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / COPY).write_bytes(encode_frame(noise(7)))
    bench = Bench(folder, acquisition(), once=True)
    monkeypatch.setattr(filecmp, "cmp", refuse)
    bench.settle()
    (told,) = bench.logged("frame_not_ready")
    assert told["path"] in (folder / NAME, folder / COPY)
    assert bench.intake.unsettled == 0
    assert bench.ready == 0


def test_files_are_compared_anew_though_they_look_as_they_did(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for path in (first, second):
        path.write_bytes(b"same")
        os.utime(path, (1, 1))
    assert same_content(first, second)
    second.write_bytes(b"Else")
    os.utime(second, (1, 1))
    assert not same_content(first, second)
