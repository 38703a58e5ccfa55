"""The systemd unit: accepted by systemd, well confined, and true to the program."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nd2watch.cli import service
from nd2watch.cli.parser import command_parser
from nd2watch.service import daemon

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="systemd is there on Linux only"
)

_ROOT = Path(__file__).parent.parent
_FILES = _ROOT / "systemd"
_UNIT = _FILES / "nd2watch.service"
_SYSUSERS = _FILES / "nd2watch.sysusers.conf"
_TMPFILES = _FILES / "nd2watch.tmpfiles.conf"
_SYSCTL = _FILES / "99-nd2watch.sysctl.conf"
_PROGRAM = "/opt/nd2watch/bin/nd2watch"
_CONFIG = Path("/etc/nd2watch/config.toml")
_HIGHEST_EXPOSURE = 1.0


_KERNEL_DEFAULTS = {
    "fs.inotify.max_user_watches": 8192,
    "fs.inotify.max_user_instances": 128,
    "fs.inotify.max_queued_events": 16384,
}


def _tool(name: str) -> str:
    """Return the path of one of systemd's programs."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/lib/systemd:/lib/systemd")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed; where CI is set, it has to be")
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="module")
def analyze() -> str:
    return _tool("systemd-analyze")


def _values(key: str) -> list[str]:
    """Return all values that the unit gives to a directive."""
    lines = _UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.partition("=")[0] == key]


def _value(key: str) -> str:
    (value,) = _values(key)
    return value


def _rows(path: Path) -> list[list[str]]:
    """Return the words of all lines that are no comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=60)


def test_systemd_accepts_the_unit_without_a_word(analyze: str, tmp_path: Path) -> None:
    text = _UNIT.read_text(encoding="utf-8")
    for program in (_PROGRAM, "/bin/kill"):  # systemd wants programs that exist on this machine
        text = text.replace(f"={program} ", f"={sys.executable} ")
    unit = tmp_path / _UNIT.name
    unit.write_text(text, encoding="utf-8")

    done = _run(analyze, "verify", "--man=no", unit)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_confinement_leaves_little_exposed(analyze: str) -> None:
    threshold = round(10 * _HIGHEST_EXPOSURE)

    done = _run(
        analyze, "security", "--no-pager", "--offline=true", f"--threshold={threshold}", _UNIT
    )

    assert done.returncode == 0, done.stdout + done.stderr
    exposure = re.search(r"Overall exposure level for nd2watch\.service: ([0-9.]+)", done.stdout)
    assert exposure is not None, done.stdout + done.stderr
    assert float(exposure[1]) <= _HIGHEST_EXPOSURE


def test_comments_stand_on_lines_of_their_own() -> None:
    lines = _UNIT.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if "#" in line and not line.startswith("#")] == []


def test_the_start_command_is_one_that_the_program_knows() -> None:
    program, *words = _value("ExecStart").split()
    options = command_parser().parse_args(words)

    assert program == _PROGRAM
    assert options.command is service.run
    assert options.config == _CONFIG
    assert not options.once


def test_a_reload_checks_the_configuration_before_it_signals() -> None:
    check, signal = _values("ExecReload")
    program, *words = check.split()
    options = command_parser().parse_args(words)

    assert program == _PROGRAM
    assert options.command is service.check_config
    assert options.config == _CONFIG
    assert signal == "/bin/kill -HUP $MAINPID"


def test_the_unit_relies_on_notifications_of_the_main_process() -> None:
    assert _value("Type") == "notify"
    assert _value("NotifyAccess") == "main"
    assert "AF_UNIX" in _value("RestrictAddressFamilies").split()


def test_the_watchdog_waits_far_longer_than_an_idle_turn_of_the_main_loop() -> None:
    assert float(_value("WatchdogSec")) >= 10 * daemon._TURN_S


def test_a_hang_is_reported_with_the_place_where_each_thread_is() -> None:
    assert _value("WatchdogSignal") == "SIGABRT"
    assert "PYTHONFAULTHANDLER=1" in _value("Environment").split()


def test_output_is_writable_and_sources_are_not_and_may_be_missing() -> None:
    assert _value("ProtectSystem") == "strict"
    assert _value("ReadWritePaths") == _value("RequiresMountsFor") == "/srv/nd2"
    assert _value("ReadOnlyPaths") == "-/srv/incoming"


def test_the_service_is_told_folders_that_are_its_own() -> None:
    assert _value("StateDirectory") == _value("RuntimeDirectory") == "nd2watch"
    assert _value("StateDirectoryMode") == _value("RuntimeDirectoryMode") == "0750"


def test_sysusers_makes_the_user_of_the_unit(tmp_path: Path) -> None:
    tool = _tool("systemd-sysusers")
    (tmp_path / "etc").mkdir()

    done = _run(tool, f"--root={tmp_path}", "--dry-run", _SYSUSERS)

    made = re.findall(r"Creating (user|group) '(\w+)'", done.stdout + done.stderr)
    assert done.returncode == 0
    assert sorted(made) == [("group", _value("Group")), ("user", _value("User"))], done.stderr


def test_tmpfiles_makes_the_folders_of_the_unit(tmp_path: Path) -> None:
    tool = _tool("systemd-tmpfiles")
    text = _TMPFILES.read_text(encoding="utf-8").replace(" nd2watch nd2watch ", " - - ")
    folders = tmp_path / "folders.conf"
    folders.write_text(text, encoding="utf-8")

    done = _run(tool, f"--root={tmp_path}", "--create", folders)

    made = {path: tmp_path / path.lstrip("/") for _, path, *_ in _rows(_TMPFILES)}
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert made.keys() == {_value("ReadWritePaths"), "/var/lib/nd2watch", "/run/nd2watch"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.values()} == {0o750}


def test_tmpfiles_gives_all_folders_to_the_user_of_the_unit() -> None:
    owner = [_value("User"), _value("Group")]

    assert {(kind, age) for kind, *_, age in _rows(_TMPFILES)} == {("d", "-")}
    assert all([user, group] == owner for _, _, _, user, group, _ in _rows(_TMPFILES))


def test_sysctl_takes_every_line() -> None:
    # What does not begin so is only read: the test changes nothing of the machine.
    done = _run(_tool("systemd-sysctl"), "--prefix=/none", _SYSCTL)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_limit_for_watching_folders_is_raised_above_the_defaults_of_kernels() -> None:
    limits = {key: int(number) for key, _, number in _rows(_SYSCTL)}

    assert limits.keys() == _KERNEL_DEFAULTS.keys()
    for key, number in limits.items():
        assert number > _KERNEL_DEFAULTS[key]
        assert Path("/proc/sys", *key.split(".")).is_file()


@pytest.mark.parametrize("words", [("check-config",), ("run", "--config")])
@pytest.mark.parametrize("content", ["[output\n", "[output]\nfolder = 1\n", None])
def test_the_status_that_forbids_a_restart_is_that_of_a_faulty_configuration(
    words: tuple[str, ...], content: str | None, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    if content is not None:
        config.write_text(content, encoding="utf-8")

    done = _run(sys.executable, "-m", "nd2watch", *words, config)

    assert str(done.returncode) == _value("RestartPreventExitStatus")
    assert done.stdout == ""
    assert str(config) in done.stderr
