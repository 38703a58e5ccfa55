"""Files that `recover` is given: those of killed programs, no interrupted ones, their names."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nd2watch.errors import FormatError, OutputExists
from nd2watch.nd2 import (
    recover,
)
from tests.nd2.builders import random_frames
from tests.nd2.interrupted import (
    FOUR,
    RECIPES,
    TEXT_CHUNK,
    Recipe,
    assert_shows,
    interrupted,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# Killed programs

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from nd2watch.nd2 import ImageAttributes, Nd2Writer
from tests.nd2.builders import loops, random_frames

def die():
    if sys.platform == "win32":
        os._exit(9)
    os.kill(os.getpid(), signal.SIGKILL)

folder, how, level = Path(sys.argv[1]), sys.argv[2], eval(sys.argv[3])
frames = random_frames((6, 40, 50, 1))
attributes = ImageAttributes(width=50, height=40, frame_count=6, zlib_level=level)
with Nd2Writer(
    folder / "file.nd2", attributes, experiment=loops(6), keep_unfinished=True, threads=1
) as writer:
    for number, frame in enumerate(frames):
        if number == 4 and how == "frame":
            die()
        if number == 4 and how == "tiles":
            with writer.tiles() as tiles:
                tiles.write(0, 0, frame[:39])
                tiles.write(39, 0, frame[39:])
                die()
        if how == "tiles":
            with writer.tiles() as tiles:
                tiles.write(0, 0, frame)
        else:
            writer.write_frame(frame)
"""


@pytest.mark.parametrize(
    ("how", "level", "saved"),
    [
        pytest.param("frame", None, {4}, id="between frames"),
        pytest.param("tiles", None, {4}, id="in a frame by tiles"),
        pytest.param("tiles", 1, {4}, id="in a compressed frame by tiles"),
        pytest.param("frame", 1, {1, 2, 3, 4}, id="while frames are compressed"),
    ],
)
def test_a_killed_program_leaves_the_frames_that_it_finished(
    tmp_path: Path, how: str, level: int | None, saved: set[int]
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), how, repr(level)]
    assert subprocess.run(command, check=False).returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["file.nd2.unfinished"]
    found = recover(tmp_path / "file.nd2.unfinished")
    assert found.output == tmp_path / "file.nd2"
    assert found.saved in saved
    assert found.missing == ()
    frames = random_frames((6, 40, 50, 1))
    assert_shows(found.output, frames[: found.saved])


# What is refused


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(50_000))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        pytest.param(lambda path: path.touch(), FormatError, "not an ND2 3.0 file", id="empty"),
        pytest.param(garbage, FormatError, "not an ND2 3.0 file", id="garbage"),
        pytest.param(
            lambda path: path.write_bytes(b"II*\0" + bytes(9000)),
            FormatError,
            "not an ND2 3.0 file",
            id="TIFF",
        ),
        pytest.param(
            lambda path: path.write_bytes(FOUR.write(path).read_bytes()[:4096]),
            FormatError,
            "does not say how its frames are stored",
            id="signature alone",
        ),
        pytest.param(FOUR.write, FormatError, r"file\.nd2 is complete", id="complete"),
        pytest.param(lambda path: path.mkdir(), OSError, r"file\.nd2", id="folder"),
        pytest.param(lambda path: None, FileNotFoundError, r"file\.nd2", id="nothing"),
    ],
)
def test_what_is_no_interrupted_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], error: type[Exception], message: str
) -> None:
    path = tmp_path / "file.nd2"
    make(path)
    before = [path.name for path in tmp_path.iterdir()]
    with pytest.raises(error, match=message) as caught:
        recover(path)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == before


@pytest.mark.parametrize("recipe", [FOUR, RECIPES["missing frames"]], ids=["first cut", "skipped"])
def test_a_file_without_a_finished_frame_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    first = min(set(range(4)) - recipe.missing)
    cut = interrupted(tmp_path, recipe, f"ImageDataSeq|{first}!", ahead=-4200)
    with pytest.raises(FormatError, match="holds no finished frame"):
        recover(cut)
    assert list(tmp_path.iterdir()) == [cut]


# Names of the output


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("a.nd2.unfinished", "a.nd2"),
        ("a.nd2", "a-recovered.nd2"),
        ("a.b c.nd2", "a.b c-recovered.nd2"),
        (".nd2watch-0123456789abcdef.tmp", "nd2watch-0123456789abcdef-recovered.nd2"),
        ("plain", "plain-recovered.nd2"),
    ],
)
def test_the_output_is_named_after_the_interrupted_file(
    tmp_path: Path, name: str, output: str
) -> None:
    cut = interrupted(tmp_path, FOUR, TEXT_CHUNK).rename(tmp_path / name)
    found = recover(cut)
    assert found.output == tmp_path / output
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, output])


def test_an_existing_output_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    cut = interrupted(tmp_path, FOUR, TEXT_CHUNK)
    output = tmp_path / "sub" / "out.nd2"
    assert recover(cut, output).output == output
    output.write_bytes(b"precious")
    with pytest.raises(OutputExists, match=r"out\.nd2 exists already"):
        recover(cut, output)
    assert output.read_bytes() == b"precious"
    recover(cut, str(output), replace=True)
    assert_shows(output, FOUR.frames)


def test_the_interrupted_file_itself_is_no_output(tmp_path: Path) -> None:
    cut = interrupted(tmp_path, FOUR, TEXT_CHUNK)
    before = cut.read_bytes()
    with pytest.raises(FormatError, match="name another output"):
        recover(cut, tmp_path / "." / "cut.nd2", replace=True)
    assert cut.read_bytes() == before


def test_an_interrupted_file_that_cannot_be_written_is_recovered(tmp_path: Path) -> None:
    cut = interrupted(tmp_path, FOUR, TEXT_CHUNK)
    cut.chmod(0o400)
    assert recover(cut).saved == 4
