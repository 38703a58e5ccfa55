"""Frames that were converted are put away, and only those."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.testing import LogCapture

from nd2watch.cli import main
from nd2watch.clock import SystemClock
from nd2watch.config import RetentionConfig
from nd2watch.errors import ServiceError
from nd2watch.journal import Journal, JournalView
from nd2watch.nd2 import Nd2Reader
from nd2watch.service import Daemon, load_settings
from nd2watch.service.control_client import ask
from nd2watch.service.retention import Retention, due_sequences
from nd2watch.sources import encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, noise, write
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nd2watch.service.settings import ServiceSettings
    from nd2watch.simulate import Coordinates

CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.1
state_folder = "state"

[[watch]]
name = "test"
folder = "in"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
axes = { t = 2, p = 2, z = 3, c = ["DAPI", "GFP"] }
"""
LOGGED = CONFIG.replace("[service]", '[service]\nlog_format = "json"')
WHAT = acquisition()
HOUR_S = 3600.0


class Lab:
    """A folder of frames that a service has converted, and its journal."""

    def __init__(
        self, folder: Path, config: str = CONFIG, lacking: Coordinates | None = None
    ) -> None:
        self.folder = folder
        (folder / "config.toml").write_text(config)
        self.frames = write(folder / "in" / "a", WHAT)
        if lacking is not None:
            self.frames[lacking].unlink()
        self.capture = LogCapture()
        self.log = structlog.wrap_logger(None, [self.capture])
        assert Daemon(self.settings, SystemClock(), self.log, once=True).run() == 0
        self.journal = Journal(folder / "state" / "journal.db")
        (self.record,) = self.journal.sequences("test")
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def settings(self) -> ServiceSettings:
        return load_settings(self.folder / "config.toml")

    def tidy(self, *hours: float, **retention: Any) -> None:
        retained = self.retention(**retention)
        for each in hours:
            self.now = self.record.changed + each * HOUR_S
            retained.tidy(self.settings().watches)

    def retention(self, **retention: Any) -> Retention:
        config = RetentionConfig(**{"action": "delete", "after_h": 24, **retention})
        return Retention(config, self.journal, self, self.log)

    def left(self) -> int:
        return sum(path.exists() for path in self.frames.values())

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [dict(e) for e in self.capture.entries if e["event"] == event]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    with made.journal:
        yield made


def test_frames_are_kept_until_their_time_has_come(lab: Lab) -> None:
    lab.tidy(23.9)
    assert lab.left() == 24
    lab.tidy(24.1, action="keep")
    assert lab.left() == 24
    lab.tidy(24.1)
    assert lab.left() == 0
    assert lab.logged("frames_put_away")[0]["count"] == 24


def test_moved_frames_keep_their_places_and_content(lab: Lab, tmp_path: Path) -> None:
    copies = {at: tmp_path / "copy" / path.name for at, path in lab.frames.items()}
    shutil.copytree(tmp_path / "in" / "a", tmp_path / "copy")
    lab.tidy(25, action="move", folder=tmp_path / "done")
    assert lab.left() == 0
    for at, path in lab.frames.items():
        moved = tmp_path / "done" / "test" / "a" / path.name
        assert moved.read_bytes() == copies[at].read_bytes()
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", WHAT, copies)


def test_they_are_copied_where_they_cannot_be_linked(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {path.name: path.read_bytes() for path in lab.frames.values()}
    times = {path.name: path.stat().st_mtime_ns for path in lab.frames.values()}

    def refuse(source: Any, target: Any, **_: Any) -> None:
        if str(source).endswith(".tif"):
            raise OSError(18, "Invalid cross-device link")
        link(source, target)

    link = os.link
    monkeypatch.setattr(os, "link", refuse)
    lab.tidy(25, action="move", folder=tmp_path / "done")
    moved = {path.name: path for path in (tmp_path / "done" / "test" / "a").iterdir()}
    assert {name: path.read_bytes() for name, path in moved.items()} == contents
    assert {name: path.stat().st_mtime_ns for name, path in moved.items()} == times
    assert lab.left() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="plays what Linux does")
def test_the_new_name_of_a_moved_frame_is_on_the_disk_before_the_old_one_goes(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, steps = tmp_path / "done" / "test" / "a", []

    def sync(descriptor: int) -> None:
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    def unlink(path: Any, **options: Any) -> None:
        steps.append(Path(path))
        real(path, **options)

    fsync, real = os.fsync, os.unlink
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "unlink", unlink)
    lab.tidy(25, action="move", folder=tmp_path / "done")
    for path in lab.frames.values():
        at = steps.index(path.with_name(f".nd2watch-aside-{path.name}"))
        assert steps[at - 1] == done


def test_another_file_at_the_target_stays_and_so_does_the_frame(lab: Lab, tmp_path: Path) -> None:
    first = next(iter(lab.frames.values()))
    target = tmp_path / "done" / "test" / "a" / first.name
    target.parent.mkdir(parents=True)
    target.write_bytes(b"other")
    lab.tidy(25, action="move", folder=tmp_path / "done")
    assert first.exists()
    assert lab.left() == 1
    assert target.read_bytes() == b"other"
    assert "another file" in lab.logged("frame_kept")[0]["reason"]


@pytest.mark.parametrize("action", ["move", "delete"])
def test_what_was_interrupted_is_gone_on_with(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    def unlink(path: Any, **options: Any) -> None:
        if lab.left() == 20:
            raise Killed
        real(path, **options)

    real = os.unlink
    target = {"folder": tmp_path / "done"} if action == "move" else {}
    with monkeypatch.context() as patches:
        patches.setattr(os, "unlink", unlink)
        with pytest.raises(Killed):
            lab.tidy(25, action=action, **target)
    assert lab.left() == 20
    lab.tidy(26, action=action, **target)
    assert lab.left() == 0
    assert not lab.logged("frames_kept")
    if action == "move":
        assert len(list((tmp_path / "done" / "test" / "a").iterdir())) == 24


class Killed(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("action", ["move", "delete"])
@pytest.mark.parametrize("step", ["rename", "rename done", "unlink"])
def test_a_kill_at_any_step_leaves_nothing_under_a_private_name(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, step: str
) -> None:
    def killed(path: Any, *others: Any, **options: Any) -> Any:
        is_due = ".nd2watch-aside-" in f"{path}{others}"
        if is_due and not step.endswith("done"):
            raise Killed
        result = real(path, *others, **options)
        if is_due:
            raise Killed
        return result

    target = {"folder": tmp_path / "done"} if action == "move" else {}
    names = {path.name for path in lab.frames.values()}
    call = step.removesuffix(" done")
    real = getattr(os, call)
    with monkeypatch.context() as patches:
        patches.setattr(os, call, killed)
        with pytest.raises(Killed):
            lab.tidy(25, action=action, **target)
    found = {path.name for path in (tmp_path / "in" / "a").iterdir()}
    assert len(found - names) == (step != "rename")
    lab.journal.remove_frames(map(str, lab.frames.values()) if step == "unlink" else [])
    lab.tidy(26, action=action, **target)
    left = [] if step != "unlink" else sorted(names)[1:]
    assert sorted(path.name for path in (tmp_path / "in" / "a").iterdir()) == left
    assert not lab.logged("frame_kept")
    if action == "move":
        moved = list((tmp_path / "done" / "test" / "a").iterdir())
        assert len(moved) == (24 if step != "unlink" else 1)


@pytest.mark.parametrize("action", ["move", "delete"])
@pytest.mark.parametrize("moment", ["link", "fsync", "rename"])
def test_a_new_frame_that_takes_the_name_meanwhile_stays(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, moment: str
) -> None:
    first = next(iter(lab.frames.values()))
    new, content = tmp_path / "new.tif", encode_frame(noise(99))
    new.write_bytes(content)

    def overtaken(path: Any, *others: Any, **options: Any) -> Any:
        if new.exists():
            new.replace(first)
        return real(path, *others, **options)

    real = getattr(os, moment)
    monkeypatch.setattr(os, moment, overtaken)
    target = {"folder": tmp_path / "done"} if action == "move" else {}
    lab.tidy(25, action=action, **target)
    if new.exists():  # nothing is linked or synced for a deletion
        assert (action, moment) in (("delete", "link"), ("delete", "fsync"))
        return
    assert first.read_bytes() == content
    assert [path.name for path in (tmp_path / "in" / "a").iterdir()] == [first.name]
    assert len(lab.logged("frame_kept")) == 1
    moved = tmp_path / "done" / "test" / "a" / first.name
    assert not moved.exists() or moved.read_bytes() != content


def test_a_new_frame_that_a_kill_left_under_a_private_name_gets_its_name_back(
    lab: Lab, tmp_path: Path
) -> None:
    first = next(iter(lab.frames.values()))
    content = encode_frame(noise(99))
    first.unlink()
    first.with_name(f".nd2watch-aside-{first.name}").write_bytes(content)
    lab.tidy(25)
    assert first.read_bytes() == content
    assert set((tmp_path / "in" / "a").iterdir()) == set(lab.frames.values())


@pytest.mark.parametrize("target", ["missing", "other"])
def test_a_frame_that_a_kill_left_under_a_private_name_is_deleted_only_if_it_was_moved(
    lab: Lab, tmp_path: Path, target: str
) -> None:
    first = next(iter(lab.frames.values()))
    content = first.read_bytes()
    moved = tmp_path / "done" / "test" / "a" / first.name
    first.rename(first.with_name(f".nd2watch-aside-{first.name}"))
    if target == "other":
        moved.parent.mkdir(parents=True)
        moved.write_bytes(encode_frame(noise(99)))
    lab.tidy(25, action="move", folder=tmp_path / "done")
    assert lab.left() == (target == "other")
    assert (moved if target == "missing" else first).read_bytes() == content


def test_it_ends_at_the_next_frame_when_it_is_cancelled(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = lab.retention()
    waiting, go_on = threading.Event(), threading.Event()

    def unlink(path: Any, **options: Any) -> None:
        real(path, **options)
        if lab.left() == 20:
            waiting.set()
            assert go_on.wait(60)

    real = os.unlink
    monkeypatch.setattr(os, "unlink", unlink)
    lab.now = lab.record.changed + 25 * HOUR_S
    thread = threading.Thread(target=retention.tidy, args=(lab.settings().watches,))
    thread.start()
    assert waiting.wait(60)
    assert not retention.cancel(0.0)
    go_on.set()
    assert retention.cancel(60)
    thread.join(60)
    assert lab.left() == 20
    retention.tidy(lab.settings().watches)
    assert lab.left() == 20


def test_the_comparison_ends_at_the_next_frame_when_it_is_cancelled(lab: Lab) -> None:
    retention = lab.retention()
    read = Nd2Reader.read_strips
    frames = []

    def read_strips(reader: Nd2Reader, index: int) -> Any:
        frames.append(index)
        retention.cancel(0.0)
        return read(reader, index)

    lab.now = lab.record.changed + 25 * HOUR_S
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(Nd2Reader, "read_strips", read_strips)
        retention.tidy(lab.settings().watches)
    assert len(frames) == 1
    assert lab.left() == 24
    assert not lab.logged("frames_kept")


def test_frames_that_are_not_there_now_are_put_away_when_they_are_back(
    lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "in" / "a").rename(tmp_path / "elsewhere")
    lab.tidy(25)
    (tmp_path / "elsewhere").rename(tmp_path / "in" / "a")
    assert lab.left() == 24
    lab.tidy(26)
    assert lab.left() == 0


@pytest.mark.parametrize("damaged", ["an ND2 file", "a frame"])
def test_frames_in_doubt_are_looked_at_once_a_day(lab: Lab, tmp_path: Path, damaged: str) -> None:
    first = next(iter(lab.frames.values()))
    away = tmp_path / "out" / "a.nd2" if damaged == "an ND2 file" else first
    shutil.copy2(away, tmp_path / "copy")
    away.rename(tmp_path / "elsewhere")
    if damaged == "a frame":
        (tmp_path / "copy").rename(away)  # equal, and not the one that was converted
    told = "frames_kept" if damaged == "an ND2 file" else "frame_kept"
    lab.tidy(25, 26, 48, 50)
    assert len(lab.logged(told)) == 2
    assert len(lab.logged("frames_put_away")) == (damaged == "a frame")
    (tmp_path / "elsewhere").replace(away)
    lab.tidy(51)
    assert lab.left() == 0


class TestNothingIsTouched:
    def test_when_the_nd2_file_is_gone(self, lab: Lab, tmp_path: Path) -> None:
        (tmp_path / "out" / "a.nd2").unlink()
        lab.tidy(25)
        assert lab.left() == 24
        assert len(lab.logged("frames_kept")) == 1

    def test_when_the_nd2_file_is_damaged(self, lab: Lab, tmp_path: Path) -> None:
        path = tmp_path / "out" / "a.nd2"
        with Nd2Reader(path) as reader:
            place = reader.chunks["ImageDataSeq|0!"]
        with path.open("r+b") as file:
            file.seek(place.offset + 4096 + 100)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        lab.tidy(25)
        assert lab.left() == 24
        assert "not beyond doubt" in lab.logged("frames_kept")[0]["reason"]

    def test_when_a_frame_has_changed(self, lab: Lab) -> None:
        next(iter(lab.frames.values())).write_bytes(encode_frame(noise(1)))
        lab.tidy(25)
        assert lab.left() == 24

    def test_when_a_frame_was_replaced_by_its_copy(self, lab: Lab, tmp_path: Path) -> None:
        first = next(iter(lab.frames.values()))
        shutil.copy2(first, tmp_path / "copy")
        (tmp_path / "copy").replace(first)
        lab.tidy(25)
        assert lab.left() == 1
        assert lab.logged("frame_kept")[0]["reason"] == "it is not the file that was converted"

    @pytest.mark.parametrize("action", ["move", "delete"])
    def test_when_no_nd2_file_records_a_frame(self, tmp_path: Path, action: str) -> None:
        """Time points that were trimmed are frames of the sequence, and in no file."""
        trim = '\nincomplete = { action = "trim", deadline_s = 0.1 }\n'
        lab = Lab(tmp_path, CONFIG.rstrip() + trim, lacking=(1, 1, 2, 1))
        trimmed = [path for at, path in lab.frames.items() if at[0] == 1 and path.exists()]
        folder = {"folder": tmp_path / "done"} if action == "move" else {}
        with lab.journal as journal:
            ready = [f for f in journal.frames("test", lab.record.key) if f.state == "ready"]
            assert set(map(str, trimmed)) < {frame.path for frame in ready}
            lab.tidy(25, action=action, **folder)
        assert len(trimmed) == lab.left() == 11
        assert all(path.exists() for path in trimmed)
        assert {e["path"] for e in lab.logged("frame_kept")} == set(map(str, trimmed))
        assert lab.logged("frames_put_away")[0]["count"] == 12

    def test_when_a_frame_came_late(self, lab: Lab) -> None:
        late = lab.folder / "in" / "a" / "img_t003_xy01_z001_cDAPI.tif"
        late.write_bytes(encode_frame(noise(3)))
        assert Daemon(lab.settings, SystemClock(), lab.log, once=True).run() == 0
        assert [e["path"] for e in lab.logged("frame_came_late")] == [late]
        lab.tidy(25)
        assert (late.exists(), lab.left()) == (True, 0)
        assert not lab.logged("frame_kept")

    def test_when_the_sequence_is_to_be_left_alone(self, lab: Lab) -> None:
        lab.journal.record_sequence(replace(lab.record, state="forgotten"))
        lab.tidy(25)
        assert lab.left() == 24
        assert not lab.logged("frames_kept")

    def test_when_the_sequence_is_not_published(self, lab: Lab) -> None:
        other = write(lab.folder / "in" / "b", acquisition(t=1))
        lab.tidy(25)
        assert all(path.exists() for path in other.values())


def test_what_is_due_can_be_listed(lab: Lab, tmp_path: Path) -> None:
    (watch,) = lab.settings().watches
    retention = RetentionConfig(action="delete", after_h=2)
    with JournalView(tmp_path / "state" / "journal.db") as view:
        (due,) = due_sequences(view, watch, retention)
        assert due.at == lab.record.changed + 2 * HOUR_S
        assert {frame.path for frame in due.frames} == set(map(str, lab.frames.values()))
        assert not list(due_sequences(view, watch, RetentionConfig()))
    lab.tidy(3, after_h=2)
    assert not list(due_sequences(lab.journal, watch, retention))


@pytest.mark.parametrize("action", ["keep", "delete", "move"])
def test_what_is_due_can_be_listed_before(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    config = tmp_path / "config.toml"
    folder = 'folder = "done"\n' if action == "move" else ""
    config.write_text(f'{CONFIG}\n[retention]\naction = "{action}"\nafter_h = 2\n{folder}')
    assert main(["due", "-c", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    if action == "keep":
        assert lines == ["all frames are kept where they are"]
        return
    assert ("deleted 2 h" in lines[0]) == (action == "delete")
    due = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(lab.record.changed + 2 * HOUR_S))
    assert lines[2].split(maxsplit=4) == [lab.record.handle, "test", "a", "24", due]
    assert main(["due", "--files", "-c", str(config)]) == 0
    named = {line.strip() for line in capsys.readouterr().out.splitlines()[3:]}
    assert named == set(map(str, lab.frames.values()))
    assert main(["due", "--json", "-c", str(config)]) == 0
    (told,) = json.loads(capsys.readouterr().out)["sequences"]
    assert (told["due"], len(told["files"])) == (lab.record.changed + 2 * HOUR_S, 24)
    assert lab.left() == 24


def test_a_service_puts_frames_away_by_itself(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.journal.close()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + '\n[retention]\naction = "delete"\nafter_h = 0\n')
    with ServiceProcess(config) as service:
        until(lambda: not lab.left(), "the frames to be deleted")
        assert service.terminate() == 0
    assert (tmp_path / "out" / "a.nd2").exists()


def test_a_reload_stops_a_deletion_that_is_under_way(tmp_path: Path) -> None:
    """The service's word that it works by the new configuration is that nothing more is deleted."""
    lab = Lab(tmp_path)
    lab.journal.close()
    config = deleting(tmp_path)
    launch = (sys.executable, "-m", "tests.service.slow_deletion")
    with ServiceProcess(config, launch=launch) as service:
        until(lambda: lab.left() == 23, "a frame to be deleted")
        config.write_text(LOGGED)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("reloaded")
        assert lab.left() == 23
        assert service.terminate() == 0
    assert lab.left() == 23
    assert service.named("frames_put_away")[0]["count"] == 1


def test_a_deletion_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.journal.close()
    config = deleting(tmp_path)
    launch = (sys.executable, "-m", "tests.service.dead_deletion")
    with ServiceProcess(config, launch=launch) as service:
        aside = ".nd2watch-aside-*"
        until(lambda: any((tmp_path / "in" / "a").glob(aside)), "a frame to be deleted")
        assert service.terminate() == 0
    assert len(service.named("retention_stalled")) == 1
    with ServiceProcess(config) as service:
        until(lambda: not lab.left(), "the frames to be deleted")
        assert service.terminate() == 0
    assert list((tmp_path / "in" / "a").iterdir()) == []


def test_what_a_killed_move_left_is_removed(lab: Lab, tmp_path: Path) -> None:
    target = tmp_path / "done" / "test" / "a"
    target.mkdir(parents=True)
    (target / ".nd2watch-0123456789abcdef.tmp").write_bytes(b"half")
    (target / ".nd2watch-notes.tmp").write_bytes(b"of somebody else")
    lab.tidy(25, action="move", folder=tmp_path / "done")
    assert lab.left() == 0
    names = {path.name for path in target.iterdir()}
    assert names == {path.name for path in lab.frames.values()} | {".nd2watch-notes.tmp"}
    assert len(lab.logged("unfinished_file_removed")) == 1


def test_the_frame_that_was_converted_is_put_away_and_not_its_copy(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(LOGGED)
    sources = write(tmp_path / "in" / "a", WHAT)
    original = sources[0, 0, 0, 0]
    copy = original.with_suffix(".TIF")  # which comes first by its name
    last = sources[1, 1, 2, 1].rename(tmp_path / "last.tif")
    with ServiceProcess(config) as service:
        service.wait_for("sequence_started")
        until(lambda: asked(tmp_path)["settling"] == 0, "all frames to be taken in")
        shutil.copy2(original, copy)
        service.wait_for("frame_doubled")
        last.rename(sources[1, 1, 2, 1])
        service.wait_for("published")
        assert service.terminate() == 0
    with ServiceProcess(deleting(tmp_path)) as service:
        assert service.wait_for("frames_put_away")["count"] == 24
        assert service.terminate() == 0
    assert list((tmp_path / "in" / "a").iterdir()) == [copy]


def deleting(folder: Path) -> Path:
    """Write the configuration of a service that deletes frames at once and logs for programs."""
    config = folder / "config.toml"
    config.write_text(LOGGED + '\n[retention]\naction = "delete"\nafter_h = 0\n')
    return config


def asked(folder: Path) -> Any:
    """Return how the folder of a service is."""
    try:
        return ask(folder / "state", "status")["watches"][0]
    except ServiceError:  # it starts
        return {"settling": None}
