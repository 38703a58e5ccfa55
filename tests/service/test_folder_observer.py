"""Observers end all that they begin."""

from __future__ import annotations

import threading
import warnings
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
        observer.watch(tmp_path)
    observer.stop()
    until(lambda: set(threading.enumerate()) <= before, "the end of all threads")


def test_a_warning_of_the_library_ends_no_thread(tmp_path: Path) -> None:
    observer = FolderObserver(ChangedPaths(lambda: None))
    observer.watch(tmp_path)
    try:
        warnings.warn("Callback with id '1' already exists for watch", RuntimeWarning, stacklevel=1)
    finally:
        observer.stop()
