"""Sidecars of all kinds, cut and damaged at random, are read or refused."""

from __future__ import annotations

import math
import re
import time
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nd2watch.errors import SidecarError
from nd2watch.sidecars import Sidecar, read_sidecar
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo
from tests.sidecars.samples import Sample, samples

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLES: Final = samples()
EACH: Final = pytest.mark.parametrize("sample", SAMPLES, ids=str)
MANY: Final = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBER: Final = re.compile(rb"(?<![\w.#+-])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
ABSURD: Final = (
    *(b"1e999", b"-5", b"NaN", b"-Infinity", b"0", b"1" + b"0" * 30, b"9" * 5000),
    *(b"", b"x"),
)
LONGEST_S: Final = 2.0


def told(folder: Path, sample: Sample, data: bytes) -> Sidecar | None:
    """Return what data tell, None where they are refused, and hold it to what can be."""
    path = folder / sample.name
    path.write_bytes(data)
    begun = time.process_time()
    try:
        sidecar = read_sidecar(path, sample.kind)[0]
    except SidecarError:
        sidecar = None
    assert time.process_time() - begun < LONGEST_S
    if sidecar is not None:
        assert_possible(sidecar)
    return sidecar


def assert_possible(sidecar: Sidecar) -> None:
    """Refuse numbers that cannot be, and paths that lead elsewhere."""
    assert sidecar.sizes.keys() <= {"t", "p", "z", "c"}
    counts = (*sidecar.sizes.values(), *sidecar.planes.values())
    sides = (sidecar.sites, sidecar.plate_rows, sidecar.plate_columns)
    for count in (*counts, *(side for side in sides if side is not None)):
        assert type(count) is int
        assert 1 <= count <= 10_000_000
    assert all(re.fullmatch(r"[A-Z]+\d{2,}", well) for well in sidecar.wells)
    assert set(sidecar.frames) <= set(sidecar.files)
    assert len(set(sidecar.files)) == len(sidecar.files)
    for file in sidecar.files:
        path = PurePosixPath(file)
        assert str(path) == file
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert "\\" not in file
    values: tuple[object, ...] = (sidecar, sidecar.optics, *sidecar.channels.values())
    assert_finite((*values, *sidecar.frames.values()))


def assert_finite(values: Iterable[object]) -> None:
    """Refuse numbers that are not finite, and sizes that are not above 0."""
    for value in values:
        assert isinstance(value, Sidecar | OpticsInfo | ChannelInfo | PlaneInfo)
        for each in fields(value):
            found = getattr(value, each.name)
            parts = found if isinstance(found, tuple) else (found,)
            for number in parts:
                if isinstance(number, float):
                    assert math.isfinite(number)
                    assert number > 0 or each.name in ("time_ms", "stage_um")


@EACH
def test_samples_are_read(tmp_path: Path, sample: Sample) -> None:
    assert told(tmp_path, sample, sample.data) is not None


@EACH
@MANY
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, sample: Sample, data: bytes) -> None:
    told(tmp_path, sample, data)


@EACH
def test_what_is_cut_tells_nothing_that_the_whole_does_not(tmp_path: Path, sample: Sample) -> None:
    whole = told(tmp_path, sample, sample.data)
    assert whole is not None
    length = len(sample.data.rstrip())
    for end in range(0, length, max(length // 1000, 1)):
        part = told(tmp_path, sample, sample.data[:end])
        if part is None:
            continue
        assert part.is_closed is not True
        assert part.files == whole.files[: len(part.files)]
        assert part.sizes.items() <= whole.sizes.items()
        assert set(part.wells) <= set(whole.wells)
        assert part.started in (None, whole.started)
        assert (part.sites, part.plate_rows) in (
            (sites, rows) for sites in (None, whole.sites) for rows in (None, whole.plate_rows)
        )


@EACH
@MANY
@given(
    bytes_=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=3),
    spans=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 200), st.floats(0, 1), st.integers(0, 3)),
        max_size=3,
    ),
)
def test_damage_is_survived(
    tmp_path: Path,
    sample: Sample,
    bytes_: list[tuple[float, int]],
    spans: list[tuple[float, int, float, int]],
) -> None:
    data = bytearray(sample.data)
    for place, value in bytes_:
        data[int(place * (len(data) - 1))] = value
    for place, length, target, times in spans:
        start, to = int(place * len(data)), int(target * len(data))
        span = data[start : start + length]
        del data[start : start + length]
        data[to:to] = span * times
    told(tmp_path, sample, bytes(data))


@EACH
@MANY
@given(absurd=st.sampled_from(ABSURD), place=st.floats(0, 1), alone=st.booleans())
def test_absurd_numbers_are_left_out(
    tmp_path: Path, sample: Sample, absurd: bytes, place: float, alone: bool
) -> None:
    found = list(NUMBER.finditer(sample.data))
    chosen = found[int(place * (len(found) - 1)) :]
    data = sample.data
    for number in reversed(chosen[:1] if alone else chosen):
        data = data[: number.start()] + absurd + data[number.end() :]
    told(tmp_path, sample, data)


@EACH
@pytest.mark.parametrize("absurd", ABSURD)
def test_a_sidecar_with_absurd_numbers_alone_is_survived(
    tmp_path: Path, sample: Sample, absurd: bytes
) -> None:
    told(tmp_path, sample, NUMBER.sub(absurd, sample.data))
