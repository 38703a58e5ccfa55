"""Observers end all that they begin."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

import pytest
from watchdog.events import FileCreatedEvent

from nd2watch.service import events
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


def test_a_warning_of_the_library_ends_no_thread() -> None:
    observer = FolderObserver(ChangedPaths(lambda: None))
    observer.start()
    try:
        warnings.warn("Callback with id '1' already exists for watch", RuntimeWarning, stacklevel=1)
    finally:
        observer.stop()


def test_a_folder_that_takes_the_place_of_another_is_observed(tmp_path: Path) -> None:
    """The library goes on to observe the former one, wherever that is now."""
    root, changes = tmp_path / "in", ChangedPaths(lambda: None)
    observer = FolderObserver(changes)
    observer.start()
    heard: set[Path] = set()

    def has_heard_of(path: Path) -> bool:
        heard.update(changes.take().paths)
        return path in heard

    try:
        root.mkdir()
        observer.watch(root)
        root.rename(tmp_path / "former")
        root.mkdir()
        observer.watch(root)
        (root / "frame.tif").touch()
        until(lambda: has_heard_of(root / "frame.tif"), "an event of the new folder")
    finally:
        observer.stop()


def test_more_events_than_are_kept_call_for_a_look_at_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "_MOST_PATHS", 5)
    woken: list[None] = []
    changes = ChangedPaths(lambda: woken.append(None))
    for number in range(6):
        changes.on_any_event(FileCreatedEvent(f"/in/{number}.tif"))
    taken = changes.take()
    assert (taken.scan, taken.paths, len(woken)) == (True, set(), 1)
    changes.on_any_event(FileCreatedEvent("/in/7.tif"))
    taken = changes.take()
    assert (taken.scan, len(taken.paths), len(woken)) == (False, 1, 2)
