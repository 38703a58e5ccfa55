"""A real service whose permissions are taken away and given back."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from tests.frames import acquisition, assert_nd2_equals_sources, write
from tests.service.test_daemon import CONFIG
from tests.unprivileged import bound_by_permissions
from tests.waiting import LAUNCH, ServiceProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WHAT: Final = acquisition()

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has other permissions")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(scan=1))
    (tmp_path / "in").mkdir()
    return path


@contextmanager
def closed(path: Path) -> Iterator[Callable[[], None]]:
    """Take all permissions from a folder until the end of the block, or the call that it gives."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield lambda: path.chmod(mode)
    finally:
        path.chmod(mode)


@pytest.mark.parametrize("folder", ["disk", "disk/out"])
def test_an_output_folder_that_is_closed_delays_conversions_and_no_more(
    tmp_path: Path, config: Path, folder: str
) -> None:
    config.write_text(config.read_text().replace('"out"', '"disk/out"'))
    (tmp_path / "disk" / "out").mkdir(parents=True)
    with ServiceProcess(config, launch=bound_by_permissions(*LAUNCH)) as service:
        service.wait_for("watching")
        with closed(tmp_path / folder):
            sources = write(tmp_path / "in" / "a", WHAT)
            blocked = service.wait_for("conversion_blocked")
            assert "Permission denied" in blocked["reason"]
        service.wait_for("published")
        assert service.terminate() == 0
    assert not service.named("watch_failed")
    assert_nd2_equals_sources(tmp_path / "disk" / "out" / "a.nd2", WHAT, sources)


@pytest.mark.parametrize("folder", ["disk", "disk/in", "disk/in/a"])
def test_a_service_starts_though_a_folder_is_closed_and_goes_on_when_it_is_open(
    tmp_path: Path, config: Path, folder: str
) -> None:
    config.write_text(
        config.read_text().replace('"in"', '"disk/in"').replace('"out"', '"disk/out"')
    )
    (tmp_path / "disk" / "out").mkdir(parents=True)
    sources = write(tmp_path / "disk" / "in" / "a", WHAT)
    with (
        closed(tmp_path / folder) as reopen,
        ServiceProcess(config, launch=bound_by_permissions(*LAUNCH)) as service,
    ):
        service.wait_for("folder_unavailable")
        reopen()
        service.wait_for("published")
        assert service.terminate() == 0
    assert not service.named("watch_failed")
    assert_nd2_equals_sources(tmp_path / "disk" / "out" / "a.nd2", WHAT, sources)
