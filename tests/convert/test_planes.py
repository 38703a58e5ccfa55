"""Files of several planes, missing planes, and several readers, through the engine."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest

from nd2watch.cli import main
from nd2watch.convert import (
    StatedMetadata,
    check_file,
    collect_folder,
    convert,
    convert_folder,
    holds_sequence,
    plan_conversion,
    plan_frames,
)
from nd2watch.errors import (
    FrameIncomplete,
    FrameUnreadable,
    LayoutError,
    OutputExists,
    SourceChanged,
    SourceError,
)
from nd2watch.experiment import AxisSize, Layout, compile_pattern, join_files
from nd2watch.nd2 import FrameMetadata, ImageAttributes, Nd2Reader, Nd2Writer
from nd2watch.sources import (
    PAGES,
    PlaneInfo,
    PlaneReader,
    SourcePlane,
    encode_frame,
    open_frame,
    read_frame,
)
from nd2watch.sources.files import open_regular
from tests.frames import noise

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from nd2watch.convert import ConversionPlan
    from nd2watch.experiment import FrameGrid
    from tests.oracles import VendorSdk

LABELS = [("1", "2", "3"), ("",), ("",), ("A", "B")]
PLACES = [(t, "", "", c) for t, c in itertools.product(*(LABELS[0], LABELS[3]))]


def stacks_in(folder: Path, planes: int = 2) -> dict[tuple[str, str, str, str], Path]:
    """Write a file of Z planes for each of three time points and two channels."""
    folder.mkdir(exist_ok=True)
    paths = {}
    for number, (t, p, z, c) in enumerate(PLACES):
        paths[t, p, z, c] = folder / f"t{t}_c{c}.npy"
        np.save(paths[t, p, z, c], np.stack([noise(100 * number + k) for k in range(planes)]))
    return paths


def grid_of(paths: dict[Any, Path]) -> FrameGrid:
    files = {place: open_frame(path) for place, path in paths.items()}
    return join_files(files, LABELS, pages="z")


def plan_of(paths: dict[Any, Path]) -> ConversionPlan:
    return plan_frames(grid_of(paths), StatedMetadata(), title="stacks", layout="test")


def pixels_of(paths: dict[Any, Path], planes: int = 2) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return the expected pixels, black where a file is missing, shape (T, Z, C, Y, X)."""
    stacks = [
        np.load(paths[place]) if place in paths else np.zeros((planes, 24, 32), "u2")
        for place in PLACES
    ]
    return np.stack(stacks).reshape(3, 2, planes, 24, 32).transpose(0, 2, 1, 3, 4)


def test_several_threads_write_the_same_as_one(tmp_path: Path) -> None:
    plan = plan_of(stacks_in(tmp_path / "in", planes=9))
    written = [
        convert(plan, tmp_path / f"{threads}.nd2", threads=threads).output.read_bytes()
        for threads in (1, 2, 5)
    ]
    assert written[0] == written[1] == written[2]


def test_an_unreadable_file_ends_a_conversion_by_several_threads(tmp_path: Path) -> None:
    paths = stacks_in(tmp_path / "in")
    plan = plan_of(paths)
    broken = paths["2", "", "", "B"]
    broken.write_bytes(broken.read_bytes()[:-1])
    with pytest.raises(SourceChanged, match=r"t2_cB.npy changed"):
        convert(plan, tmp_path / "o.nd2", threads=3)
    assert list(tmp_path.glob("*nd2*")) == []


def test_missing_planes_are_black_and_marked(tmp_path: Path, vendor_sdk: VendorSdk) -> None:
    paths = stacks_in(tmp_path / "in")
    for place in (("1", "", "", "B"), ("3", "", "", "A"), ("3", "", "", "B")):
        paths.pop(place).unlink()
    plan = plan_of(paths)
    assert "6 planes are missing; black is written instead" in plan.assumptions
    output = convert(plan, tmp_path / "o.nd2").output
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {"T": 3, "Z": 2, "C": 2, "Y": 24, "X": 32}
        np.testing.assert_array_equal(file.asarray(), pixels_of(paths))
        told = [row["Missing Planes"] for row in file.events()]
        assert told == ["B", "B", "", "", "A, B", "A, B"]
    frames = np.stack(vendor_sdk.read(output).frames).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(frames.reshape(3, 2, 2, 24, 32), pixels_of(paths))
    with Nd2Reader(output) as reader:
        assert reader.missing_frames == (4, 5)
        provenance = reader.provenance
        assert provenance is not None
        sources = [[s and (s.name, s.plane) for s in f.sources] for f in provenance.frames]
    assert sources == [
        [("t1_cA.npy", 0), None],
        [("t1_cA.npy", 1), None],
        [("t2_cA.npy", 0), ("t2_cB.npy", 0)],
        [("t2_cA.npy", 1), ("t2_cB.npy", 1)],
        [None, None],
        [None, None],
    ]
    check = check_file(output, sources=True)
    assert (check.problems, check.as_written, check.as_sources) == ((), 6, 6)
    assert holds_sequence(output, plan)


def test_a_plane_that_differs_from_its_source_is_named(tmp_path: Path) -> None:
    paths = stacks_in(tmp_path / "in")
    output = convert(plan_of(paths), tmp_path / "o.nd2").output
    assert check_file(output, sources=True).as_sources == 6
    changed = np.load(paths["2", "", "", "A"])
    changed[1, 3, 4] ^= 1
    np.save(paths["2", "", "", "A"], changed)
    (problem,) = check_file(output, sources=True).problems
    assert problem.endswith("t2_cA.npy has other pixels than frame 3")
    np.save(paths["2", "", "", "A"], changed[:1])
    first, second = check_file(output, sources=True).problems
    assert "t2_cA.npy has 1664 bytes; it had 3200 at the conversion" in first
    assert second == first


def test_a_source_that_lost_a_plane_is_named(tmp_path: Path) -> None:
    paths = stacks_in(tmp_path / "in")
    output = convert(plan_of(paths), tmp_path / "o.nd2").output
    path = paths["1", "", "", "A"]
    np.save(path, np.load(path).reshape(1, 48, 32))
    problems = check_file(output, sources=True).problems
    assert any("t1_cA.npy is 32 x 48 uint16" in problem for problem in problems)
    assert any("t1_cA.npy has no plane 1 (any more)" in problem for problem in problems)


def test_a_reader_of_planes_keeps_files_open_and_notices_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    stack = np.stack([noise(k) for k in range(3)])
    np.save(path, stack)
    frame = open_frame(path)
    with PlaneReader() as reader:
        for index in (2, 0, 1):
            pixels = reader.read(SourcePlane(file=frame, index=index))
            np.testing.assert_array_equal(pixels, stack[index])
        with path.open("r+b") as file:
            file.truncate(2000)
        with pytest.raises(SourceError):
            reader.read(SourcePlane(file=frame, index=2))
    with pytest.raises(SourceChanged, match="changed while it was converted"):
        read_frame(frame)


def test_files_of_a_kind_without_its_library_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.czi"
    path.write_bytes(b"ZISRAWFILE" + bytes(100))
    monkeypatch.setitem(sys.modules, "nd2watch.sources.czi", None)
    with pytest.raises(FrameUnreadable, match=r"pip install nd2watch\[czi\]"):
        open_frame(path)


def test_times_in_one_file_are_taken_with_its_start(tmp_path: Path) -> None:
    started = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    times = [0.0, 130.0, 250.0]
    source = tmp_path / "a.nd2"
    with Nd2Writer(source, ImageAttributes(width=32, height=24, frame_count=1)) as writer:
        writer.write_frame(noise(1), FrameMetadata(time_ms=7))
    frame = open_frame(source)
    info = dataclasses.replace(
        frame.info,
        axes=(("t", 3),),
        started=started,
        planes=tuple(PlaneInfo(time_ms=time_ms) for time_ms in times),
    )
    file = dataclasses.replace(frame, info=info)
    grid = join_files({("", "", "", ""): file}, [("",)] * 4)
    plan = plan_frames(grid, StatedMetadata(), title="", layout="")
    assert [meta.time_ms for meta in plan.frames] == times
    assert plan.picture.started == started
    acquired = [started + timedelta(milliseconds=ms) for ms in (10, 160, 260)]
    info = dataclasses.replace(
        info, planes=tuple(PlaneInfo(acquired=moment) for moment in acquired)
    )
    grid = join_files({("", "", "", ""): dataclasses.replace(frame, info=info)}, [("",)] * 4)
    plan = plan_frames(grid, StatedMetadata(), title="", layout="")
    assert [meta.time_ms for meta in plan.frames] == [0, 150, 250]
    assert plan.picture.started == acquired[0]


def test_a_source_is_never_written_over(tmp_path: Path) -> None:
    paths = stacks_in(tmp_path / "in")
    source = paths["1", "", "", "A"]
    before = source.read_bytes()
    link = tmp_path / "link.nd2"
    link.hardlink_to(source)
    for output in (source, link):
        with pytest.raises(OutputExists, match="is one of the sources"):
            convert(plan_of(paths), output, replace=True)
    assert source.read_bytes() == before


def write_pages(folder: Path) -> None:
    """Write two files of three pages that do not say what they are."""
    folder.mkdir()
    for t in range(2):
        np.save(folder / f"t{t}.npy", np.stack([noise(10 * t + z) for z in range(3)]))


def test_pages_have_the_axis_that_the_layout_gives_them(tmp_path: Path) -> None:
    write_pages(tmp_path / "in")
    pattern = compile_pattern("t{t}.npy")
    with pytest.raises(SourceError, match=r"t0.npy holds 3 pages, and nothing says what they are"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", Layout(pattern=pattern))
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", Layout(pattern=pattern, pages="z"))
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        assert dict(file.sizes) == {"T": 2, "Z": 3, "Y": 24, "X": 32}
    command = ["convert", str(tmp_path / "in"), "-p", "t{t}.npy", "--pages", "c"]
    assert main([*command, "-o", str(tmp_path / "c.nd2")]) == 0
    with nd2.ND2File(tmp_path / "c.nd2") as file:
        assert dict(file.sizes) == {"T": 2, "C": 3, "Y": 24, "X": 32}
    with pytest.raises(LayoutError, match="'y' is no axis"):
        Layout(pattern=pattern, pages="y")


def test_a_file_with_fewer_pages_than_are_given_is_waited_for(tmp_path: Path) -> None:
    write_pages(tmp_path / "in")
    sizes = {"t": AxisSize(count=2), "z": AxisSize(count=3)}
    layout = Layout(pattern=compile_pattern("t{t}.npy"), sizes=sizes, pages="z")
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout)
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        assert dict(file.sizes) == {"T": 2, "Z": 3, "Y": 24, "X": 32}
    more = Layout(pattern=layout.pattern, sizes={"z": AxisSize(count=4)}, pages="z")
    with pytest.raises(FrameIncomplete, match=r"t0.npy holds 3 of 4 pages"):
        more.check(open_frame(tmp_path / "in" / "t0.npy"), ("0", "", "", ""))
    fewer = Layout(pattern=layout.pattern, sizes={"z": AxisSize(count=2)}, pages="z")
    with pytest.raises(LayoutError, match=r"t0.npy holds 3 pages, the layout says 2"):
        fewer.check(open_frame(tmp_path / "in" / "t0.npy"), ("0", "", "", ""))


def test_channels_in_pages_are_named_in_order(tmp_path: Path) -> None:
    write_pages(tmp_path / "in")
    command = ["convert", str(tmp_path / "in"), "-p", "t{t}.npy", "--pages", "c", "-c", "A,B,C"]
    assert main([*command, "-o", str(tmp_path / "c.nd2")]) == 0
    with Nd2Reader(tmp_path / "c.nd2") as reader:
        assert reader.channel_names == ("A", "B", "C")
        assert reader.sizes["T"] == 2


def test_another_axis_of_pages_is_another_file(tmp_path: Path) -> None:
    write_pages(tmp_path / "in")
    (tmp_path / "in" / "t1.npy").unlink()
    plans = [
        plan_conversion(
            collect_folder(
                tmp_path / "in", Layout(pattern=compile_pattern("t{p}.npy"), pages=pages)
            )[0]
        )
        for pages in "zt"
    ]
    output = convert(plans[0], tmp_path / "o.nd2").output
    assert [holds_sequence(output, plan) for plan in plans] == [True, False]


def test_files_of_several_planes_are_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [f"{number}" for number in range(40)]
    files = {}
    for number, p in enumerate(labels):
        path = tmp_path / f"p{p}.npy"
        np.save(path, np.full((5, 4, 5), number, "u2"))
        files["", p, "", ""] = open_frame(path)
    plan = plan_frames(
        join_files(files, [[""], labels, [""], [""]], pages="t"),
        StatedMetadata(),
        title="",
        layout="",
    )
    opened: list[Path] = []

    def open_counted(path: Path) -> BinaryIO:
        opened.append(path)
        return open_regular(path)

    monkeypatch.setattr("nd2watch.sources.plane_reader.open_regular", open_counted)
    convert(plan, tmp_path / "o.nd2")
    assert len(opened) == 40  # time points alternate between the files


def test_the_service_takes_files_of_several_planes(tmp_path: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nd2watch", "run", "--once", "--config", str(config)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    write_pages(tmp_path / "in")
    config = tmp_path / "config.toml"
    text = """
    [output]
    folder = "out"
    [service]
    settle_s = 0.05
    give_up_s = 0.2
    log_format = "json"
    [[watch]]
    name = "pages"
    folder = "in"
    pattern = "t{t}.npy"
    output = "pages.nd2"
    %s
    [watch.axes]
    t = 2
    """
    config.write_text(text % "")
    refused = run()
    assert refused.returncode != 0
    assert "nothing says what they are" in refused.stderr
    config.write_text(text % 'pages = "z"')
    assert run().returncode == 0
    with nd2.ND2File(tmp_path / "out" / "pages.nd2") as file:
        assert dict(file.sizes) == {"T": 2, "Z": 3, "Y": 24, "X": 32}
        expected = [np.load(tmp_path / "in" / f"t{t}.npy") for t in range(2)]
        np.testing.assert_array_equal(file.asarray(), expected)


def test_pages_is_the_axis_of_unknown_planes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5), "u1"))
    assert open_frame(tmp_path / "a.npy").info.axes == ((PAGES, 3),)
    (tmp_path / "b.tif").write_bytes(encode_frame(noise(1)))
    assert open_frame(tmp_path / "b.tif").info.axes == ()
