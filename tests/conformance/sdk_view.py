"""What the vendor's SDK shows of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.conformance.sdk_model import (
    AXES,
    channel_values,
    frame_values,
    image_values,
    loop_values,
    text_values,
)
from tests.conformance.view import Plane, Point, View, digests, swapped

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from tests.oracles import VendorSdk


class SdkReader:
    """The vendor's SDK.

    Parameters
    ----------
    sdk : VendorSdk
        The loaded library.
    """

    title: Final = "SDK"
    version: Final = "the library in the wheel nd2 0.4.6"
    raw: Final = frozenset[str]()

    def __init__(self, sdk: VendorSdk) -> None:
        self._sdk = sdk

    def read(self, path: Path) -> View:
        """Return the view of a file."""
        found = self._sdk.read(path)
        axes = [AXES[kind] for kind, _ in found.loops]
        points = [Point(**dict(zip(axes, at, strict=True))) for at in found.coordinates]
        channels = found.metadata["channels"]
        return View(
            opens=True,
            sizes=Point(**{"t": 1, "p": 1, "z": 1} | {AXES[kind]: n for kind, n in found.loops}),
            planes=_planes(points, found.frames),
            # Stored numbers, red lowest, whatever the name of the field says.
            channel_colors=tuple(swapped(c["channel"]["colorRGB"]) for c in channels),
            **image_values(found.attributes),
            **loop_values(found.experiment or []),
            **channel_values(channels),
            **frame_values(points, found.frame_metadata),
            **text_values(found.text or {}),
        )


def _planes(points: list[Point], frames: list[npt.NDArray[np.generic]]) -> dict[Plane, str]:
    """Return the digest of every plane."""
    found: dict[Plane, str] = {}
    for point, frame in zip(points, frames, strict=True):
        found |= digests(frame, point)
    return found
