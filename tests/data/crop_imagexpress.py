"""Cut small copies of frames of an ImageXpress, with all that their tags tell.

    python tests/data/crop_imagexpress.py FOLDER

The frames are those of the test data ``1well-3C-2S-Zmix-T`` of faim-ipa, of which
``LICENSE.faim-ipa`` is the licence. Names and folders stay as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tifffile

SIDE = 64
"""Width and height of what is cut from the middle, pixels."""

TARGET = Path(__file__).with_name("imagexpress")


def crop(source: Path, target: Path) -> None:
    """Write the middle of a frame, with its other tags."""
    with tifffile.TiffFile(source) as file:
        page = file.pages.first
        pixels = page.asarray()
        tags = {tag.name: tag.value for tag in page.tags}
    top, left = ((size - SIDE) // 2 for size in pixels.shape)
    target.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        target,
        pixels[top : top + SIDE, left : left + SIDE],
        photometric="minisblack",
        metadata=None,
        subfiletype=tags["NewSubfileType"],
        description=tags["ImageDescription"],
        software=tags["Software"],
        extratags=[("DateTime", "s", 0, tags["DateTime"], True)],  # in a form of its own
    )


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for path in sorted(root.rglob("*.tif")):
        crop(path, TARGET / path.relative_to(root))
