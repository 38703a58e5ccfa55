"""Fixtures for all tests."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.oracles import VendorSdk, load_vendor_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("tests", derandomize=True, deadline=None)
settings.load_profile("tests")


def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are cores: tests of the service wait for much of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def vendor_sdk() -> VendorSdk:
    return load_vendor_sdk()


@pytest.fixture(autouse=True)
def _no_leaked_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    leaked = [t for t in threading.enumerate() if t not in before and t.is_alive()]
    for thread in leaked:
        thread.join(5)
    assert not [t for t in leaked if t.is_alive()], "the test leaves threads behind"


@pytest.fixture(autouse=True)
def state_of_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the journals of services out of the user's folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
        yield
