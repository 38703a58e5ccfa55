"""How a microscope delivers a file: in one step or several, with other things in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chaos.microscope import Microscope
    from tests.chaos.sequences import File

    Manner = Callable[[Microscope, File], Iterator[None]]

_DATES: Final = {"dated 1990": 631_152_000, "dated 2099": 4_070_908_800}


def plain(microscope: Microscope, file: File) -> Iterator[None]:
    """Write a file in pieces."""
    microscope.write(file.path, file.data)
    yield


def renamed(microscope: Microscope, file: File) -> Iterator[None]:
    """Write a file under a temporary name first."""
    microscope.figures.frame("temporary name")
    microscope.put(file.path, file.data)
    yield


def truncated(microscope: Microscope, file: File) -> Iterator[None]:
    """Write a file partly, and whole later."""
    microscope.figures.frame("truncated at first")
    microscope.write(file.path, file.data[: microscope.chance.randrange(len(file.data))])
    yield
    microscope.write(file.path, file.data)


def dated(microscope: Microscope, file: File) -> Iterator[None]:
    """Write a file of another time."""
    kind, seconds = microscope.chance.choice(list(_DATES.items()))
    microscope.figures.frame(kind)
    microscope.put(file.path, file.data, seconds)
    yield


def rewritten(microscope: Microscope, file: File) -> Iterator[None]:
    """Write other pixels, and the right ones later."""
    microscope.figures.frame("other pixels at first")
    microscope.write(file.path, other_pixels(file.data))
    yield
    microscope.write(file.path, file.data)


def preallocated(microscope: Microscope, file: File) -> Iterator[None]:
    """Write zeros where half of a file belongs, and that later."""
    microscope.figures.frame("zeros at first")
    half = len(file.data) // 2
    microscope.write(file.path, file.data[:half] + bytes(len(file.data) - half))
    yield
    microscope.write(file.path, file.data)


def taken_back(microscope: Microscope, file: File) -> Iterator[None]:
    """Write a file, delete it, and write it again later."""
    microscope.figures.frame("taken back")
    microscope.write(file.path, file.data)
    yield
    microscope.remove(file.path)
    yield
    microscope.put(file.path, file.data)


def contested(microscope: Microscope, file: File) -> Iterator[None]:
    """Write another image for the same place, which is taken away later."""
    microscope.figures.frame("two images for one place")
    rival = (_copy_of(file), other_pixels(file.data))
    first, second = sorted(
        [(file.path, file.data), rival], key=lambda _: microscope.chance.random()
    )
    microscope.write(*first)
    yield
    microscope.write(*second)
    yield
    microscope.remove(rival[0])


def doubled(microscope: Microscope, file: File) -> Iterator[None]:
    """Write a file under two names."""
    microscope.figures.frame("the same image twice")
    names = [file.path, _copy_of(file)]
    microscope.chance.shuffle(names)
    microscope.write(names[0], file.data)
    yield
    microscope.put(names[1], file.data)


def _copy_of(file: File) -> str:
    """Return the path of another file for the same place."""
    return file.path.replace("/img_", "/copy_")


def other_pixels(data: bytes) -> bytes:
    """Return an image file with some pixels changed, of the same length."""
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(255 - byte for byte in data[middle : middle + 64])
        + data[middle + 64 :]
    )


HARMLESS: Final[tuple[Manner, ...]] = (plain, renamed, truncated, dated)
"""Those by which a file can never be taken for another one."""

CORRECTED: Final[tuple[Manner, ...]] = (rewritten, preallocated, taken_back)
