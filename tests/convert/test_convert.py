"""From a folder of frames to a published file."""

from __future__ import annotations

import errno
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import nd2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from nd2watch.convert import collect_folder, convert, convert_folder, plan_conversion
from nd2watch.errors import (
    ConversionCancelled,
    FrameMismatch,
    LayoutError,
    Nd2WatchError,
    OutputExists,
    SequenceIncomplete,
    SourceChanged,
    SourceError,
    VerificationFailed,
)
from nd2watch.experiment import Calibration, ImageSequence, Layout, compile_pattern
from nd2watch.nd2 import Nd2Reader
from nd2watch.nd2.lite_variant import decode, get
from nd2watch.sources import FileKey, FrameFile, SourceInfo, encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, layout_of, noise, write

if TYPE_CHECKING:
    from tests.oracles import VendorSdk

SIZES = [(t, p, z) for t in (1, 3) for p in (1, 2) for z in (1, 4)]


@pytest.mark.parametrize(("t", "p", "z"), SIZES)
@pytest.mark.parametrize("channels", [("DAPI",), ("GFP", "DAPI", "Cy5")])
def test_every_combination_of_axes_equals_its_sources(
    tmp_path: Path, t: int, p: int, z: int, channels: tuple[str, ...]
) -> None:
    what = acquisition(t=t, p=p, z=z, channels=channels)
    sources = write(tmp_path / "in", what)
    output = tmp_path / "out.nd2"
    convert_folder(tmp_path / "in", output, layout_of(what))
    assert_nd2_equals_sources(output, what, sources)
    with nd2.ND2File(output) as file:
        names = [channel.channel.name for channel in file.metadata.channels or ()]
    assert names == list(channels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_vendor_sdk_sees_the_sources(tmp_path: Path, vendor_sdk: VendorSdk, dtype: str) -> None:
    what = acquisition(t=2, p=3, z=2, dtype=dtype, width=35)
    sources = write(tmp_path / "in", what)
    output = tmp_path / "out.nd2"
    layout = layout_of(what, pixel_size_um=0.325, z_step_um=0.5, period_ms=2000)
    convert_folder(tmp_path / "in", output, layout)
    view = vendor_sdk.read(output)
    assert view.loops == [("TimeLoop", 2), ("XYPosLoop", 3), ("ZStackLoop", 2)]
    names = [channel["channel"]["name"] for channel in view.metadata["channels"]]
    assert names == ["DAPI", "GFP"]
    volume = view.metadata["channels"][0]["volume"]
    assert volume["axesCalibration"] == [0.325, 0.325, 0.5]
    for (t, p, z, c), source in sources.items():
        frame = view.frames[(t * 3 + p) * 2 + z]
        np.testing.assert_array_equal(frame[:, :, c], tifffile.imread(source))
    starts = [m["channels"][0]["time"]["relativeTimeMs"] for m in view.frame_metadata]
    assert starts[0] == 0
    assert starts[6] == 2000


@pytest.mark.parametrize("first", [0, 1, 7])
def test_indices_are_ranked_whatever_their_base(tmp_path: Path, first: int) -> None:
    what = acquisition(first_index=first)
    sources = write(tmp_path / "in", what)
    convert_folder(tmp_path / "in", tmp_path / "out.nd2", layout_of(what, sized=False))
    assert_nd2_equals_sources(tmp_path / "out.nd2", what, sources)


def test_gaps_in_numbering_are_closed(tmp_path: Path) -> None:
    what = acquisition(t=3, p=1, z=1)
    sources = write(tmp_path / "in", what)
    for (t, *_, c), path in list(sources.items()):
        number = (2, 9, 10)[t]
        target = path.with_name(f"img_t{number:03}_xy01_z001_c{what.channels[c]}.tif")
        sources[t, 0, 0, c] = path.rename(target) if t else path
    convert_folder(tmp_path / "in", tmp_path / "out.nd2", layout_of(what))
    assert_nd2_equals_sources(tmp_path / "out.nd2", what, sources)


def test_numbered_channels_get_the_configured_names_in_order(tmp_path: Path) -> None:
    what = acquisition(channels=("1", "2"))
    sources = write(tmp_path / "in", what)
    named = layout_of(acquisition(channels=("FITC", "DAPI")))
    convert_folder(tmp_path / "in", tmp_path / "out.nd2", named)
    assert_nd2_equals_sources(tmp_path / "out.nd2", what, sources)
    with nd2.ND2File(tmp_path / "out.nd2") as file:
        assert [c.channel.name for c in file.metadata.channels or ()] == ["FITC", "DAPI"]


def test_missing_frames_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)
    sources[1, 0, 2, 1].unlink()
    with pytest.raises(SequenceIncomplete, match=r"23 of 24 .*t=2 p=1 z=3 c=GFP"):
        convert_folder(tmp_path / "in", tmp_path / "out" / "o.nd2", layout_of(what))
    assert not (tmp_path / "out").exists()


def test_whole_missing_time_points_are_noticed_with_sizes(tmp_path: Path) -> None:
    what = acquisition(t=2)
    write(tmp_path / "in", what)
    with pytest.raises(SequenceIncomplete, match="2 of 4 values of t"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(acquisition(t=4)))


@pytest.mark.parametrize(
    ("odd", "seen"),
    [(noise(1, (12, 16)), "16 x 12 uint16"), (noise(1).astype("u1"), "32 x 24 uint8")],
    ids=["other size", "other dtype"],
)
def test_a_frame_of_another_format_is_named(tmp_path: Path, odd: object, seen: str) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)
    path = sources[0, 1, 1, 0]
    path.write_bytes(encode_frame(odd))  # type: ignore[arg-type]
    with pytest.raises(FrameMismatch, match=f"{path.name} is {seen}"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    assert not (tmp_path / "o.nd2").exists()


def test_all_unusable_frames_are_named_at_once(tmp_path: Path) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)
    first, second = sources[0, 0, 0, 0], sources[1, 1, 1, 1]
    first.write_text("hello")
    second.write_bytes(second.read_bytes()[:-100])
    with pytest.raises(SourceError, match=f"{first.name}.*{second.name}"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))


def test_files_that_match_nothing_are_reported_and_passed_over(tmp_path: Path) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)
    (tmp_path / "in" / "notes.txt").write_text("hello")
    (tmp_path / "in" / "img_t001.tif.tmp").write_text("unfinished")
    strangers: list[tuple[Path, str]] = []
    convert_folder(
        tmp_path / "in",
        tmp_path / "out.nd2",
        layout_of(what),
        passed_over=lambda path, why: strangers.append((path, why)),
    )
    assert_nd2_equals_sources(tmp_path / "out.nd2", what, sources)
    assert [path.name for path, _ in strangers] == ["notes.txt"]
    assert "does not match" in strangers[0][1]


def test_two_files_for_one_place_are_an_error(tmp_path: Path) -> None:
    what = acquisition(pattern="img_t{t}_xy{p}_z{z}_c{c}.tif")
    sources = write(tmp_path / "in", what)
    path = sources[0, 0, 0, 0]
    (path.with_name("img_t01_xy1_z1_cDAPI.tif")).write_bytes(encode_frame(noise(5)))
    with pytest.raises(SourceError, match=r"are both t=1 p=1 z=1 c=DAPI"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))


def test_several_sequences_in_a_folder_are_not_mixed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "in" / name, acquisition())
    with pytest.raises(LayoutError, match=r"2 sequences \(a, b\)"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(acquisition()))


def test_a_folder_without_frames_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(LayoutError, match="no file below"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(acquisition()))


def test_an_existing_output_is_kept_unless_replaced(tmp_path: Path) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)
    output = tmp_path / "out.nd2"
    output.write_text("precious")
    with pytest.raises(OutputExists, match=r"out\.nd2"):
        convert_folder(tmp_path / "in", output, layout_of(what))
    assert output.read_text() == "precious"
    convert_folder(tmp_path / "in", output, layout_of(what), replace=True)
    assert_nd2_equals_sources(output, what, sources)


@pytest.mark.parametrize("stage", ["before", "while writing", "before publishing"])
def test_a_source_that_changes_stops_the_publication(tmp_path: Path, stage: str) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)
    plan = plan_conversion(collect_folder(tmp_path / "in", layout_of(what))[0])
    victim = sources[0, 0, 0, 0] if stage == "before publishing" else sources[1, 1, 2, 1]

    def rewrite(done: int = 0, total: int = 0) -> None:
        if done == total or stage == "while writing":
            victim.write_bytes(encode_frame(noise(9)))

    if stage == "before":
        rewrite()
    with pytest.raises(SourceChanged, match=victim.name):
        convert(plan, tmp_path / "out" / "o.nd2", progress=rewrite)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_cancelled_conversion_leaves_nothing(tmp_path: Path) -> None:
    what = acquisition()
    write(tmp_path / "in", what)
    plan = plan_conversion(collect_folder(tmp_path / "in", layout_of(what))[0])
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(ConversionCancelled):
        convert(plan, tmp_path / "out" / "o.nd2", cancelled=cancelled)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_does_not_read_back_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = acquisition()
    write(tmp_path / "in", what)
    plan = plan_conversion(collect_folder(tmp_path / "in", layout_of(what))[0])
    real = "nd2watch.nd2.frame_codec.FrameCodec.encode_rows"
    monkeypatch.setattr(real, lambda codec, samples: np.zeros_like(samples).view(np.uint8))
    with pytest.raises(VerificationFailed, match=r"frame 0 .* differs"):
        convert(plan, tmp_path / "out" / "o.nd2")
    assert list((tmp_path / "out").iterdir()) == []


def test_times_and_positions_come_from_the_frames(tmp_path: Path) -> None:
    what = acquisition(t=2, p=2, z=1, channels=("DAPI",))
    sources = write(tmp_path / "in", what)
    for (t, p, _, _), path in sources.items():
        seconds = 37.25 + 10 * t + 2.5 * p
        description = (
            '<MetaData>\n<prop id="ApplicationName" type="string" value="MetaMorph"/>\n<PlaneInfo>'
            '\n<prop id="spatial-calibration-state" type="bool" value="on"/>'
            '\n<prop id="spatial-calibration-x" type="float" value="0.65"/>'
            '\n<prop id="spatial-calibration-units" type="string" value="um"/>'
            '\n<prop id="acquisition-time-local" type="time"'
            f' value="20240422 09:57:{seconds:.3f}"/>'
            f'\n<prop id="stage-position-x" type="float" value="{100 * p}"/>'
            f'\n<prop id="stage-position-y" type="float" value="{-50 * p}"/>'
            '\n<prop id="z-position" type="float" value="12.5"/>\n</PlaneInfo>\n</MetaData>'
        )
        pixels = tifffile.imread(path)
        tifffile.imwrite(
            path, pixels, description=description, software="MetaSeries", metadata=None
        )
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        events = file.events()
        assert [event["Time [s]"] for event in events] == [0.0, 2.5, 10.0, 12.5]
        assert [event["X Coord [µm]"] for event in events] == [0, 100, 0, 100]
        assert [event["Y Coord [µm]"] for event in events] == [0, -50, 0, -50]
        assert [event["Z Coord [µm]"] for event in events] == [12.5] * 4
        assert file.voxel_size().x == 0.65
        assert file.text_info["date"] == "04/22/2024  09:57:37"


def metaseries(**fields: object) -> dict[str, object]:
    """Return options by which tifffile writes a MetaSeries record."""
    entries = "".join(f'<prop id="{k}" type="float" value="{v}"/>\n' for k, v in fields.items())
    record = '<prop id="ApplicationName" type="string" value="MetaMorph"/>\n'
    description = f"<MetaData>\n{record}<PlaneInfo>\n{entries}</PlaneInfo>\n</MetaData>"
    return {"description": description, "software": "MetaSeries", "metadata": None}


def test_a_stack_from_top_to_bottom_is_stored_from_bottom_to_top(
    tmp_path: Path, vendor_sdk: VendorSdk
) -> None:
    what = acquisition(t=1, p=1, z=5, channels=("DAPI",))
    sources = write(tmp_path / "in", what)
    planes = [tifffile.imread(path) for path in sources.values()]
    for z, path in enumerate(sources.values()):
        options = metaseries(
            **{"stage-position-x": 1, "stage-position-y": 2, "z-position": 10 - 0.5 * z}
        )
        tifffile.imwrite(path, planes[z], **options)  # type: ignore[arg-type]
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    view = vendor_sdk.read(tmp_path / "o.nd2")
    heights = [m["channels"][0]["position"]["stagePositionUm"][2] for m in view.frame_metadata]
    assert heights == pytest.approx([8, 8.5, 9, 9.5, 10])
    for frame, plane in zip(view.frames, reversed(planes), strict=True):
        np.testing.assert_array_equal(frame[:, :, 0], plane)
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        assert [event["Z Coord [µm]"] for event in file.events()] == [8, 8.5, 9, 9.5, 10]
        assert file.voxel_size().z == 0.5


def test_what_had_to_be_assumed_is_told(tmp_path: Path) -> None:
    what = acquisition()
    write(tmp_path / "in", what)
    told = convert_folder(tmp_path / "in", tmp_path / "a.nd2", layout_of(what)).assumptions
    about = ["the pixel size", "the Z step", "stage positions", "the times of the acquisition"]
    assert [text.startswith(start) for text, start in zip(told, about, strict=True)] == [True] * 4
    layout = layout_of(what, pixel_size_um=0.2, z_step_um=0.3, period_ms=500)
    told = convert_folder(tmp_path / "in", tmp_path / "b.nd2", layout).assumptions
    about = ["stage positions", "the start of the acquisition"]
    assert [text.startswith(start) for text, start in zip(told, about, strict=True)] == [True] * 2


def test_an_unknown_pixel_size_is_not_shown_as_one(tmp_path: Path) -> None:
    what = acquisition()
    write(tmp_path / "in", what)
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        assert not (file.metadata.channels or [])[0].volume.axesCalibrated[0]
    # nd2reader and Bio-Formats take any pixel size in this chunk for true, but 0.
    with Nd2Reader(tmp_path / "o.nd2") as reader:
        _, calibration = decode(reader.read_chunk("ImageCalibrationLV|0!"))
        assert get(calibration, "dCalibration", float) == 0.0
        assert reader.pixel_size_um is None


def test_each_stack_is_turned_round_by_its_own_positions(tmp_path: Path) -> None:
    what = acquisition(t=1, p=2, z=3, channels=("DAPI",))
    sources = write(tmp_path / "in", what)
    for (_, p, z, _), path in sources.items():
        place = {"stage-position-x": p, "stage-position-y": p, "z-position": (5 + z, 7 - z)[p]}
        tifffile.imwrite(path, tifffile.imread(path), **metaseries(**place))  # type: ignore[arg-type]
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        assert [event["Z Coord [µm]"] for event in file.events()] == [5, 6, 7, 5, 6, 7]


def test_a_stack_of_unknown_heights_has_no_known_step(tmp_path: Path) -> None:
    what = acquisition(t=1, p=1, z=3, channels=("DAPI",))
    for path in write(tmp_path / "in", what).values():
        place = {"stage-position-x": 1, "stage-position-y": 1}
        tifffile.imwrite(path, tifffile.imread(path), **metaseries(**place))  # type: ignore[arg-type]
    result = convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    assert any("Z step is unknown" in text for text in result.assumptions)
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        assert "Z Coord [µm]" not in file.events()[0]


@given(
    changed=st.lists(st.integers(0, 10**13), min_size=1, max_size=5),
    planes=st.integers(1, 4),
    period=st.sampled_from([None, 0.0001, 0.5, 60000.0]),
)
@settings(max_examples=60, deadline=None)
def test_times_that_files_do_not_carry_rise_from_frame_to_frame(
    changed: list[int], planes: int, period: float | None
) -> None:
    layout = Layout(
        pattern=compile_pattern("t{t}_z{z}.tif"), calibration=Calibration(period_ms=period)
    )
    sequence = ImageSequence(layout, ())
    info = SourceInfo(height=2, width=2, dtype=np.dtype("uint8"))
    for t, moment in enumerate(changed):
        for z in range(planes):
            key = FileKey(size=1, mtime_ns=moment, ctime_ns=0, inode=1, device=1)
            frame = FrameFile(path=Path(f"t{t}_z{z}.tif"), key=key, info=info)
            sequence.add((str(t), "", str(z), ""), frame)
    times = [frame.time_ms for frame in plan_conversion(sequence).frames]
    assert times[0] == 0
    assert all(before < after for before, after in pairwise(times))


def test_a_file_that_is_taken_away_at_once_was_published_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = acquisition()
    write(tmp_path / "in", what)
    monkeypatch.setattr(
        "nd2watch.host.publication.sync_folder", lambda folder: (folder / "o.nd2").unlink()
    )
    result = convert_folder(tmp_path / "in", tmp_path / "out" / "o.nd2", layout_of(what))
    assert result.frame_count == 12
    assert result.size > 0


def test_the_configured_period_gives_the_times(tmp_path: Path) -> None:
    what = acquisition(t=3, p=1, z=1, channels=("DAPI",))
    sources = write(tmp_path / "in", what)
    for path in sources.values():
        pixels = tifffile.imread(path)
        tifffile.imwrite(path, pixels, datetime=datetime(2026, 1, 2, 3, 4, 5), metadata=None)
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what, period_ms=60000))
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        assert [event["Time [s]"] for event in file.events()] == [0, 60, 120]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows renames without hard links")
def test_publishing_needs_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    what = acquisition()
    sources = write(tmp_path / "in", what)

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr("nd2watch.host.files.os.link", refuse)
    output = tmp_path / "out" / "o.nd2"
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", refuse)
        with pytest.raises(PermissionError):
            convert_folder(tmp_path / "in", output, layout_of(what))
    assert list(output.parent.iterdir()) == []
    convert_folder(tmp_path / "in", output, layout_of(what))
    assert_nd2_equals_sources(output, what, sources)
    with pytest.raises(OutputExists):
        convert_folder(tmp_path / "in", output, layout_of(what))


def test_trouble_of_the_disk_names_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = acquisition()
    write(tmp_path / "in", what)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nd2watch.pending.PendingFile.sync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*o\.nd2"):
        convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))


def test_the_output_appears_only_when_it_is_finished(tmp_path: Path) -> None:
    what = acquisition()
    write(tmp_path / "in", what)
    output = tmp_path / "out" / "o.nd2"
    seen: list[bool] = []
    convert_folder(
        tmp_path / "in",
        output,
        layout_of(what),
        progress=lambda done, total: seen.append(output.exists()),
    )
    assert seen == [False] * 12
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize("name", ["img_t1_c{c}.tif", "a{b}.tif"])
def test_a_pattern_that_cannot_tell_frames_apart_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Nd2WatchError):
        acquisition(pattern=name)
