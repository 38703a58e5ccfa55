"""The calls that differ between systems, each system played by what it has and has not."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import socket
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import nd2watch
from nd2watch import host

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="others are played on a system that has the calls of them all"
)


class WindowsLocks(types.ModuleType):
    """What `msvcrt.locking` does: one open file at a time may hold a byte."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self._held: dict[tuple[tuple[int, int], int], int] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        place = (_identity(descriptor), os.lseek(descriptor, 0, os.SEEK_CUR))
        holder = self._held.get(place)
        if holder not in (None, descriptor) and _is_open(holder, place[0]):
            raise PermissionError(errno.EACCES, "Permission denied")
        self._held[place] = descriptor


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _is_open(descriptor: int | None, identity: tuple[int, int]) -> bool:
    try:
        return descriptor is not None and _identity(descriptor) == identity
    except OSError:
        return False


def _host_of(platform: str, monkeypatch: pytest.MonkeyPatch, **modules: object) -> Any:
    """Return the platform's calls as they are loaded on another platform."""
    monkeypatch.setattr(nd2watch, "host", host)  # loading it again would replace it for good
    for name in [name for name in sys.modules if f"{name}.".startswith("nd2watch.host.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "platform", platform)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return importlib.import_module("nd2watch.host")


def _rename_as_on_windows(source: Path, target: Path, rename: Any = os.rename) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "File exists", str(source), str(target))
    rename(source, target)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "link", "posix_fadvise"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(os, "rename", _rename_as_on_windows)
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    return _host_of("win32", monkeypatch, msvcrt=WindowsLocks(), fcntl=None, resource=None)


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delattr(os, "link", raising=False)
    return _host_of(sys.platform, monkeypatch)


@pytest.fixture
def with_old_links(monkeypatch: pytest.MonkeyPatch) -> Any:
    def link(source: Path, target: Path, real: Any = os.link) -> None:
        real(source, target)

    monkeypatch.setattr(os, "link", link)  # takes no follow_symlinks, as on an old macOS
    return _host_of(sys.platform, monkeypatch)


@pytest.fixture(params=["here", "windows"])
def locking(request: pytest.FixtureRequest) -> Any:
    return host if request.param == "here" else request.getfixturevalue("windows")


@pytest.fixture(params=["here", "windows", "without_links", "with_old_links"])
def publishing(request: pytest.FixtureRequest) -> Any:
    return host if request.param == "here" else request.getfixturevalue(request.param)


def test_a_lock_is_held_by_one_and_tells_by_whom(locking: Any, tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with locking.FileLock(path) as lock:
        assert lock.path == path
        assert locking.lock_owner(path) == os.getpid()
        with pytest.raises(BlockingIOError, match=f"held by process {os.getpid()}.*lock"):
            locking.FileLock(path)

    with locking.FileLock(path):
        assert locking.lock_owner(path) == os.getpid()


def test_a_lock_that_is_let_go_twice_closes_no_other_file(locking: Any, tmp_path: Path) -> None:
    lock = locking.FileLock(tmp_path / "lock")
    lock.close()
    with (tmp_path / "other").open("wb") as other:  # gets the number of the closed descriptor
        lock.close()

        other.write(b"whole")
        other.flush()


def test_a_lock_replaces_what_an_owner_before_left(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("123456789012\n", encoding="ascii")

    with host.FileLock(path):
        assert path.read_text(encoding="ascii") == f"{os.getpid()}\n"


@pytest.mark.parametrize("text", [b"", b"\n", b"soon\n", b"-3\n", b"9" * 30, b"\xff\xfe", None])
def test_a_lock_without_a_number_has_an_unknown_owner(text: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    if text is not None:
        path.write_bytes(text)

    assert host.lock_owner(path) is None


def test_a_lock_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="lock"):
        host.FileLock(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = (
        "import sys; from pathlib import Path; from nd2watch.host import FileLock\n"
        "lock = FileLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(BlockingIOError, match=f"held by process {other.pid}"):
            host.FileLock(path)
        other.kill()
        other.wait()

        host.FileLock(path).close()


def test_a_file_that_is_written_is_kept_from_others_and_from_removal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    descriptor = host.create_locked(path)

    with pytest.raises(BlockingIOError):
        host.open_locked(path)
    assert not host.remove_unlocked(path)
    os.close(descriptor)
    os.close(host.open_locked(path))
    assert host.remove_unlocked(path)
    assert not path.exists()


def test_a_file_without_locks_is_told_apart_by_its_name_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("nd2watch.host.locking.fcntl.flock", refuse)
    path = tmp_path / "file"

    os.close(host.create_locked(path))
    os.close(host.open_locked(path))

    assert not host.remove_unlocked(path)  # somebody may be writing it
    with pytest.raises(OSError, match="No locks available"):
        host.FileLock(tmp_path / "lock")


def test_windows_itself_keeps_open_files_from_removal(
    windows: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unlink(path: Path, *_: object, real: Any = os.unlink) -> None:
        if Path(path).name == "open":
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        real(path)

    monkeypatch.setattr(os, "unlink", unlink)
    for name in ("open", "closed"):
        os.close(windows.create_locked(tmp_path / name))

    assert not windows.remove_unlocked(tmp_path / "open")
    assert windows.remove_unlocked(tmp_path / "closed")
    assert [path.name for path in tmp_path.iterdir()] == ["open"]


def test_a_file_is_published_under_a_free_name(publishing: Any, tmp_path: Path) -> None:
    (tmp_path / "temporary").write_bytes(b"new")

    publishing.publish(tmp_path / "temporary", tmp_path / "final")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"final": b"new"}


def test_publication_leaves_a_taken_name_alone(publishing: Any, tmp_path: Path) -> None:
    (tmp_path / "temporary").write_bytes(b"new")
    (tmp_path / "final").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        publishing.publish(tmp_path / "temporary", tmp_path / "final")

    texts = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert texts == {"final": b"old", "temporary": b"new"}


def test_publication_replaces_where_that_is_wanted(publishing: Any, tmp_path: Path) -> None:
    (tmp_path / "temporary").write_bytes(b"new")
    (tmp_path / "final").write_bytes(b"old")

    publishing.publish(tmp_path / "temporary", tmp_path / "final", replace=True)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"final": b"new"}


def test_the_name_that_a_killed_publication_took_is_free_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    def be_killed(*_: object) -> None:
        assert not host.remove_claim(final)  # it is held
        raise Killed

    final = tmp_path / "final"
    (tmp_path / "temporary").write_bytes(b"new")
    assert not host.remove_claim(final)
    with monkeypatch.context() as patches:
        patches.setattr(os, "link", refuse)
        patches.setattr(os, "replace", be_killed)
        with pytest.raises(Killed):
            host.publish(tmp_path / "temporary", final)
    assert final.read_bytes() == b""

    assert host.remove_claim(final)
    host.publish(tmp_path / "temporary", final)
    assert not host.remove_claim(final)
    assert final.read_bytes() == b"new"


def test_no_other_empty_file_is_taken_for_a_claim(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("empty")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    for name in ("link", "folder", "pipe"):
        assert not host.remove_claim(tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_link_is_given_a_second_name_as_such(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")

    host.link(tmp_path / "link", tmp_path / "other")

    assert (tmp_path / "other").readlink() == Path("elsewhere")


def test_a_link_that_fails_for_another_reason_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("nd2watch.host.files.os.link", refuse)
    (tmp_path / "temporary").write_bytes(b"new")

    with pytest.raises(OSError, match="Input/output error"):
        host.publish(tmp_path / "temporary", tmp_path / "final")
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]


@pytest.mark.parametrize(
    ("number", "is_error"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_a_folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is(
    number: int, is_error: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("nd2watch.host.files.os.fsync", refuse)

    if is_error:
        with pytest.raises(OSError, match=os.strerror(number)):
            host.sync_folder(tmp_path)
    else:
        host.sync_folder(tmp_path)


def test_windows_syncs_no_folders(
    windows: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "fsync", pytest.fail)

    windows.sync_folder(tmp_path)


def test_a_file_is_read_from_the_disk_again_only_where_the_system_can(
    windows: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    (tmp_path / "file").write_bytes(b"x")
    windows.drop_cached(tmp_path / "file")
    monkeypatch.setattr(os, "posix_fadvise", refuse, raising=False)
    host.drop_cached(tmp_path / "file")
    host.drop_cached(tmp_path / "gone")


@pytest.mark.parametrize(("can", "calls"), [(True, ["full"]), (False, ["full", "fsync"])])
def test_macos_writes_through_the_cache_of_the_drive_where_it_can(
    can: bool, calls: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[str] = []

    class Control(types.ModuleType):
        F_FULLFSYNC = 51

        def fcntl(self, descriptor: int, command: int) -> None:
            assert command == self.F_FULLFSYNC
            os.fstat(descriptor)
            made.append("full")
            if not can:
                raise OSError(errno.ENOTSUP, "Operation not supported")

    macos = _host_of("darwin", monkeypatch, fcntl=Control("fcntl"))
    monkeypatch.setattr(os, "fsync", lambda _: made.append("fsync"))
    with (tmp_path / "file").open("wb") as file:
        macos.sync_file(file.fileno())

    assert made == calls


def test_opening_for_reading_follows_no_link_and_waits_for_no_writer(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")

    with os.fdopen(host.open_for_reading(tmp_path / "file"), "rb") as file:
        assert file.read() == b"text"
    os.close(host.open_for_reading(tmp_path / "pipe"))
    with pytest.raises(OSError, match="link"):
        host.open_for_reading(tmp_path / "link")


def test_opening_for_reading_needs_no_flag_of_posix(windows: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")

    with os.fdopen(windows.open_for_reading(tmp_path / "file"), "rb") as file:
        assert file.read() == b"text"


class Limits(types.ModuleType):
    """What `resource` has, with limits of its own."""

    RLIMIT_NOFILE = 7
    RLIMIT_AS = 9
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int, *, refuses: bool = False) -> None:
        super().__init__("resource")
        self.limits = (soft, hard)
        self._refuses = refuses

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        if self._refuses:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        (Limits(1024, 1048576), 8192),
        (Limits(1024, 4096), 4096),
        (Limits(256, -1), 8192),
        (Limits(65536, 65536), 65536),
        (Limits(-1, -1), 8192),
        (Limits(1024, 4096, refuses=True), 256),
    ],
)
def test_as_many_files_may_be_open_as_the_system_allows(
    limits: Limits, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _host_of("darwin", monkeypatch, resource=limits).open_files_allowed() == allowed


def test_windows_has_no_limits_that_a_process_can_set(windows: Any) -> None:
    windows.limit_memory(1 << 30)

    assert windows.open_files_allowed() == 256


def test_memory_is_limited_below_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(-1, 1 << 40)

    _host_of("linux", monkeypatch, resource=limits).limit_memory(1 << 30)

    assert limits.limits == (1 << 30, 1 << 40)


@pytest.mark.parametrize(
    ("number", "name"),
    [(errno.ENOSPC, "max_user_watches"), (errno.EMFILE, "max_user_instances")],
)
def test_a_lack_of_watches_names_the_kernel_setting_and_its_value(
    number: int, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nd2watch.host.limits.INOTIFY_LIMITS", tmp_path)
    error = OSError(number, "inotify limit reached")

    assert f"fs.inotify.{name}, which is not known: " in host.watch_limit_hint(error, tmp_path)
    (tmp_path / name).write_text("8192\n", encoding="ascii")
    assert f"fs.inotify.{name}, which is 8192: " in host.watch_limit_hint(error, tmp_path)
    assert host.watch_limit_hint(OSError(errno.EACCES, "no"), tmp_path) == ""


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_have_no_such_settings(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    assert host.watch_limit_hint(OSError(errno.EMFILE, "too many open files"), Path()) == ""


def test_nothing_is_sent_where_unix_sockets_are_missing(windows: Any) -> None:
    assert windows.send_datagram("/run/notify", b"READY=1") is False


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """What is called at signals; nothing is installed for real."""
    installed: dict[int, Any] = {}

    monkeypatch.setattr(signal, "signal", installed.__setitem__)
    return installed


def test_windows_is_stopped_by_ctrl_c_and_ctrl_break_and_never_reloads(
    windows: Any, handlers: dict[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "SIGBREAK", 21, raising=False)
    monkeypatch.setattr(signal, "Signals", lambda number: types.SimpleNamespace(name=f"{number}"))
    stopped: list[str] = []

    windows.on_stop_signal(stopped.append)
    windows.on_reload_signal(pytest.fail)

    assert handlers.keys() == {signal.SIGINT, signal.SIGTERM, 21}
    for number, handler in handlers.items():
        handler(number, None)
    assert stopped == ["2", "15", "21"]


def test_a_reload_is_a_hangup(handlers: dict[int, Any]) -> None:
    wishes: list[str] = []

    host.on_reload_signal(lambda: wishes.append("reload"))
    handlers[signal.SIGHUP](signal.SIGHUP, None)

    assert wishes == ["reload"]


def test_a_command_ends_in_order_where_there_is_no_hangup(windows: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(SystemExit) as ended, windows.exit_on_termination():
        signal.raise_signal(signal.SIGTERM)

    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_group_of_processes_is_made_in_the_way_of_the_system(
    windows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0x8000000, raising=False)

    assert windows.group_arguments() == {"creationflags": 0x8000200}
    monkeypatch.setattr(sys, "platform", "linux")
    assert host.group_arguments() == {"process_group": 0}


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_only_linux_knows_processes_that_are_expendable(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("nd2watch.host.processes.ctypes.CDLL", pytest.fail)

    host.become_expendable()


def test_each_folder_that_is_made_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("nd2watch.host.files.sync_folder", synced.append)
    host.make_folder(tmp_path / "a" / "b" / "c")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    host.make_folder(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        host.make_folder(tmp_path / "file")
