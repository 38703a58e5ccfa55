"""Files that are given in their order, converted from Python."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from nd2watch import Nd2Reader, OutputExists
from nd2watch.experiment_factory import ExperimentFactory
from nd2watch.metadata_factory import MetadataFactory
from nd2watch.nd2 import (
    Channel,
    Experiment,
    ImageAttributes,
    Nd2Writer,
    Optics,
    Picture,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from nd2watch.tools import LimImageSource, convert_sequence_to_nd2
from tests.frames import noise

if TYPE_CHECKING:
    import numpy.typing as npt

    from tests.oracles import VendorSdk


def write_frames(folder: Path, count: int, prefix: str = "f", **options: Any) -> list[Path]:
    """Write TIFF files of one plane each."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{prefix}{number}.tif" for number in range(count)]
    for number, path in enumerate(paths):
        tifffile.imwrite(path, noise(hash_of(prefix) + number), **options)
    return paths


def hash_of(text: str) -> int:
    """Return a number that differs between texts."""
    return sum(1000 * ord(character) for character in text)


def pixels_of(path: Path) -> npt.NDArray[Any]:
    """Return all pixels as nd2 reads them."""
    with nd2.ND2File(path) as file:
        return file.asarray()


def test_frames_are_positions_unless_something_else_is_said(
    tmp_path: Path, vendor_sdk: VendorSdk
) -> None:
    files = write_frames(tmp_path / "in", 3)
    items: list[str | Path] = [str(files[0]), *files[1:]]
    output = convert_sequence_to_nd2(items, tmp_path / "o.nd2")
    assert output == tmp_path / "o.nd2"
    view = vendor_sdk.read(output)
    assert view.loops == [("XYPosLoop", 3)]
    for file, frame in zip(files, view.frames, strict=True):
        np.testing.assert_array_equal(frame[:, :, 0], tifffile.imread(file))


@pytest.mark.parametrize(
    ("word", "axis"),
    [("timeloop", "T"), ("t", "T"), ("zstack", "Z"), ("z", "Z"), ("multipoint", "P"), ("m", "P")],
)
def test_a_word_says_what_the_sequence_is_of(tmp_path: Path, word: str, axis: str) -> None:
    files = write_frames(tmp_path / "in", 4)
    output = convert_sequence_to_nd2(files, str(tmp_path / "o.nd2"), experiment=word)
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {axis: 4, "Y": 24, "X": 32}
    np.testing.assert_array_equal(pixels_of(output), [tifffile.imread(file) for file in files])


def test_a_list_of_lists_holds_the_channels_of_each_frame(tmp_path: Path) -> None:
    rows = [
        (LimImageSource.open(a), b)
        for a, b in zip(
            write_frames(tmp_path / "in", 3, "a"),
            write_frames(tmp_path / "in", 3, "b"),
            strict=True,
        )
    ]
    output = convert_sequence_to_nd2(rows, tmp_path / "o.nd2", experiment="t")
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {"T": 3, "C": 2, "Y": 24, "X": 32}
        assert [c.channel.name for c in file.metadata.channels or ()] == ["Channel 1", "Channel 2"]
    expected = [[tifffile.imread(a.filename), tifffile.imread(b)] for a, b in rows]
    np.testing.assert_array_equal(pixels_of(output), expected)


def test_given_loops_and_metadata_are_written(tmp_path: Path, vendor_sdk: VendorSdk) -> None:
    files = write_frames(tmp_path / "in", 12)
    loops = Experiment(
        loops=(
            TimeLoop(count=2, period_ms=500),
            XYPosLoop(positions=(StagePosition(x_um=1), StagePosition(x_um=7, y_um=8))),
            ZStackLoop(count=3, step_um=0.4),
        )
    )
    picture = Picture(
        channels=(Channel(name="GFP", color=0x00FF00, excitation_nm=488, emission_nm=520),),
        optics=Optics(magnification=60, numerical_aperture=1.4),
        pixel_size_um=0.11,
    )
    attributes = ImageAttributes(width=32, height=24, frame_count=12)
    output = convert_sequence_to_nd2(files, tmp_path / "o.nd2", attributes, loops, picture)
    view = vendor_sdk.read(output)
    assert view.loops == [("TimeLoop", 2), ("XYPosLoop", 2), ("ZStackLoop", 3)]
    assert view.experiment[0]["parameters"]["periodMs"] == 500
    assert view.experiment[1]["parameters"]["points"][1]["stagePositionUm"][:2] == [7, 8]
    assert view.experiment[2]["parameters"]["stepUm"] == 0.4
    (channel,) = view.metadata["channels"]
    assert channel["channel"]["name"] == "GFP"
    assert channel["microscope"]["objectiveMagnification"] == 60
    assert channel["volume"]["axesCalibration"] == [0.11, 0.11, 0.4]
    for file, frame in zip(files, view.frames, strict=True):
        np.testing.assert_array_equal(frame[:, :, 0], tifffile.imread(file))
    times = [f["channels"][0]["time"]["relativeTimeMs"] for f in view.frame_metadata]
    assert times[:6] == pytest.approx([0] * 6, abs=0.01)
    assert times[6:] == pytest.approx([500] * 6, abs=0.01)
    with Nd2Reader(output) as reader:  # the stage of each frame, which some readers look for
        frames = reader.frame_metadata()
    assert [(f.x_um, f.y_um) for f in frames[2:4]] == [(1, 0), (7, 8)]
    assert [f.z_um for f in frames[:3]] == pytest.approx([-0.4, 0, 0.4])


def test_a_factory_without_planes_states_nothing_of_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    stack = np.stack([noise(1), noise(2)])
    tifffile.imwrite(path, stack, metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}})
    metadata = MetadataFactory(pixel_calibration=0.3, pinhole_diameter=50).createMetadata()
    output = convert_sequence_to_nd2([path], tmp_path / "o.nd2", metadata=metadata)
    with Nd2Reader(output) as reader:
        assert reader.channel_names == ("DAPI", "GFP")
        assert reader.pixel_size_um == 0.3
        assert [channel.pinhole_um for channel in reader.picture.channels] == [50, 50]


def test_attributes_give_bits_and_compression(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.tif" for number in range(2)]
    for number, path in enumerate(files):
        tifffile.imwrite(path, noise(number) >> 4)
    attributes = ImageAttributes(
        width=32, height=24, bits_significant=12, frame_count=2, zlib_level=5
    )
    output = convert_sequence_to_nd2(files, tmp_path / "o.nd2", attributes, "t")
    with Nd2Reader(output) as reader:
        assert reader.attributes == attributes
    np.testing.assert_array_equal(pixels_of(output), [tifffile.imread(file) for file in files])


def test_files_of_several_planes_give_all_of_them(tmp_path: Path) -> None:
    stacks = [np.stack([noise(10 * n + z) for z in range(3)]) for n in range(2)]
    paths = [tmp_path / f"{n}.tif" for n in range(2)]
    for path, stack in zip(paths, stacks, strict=True):
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX", "spacing": 0.5})
    single = convert_sequence_to_nd2(paths[:1], tmp_path / "one.nd2")
    with nd2.ND2File(single) as file:
        assert dict(file.sizes) == {"Z": 3, "Y": 24, "X": 32}
    in_time = convert_sequence_to_nd2(paths, tmp_path / "t.nd2", experiment="timeloop")
    with nd2.ND2File(in_time) as file:
        assert dict(file.sizes) == {"T": 2, "Z": 3, "Y": 24, "X": 32}
    np.testing.assert_array_equal(pixels_of(in_time), stacks)
    longer = convert_sequence_to_nd2(paths, tmp_path / "z.nd2", experiment="zstack")
    with nd2.ND2File(longer) as file:
        assert dict(file.sizes) == {"Z": 6, "Y": 24, "X": 32}
    np.testing.assert_array_equal(pixels_of(longer), np.concatenate(stacks))


def test_pages_of_which_nothing_is_known_are_points_of_the_sequence(tmp_path: Path) -> None:
    stacks = [np.stack([noise(10 * n + z) for z in range(3)]) for n in range(2)]
    paths = [tmp_path / f"{n}.npy" for n in range(2)]
    for path, stack in zip(paths, stacks, strict=True):
        np.save(path, stack)
    default = convert_sequence_to_nd2(paths, tmp_path / "p.nd2")
    with nd2.ND2File(default) as file:
        assert dict(file.sizes) == {"P": 6, "Y": 24, "X": 32}
        assert "3 pages are taken for positions" in file.text_info["description"]
    in_time = convert_sequence_to_nd2(paths, tmp_path / "t.nd2", experiment="t")
    np.testing.assert_array_equal(pixels_of(in_time), np.concatenate(stacks))


LOOPS: dict[str, Any] = {
    "t": lambda n: TimeLoop(count=n, period_ms=10),
    "p": lambda n: XYPosLoop(positions=tuple(StagePosition(x_um=k) for k in range(n))),
    "z": lambda n: ZStackLoop(count=n),
}


@pytest.mark.parametrize(
    ("sizes", "files", "pages", "order"),
    [
        ({"t": 2, "z": 3}, 2, 3, "files, pages"),  # the pages are the inner loop
        ({"t": 3, "z": 2}, 2, 3, "pages, files"),  # they can only be the time points
        ({"t": 3, "p": 2}, 2, 3, "pages, files"),
        ({"t": 2, "p": 2, "z": 3}, 2, 6, "files, pages"),  # positions and planes
        ({"t": 2, "p": 2, "z": 3}, 1, 12, "files, pages"),
        ({"t": 3, "z": 3}, 3, 3, "files, pages"),
    ],
)
def test_pages_are_the_loops_that_they_fit(
    tmp_path: Path, sizes: dict[str, int], files: int, pages: int, order: str
) -> None:
    values = np.arange(files * pages, dtype="u2").reshape(files, pages)
    paths = [tmp_path / f"{n}.npy" for n in range(files)]
    for path, own in zip(paths, values, strict=True):
        np.save(path, np.broadcast_to(own[:, None, None], (pages, 4, 5)))
    loops = tuple(LOOPS[axis](count) for axis, count in sizes.items())
    output = convert_sequence_to_nd2(paths, tmp_path / "o.nd2", experiment=Experiment(loops=loops))
    found = pixels_of(output)[..., 0, 0].reshape(-1)
    expected = values if order == "files, pages" else values.T
    assert found.tolist() == expected.reshape(-1).tolist()


def test_pages_of_which_it_is_not_clear_which_loop_they_are_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((3, 4, 5), "u2"))
    for sizes in ({"t": 3, "p": 3, "z": 2}, {"t": 2, "z": 2}):
        loops = tuple(LOOPS[axis](count) for axis, count in sizes.items())
        with pytest.raises(ValueError, match="holds 3 pages, and nothing says which of the loops"):
            convert_sequence_to_nd2(
                [path] * 6, tmp_path / "o.nd2", experiment=Experiment(loops=loops)
            )


def test_time_series_of_nd2_are_put_behind_each_other(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "in", 5)
    picture = Picture(
        channels=(Channel(name="DIA", color=0x808080, exposure_ms=20, camera="Zyla"),),
        optics=Optics(objective_name="Plan Apo", magnification=20, immersion_index=1.0),
        pixel_size_um=0.65,
    )
    parts = [
        convert_sequence_to_nd2(part, tmp_path / f"{n}.nd2", experiment="t", metadata=picture)
        for n, part in enumerate((frames[:3], frames[3:]))
    ]
    output = convert_sequence_to_nd2(parts, tmp_path / "all.nd2", experiment="timeloop")
    np.testing.assert_array_equal(pixels_of(output), [tifffile.imread(file) for file in frames])
    with Nd2Reader(output) as reader:
        assert reader.sizes == {"T": 5, "C": 1, "Y": 24, "X": 32}
        assert reader.picture.channels == picture.channels
        assert reader.picture.optics == picture.optics
        assert reader.pixel_size_um == 0.65


@settings(max_examples=15)
@given(st.data())
def test_loops_are_found_in_files_or_between_them_alike(data: st.DataObject) -> None:
    sizes = {axis: data.draw(st.integers(1, 2), label=axis) for axis in "tpz"}
    inside = {axis: data.draw(st.integers(1, 2), label=f"{axis} in files") for axis in "tpz"}
    order = data.draw(st.permutations("tpz"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = []
        for outer in itertools.product(*(range(sizes[axis]) for axis in "tpz")):
            path = folder / f"{'_'.join(map(str, outer))}.nd2"
            shape = [inside[axis] for axis in order]
            experiment = Experiment(loops=tuple(LOOPS[axis](inside[axis]) for axis in order))
            attributes = ImageAttributes(width=3, height=2, frame_count=experiment.frame_count)
            with Nd2Writer(path, attributes, experiment=experiment) as writer:
                for inner in np.ndindex(*shape):
                    own = dict(zip(order, inner, strict=True))
                    at = [o * inside[a] + own[a] for o, a in zip(outer, "tpz", strict=True)]
                    writer.write_frame(np.full((2, 3), 100 * at[0] + 10 * at[1] + at[2], "u2"))
            paths.append(path)
        whole = {axis: sizes[axis] * inside[axis] for axis in "tpz"}
        output = convert_sequence_to_nd2(
            paths,
            folder / "out.nd2",
            experiment=Experiment(loops=tuple(LOOPS[axis](whole[axis]) for axis in "tpz")),
        )
        with Nd2Reader(output) as reader:
            found = [
                int(reader.read_frame(n)[0, 0, 0]) for n in range(reader.attributes.frame_count)
            ]
    places = itertools.product(*(range(whole[axis]) for axis in "tpz"))
    assert found == [100 * t + 10 * p + z for t, p, z in places]


def test_contradictions_are_refused_by_name(tmp_path: Path) -> None:
    files = write_frames(tmp_path / "in", 6)
    rgb = tmp_path / "rgb.tif"
    tifffile.imwrite(rgb, np.zeros((24, 32, 3), "u1"))
    small = tmp_path / "small.tif"
    tifffile.imwrite(small, noise(1, (5, 6)))
    bytes_ = tmp_path / "bytes.tif"
    tifffile.imwrite(bytes_, np.zeros((24, 32), "u1"))
    a, b, c, *_ = files
    two = Picture(channels=(Channel(name="A"), Channel(name="B")))
    loops = Experiment(loops=(TimeLoop(count=4),))
    wrong = ImageAttributes(width=32, height=24, frame_count=2)
    for arguments, message in (
        (([],), "there are no files"),
        ((str(a),), "is no list of files"),
        (([a, 5],), "item 2 is 5"),
        (([a, [b]],), "item 1 is no list of channels, but item 2 is"),
        (([[a, b], [c]],), r"frame 2 has 1 channels .*f2.tif.* frame 1 has 2"),
        (([[a, b], []],), "frame 2 has no files"),
        (([[a], [None]],), "item 2, channel 1 is None"),
        (([a, small],), r"small.tif is 6 x 5 uint16, .*f0.tif is 32 x 24 uint16"),
        (([a, bytes_],), r"bytes.tif is 32 x 24 uint8"),
        (([[rgb, rgb]],), r"rgb.tif is RGB, one of 2 channels"),
        (([a, rgb],), r"rgb.tif is 32 x 24 RGB uint8"),
        (([a, b], wrong.__class__(width=32, height=24, frame_count=3)), "frame_count is 3, by the"),
        (([[a, b]], wrong), "component_count is 1, by the files 2; frame_count is 2, by"),
        (([a, b], None, "lambda"), "'lambda' is no experiment"),
        (([a, b, c], None, loops), r"loops \(t=4\) make 4 frames, the files give 3"),
        (([a, b], None, None, two), r"2 channels are stated \(A, B\), the files have 1"),
        (
            ([a], None, None, Picture(channels=(Channel(name="A", component_count=3),))),
            "metadata are of an RGB image",
        ),
        (([a], None, ExperimentFactory(t=1)), "experiment is ExperimentFactory; it must be a word"),
        (([a], None, None, MetadataFactory()), r"metadata is MetadataFactory; .*createMetadata"),
        (([a], {"width": 5}), "attributes is dict"),
        (
            ([a, b], None, Experiment(loops=(ZStackLoop(count=1), TimeLoop(count=2)))),
            "loops are to nest as time, XY position, Z",
        ),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            convert_sequence_to_nd2(arguments[0], tmp_path / "o.nd2", *arguments[1:])  # type: ignore[arg-type]
        assert not (tmp_path / "o.nd2").exists()


def test_files_whose_own_loops_do_not_fit_given_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((3, 24, 32), "u2"), imagej=True, metadata={"axes": "ZYX"})
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((2, 24, 32), "u2"), imagej=True, metadata={"axes": "ZYX"})
    loops = Experiment(loops=(TimeLoop(count=2), ZStackLoop(count=2)))
    with pytest.raises(ValueError, match="the loops have z=2, each file has z=3"):
        convert_sequence_to_nd2([path, path], tmp_path / "o.nd2", experiment=loops)
    with pytest.raises(ValueError, match=r"other.tif holds z=2, .*stack.tif z=3"):
        convert_sequence_to_nd2([path, other], tmp_path / "o.nd2", experiment=loops)
    with pytest.raises(ValueError, match=r"other.tif has 2 planes, .*stack.tif has 3"):
        convert_sequence_to_nd2([path, other], tmp_path / "o.nd2", experiment="t")


def test_an_existing_file_is_replaced_only_if_asked_for(tmp_path: Path) -> None:
    files = write_frames(tmp_path / "in", 2)
    output = tmp_path / "o.nd2"
    output.write_bytes(b"precious")
    with pytest.raises(OutputExists):
        convert_sequence_to_nd2(files, output)
    assert output.read_bytes() == b"precious"
    convert_sequence_to_nd2(files, output, replace=True)
    assert pixels_of(output).shape == (2, 24, 32)


def test_a_missing_file_is_an_error_of_its_kind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone.tif is not there"):
        convert_sequence_to_nd2([tmp_path / "gone.tif"], tmp_path / "o.nd2")
