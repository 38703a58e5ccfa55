"""The loop over stage positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from nd2watch.errors import FormatError
from nd2watch.nd2.checks import check_count, check_finite
from nd2watch.nd2.lite_variant import Bool, Double, UInt32, check_text, find, get

if TYPE_CHECKING:
    from nd2watch.nd2.lite_variant import Item, Plain

_NO_PFS: Final = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePosition:
    """One XY position.

    Attributes
    ----------
    name : str
        Name of the position; may be empty.
    x_um, y_um : float
        Stage position, um.
    z_um : float
        Z of the home plane, um; read as 0 where the file says that Z is not in use.
    pfs_offset : float, optional
        Offset of the focus-keeping device (PFS), in its own units, not below 0; None without one.
    """

    name: str = ""
    x_um: float = 0.0
    y_um: float = 0.0
    z_um: float = 0.0
    pfs_offset: float | None = None

    def __post_init__(self) -> None:
        check_finite(self, "x_um", "y_um", "z_um", "pfs_offset")
        if self.pfs_offset is not None and self.pfs_offset < 0:
            raise FormatError(f"the PFS offset is {self.pfs_offset}; below 0 stands for none")
        check_text(self.name, "a position's name")

    def encode(self) -> dict[str, Item]:
        """Return the stored point."""
        return {
            "dPosX": Double(self.x_um),
            "dPosY": Double(self.y_um),
            "dPosZ": Double(self.z_um),
            "dPFSOffset": Double(_NO_PFS if self.pfs_offset is None else self.pfs_offset),
            "dPosName": self.name,
        }

    @classmethod
    def decode(
        cls, stored: Plain, reference_um: tuple[float, float] = (0.0, 0.0), *, with_z: bool = True
    ) -> StagePosition:
        """Return the value of a stored point.

        Parameters
        ----------
        stored : mapping
            The point.
        reference_um : tuple of float
            X and Y, um, that its own are relative to.
        with_z : bool
            Its Z is in use; else it is 0.
        """
        name, offset = find(stored, "dPosName"), find(stored, "dPFSOffset")
        return cls(
            name=name if isinstance(name, str) else "",
            x_um=reference_um[0] + get(stored, "dPosX", float),
            y_um=reference_um[1] + get(stored, "dPosY", float),
            z_um=get(stored, "dPosZ", float) if with_z else 0.0,
            pfs_offset=offset if isinstance(offset, float) and offset >= 0 else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class XYPosLoop:
    """Stage positions that are visited.

    Attributes
    ----------
    positions : tuple of StagePosition
        In the order in which they are visited.
    """

    axis: ClassVar[str] = "p"
    code: ClassVar[int] = 2
    text_name: ClassVar[str] = "XY"

    positions: tuple[StagePosition, ...]

    def __post_init__(self) -> None:
        check_count(len(self.positions), "positions")

    @property
    def count(self) -> int:
        """Number of positions."""
        return len(self.positions)

    def encode(self) -> dict[str, Item]:
        """Return the stored parameters; positions are absolute, with their own Z."""
        return {
            "uiCount": UInt32(self.count),
            "bUseZ": Bool(True),
            "bRelativeXY": Bool(False),
            "dReferenceX": Double(0.0),
            "dReferenceY": Double(0.0),
            "bRedefineAfterPFS": Bool(False),
            "bRedefineAfterAutoFocus": Bool(False),
            "bKeepPFSOn": Bool(any(p.pfs_offset is not None for p in self.positions)),
            "bSplitMultipoints": Bool(False),
            "bUseAFPlane": Bool(False),
            "bZEnabled": Bool(False),
            "sZDevice": "",
            "Points": [position.encode() for position in self.positions],
        }

    @classmethod
    def decode(cls, stored: Plain) -> XYPosLoop:
        """Return the value of stored parameters, with stage positions that are absolute."""
        reference_um = 0.0, 0.0
        if find(stored, "bRelativeXY"):
            reference_um = get(stored, "dReferenceX", float), get(stored, "dReferenceY", float)
        with_z = find(stored, "bUseZ") is not False
        return cls(
            positions=tuple(
                StagePosition.decode(point, reference_um, with_z=with_z)
                for point in get(stored, "Points", list)
            )
        )

    def describe(self) -> str:
        """Return the lines on this loop in the text description."""
        return f"XY Position Loop: {self.count}"
