"""The commands where their output cannot be printed, and how they end."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nd2watch.cli import main, sequences
from nd2watch.tools import convert_sequence_to_nd2_args, convert_sequence_to_nd2_cli
from tests.tools.numbered import GROUPS, PATTERN, write_files
from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Callable

BIN = Path(sys.executable).parent
DOORS = [(str(BIN / "convert-sequence-to-nd2"),), (str(BIN / "nd2watch"), "convert-sequence")]
PLAN = (str(BIN / "plan-sequence"), "in", PATTERN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "in")
    return tmp_path / "in"


def in_shell(*words: str, end: str) -> subprocess.CompletedProcess[str]:
    """Run a command with its streams set by the shell; the status is that of the command."""
    line = f"set -o pipefail; {shlex.join(words)} {end}"
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs a shell and the devices of Linux")
class TestShell:
    """Streams that are closed, full, or read by nobody."""

    @pytest.mark.parametrize(
        ("door", "end"),
        [
            (DOORS[0], ">&-"),
            (DOORS[0], "| true"),
            (DOORS[0], "2>&1 >/dev/full"),
            (DOORS[1], ">&- 2>&-"),
            (DOORS[1], "| true"),
        ],
    )
    def test_a_conversion_is_done_all_the_same(
        self, folder: Path, door: tuple[str, ...], end: str
    ) -> None:
        words = (*door, str(folder), PATTERN, *GROUPS, "-n", "a.nd2")
        done = in_shell(*words, end=end)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (folder / "a.nd2").exists()

    def test_an_error_that_cannot_be_told_is_one(self, folder: Path) -> None:
        done = in_shell(*DOORS[0], str(folder), PATTERN, "-n", "a.nd2", end="2>&-")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")

    @pytest.mark.parametrize(
        ("words", "end", "status"),
        [
            ((*PLAN, *GROUPS), "| true", 141),
            ((*PLAN, *GROUPS), ">&-", 0),
            ((*PLAN, *GROUPS), ">/dev/full", 1),
            ((str(BIN / "get-image-dimensions"), "in/t001_z1_gfp.tif"), "| true", 141),
            ((str(BIN / "nd2watch"), "info", "a.nd2"), "| true", 141),
            ((str(BIN / "nd2watch"), "info", "a.nd2"), ">/dev/full", 1),
        ],
    )
    def test_a_result_without_a_reader_ends_quietly(
        self,
        folder: Path,
        words: tuple[str, ...],
        end: str,
        status: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(folder.parent)
        convert_sequence_to_nd2_args(["in", PATTERN, *GROUPS, "-n", "../a.nd2"])
        done = in_shell(*words, end=end)
        assert done.returncode == status
        assert done.stderr.count("\n") == (status == 1)
        assert ("No space left" in done.stderr) == (status == 1)


class TestPython:
    """Streams of programs."""

    def test_none(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        monkeypatch.setattr(sys, "stderr", None)
        words = [str(folder), PATTERN, *GROUPS, "-n", "a.nd2"]
        assert convert_sequence_to_nd2_args(words).exists()
        assert convert_sequence_to_nd2_cli(words) == 1
        assert main(["convert-sequence", *words]) == 1

    def test_one_that_is_closed(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.StringIO()
        stream.close()
        monkeypatch.setattr(sys, "stdout", stream)
        words = [str(folder), PATTERN, *GROUPS, "-n", "a.nd2"]
        assert main(["convert-sequence", *words]) == 0

    def test_one_that_tells_no_encoding(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[str] = []

        class Stream:
            def write(self, text: str) -> None:
                written.append(text)

            def flush(self) -> None:
                pass

        monkeypatch.setattr(sys, "stdout", Stream())
        words = [str(folder), PATTERN, *GROUPS, "-n", "a.nd2"]
        assert main(["convert-sequence", *words]) == 0
        assert written[-1] == f"{folder / 'a.nd2'} is written\n"


class TestTerminal:
    """Progress on a terminal."""

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
    @pytest.mark.parametrize("door", DOORS, ids=["installed", "subcommand"])
    def test_a_bar_leaves_the_messages_where_they_go(
        self, folder: Path, door: tuple[str, ...]
    ) -> None:
        words = (*door, str(folder), PATTERN, *GROUPS, "-n", "a.nd2")
        log = folder.parent / "log"
        script = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))"
        line = f"{shlex.join(words)} > {shlex.quote(str(log))}"
        ended = subprocess.run(
            [sys.executable, "-c", script, "bash", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert ended.returncode == 0
        assert "6/6" in ended.stdout
        assert "note: " not in ended.stdout
        assert log.read_text(encoding="utf-8").endswith(f"{folder / 'a.nd2'} is written\n")


class TestEnds:
    """The twins end alike."""

    @pytest.mark.parametrize("command", [*sequences.COMMANDS])
    def test_words_are_not_abbreviated(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([command, "a", "b", "--forc", "--unknown_dim", "c"]) == 1
        assert f"; see nd2watch {command} --help\n" in capsys.readouterr().err

    def test_an_interruption_is_told(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("nd2watch.tools.command.collect_numbered", interrupted)
        words = [str(folder), PATTERN, *GROUPS, "-n", "a.nd2"]
        monkeypatch.setattr(sys, "argv", ["convert-sequence-to-nd2", *words])
        doors: list[Callable[[], int]] = [
            sequences.convert_sequence_to_nd2,
            lambda: main(["convert-sequence", *words]),
        ]
        for door in doors:
            assert door() == 130
            assert capsys.readouterr().err == "error: interrupted; nothing was written\n"

    def test_a_mistake_of_the_program_is_shown(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def mistaken(*_: object, **__: object) -> None:
            raise ValueError("a mistake")

        monkeypatch.setattr("nd2watch.tools.command.collect_numbered", mistaken)
        with pytest.raises(ValueError, match="a mistake"):
            convert_sequence_to_nd2_cli([str(folder), PATTERN, *GROUPS, "-n", "a.nd2"])

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
    @pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
    def test_a_signal_leaves_nothing(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        number = signal.Signals[name]

        def progress(*_: object) -> None:
            os.kill(os.getpid(), number)

        monkeypatch.setattr("nd2watch.tools.messages.Messages.progress", progress)
        before = sorted(folder.iterdir())
        words = [str(folder), PATTERN, *GROUPS, "-n", "a.nd2", "--logs_to_json"]
        with pytest.raises(SystemExit) as ended:
            main(["convert-sequence", *words])
        assert ended.value.code == 128 + number
        assert sorted(folder.iterdir()) == before

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
    def test_a_hang_up_that_is_ignored_stays_ignored(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def progress(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGHUP)

        monkeypatch.setattr("nd2watch.tools.messages.Messages.progress", progress)
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            words = [str(folder), PATTERN, *GROUPS, "-n", "a.nd2", "--logs_to_json"]
            assert main(["convert-sequence", *words]) == 0
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_a_plan_is_the_same_by_either_door(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = [str(folder), PATTERN, *GROUPS]
        assert main(["plan-sequence", *words]) == 0
        told = json.loads(capsys.readouterr().out)
        monkeypatch.setattr(sys, "argv", ["plan-sequence", *words])
        assert sequences.plan_sequence() == 0
        assert json.loads(capsys.readouterr().out) == told
