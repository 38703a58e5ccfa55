"""Names and kinds of entries in a folder that nobody sane would make."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES: Final = {
    "upwards with a line break": b"..\nevil",
    "encoded": b"..%2f..%2fetc",
    "three dots": b"...",
    "home": b"~root",
    "backslashes": b"..\\..\\windows",
    "Windows path": b"C:\\x",
    "share": b"\\\\host\\share",
    "line break": b"a\nb",
    "carriage return": b"safe\rgone",
    "colours": b"\x1b[31mred\x1b[0m",
    "title": b"\x1b]0;title\x07",
    "bell": b"ring\x07",
    "C1": b"\xc2\x9b31m",
    "right to left": "\u202egpj.exe".encode(),
    "left to right mark": "\u200ea\u200f".encode(),
    "isolate": "\u2066a\u2069".encode(),
    "line separator": "a\u2028b".encode(),
    "no UTF-8": b"\xff\xfe",
    "half of UTF-8": b"caf\xe9",
    "overlong slash": b"a\xc0\xafb",
    "longest": b"x" * 255,
    "longest of 4 bytes": "\U0001f600".encode() * 63,
    "many marks": b"e" + "\u0301".encode() * 100,
    "spaces": b"   ",
    "trailing": b"trailing. ",
    "device of Windows": b"CON",
    "device with ending": b"nul.txt",
    "last device": b"lpt9.tif",
    "option": b"-rf",
    "command": b"$(touch pwned)",
    "backticks": b"`touch pwned`",
    "shell": b"a;touch pwned|b&c",
    "quotes": b"\"'",
    "braces": b"{folder}{watch}",
    "format": b"%s%n%(name)s",
    "wildcards": b"*[!a]?",
    "JSON": b'","level":"info","event":"published',
    "markup": b"<b>&amp;<b>",
    "rich markup": b"[red]a[bold]",
    "like a frame": b"img_t000_xy00_z000_cDAPI.tif",
    "like an output": b"a.nd2",
    "like a temporary file": b".nd2watch-0123456789abcdef.tmp",
}
"""Names of folders, by what is wrong with them."""

TWINS: Final = {
    "composed and decomposed": ("caf\u00e9".encode(), "cafe\u0301".encode()),
    "upper and lower case": (b"Twin", b"twin"),
    "one after cleaning": (b"x:y", b"x?y"),
    "alike but at their end": (b"z" * 250 + b"1", b"z" * 250 + b"2"),
}
"""Names that are one for some file systems, or that become one."""


def make_folder(root: Path, name: bytes) -> bytes:
    """Make a folder with a name of bytes, and return its path."""
    path = os.fsencode(root) + b"/" + name
    Path(os.fsdecode(path)).mkdir(parents=True)
    return path


def write_bytes(path: bytes, data: bytes) -> None:
    """Write a file with a name of bytes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def odd_entries(folder: Path, frame: str, outside: Path) -> Iterator[dict[str, Path]]:
    """Make entries under a frame's name that are no files, or not only here; yield what each is.

    Parameters
    ----------
    folder : Path
        Where; each gets a folder of its own there.
    frame : str
        Name of a frame.
    outside : Path
        A folder with a sound frame of that name.
    """
    places = {
        title: folder / title.replace(" ", "-") / frame
        for title in (
            *("link to a file", "link to a password file", "dangling link", "link to itself"),
            *("pipe", "socket", "no device", "endless device", "hard link", "closed file"),
        )
    }
    for path in places.values():
        path.parent.mkdir(parents=True)
    places["link to a file"].symlink_to(outside / frame)
    places["link to a password file"].symlink_to("/etc/passwd")
    places["dangling link"].symlink_to(folder / "nowhere")
    places["link to itself"].symlink_to(places["link to itself"])
    (folder / "link-to-a-folder").symlink_to(outside, target_is_directory=True)
    (folder / "link-upwards").symlink_to(folder, target_is_directory=True)
    os.link(outside / frame, places["hard link"])
    os.mkfifo(places["pipe"])
    for title, minor in (("no device", 3), ("endless device", 5)):
        with contextlib.suppress(PermissionError):  # only root may
            os.mknod(places[title], 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    write_bytes(os.fsencode(places["closed file"]), (outside / frame).read_bytes())
    places["closed file"].chmod(0)
    closed = folder / "closed-folder"
    closed.mkdir()
    write_bytes(os.fsencode(closed / frame), (outside / frame).read_bytes())
    closed.chmod(0)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bind(bound, places["socket"])
            yield places
    finally:
        closed.chmod(0o755)


def bind(bound: socket.socket, path: Path) -> None:
    """Bind a socket to a path, which may be longer than those of sockets can be."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        bound.bind(f"/proc/self/fd/{descriptor}/{path.name}")
    finally:
        os.close(descriptor)
