from __future__ import annotations

import os
from pathlib import Path

import pytest

from nd2watch import host

MOUNTED = b"""\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:40 / /mnt/lab rw,relatime shared:2 master:1 - autofs systemd-1 rw
31 30 0:41 / /mnt/lab rw,relatime shared:3 - cifs //server/lab rw,vers=3.1.1
32 31 0:42 / /mnt/lab/local rw - xfs /dev/vdb rw
33 27 0:43 / /mnt/two\\040words\\134 rw - fuse.sshfs server: rw
34 27 0:44 / /mnt/\xff\r rw - nfs4 server:/ rw
a line that is cut
"""


@pytest.fixture(autouse=True)
def _mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(MOUNTED)
    monkeypatch.setattr("nd2watch.host.mounts.MOUNTS", mounts)
    monkeypatch.setattr(os.path, "realpath", os.path.normpath)


@pytest.mark.parametrize(
    ("path", "kind", "is_network"),
    [
        (b"/", "ext4", False),
        (b"/srv/images", "ext4", False),
        (b"/mnt/lab", "cifs", True),
        (b"/mnt/lab/plate 1", "cifs", True),
        (b"/mnt/lab/local/plate 1", "xfs", False),
        (b"/mnt/lab/../local", "ext4", False),
        (b"/mnt/laboratory", "ext4", False),
        (b"/mnt/two words\\/plate", "fuse.sshfs", True),
        (b"/mnt/\xff\r/plate", "nfs4", True),
        (b"/proc/self", "proc", False),
    ],
)
def test_the_innermost_and_latest_mount_tells_the_file_system(
    path: bytes, kind: str, is_network: bool
) -> None:
    told = host.file_system_of(Path(os.fsdecode(path)))
    assert told == kind
    assert host.is_network(told) == is_network


def test_a_system_that_does_not_tell_is_taken_for_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nd2watch.host.mounts.MOUNTS", tmp_path / "none")
    assert host.file_system_of(tmp_path) is None
    assert not host.is_network(None)
