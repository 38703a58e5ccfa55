"""Reading the frames of ND2 files whose metadata are damaged."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from nd2watch.errors import FormatError
from nd2watch.nd2 import spec
from nd2watch.nd2.channel import Channel
from nd2watch.nd2.experiment import Experiment
from nd2watch.nd2.lite_variant import find
from nd2watch.nd2.picture import Picture
from nd2watch.nd2.reader import Nd2Reader

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from nd2watch.nd2.chunks import ChunkPlace
    from nd2watch.nd2.lite_variant import Plain

_MOST_CHANNELS: Final = 4096


class TolerantReader(Nd2Reader):
    """Reads an ND2 file of which only the attributes and the list of chunks must be whole.

    Damaged loops are left out. Channels are numbered where their names are damaged, missing or the
    same, or where nothing can be read of the picture.

    Parameters
    ----------
    path : str or path
        The file.
    places : mapping of str to ChunkPlace, optional
        Where its chunks lie, when its chunk map cannot tell.

    Raises
    ------
    FormatError
        If the file is not a complete ND2 3.0 file, of a kind that is not read here, or its frames
        are not of the size that the attributes tell.
    """

    def __init__(
        self, path: str | os.PathLike[str], places: Mapping[str, ChunkPlace] | None = None
    ) -> None:
        super().__init__(path, places)
        try:
            with self._named():
                self._check_frame_size(0)
        except BaseException:
            self.close()
            raise

    def _read_experiment(self) -> Experiment:
        """Return the loops, none where they are damaged."""
        with suppress(FormatError):
            return super()._read_experiment()
        return Experiment()

    def _read_picture(self) -> Picture:
        """Return the picture, one of numbered channels where it is damaged."""
        count = self.attributes.component_count
        with suppress(FormatError):
            picture = Picture.decode(_with_names(self._tree(spec.PICTURE)))
            if picture.component_count == count:
                return picture
        if count > _MOST_CHANNELS:
            raise FormatError(f"nothing describes its {count} channels")
        return Picture.numbered(count)


def _with_names(stored: Plain) -> Plain:
    """Return stored picture metadata whose channels have names that differ."""
    listed = find(stored, "sPicturePlanes", "sPlaneNew")
    planes = list(listed.values()) if isinstance(listed, dict) else []
    named = [(plane, _name_of(plane)) for plane in planes if isinstance(plane, dict)]
    counts = Counter(name for _, name in named)
    for number, (plane, name) in enumerate(named, start=1):
        if not name or counts[name] > 1:
            plane["sDescription"] = f"{name or 'Channel'} {number}"
    return stored


def _name_of(plane: Plain) -> str:
    """Return the name of a stored plane, empty when no channel can have it."""
    name = find(plane, "sDescription")
    with suppress(FormatError):
        return Channel(name=name if isinstance(name, str) else "").name
    return ""
