"""What the writer refuses, and what a failure leaves behind: nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nd2watch.errors import FormatError, OutputExists
from nd2watch.nd2 import (
    Channel,
    Experiment,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    Picture,
    StagePosition,
    TextInfo,
    XYPosLoop,
)
from tests.nd2.builders import attributes_of, channels, loops, random_frames, write_nd2

if TYPE_CHECKING:
    from pathlib import Path

    from tests.nd2.builders import Pixels

FRAMES = random_frames((2, 3, 5, 2))
ATTRIBUTES = attributes_of(FRAMES)
TWO = loops(times=2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def writer_of(path: Path) -> Nd2Writer:
    return Nd2Writer(path, ATTRIBUTES, experiment=TWO)


def test_the_final_name_appears_only_with_the_complete_file(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    with writer_of(path) as writer:
        for frame in FRAMES:
            writer.write_frame(frame)
            (name,) = names(tmp_path)
            assert name.startswith(".nd2watch-")
            assert name.endswith(".tmp")
    assert names(tmp_path) == ["file.nd2"]


def test_folders_of_the_output_are_made(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "a" / "b" / "file.nd2", FRAMES, TWO)
    assert names(path.parent) == ["file.nd2"]


@pytest.mark.parametrize("written", [0, 1, 2])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_inside_the_block_leaves_no_file(
    tmp_path: Path, error: type[BaseException], written: int
) -> None:
    def interrupted() -> None:
        with writer_of(tmp_path / "file.nd2") as writer:
            for frame in FRAMES[:written]:
                writer.write_frame(frame)
            raise error("stop")

    with pytest.raises(error, match="stop"):
        interrupted()
    assert names(tmp_path) == []


@pytest.mark.parametrize("written", [0, 1])
def test_too_few_frames_are_refused(tmp_path: Path, written: int) -> None:
    def incomplete() -> None:
        with writer_of(tmp_path / "file.nd2") as writer:
            for frame in FRAMES[:written]:
                writer.write_frame(frame)

    with pytest.raises(FormatError, match=rf"{written} of 2 frames were written to .*file\.nd2"):
        incomplete()
    assert names(tmp_path) == []


def test_a_frame_too_many_is_refused_and_the_file_stays_good(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    with writer_of(path) as writer:
        for frame in FRAMES:
            writer.write_frame(frame)
        with pytest.raises(FormatError, match="all 2 frames are written already"):
            writer.write_frame(FRAMES[0])
    with Nd2Reader(path) as reader:
        assert np.array_equal(reader.read_frame(1), FRAMES[1])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        pytest.param(np.zeros((5, 3, 2), "u2"), r"shape \(5, 3, 2\), not \(3, 5, 2\)", id="turned"),
        pytest.param(np.zeros((3, 5), "u2"), r"shape \(3, 5, 1\)", id="one component"),
        pytest.param(np.zeros((2, 3, 5), "u2"), r"\(Y, X, component\)", id="planes first"),
        pytest.param(np.zeros(30, "u2"), r"shape \(30,\)", id="flat"),
        pytest.param(np.zeros((1, 3, 5, 2), "u2"), "shape", id="one axis more"),
        pytest.param(np.zeros((3, 0, 2), "u2"), "shape", id="empty"),
        pytest.param(np.full((3, 5, 2), -1, "i2"), "value -1 .* of int16", id="below 0"),
        pytest.param(np.full((3, 5, 2), 1 << 16, "u4"), "65536 .* of uint32", id="too large"),
        pytest.param(np.full((3, 5, 2), 0.5, "f4"), "0.5 .* of float32", id="fraction"),
        pytest.param(np.zeros((3, 5, 2), object), "object pixels cannot be stored", id="object"),
    ],
)
def test_a_frame_of_another_kind_is_refused(tmp_path: Path, frame: Pixels, message: str) -> None:
    path = tmp_path / "file.nd2"
    with writer_of(path) as writer:
        writer.write_frame(FRAMES[0])
        with pytest.raises(FormatError, match=f"frame 1.*{message}"):
            writer.write_frame(frame)
        writer.write_frame(FRAMES[1])
    with Nd2Reader(path) as reader:
        assert np.array_equal(reader.read_frame(1), FRAMES[1])


@pytest.mark.parametrize(
    ("experiment", "picture", "message"),
    [
        (loops(3), None, r"loops \(t=3\) make 3 frames, the attributes say 2"),
        (loops(2, 2), None, r"loops \(t=2 x p=2\) make 4 frames"),
        (None, None, r"loops \(none\) make 1 frames"),
        (TWO, Picture(channels=channels(3)), "channels of 3 .* cannot describe 2 components"),
    ],
    ids=["too many", "product", "no loops", "channels"],
)
def test_contradictions_are_refused_before_any_file_exists(
    tmp_path: Path, experiment: Experiment | None, picture: Picture | None, message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        Nd2Writer(tmp_path / "new" / "file.nd2", ATTRIBUTES, experiment=experiment, picture=picture)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is no name for a chunk"),
        ("!", "is no name for a chunk"),
        ("CustomData|Mine", "with ! at its end only"),
        ("Custom!Data|Mine!", "with ! at its end only"),
        ("CustomData|é!", "ASCII"),
        ("CustomData|\0!", "ASCII"),
        ("ImageDataSeq|0!", "is written by the writer itself"),
        ("ImageDataSeq|7!", "is written by the writer itself"),
        ("ImageAttributesLV!", "is written by the writer itself"),
        ("CustomDataVar|CustomDataV2_0!", "is written by the writer itself"),
        ("CustomData|AcqTimesCache!", "is written by the writer itself"),
        ("CustomData|Z!", "is written by the writer itself"),
    ],
)
def test_a_custom_chunk_that_would_harm_the_file_is_refused_before_any_file_exists(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        Nd2Writer(tmp_path / "file.nd2", ATTRIBUTES, experiment=TWO, custom_chunks={name: b"data"})
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("position", "channel", "description"),
    [("a\0b", "c", ""), ("", "a\0b", ""), ("", "c", "a\0b"), ("\ud800", "c", "")],
    ids=["position", "channel", "description", "half a surrogate pair"],
)
def test_text_that_cannot_be_stored_leaves_no_file(
    tmp_path: Path, position: str, channel: str, description: str
) -> None:
    def write() -> None:
        with Nd2Writer(
            tmp_path / "file.nd2",
            ImageAttributes(width=1, height=1),
            experiment=Experiment(loops=(XYPosLoop(positions=(StagePosition(name=position),)),)),
            picture=Picture(channels=(Channel(name=channel),)),
            text_info=TextInfo(description=description),
        ) as writer:
            writer.write_frame(np.zeros((1, 1), np.uint16))

    with pytest.raises(FormatError, match=r"U\+0000|not valid Unicode"):
        write()
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_what_has_the_name_already_is_refused_and_untouched(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file.nd2"
    if kind == "file":
        path.write_bytes(b"precious")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExists, match=r"file\.nd2 exists already"), writer_of(path):
        pass
    assert names(tmp_path) == ["file.nd2"]
    assert kind != "file" or path.read_bytes() == b"precious"


def test_a_name_taken_while_writing_is_untouched(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"

    def late() -> None:
        with writer_of(path) as writer:
            for frame in FRAMES:
                writer.write_frame(frame)
            path.write_bytes(b"precious")

    with pytest.raises(OutputExists):
        late()
    assert names(tmp_path) == ["file.nd2"]
    assert path.read_bytes() == b"precious"


def test_an_existing_file_is_replaced_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    path.write_bytes(b"old")
    with Nd2Writer(path, ATTRIBUTES, experiment=TWO, replace=True) as writer:
        for frame in FRAMES:
            writer.write_frame(frame)
            assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file.nd2"]
    with Nd2Reader(path) as reader:
        assert np.array_equal(reader.read_frame(0), FRAMES[0])


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    path.write_bytes(b"old")

    def failing() -> None:
        with Nd2Writer(path, ATTRIBUTES, experiment=TWO, replace=True) as writer:
            writer.write_frame(FRAMES[0])

    with pytest.raises(FormatError):
        failing()
    assert names(tmp_path) == ["file.nd2"]
    assert path.read_bytes() == b"old"


def test_the_check_sees_the_complete_file_before_it_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "file.nd2"
    seen: list[Pixels] = []

    def check(temporary: Path) -> None:
        assert not path.exists()
        with Nd2Reader(temporary) as reader:
            seen.extend(reader.read_frame(n) for n in range(2))

    with Nd2Writer(path, ATTRIBUTES, experiment=TWO, check=check) as writer:
        for frame in FRAMES:
            writer.write_frame(frame)
    assert np.array_equal(seen, FRAMES)
    assert names(tmp_path) == ["file.nd2"]


def test_a_check_that_raises_leaves_no_file(tmp_path: Path) -> None:
    def check(temporary: Path) -> None:
        raise RuntimeError(f"{temporary.name} is not good")

    def checked() -> None:
        with Nd2Writer(tmp_path / "file.nd2", ATTRIBUTES, experiment=TWO, check=check) as writer:
            for frame in FRAMES:
                writer.write_frame(frame)

    with pytest.raises(RuntimeError, match="is not good"):
        checked()
    assert names(tmp_path) == []


def test_of_writers_racing_for_a_name_exactly_one_wins(tmp_path: Path) -> None:
    racers = 4
    path = tmp_path / "file.nd2"
    ready = threading.Barrier(racers, timeout=30)
    done = threading.Barrier(racers, timeout=30)

    def check(_: Path) -> None:
        done.wait()

    def race(number: int) -> int | None:
        writer = Nd2Writer(path, ATTRIBUTES, experiment=TWO, check=check)
        ready.wait()
        try:
            with writer:
                for _ in FRAMES:
                    writer.write_frame(np.full_like(FRAMES[0], number))
        except OutputExists:
            return None
        return number

    with ThreadPoolExecutor(racers) as pool:
        results = list(pool.map(race, range(racers)))
    (winner,) = [number for number in results if number is not None]
    assert names(tmp_path) == ["file.nd2"]
    with Nd2Reader(path) as reader:
        assert (reader.read_frame(1) == winner).all()
