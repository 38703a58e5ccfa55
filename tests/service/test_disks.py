"""Disks of their own for frames, ND2 files and the journal, and full ones."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.frames import acquisition, assert_nd2_equals_sources, write
from tests.mounts import can_mount, fill, mounted
from tests.service.test_daemon import CONFIG
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from pathlib import Path

WHAT = acquisition()

pytestmark = pytest.mark.skipif(
    not can_mount(), reason="mounting needs the rights of root on Linux"
)


def configured(folder: Path) -> Path:
    config = folder / "config.toml"
    text = CONFIG.format(scan=1).replace('"out"', '"out"\nreserve_mb = 0')
    config.write_text(text.replace("[service]", '[service]\nstate_folder = "state"'))
    return config


def is_healthy(config: Path) -> bool:
    command = [sys.executable, "-m", "nd2watch", "healthcheck", "--config", str(config)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_full_disk_of_the_journal_stops_what_is_new_and_nothing_else(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "in").mkdir()
    with mounted(tmp_path / "state", 1 << 20) as state, ServiceProcess(config) as service:
        write(tmp_path / "in" / "a", WHAT)
        service.wait_for("published")
        assert is_healthy(config)
        filler = fill(state)
        sources = write(tmp_path / "in" / "b", WHAT)
        service.wait_for("journal_blocked")
        assert not is_healthy(config)
        assert service.process.poll() is None
        assert not (tmp_path / "out" / "b.nd2").exists()
        filler.unlink()
        service.wait_for("journal_available")
        service.wait_for("published", lambda e: e["sequence"] == "b")
        until(lambda: is_healthy(config), "the next sign of life in the journal")
        assert service.terminate() == 0
    assert_nd2_equals_sources(tmp_path / "out" / "b.nd2", WHAT, sources)


def test_no_file_is_made_elsewhere_than_on_the_disk_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    config = configured(tmp_path)
    config.write_text(
        config.read_text() + '\n[retention]\naction = "move"\nafter_h = 0\nfolder = "done"\n'
    )
    with (
        mounted(tmp_path / "in", 1 << 22),
        mounted(tmp_path / "out", 1 << 22),
        mounted(tmp_path / "done", 1 << 22) as done,
    ):
        sources = write(tmp_path / "in" / "a", WHAT)
        with ServiceProcess(config) as service:
            service.wait_for("frames_put_away")
            assert service.terminate() == 0
        moved = {at: done / "test" / "a" / path.name for at, path in sources.items()}
        assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", WHAT, moved)
        assert list((tmp_path / "in" / "a").iterdir()) == []
