"""The systemd unit: accepted by systemd, well confined, and true to the program."""

from __future__ import annotations

import os
import re
import shutil
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
_UNIT = _ROOT / "systemd" / "nd2watch.service"
_PROGRAM = "/opt/nd2watch/bin/nd2watch"
_CONFIG = Path("/etc/nd2watch/config.toml")
_HIGHEST_EXPOSURE = 1.0


@pytest.fixture(scope="module")
def analyze() -> str:
    path = shutil.which("systemd-analyze")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("systemd-analyze is not installed; where CI is set, it has to be")
        pytest.skip("systemd-analyze is not installed")
    return path


def _values(key: str) -> list[str]:
    """Return all values that the unit gives to a directive."""
    lines = _UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.partition("=")[0] == key]


def _value(key: str) -> str:
    (value,) = _values(key)
    return value


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
    assert float(_value("WatchdogSec")) >= 10 * daemon._LONGEST_TURN_S


def test_a_hang_is_reported_with_the_place_where_each_thread_is() -> None:
    assert _value("WatchdogSignal") == "SIGABRT"
    assert "PYTHONFAULTHANDLER=1" in _value("Environment").split()


def test_output_is_writable_and_sources_are_not_and_may_be_missing() -> None:
    assert _value("ProtectSystem") == "strict"
    assert _value("ReadWritePaths") == _value("RequiresMountsFor") == "/srv/nd2"
    assert _value("ReadOnlyPaths") == "-/srv/incoming"


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
