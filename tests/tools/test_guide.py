"""The guide for programs written for limnd2: its examples work as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import tifffile

from tests.frames import noise

if TYPE_CHECKING:
    import pytest

GUIDE = Path(__file__).parent.parent.parent / "docs" / "limnd2.md"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("frames").mkdir()
    for t in range(3):
        for number, channel in enumerate(("dapi", "gfp")):
            tifffile.imwrite(f"frames/t{t}_{channel}.tif", noise(10 * t + number))
    pages = np.stack([noise(k) for k in range(4)])
    tifffile.imwrite("stack.tif", pages, imagej=True, metadata={"axes": "ZYX", "spacing": 0.4})
    np.save("pages.npy", pages)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, GUIDE.name, "exec"), names)
    shape = {"Y": 24, "X": 32}
    expected = {
        "time.nd2": {"T": 3, **shape},
        "channels.nd2": {"T": 3, "C": 2, **shape},
        "stack.nd2": {"Z": 4, **shape},
        "pages.nd2": {"T": 4, **shape},
        "noise.nd2": {"T": 3, "Z": 2, "Y": 48, "X": 64},
    }
    assert {path.name for path in Path().glob("*.nd2")} == expected.keys()
    for name, sizes in expected.items():
        with nd2.ND2File(name) as file:
            assert dict(file.sizes) == sizes
    with nd2.ND2File("channels.nd2") as file:
        metadata: Any = file.metadata
        channels = [channel.channel for channel in metadata.channels]
        assert [(c.name, c.emissionLambdaNm) for c in channels] == [("DAPI", 460), ("GFP", 520)]
        assert file.voxel_size().x == 0.325
        loop: Any = file.experiment[0]
        assert loop.parameters.periodMs == 150
