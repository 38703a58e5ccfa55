"""File systems: which one a path is on, and what is free there."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
"""Where Linux tells what is mounted."""

# Kernel names of file systems that other machines write too, without "fuse.".
_NETWORK_FILE_SYSTEMS = (
    "9p acfs afpfs afs beegfs ceph cifs coda curlftpfs davfs gcsfuse glusterfs gpfs lustre ncpfs"
    " nfs nfs4 ocfs2 orangefs panfs prl_fs rclone s3fs smb smb3 smbfs sshfs vboxsf vmhgfs"
    " vmhgfs-fuse"
)


def file_system_of(path: Path) -> str | None:
    """Return the kernel's name of the file system that a path is or would be on.

    Returns
    -------
    str or None
        Such as ``ext4`` or ``cifs``; None where the system does not tell.
    """
    try:
        lines = MOUNTS.read_bytes().split(b"\n")
    except OSError:
        return None
    target = os.fsencode(os.path.realpath(path)) + b"/"
    best, kind = b"", None
    for line in lines:
        # number, parent, device, root, mount point, options, any more, "-", type, source, options
        before, _, after = line.partition(b" - ")
        words = before.split(b" ")
        if len(words) < 5 or not after:
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) & 0xFF]), words[4])
        point = point.rstrip(b"/") + b"/"
        if target.startswith(point) and len(point) >= len(best):  # a later mount hides one before
            best, kind = point, os.fsdecode(after.split(b" ")[0])
    return kind


def is_network(file_system: str | None) -> bool:
    """Return whether other machines write a file system too, by the kernel's name of it."""
    return (file_system or "").removeprefix("fuse.") in _NETWORK_FILE_SYSTEMS.split()


def free_bytes(folder: Path) -> int | None:
    """Return the space that is free for a file in a folder, which may not be there yet.

    Returns
    -------
    int or None
        Bytes; None where the system does not tell.
    """
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
