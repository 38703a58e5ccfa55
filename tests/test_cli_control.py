"""The commands that ask the running service, beside real services and dead ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nd2
import numpy as np
import pytest

from nd2watch.cli import control, main
from nd2watch.journal import STATES, Heartbeat, Journal, JournalEvent, SequenceRecord
from nd2watch.service import state_folder, troubles
from nd2watch.service.protocol import Address
from nd2watch.service.state_folder import JOURNAL
from tests.frames import acquisition, assert_nd2_equals_sources, write
from tests.test_docs import console_examples
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Command = Callable[..., tuple[int, list[str]]]

DOCS = (Path(__file__).parent.parent / "docs" / "service.md").read_text(encoding="utf-8")
ASKING = DOCS.partition("## Asking the running service")[2].split("\n## ")[0]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")

CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.1
scan_interval_s = 60
stalled_s = 0.5
give_up_s = 0.3
state_folder = "state"
log_format = "json"

[[watch]]
name = "scope-1"
folder = "in"
pattern = "img_t{t:3}_xy{p:2}_z{z:3}_c{c}.tif"
axes = { t = 2, p = 2, z = 3, c = ["DAPI", "GFP"] }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    (tmp_path / "in").mkdir()
    return path


@pytest.fixture
def command(config: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command, and gives its exit status and the lines it prints."""

    def run(*words: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        status = main([*words, "-c", str(config)])
        printed = capsys.readouterr()
        return status, [*printed.out.splitlines(), *printed.err.splitlines()]

    return run


@pytest.fixture
def told(command: Command) -> Callable[..., Any]:
    """Return a function that runs a command with --json, and gives what it tells."""
    return lambda *words: json.loads("\n".join(command(*words, "--json")[1]))


def handle_of(told: Callable[..., Any], title: str) -> str:
    """Return the handle of a sequence."""
    return str(next(each["handle"] for each in told("list") if each["title"] == title))


def wait_for(command: Command, **states: str) -> None:
    """Wait until sequences, by title, are in these states."""

    def reached() -> bool:
        status, lines = command("list", "--json")
        if status:  # there is no journal yet
            return False
        found = {each["title"]: each["state"] for each in json.loads("\n".join(lines))}
        return states.items() <= found.items()

    until(reached, f"sequences are {states}")


def masked(lines: str) -> str:
    """Return what a command prints without what differs from run to run."""
    for pattern, shown in (
        (r"\d+ (d|h|min|s)( \d+ (h|min|s))?\b", "SPAN"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "MOMENT"),
        (r"[\d.]+ GB", "SIZE"),
        (r"process \d+", "process NUMBER"),
        (r"(?s)  history .*", ""),
    ):
        lines = re.sub(pattern, shown, lines)
    return lines.strip()


def keys_in(value: Any, above: str = "") -> Iterator[str]:
    """Yield the names of what is told, but for those that come from elsewhere."""
    for key, each in value.items() if isinstance(value, dict) else ():
        if above not in ("files", "sequences", "key"):
            yield key
        yield from keys_in(each, key)
    for each in value if isinstance(value, list) else ():
        yield from keys_in(each, above)


def test_the_commands_tell_what_is_documented(
    tmp_path: Path, config: Path, command: Command, told: Callable[..., Any]
) -> None:
    write(tmp_path / "in" / "cells", acquisition())
    frames = write(tmp_path / "embryo", acquisition())
    frames[1, 0, 0, 0].unlink()
    frames[1, 1, 1, 1].write_text("no image")
    (tmp_path / "in" / "notes.tif").touch()
    values = []
    with ServiceProcess(config) as service:
        wait_for(command, cells="published")
        (tmp_path / "embryo").rename(tmp_path / "in" / "embryo")
        wait_for(command, embryo="held")
        service.wait_for("frame_refused")
        values += [told("status"), told("list"), told("show", handle_of(told, "embryo"))]
        for example, printed in console_examples(ASKING):
            words = example.removesuffix(" -c /etc/nd2watch/config.toml").split()
            lines = "\n".join(command(*words[1:])[1])
            for folder, named in (("in", "/srv/incoming/scope-1"), ("out", "/srv/nd2")):
                lines = lines.replace(str(tmp_path / folder), named)
            assert masked(lines) == masked(printed)
        wait_for(command, embryo="published")
        assert service.terminate() == 0
    values.append(told("status"))

    running, sequences, shown, stopped = values
    assert (running["running"], stopped["running"]) == (True, False)
    assert running["process"] == service.process.pid == stopped["heartbeat"]["process"]
    assert running["watches"][0]["files"] == {"frame_refused": 1, "file_passed_over": 1}
    assert {each["title"]: each["state"] for each in sequences} == {
        "cells": "published",
        "embryo": "held",
    }
    assert shown["live"]["lacks"] == ["t=2 p=1 z=1 c=DAPI", "t=2 p=2 z=2 c=GFP"]
    assert shown["events"][-1]["event"] == "held"
    assert shown["note"] == ""
    names = set(keys_in(values))
    assert len(names) > 50
    assert [name for name in sorted(names) if f"`{name}`" not in ASKING] == []


def test_lists_and_the_status_can_be_narrowed(
    tmp_path: Path, config: Path, command: Command, told: Callable[..., Any]
) -> None:
    write(tmp_path / "in" / "cells", acquisition())
    write(tmp_path / "in" / "embryo", acquisition())[1, 0, 0, 0].unlink()
    with ServiceProcess(config):
        wait_for(command, cells="published", embryo="held")
        assert [each["title"] for each in told("list", "--state", "held")] == ["embryo"]
        assert command("list", "--state", "failed") == (0, [])
        assert told("list", "--watch", "other") == []
        assert [w["name"] for w in told("status", "--watch", "scope-1")["watches"]] == ["scope-1"]
        assert command("status", "--watch", "other") == (
            69,
            ["nd2watch: error: there is no watch 'other', but scope-1"],
        )
        assert command("scan") == (0, ["all files are looked at now: scope-1"])
        status, (line,) = command("scan", "--watch", "other")
        assert (status, line) == (69, "nd2watch: error: there is no watch 'other'")


def test_each_state_and_each_event_on_files_is_explained() -> None:
    why = DOCS.partition("## Why is my sequence not converted?")[2].split("\n## ")[0]
    assert [name for name in (*STATES, *troubles.EVENTS) if f"| `{name}`" not in why] == []
    commands = (f"nd2watch {name}" for name in control.COMMANDS)
    assert [name for name in commands if name not in ASKING] == []


def test_without_a_service_there_is_what_the_journal_knows(
    tmp_path: Path, config: Path, command: Command, told: Callable[..., Any]
) -> None:
    write(tmp_path / "in" / "done", acquisition())
    write(tmp_path / "in" / "gap", acquisition())[1, 0, 0, 0].unlink()
    with ServiceProcess(config) as service:
        wait_for(command, done="published", gap="held")
        until(lambda: "1 published" in _text(command), "the sign of life")
        service.process.kill()
        service.wait()
        process = service.process.pid
    handle = handle_of(told, "gap")
    status, lines = command("status")
    assert status == 69
    assert lines[0].startswith("the service does not run")
    assert f", process {process}" in lines[1]
    assert lines[-2:] == ["scope-1", "  sequences   1 held, 1 published"]
    stopped = told("status")
    assert stopped["running"] is False
    assert stopped["heartbeat"]["process"] == process
    assert stopped["sequences"] == {"scope-1": {"held": 1, "published": 1}}
    assert told("status", "--watch", "other")["sequences"] == {}
    assert len(command("list")[1]) == 3
    text = "\n".join(command("show", handle)[1])
    assert "  missing     t=2 p=1 z=1 c=DAPI" in text
    assert "this is what was last recorded: the service does not run" in text
    for words in (("retry", handle), ("release", handle), ("forget", handle), ("scan",)):
        status, lines = command(*words)
        assert (status, len(lines)) == (69, 1)
        assert "nd2watch: error: the service does not run" in lines[0]
    status, lines = command("healthcheck")
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith("not healthy: the service does not run")


def _text(command: Command) -> str:
    """Return what the status of a service says."""
    return "\n".join(command("status")[1])


def test_before_the_first_start_there_is_nothing_to_tell(command: Command) -> None:
    status, lines = command("status")
    assert status == 69
    assert "has never used" in lines[0]
    assert "there is no journal" in lines[0]
    status, lines = command("list")
    assert (status, len(lines)) == (74, 1)
    assert command("healthcheck")[0] == 1


def test_a_failed_sequence_is_tried_again_when_that_is_wanted(
    tmp_path: Path, config: Path, command: Command, told: Callable[..., Any]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.nd2").write_text("precious")
    what = acquisition()
    sources = write(tmp_path / "in" / "a", what)
    with ServiceProcess(config) as service:
        wait_for(command, a="conflict")
        handle = handle_of(told, "a")
        assert "move it away" in "\n".join(command("show", handle)[1])
        (tmp_path / "out" / "a.nd2").rename(tmp_path / "out" / "moved.nd2")
        assert command("retry", handle, "zz") == (
            69,
            [
                f"{handle} a: it is tried again as soon as it is complete",
                "nd2watch: error: there is no sequence 'zz'; `nd2watch list` shows all",
            ],
        )
        wait_for(command, a="published")

        status, lines = command("retry", handle)
        assert status == 0
        assert "its frames are collected again" in lines[0]
        service.wait_for("already_converted")
        wait_for(command, a="published")
        assert service.terminate() == 0
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", what, sources)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.nd2")) == ["a.nd2", "moved.nd2"]


def test_an_incomplete_sequence_is_released_trimmed_or_filled(
    tmp_path: Path, config: Path, command: Command, told: Callable[..., Any]
) -> None:
    what = acquisition()
    sources = {name: write(tmp_path / "in" / name, what) for name in ("trim", "fill", "start")}
    for name in ("trim", "fill"):
        sources[name][1, 0, 0, 0].unlink()
    sources["start"][0, 0, 0, 0].unlink()
    with ServiceProcess(config):
        wait_for(command, trim="held", fill="held", start="held")
        handles = {name: handle_of(told, name) for name in sources}
        status, lines = command("release", handles["start"])
        assert status == 69
        assert "no time point of sequence start is whole; fill it instead" in lines[0]
        assert command("release", handles["trim"]) == (
            0,
            [f"{handles['trim']} trim: it is converted as it is (trim)"],
        )
        assert command("release", "--fill", handles["fill"], handles["start"])[0] == 0
        wait_for(command, trim="published", fill="published", start="published")
    first = {at: path for at, path in sources["trim"].items() if at[0] == 0}
    assert_nd2_equals_sources(tmp_path / "out" / "trim.nd2", acquisition(t=1), first)
    with nd2.ND2File(tmp_path / "out" / "fill.nd2") as file:
        assert {axis: file.sizes[axis] for axis in "TPZC"} == {"T": 2, "P": 2, "Z": 3, "C": 2}
        pixels = file.asarray()
    assert not pixels[1, 0, 0, 0].any()
    empty = [not plane.any() for plane in pixels.reshape(-1, *pixels.shape[-2:])]
    assert np.count_nonzero(empty) == 1


def test_a_forgotten_sequence_stays_so_until_it_is_retried(
    tmp_path: Path, config: Path, command: Command, told: Callable[..., Any]
) -> None:
    what = acquisition()
    sources = write(tmp_path / "all", what)
    (tmp_path / "in" / "a").mkdir()
    late = dict(list(sources.items())[-2:])

    def deliver(frames: dict[Any, Path]) -> None:
        for path in frames.values():
            shutil.copy(path, tmp_path / "in" / "a" / path.name)

    deliver({at: path for at, path in sources.items() if at not in late})
    with ServiceProcess(config) as service:
        wait_for(command, a="held")
        handle = handle_of(told, "a")
        assert command("forget", handle)[0] == 0
        os.kill(service.process.pid, signal.SIGKILL)
        service.wait()
    deliver(late)
    write(tmp_path / "in" / "b", what)
    with ServiceProcess(config) as service:
        wait_for(command, b="published", a="forgotten")
        assert "  found       24 frames" in command("show", handle)[1]
        assert not (tmp_path / "out" / "a.nd2").exists()
        assert command("retry", handle)[0] == 0
        wait_for(command, a="published")
        assert service.terminate() == 0
    moved = {at: tmp_path / "in" / "a" / path.name for at, path in sources.items()}
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", what, moved)


def recorded(folder: Path, *titles: str, **changes: Any) -> list[SequenceRecord]:
    """Record sequences in a journal without a service, and return them."""
    records = []
    with Journal(folder / JOURNAL) as journal:
        for title in titles:
            values: dict[str, Any] = {
                "watch": "scope",
                "key": (("folder", title),),
                "title": title,
                "layout": "x",
                "state": "collecting",
                "changed": 1000.0,
            }
            records.append(SequenceRecord(**{**values, **changes}))
            journal.record_sequence(records[-1])
            journal.record_event(
                JournalEvent(moment=1000.0, watch="scope", sequence=title, event="collecting")
            )
        journal.beat(Heartbeat(pid=7, version="0", started=1.0, turned=2.0, text="all well"))
    return records


def test_a_handle_may_be_cut_short_while_it_names_one(tmp_path: Path, command: Command) -> None:
    records = recorded(tmp_path / "state", *map(str, range(60)))
    for record in records:
        others = [other.handle for other in records if other is not record]
        length = next(
            n for n in range(1, 11) if not any(o.startswith(record.handle[:n]) for o in others)
        )
        assert command("show", record.handle[:length].upper())[1][0] == (
            f"{record.handle} {record.title}"
        )
        if length > 1:
            status, (line,) = command("show", record.handle[: length - 1])
            assert status == 69
            assert f"'{record.handle[: length - 1]}' may be any of " in line
    status, (line,) = command("show", "xyz")
    assert (status, line) == (
        69, "nd2watch: error: there is no sequence 'xyz'; `nd2watch list` shows all"
    )  # fmt: skip
    assert command("show", "")[0] == 69


def test_a_sequence_that_waits_for_its_next_try_tells_when(
    tmp_path: Path, command: Command
) -> None:
    far = {"state": "blocked", "reason": "the disk is full", "attempts": 3, "next_try": 4e9}
    (record,) = recorded(tmp_path / "state", "a", **far)
    text = "\n".join(command("show", record.handle)[1])
    assert "  reason      the disk is full" in text
    assert " d " in next(line for line in text.splitlines() if "next try" in line)
    assert "after 3 in vain" in text
    (record,) = recorded(tmp_path / "state", "a", **{**far, "next_try": 1.0})
    assert "  next try    now, after 3 in vain" in command("show", record.handle)[1]


def test_no_name_can_command_the_terminal(tmp_path: Path, command: Command) -> None:
    title = "a\x1b[2Jb\n\udcffc"
    (record,) = recorded(tmp_path / "state", title, missing=("t=1\x07",), outputs=("\x1b]0;x\x07",))
    for words in (("list",), ("show", record.handle), ("list", "--json"), ("status",)):
        printed = "\n".join(command(*words)[1])
        assert "\x1b" not in printed
        assert "\x07" not in printed


def test_a_changed_configuration_need_not_be_faultless_to_ask(
    config: Path, command: Command
) -> None:
    recorded(config.parent / "state", "a")
    config.write_text(CONFIG.replace("scan_interval_s = 60", "scan_interval_s = -1"))
    assert len(command("list")[1]) == 2
    config.write_text("[service\n")
    status, (line,) = command("status")
    assert status == 78
    assert "is not valid TOML" in line
    config.unlink()
    status, (line,) = command("status")
    assert status == 78
    assert "cannot be read" in line


def test_the_state_folder_that_systemd_gave_is_found(
    tmp_path: Path, config: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    config.write_text(CONFIG.replace('state_folder = "state"', ""))
    system = tmp_path / "var"
    system.mkdir()
    monkeypatch.setattr(state_folder, "SYSTEM", system)
    recorded(system, "a")
    assert command("list")[0] == 74
    Address(config=str(tmp_path / "other.toml"), path="/s").write(system, 0o600)
    assert command("list")[0] == 74
    Address(config=str(config), path="/s").write(system, 0o600)
    assert [line.split()[3] for line in command("list")[1]] == ["title", "a"]
    own = state_folder.state_folder_of(config, None)
    recorded(own, "b")
    Address(config=str(config), path="/s").write(own, 0o600)
    assert [line.split()[3] for line in command("list")[1]] == ["title", "b"]
