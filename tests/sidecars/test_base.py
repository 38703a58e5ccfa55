"""What a sidecar tells, and several together."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from nd2watch.sidecars import Sidecar, joined
from nd2watch.sources import ChannelInfo, OpticsInfo, PlaneInfo

STARTED = datetime(2024, 5, 6, tzinfo=UTC)


def test_of_several_the_first_that_tells_something_counts() -> None:
    silent = Sidecar()
    first = Sidecar(sizes={"t": 2}, sites=3, plate_name="P", optics=OpticsInfo(zoom=2.0))
    second = Sidecar(
        sizes={"t": 5, "z": 4}, sites=9, plate_name="Q", started=STARTED, wells=("A01",)
    )
    assert joined([silent, first, second]) == Sidecar(
        sizes={"t": 2, "z": 4},
        sites=3,
        plate_name="P",
        optics=OpticsInfo(zoom=2.0),
        started=STARTED,
        wells=("A01",),
    )
    assert joined([]) == silent


def test_lists_are_put_together_in_order_each_frame_once() -> None:
    one, other = PlaneInfo(time_ms=1.0), PlaneInfo(time_ms=2.0)
    first = Sidecar(files=("b", "a"), frames={"b": one}, channels={"2": ChannelInfo(name="GFP")})
    second = Sidecar(
        files=("a", "c"), frames={"b": other, "c": other}, channels={"1": ChannelInfo(name="DAPI")}
    )
    both = joined([first, second])
    assert both.files == ("b", "a", "c")
    assert dict(both.frames) == {"b": one, "c": other}
    assert list(both.channels) == ["2", "1"]


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ([], None),
        ([None, None], None),
        ([None, True], True),
        ([True, None, True], True),
        ([True, False, True], False),
        ([False, None], False),
    ],
)
def test_all_are_closed_when_one_is_and_none_is_not(
    states: list[bool | None], together: bool | None
) -> None:
    assert joined(Sidecar(is_closed=state) for state in states).is_closed is together


def test_many_sidecars_are_joined_in_time_that_is_linear() -> None:
    names = [f"Pos{number}/img_{number}" for number in range(2_000)]
    many = [
        Sidecar(
            files=tuple(f"{name}_{t}.tif" for t in range(50)),
            frames={f"{name}_{t}.tif": PlaneInfo() for t in range(50)},
        )
        for name in names
    ]
    begun = time.process_time()
    assert len(joined(many).files) == 100_000
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "absurd",
    [
        {"sizes": {"t": 0, "z": -5, "c": 10**30}},
        {"sites": -1, "plate_rows": 0, "plate_columns": 10**30},
        {"pixel_size_um": float("inf"), "z_step_um": -1.0, "period_ms": 1e300},
        {"pixel_size_um": float("nan"), "planes": {"1": 0}},
        {"started": datetime(1, 1, 1, tzinfo=UTC)},
        {"started": datetime(2024, 5, 6)},
    ],
)
def test_what_cannot_be_is_unknown(absurd: dict[str, Any]) -> None:
    assert Sidecar(**absurd) == Sidecar()


def test_paths_may_be_told_from_a_folder_above() -> None:
    sidecar = Sidecar(files=("a.tif",), frames={"a.tif": PlaneInfo(time_ms=1.0)})
    assert sidecar.below("") is sidecar
    assert sidecar.below("P/Images").files == ("P/Images/a.tif",)
    assert dict(sidecar.below("P").frames) == {"P/a.tif": PlaneInfo(time_ms=1.0)}
