"""Whatever happens to folders, shares and change events, no frame is missed."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from nd2watch.journal import Journal
from nd2watch.service import intake, load_settings, watch_thread
from nd2watch.service.control_client import ask
from nd2watch.service.events import ChangedPaths
from nd2watch.sources import list_entries
from tests.frames import acquisition, assert_nd2_equals_sources, write
from tests.service import test_answers, test_daemon, test_memory
from tests.service.test_answers import Running
from tests.service.test_memory import Watching
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from watchdog.events import FileSystemEvent

WHAT = acquisition()

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="plays what Linux does")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let regular scans be as rare as can be, so that they find nothing."""
    config = test_answers.CONFIG.replace("scan_interval_s = 1", "scan_interval_s = 3600")
    monkeypatch.setattr(test_answers, "CONFIG", config)


def published(running: Running, watch: str, count: int) -> None:
    """Wait until so many sequences of a watch are published."""
    until(
        lambda: running.status(watch)["sequences"] == {"published": count},
        f"{count} files of {watch}",
    )


def test_a_burst_that_the_system_loses_events_of_is_found_at_once(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(test_daemon.CONFIG.format(scan=3600))
    (tmp_path / "in" / "a").mkdir(parents=True)
    write(tmp_path / "in" / "first", WHAT)
    with ServiceProcess(config) as service:
        service.wait_for("published")  # events come by then
        service.process.send_signal(signal.SIGSTOP)
        for number in range(6000):  # of four events each; the system keeps 16384
            (tmp_path / "in" / f"~{number}.tmp").write_bytes(b"x")
        sources = write(tmp_path / "in" / "a", WHAT)
        service.process.send_signal(signal.SIGCONT)
        assert service.wait_for("events_lost")["watch"] == "test"
        service.wait_for("published", lambda e: e["sequence"] == "a")
        (told,) = ask(load_settings(config).state_folder, "status")["watches"]
        assert told["events_lost"] > 0
        assert service.terminate() == 0
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", WHAT, sources)


@pytest.mark.parametrize(
    ("call", "number", "setting"),
    [
        ("inotify_add_watch", errno.ENOSPC, "max_user_watches"),
        ("inotify_add_watch", errno.EMFILE, "max_user_instances"),
        ("inotify_init", errno.EMFILE, "max_user_instances"),
    ],
)
def test_where_watches_run_out_a_folder_is_scanned_until_there_are_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, setting: str
) -> None:
    def refuse(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    (folder / "one" / "a" / "b").mkdir(parents=True)
    monkeypatch.setattr(watch_thread, "_OBSERVE_AGAIN_S", 2.0)
    with monkeypatch.context() as patch:
        patch.setattr(f"watchdog.observers.inotify_c.{call}", refuse)
        with Running(folder) as running:
            until(lambda: running.status("one")["mode"] == "scan", "scans")
            write(folder / "one" / "a" / "b", WHAT)
            published(running, "one", 1)
            told = [e for e in running.logged("folder_not_observed") if e["watch"] == "one"]
            assert len(told) == 1
            assert f"fs.inotify.{setting}, which is " in told[0]["reason"]
            assert ("there are 3 here" in told[0]["reason"]) == (number == errno.ENOSPC)
            patch.undo()
            until(lambda: running.status("one")["mode"] == "events", "events")


@pytest.mark.parametrize(
    ("changes", "modes"),
    [({}, ["scan", "events"]), ({"one": "events", "two": "scan"}, ["events", "scan"])],
)
def test_each_folder_is_watched_in_its_own_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], modes: list[str]
) -> None:
    mounts = folder / "mountinfo"
    mounts.write_text(f"""\
27 1 254:0 / / rw - ext4 /dev/vda rw
34 27 0:44 / {folder / "one"} rw - nfs4 server:/ rw
""")
    monkeypatch.setattr("nd2watch.host.mounts.MOUNTS", mounts)
    config = test_answers.CONFIG
    for name, mode in changes.items():
        config = config.replace(f'folder = "{name}"\n', f'folder = "{name}"\nmode = "{mode}"\n')
    monkeypatch.setattr(test_answers, "CONFIG", config)
    with Running(folder) as running:
        until(lambda: len(running.logged("watching")) == 2, "both")
        told = sorted(running.logged("watching"), key=lambda entry: str(entry["watch"]))
        assert [entry["mode"] for entry in told] == modes
        assert [watch["mode"] for watch in running.status()["watches"]] == modes
        for name in ("one", "two"):
            write(folder / name / "a", WHAT)
        for name in ("one", "two"):
            published(running, name, 1)


def test_a_share_that_drops_out_keeps_its_state_and_holds_up_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = (errno.ENOENT, errno.EIO, errno.ESTALE, errno.EHOSTDOWN)
    first, *_ = write(folder / "one" / "a", WHAT).values()
    whole = first.read_bytes()
    first.unlink()
    scandir, refused = os.scandir, [0]

    def refusing(path: Path) -> object:
        if path == folder / "one":
            raise OSError(refused[-1], os.strerror(refused[-1]), str(path))
        return scandir(path)

    with Running(folder) as running:
        until(lambda: running.status("one")["sequences"] == {"collecting": 1}, "the sequence")
        with monkeypatch.context() as patch:
            patch.setattr("nd2watch.sources.scan.os.scandir", refusing)
            for number in numbers:
                refused.append(number)
                ask(running.state, "scan", watch="one")
                until(
                    lambda: os.strerror(refused[-1]) in str(running.status("one")["unavailable"]),
                    "the failure",
                )
            write(folder / "two" / "a", WHAT)
            published(running, "two", 1)
            assert running.status("one")["sequences"] == {"collecting": 1}
        first.write_bytes(whole)
        published(running, "one", 1)
        until(lambda: running.status("one")["unavailable"] is None, "its return")
        for event in ("folder_unavailable", "folder_available"):
            assert [entry["watch"] for entry in running.logged(event)] == ["one"]


def test_an_empty_folder_in_the_place_of_a_share_changes_nothing(folder: Path) -> None:
    first, *_ = write(folder / "one" / "a", WHAT).values()
    whole = first.read_bytes()
    first.unlink()
    with Running(folder) as running:
        until(lambda: running.status("one")["sequences"] == {"collecting": 1}, "the sequence")
        until(lambda: running.status("one")["settling"] == 0, "its frames")
        away = (folder / "one").rename(folder / "away")
        (folder / "one").mkdir()
        until(
            lambda: "empty folder" in str(running.status("one")["unavailable"]), "the empty folder"
        )
        assert running.status("one")["sequences"] == {"collecting": 1}
        (folder / "one").rmdir()
        away.rename(folder / "one")
        first.write_bytes(whole)
        published(running, "one", 1)


@pytest.mark.parametrize("rules", ["counts", "quiet"])
@pytest.mark.parametrize("place", ["no answer", "empty folder"])
def test_nothing_is_converted_while_its_share_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: str, place: str
) -> None:
    """A sequence that was complete before waits for the share, as one that a full disk held up."""
    pauses = f'complete = {{ rules = ["{rules}"], quiet_s = 0.1 }}\n'
    monkeypatch.setattr(test_memory, "CONFIG", test_memory.CONFIG + pauses)
    share, scandir = tmp_path / "in", os.scandir

    def refusing(path: Path) -> object:
        if path == share:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return scandir(path)

    with Journal(tmp_path / "journal.db") as journal, Watching(tmp_path, journal) as watching:
        write(watching.folder, WHAT)
        watching.thread.scan()
        until(lambda: bool(watching.submitted), "the sequence to be complete")
        with monkeypatch.context() as patch:
            if place == "no answer":
                patch.setattr("nd2watch.sources.scan.os.scandir", refusing)
            else:
                share.rename(tmp_path / "away")
                share.mkdir()
            watching.thread.scan()
            until(lambda: watching.thread.is_unavailable, "the share to be missed")
            watching.turn()
            before = len(watching.submitted)
            for _ in range(3):
                watching.turn()
            assert len(watching.submitted) == before
        if place == "empty folder":
            share.rmdir()
            (tmp_path / "away").rename(share)
        watching.thread.scan()
        until(lambda: len(watching.submitted) > before, "the sequence to be submitted again")


def deliver(paths: list[Path], target: Path) -> None:
    """Move frames into a folder, one after the other."""
    for path in paths:
        path.rename(target / path.name)
        threading.Event().wait(0.005)


@pytest.mark.usefixtures("rarely")
def test_frames_that_come_while_the_service_starts_are_found(folder: Path) -> None:
    for number in range(2):
        paths = write(folder / "away" / str(number), WHAT).values()
        target = folder / "one" / str(number)
        target.mkdir()

        writer = threading.Thread(target=deliver, args=(list(paths), target))
        writer.start()
        with Running(folder) as running:
            writer.join()
            published(running, "one", number + 1)


@pytest.mark.usefixtures("rarely")
def test_frames_that_come_just_after_the_first_look_are_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = write(folder / "away", WHAT)

    def listed(
        root: Path, unreadable: Callable[..., None], link: Callable[..., None]
    ) -> Iterator[os.DirEntry[str]]:
        yield from list_entries(root, unreadable, link)
        if root.name == "one" and (folder / "away").exists():
            (folder / "away").rename(root / "a")

    monkeypatch.setattr(intake, "list_entries", listed)
    with Running(folder) as running:
        published(running, "one", 1)
    moved = {at: folder / "one" / "a" / path.name for at, path in sources.items()}
    assert_nd2_equals_sources(folder / "out" / "one_a.nd2", WHAT, moved)


@pytest.mark.usefixtures("rarely")
def test_folders_that_are_filled_as_they_are_made_or_moved_in_lose_no_frame(folder: Path) -> None:
    with Running(folder) as running:
        for number in range(10):
            write(folder / "one" / f"made{number}" / "b" / "c", WHAT)
            write(folder / "away" / f"moved{number}" / "b" / "c", WHAT)
            (folder / "away" / f"moved{number}").rename(folder / "one" / f"moved{number}")
        published(running, "one", 20)


@pytest.mark.usefixtures("rarely")
@pytest.mark.parametrize("manner", ["made", "moved in"])
def test_a_new_folder_is_looked_at_though_no_event_tells_of_its_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    """Files that are written before their folder is observed have no events of their own."""
    hear = ChangedPaths.on_any_event

    def hear_of_folders(self: ChangedPaths, event: FileSystemEvent) -> None:
        if event.is_directory:
            hear(self, event)

    monkeypatch.setattr(ChangedPaths, "on_any_event", hear_of_folders)
    sources = write(folder / "away" / "b" / "c", WHAT)
    with Running(folder) as running:
        until(lambda: running.status("one")["scanned_s_ago"] is not None, "the first scan")
        if manner == "made":
            (folder / "one" / "a").mkdir()
            (folder / "away" / "b").rename(folder / "one" / "a" / "b")
        else:
            (folder / "away").rename(folder / "one" / "a")
        published(running, "one", 1)
        assert running.status("one")["mode"] == "events"
    moved = {at: folder / "one/a/b/c" / path.name for at, path in sources.items()}
    assert_nd2_equals_sources(folder / "out" / "one_a_b_c.nd2", WHAT, moved)


@pytest.mark.usefixtures("rarely")
def test_a_rename_in_a_watched_folder_is_noticed_by_its_event(folder: Path) -> None:
    sources = write(folder / "one" / "a", WHAT)
    temporary = {path: path.rename(path.with_name(f"~{path.name}")) for path in sources.values()}
    with Running(folder) as running:
        until(lambda: running.status("one")["ignored"] == len(sources), "the temporary names")
        for path, written in temporary.items():
            written.rename(path)
        published(running, "one", 1)
    assert_nd2_equals_sources(folder / "out" / "one_a.nd2", WHAT, sources)


@pytest.mark.usefixtures("rarely")
def test_frames_that_come_while_folders_are_watched_anew_are_found(folder: Path) -> None:
    paths = write(folder / "away", WHAT).values()
    (folder / "one" / "a").mkdir()
    with Running(folder) as running:
        for number, path in enumerate(paths):
            if number % 4 == 0:
                running.daemon.reload()
            path.rename(folder / "one" / "a" / path.name)
            threading.Event().wait(0.01)
        published(running, "one", 1)
        assert running.logged("reloaded")


def test_a_share_that_is_not_mounted_at_the_start_is_waited_for(tmp_path: Path) -> None:
    config, folder, share = tmp_path / "config.toml", tmp_path / "in", tmp_path / "share"
    config.write_text(test_daemon.CONFIG.format(scan=1))
    write(folder / "a", WHAT)
    with ServiceProcess(config) as service:
        service.wait_for("published")
        assert service.terminate() == 0
    (tmp_path / "out" / "a.nd2").unlink()  # it was put into an archive
    folder.rename(share)
    folder.mkdir()
    with ServiceProcess(config) as service:
        assert "another, empty folder" in service.wait_for("folder_unavailable")["reason"]
        folder.rmdir()
        write(share / "b", WHAT)
        share.rename(folder)
        service.wait_for("published", lambda e: e["sequence"] == "b")
        assert service.terminate() == 0
    assert not (tmp_path / "out" / "a.nd2").exists()


def test_no_pause_ends_a_sequence_whose_folder_was_not_looked_at(tmp_path: Path) -> None:
    config, frames = tmp_path / "config.toml", tmp_path / "in" / "a"
    text = test_daemon.CONFIG.format(scan=3600).partition("[watch.axes]")[0]
    config.write_text(f'{text}[watch.complete]\nrules = ["quiet"]\nquiet_s = 2\n')
    (tmp_path / "new").mkdir()
    sources = write(tmp_path / "new", WHAT)
    early = [path for at, path in sources.items() if at[0] == 0]
    frames.mkdir(parents=True)
    with ServiceProcess(config) as service:
        for path in early:
            path.rename(frames / path.name)
        service.wait_for("sequence_started")
        service.process.send_signal(signal.SIGSTOP)
        for path in sources.values():
            if path not in early:
                path.rename(frames / path.name)
        time.sleep(3)  # longer than the pause: the service is to sleep through it
        service.process.send_signal(signal.SIGCONT)
        assert service.wait_for("sequence_complete")["frames"] == len(sources)
        assert service.terminate() == 0
