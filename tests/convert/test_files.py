"""The files that a sequence becomes, where its channels differ in their Z planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nd2watch.convert import collect_folder, plan_files
from nd2watch.experiment import Layout, compile_regex
from nd2watch.sources import encode_frame
from tests.frames import noise

if TYPE_CHECKING:
    from pathlib import Path

PLANES = {"1": 3, "2": 1, "3": 2}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("DAPI", "DIC", "GFP"), ["", "GFP", "DIC"]),
        (("DAPI", "GFP", "GFP"), ["", "3", "2"]),
        (("DAPI", "a&b", "a'b"), ["", "3", "2"]),
    ],
    ids=["names", "one name", "names that files cannot have"],
)
def test_files_are_told_apart_by_the_names_of_channels_or_else_by_labels(
    tmp_path: Path, names: tuple[str, ...], parts: list[str]
) -> None:
    for (label, count), name in zip(PLANES.items(), names, strict=True):
        for z in range(count):
            path = tmp_path / f"img_z{z}_w{label}{name}.tif"
            path.write_bytes(encode_frame(noise(z)))
    layout = Layout(
        pattern=compile_regex(r"img_z(?P<z>\d)_w(?P<c>\d)(?P<cname>.+)\.tif"),
        channel_name="cname",
        planes=PLANES,
        ragged_z="separate",
    )
    (sequence,) = collect_folder(tmp_path, layout)
    assert [file.part for file in plan_files(sequence)] == parts
