"""Observers end all that they begin."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from nd2watch.service.events import ChangedPaths, FolderObserver
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("is_started", [False, True])
def test_a_stopped_observer_leaves_no_thread(tmp_path: Path, is_started: bool) -> None:
    before = set(threading.enumerate())
    observer = FolderObserver(ChangedPaths(lambda: None))
    if is_started:
        observer.start()
        observer.watch(tmp_path)
    observer.stop()
    until(lambda: set(threading.enumerate()) <= before, "the end of all threads")
