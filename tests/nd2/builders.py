"""Values and files that several tests of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nd2
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    Nd2Reader,
    Nd2Writer,
    Picture,
    StagePosition,
    TimeLoop,
    XYPosLoop,
    ZStackLoop,
)
from nd2watch.nd2.chunks import (
    ChunkPlace,
    encode_map,
    encode_metadata,
    encode_signature,
    read_data,
    read_map,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import numpy.typing as npt

    from nd2watch.nd2 import Loop

quick = settings(
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
"""Settings of properties that compute only."""

slow = settings(quick, max_examples=25)
"""Settings of properties that write files."""

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.generic]]

PERIOD_MS = 1000.0
FRAME_MS = 12.5
STEP_UM = 0.5

NAMES = ("DAPI", "GFP", "Cy3 é", "Cy5 😀", "明視野")
COLORS = (0x0000FF, 0x00FF00, 0xFF8000, 0xFF0000, 0x123456)
EXCITATION = (385.0, 488.0, 555.0, 640.0, None)
EMISSION = (460.0, 520.0, 580.5, 670.0, None)


def random_frames(
    shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint16, *, seed: int = 0, bits: int = 0
) -> Pixels:
    """Return random frames, shape (frame, Y, X, component)."""
    kind = np.dtype(dtype)
    top = 1 << (bits or 8 * kind.itemsize)
    return np.random.default_rng(seed).integers(0, top, shape).astype(kind)


def loops(times: int = 0, positions: int = 0, planes: int = 0) -> Experiment:
    """Return the loops whose count is above 0."""
    found: list[Loop] = []
    if times:
        duration_ms = PERIOD_MS * (times - 1)
        mean_ms = PERIOD_MS + FRAME_MS
        found.append(
            TimeLoop(
                count=times,
                period_ms=PERIOD_MS,
                duration_ms=duration_ms,
                period_min_ms=PERIOD_MS,
                period_mean_ms=mean_ms,
                period_max_ms=mean_ms + 1,
            )
        )
    if positions:
        found.append(XYPosLoop(positions=tuple(stage(p) for p in range(positions))))
    if planes:
        found.append(ZStackLoop(count=planes, step_um=STEP_UM))
    return Experiment(loops=tuple(found))


def stage(position: int) -> StagePosition:
    """Return the position of this number; its Z is that of the home plane."""
    return StagePosition(
        name=f"Well {position} µ",
        x_um=1000.0 + 100 * position,
        y_um=-2000.0 + 200 * position,
        z_um=50.0 + 5 * position,
    )


def frame_metadata(experiment: Experiment) -> list[FrameMetadata]:
    """Return time and place of every frame, as a microscope would record them."""
    counts = tuple(experiment.sizes.values())
    stack = experiment.z_stack
    rows = []
    for index in range(experiment.frame_count):
        at = dict(zip(experiment.sizes, np.unravel_index(index, counts), strict=True))
        place = stage(int(at.get("p", 0)))
        above = (int(at["z"]) - stack.home_index) * stack.step_um if stack else 0.0
        time_ms = 100.0 + PERIOD_MS * int(at.get("t", 0)) + FRAME_MS * index
        rows.append(
            FrameMetadata(
                time_ms=time_ms, x_um=place.x_um, y_um=place.y_um, z_um=place.z_um + above
            )
        )
    return rows


def channels(count: int) -> tuple[Channel, ...]:
    """Return the first of five channels."""
    return tuple(
        Channel(
            name=NAMES[n],
            color=COLORS[n],
            excitation_nm=EXCITATION[n],
            emission_nm=EMISSION[n],
        )
        for n in range(count)
    )


def attributes_of(
    frames: Pixels, bits_significant: int = 0, zlib_level: int | None = None
) -> ImageAttributes:
    """Return the attributes of frames, shape (frame, Y, X, component)."""
    count, height, width, components = frames.shape
    return ImageAttributes(
        width=width,
        height=height,
        component_count=components,
        bits_in_memory=8 * frames.dtype.itemsize,
        bits_significant=bits_significant,
        frame_count=count,
        zlib_level=zlib_level,
    )


def write_one(
    path: Path, pixels: npt.ArrayLike, attributes: ImageAttributes, picture: Picture | None = None
) -> Path:
    """Write a single frame and return `path`."""
    with Nd2Writer(path, attributes, picture=picture) as writer:
        writer.write_frame(pixels)
    return path


def read_ours(path: Path) -> Pixels:
    """Return all frames, shape (frame, Y, X, component)."""
    with Nd2Reader(path) as reader:
        return np.stack([reader.read_frame(n) for n in range(reader.attributes.frame_count)])


def read_theirs(path: Path) -> Pixels:
    """Return all frames as nd2 reads them, in the same shape; its RGB is in stored order."""
    with nd2.ND2File(path) as file:
        sizes = file.attributes
        count, height, width = sizes.sequenceCount, sizes.heightPx, sizes.widthPx
        assert width
        frames = [file.read_frame(n) for n in range(count)]
        rgb = "S" in file.sizes
        shaped = [
            frame.reshape(height, width, -1)
            if rgb
            else np.moveaxis(frame.reshape(-1, height, width), 0, -1)
            for frame in frames
        ]
        whole = np.stack(shaped)
        assert np.array_equal(file.asarray().ravel(), np.stack(frames).ravel(), equal_nan=True)
    return whole


def assert_equal_pixels(path: Path, expected: Pixels) -> None:
    """Compare all frames, shape (frame, Y, X, component), as read here and by nd2."""
    for found in (read_ours(path), read_theirs(path)):
        assert found.dtype == expected.dtype.newbyteorder("=")
        assert found.shape == expected.shape
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")


def write_nd2(
    path: Path,
    frames: Pixels,
    experiment: Experiment | None = None,
    *,
    metadata: list[FrameMetadata] | None = None,
    pixel_size_um: float | None = 0.325,
    started: datetime | None = None,
    bits_significant: int = 0,
) -> Path:
    """Write frames, shape (frame, Y, X, component), and return `path`."""
    experiment = experiment or Experiment()
    picture = Picture(
        channels=channels(frames.shape[-1]), pixel_size_um=pixel_size_um, started=started
    )
    rows = metadata or frame_metadata(experiment)
    with Nd2Writer(
        path, attributes_of(frames, bits_significant), experiment=experiment, picture=picture
    ) as writer:
        for frame, row in zip(frames, rows, strict=True):
            writer.write_frame(frame, row)
    return path


def chunks_of(path: Path) -> dict[str, bytes]:
    """Return the data of every chunk."""
    with path.open("rb") as file:
        return {name: read_data(file, name, place) for name, place in read_map(file).items()}


def file_of(chunks: dict[str, bytes]) -> bytes:
    """Return a file of chunks and their map, whatever they hold."""
    parts = [encode_signature()]
    places = {}
    offset = len(parts[0])
    for name, data in chunks.items():
        places[name] = ChunkPlace(offset=offset, data_size=len(data))
        parts.append(encode_metadata(name, data))
        offset += len(parts[-1])
    return b"".join([*parts, encode_map(places, offset)])


finite = st.floats(-1e6, 1e6, allow_subnormal=False)
counts = st.integers(0, 3)
experiments = st.builds(loops, times=counts, positions=counts, planes=counts)
