"""Observers end all that they begin."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

import pytest
from watchdog.events import FileCreatedEvent
from watchdog.observers.api import EventEmitter

from nd2watch.service import events
from nd2watch.service.events import ChangedPaths, FolderObserver
from tests.waiting import DEADLINE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
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


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    heard = Hearing()
    yield heard
    heard.observer.stop()


class Hearing:
    """An observer at work, and what it has told."""

    def __init__(self) -> None:
        self._changes = ChangedPaths(lambda: None)
        self._paths: set[Path] = set()
        self.observer = FolderObserver(self._changes)

    def wait_for(self, path: Path) -> None:
        """Write a file, and wait for an event of it."""
        path.touch()
        until(lambda: self._has_heard_of(path), "an event")

    def _has_heard_of(self, path: Path) -> bool:
        self._paths |= self._changes.take().paths
        return path in self._paths


def test_a_folder_that_takes_the_place_of_another_is_observed(
    tmp_path: Path, hearing: Hearing
) -> None:
    """The library goes on to observe the former one, wherever that is now."""
    root = tmp_path / "in"
    root.mkdir()
    hearing.observer.watch(root)
    root.rename(tmp_path / "former")
    root.mkdir()
    hearing.observer.watch(root)
    hearing.wait_for(root / "frame.tif")


def test_a_folder_whose_thread_has_ended_is_observed_anew(tmp_path: Path, hearing: Hearing) -> None:
    hearing.observer.watch(tmp_path)
    hearing.wait_for(tmp_path / "first.tif")
    (emitter,) = [t for t in threading.enumerate() if isinstance(t, EventEmitter)]
    emitter.stop()
    emitter.join(DEADLINE_S)
    hearing.observer.watch(tmp_path)
    hearing.wait_for(tmp_path / "second.tif")


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
