"""Hostile names and entries in the folders of a real service."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nd2
import numpy as np
import pytest

from nd2watch.experiment import OutputName
from nd2watch.experiment.pattern import path_parts
from nd2watch.sources import encode_frame
from tests.frames import noise
from tests.hostile.names import NAMES, TWINS, make_folder, odd_entries, write_bytes
from tests.hostile.watched import Entry, Status, listing
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

SHOWN: Final = ("colours", "title", "C1", "right to left", "line break", "no UTF-8", "markup")
"""Names that a terminal would obey, or take for something else."""

FRAME: Final = "img_t000_xy00_z000_cDAPI.tif"
CONFIG: Final = """
[output]
folder = "out"

[service]
settle_s = 0.2
give_up_s = 10
scan_interval_s = 2
stalled_s = 8
conversions = 2
state_folder = "state"
log_format = "{form}"

[[watch]]
name = "names"
folder = "in/names"
pattern = "img_t{{t:3}}_xy{{p:2}}_z{{z:3}}_c{{c}}.tif"
axes = {{ t = 1, p = 1, z = 1, c = ["DAPI"] }}

[[watch]]
name = "labels"
folder = "in/labels"
pattern = "{{c}}.tif"
axes = {{ c = 1 }}
output = "labels/{{folder}}"
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has names that others refuse")


class Frames:
    """Frames of different pixels, and what they were written for."""

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}

    def new(self, title: str) -> bytes:
        """Return a new frame."""
        frame = noise(len(self.titles), (12, 16))
        self.titles[digest(frame)] = title
        return encode_frame(frame)


def digest(pixels: npt.NDArray[Any]) -> str:
    """Return a digest of pixels."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def lay_out(root: Path) -> Frames:
    """Write frames into folders and under names that are hostile."""
    frames = Frames()
    for title, name in NAMES.items():
        folder = make_folder(root / "in" / "names", name)
        write_bytes(folder + b"/" + FRAME.encode(), frames.new(f"name: {title}"))
        folder = make_folder(root / "in" / "labels", title.replace(" ", "-").encode())
        write_bytes(folder + b"/" + name[:200] + b".tif", frames.new(f"label: {title}"))
    for title, names in TWINS.items():
        for name in names:
            folder = make_folder(root / "in" / "names", name)
            write_bytes(folder + b"/" + FRAME.encode(), frames.new(f"twins: {title}"))
    (root / "outside").mkdir()
    (root / "outside" / FRAME).write_bytes(frames.new("entry that is elsewhere, too"))
    return frames


def arrive(root: Path, frames: Frames) -> None:
    """Move hostile names into a watched folder, and put something else in the place of a frame."""
    for title in SHOWN:
        folder = make_folder(root / "from elsewhere", NAMES[title])
        write_bytes(folder + b"/" + FRAME.encode(), frames.new(f"arrived: {title}"))
        into = os.fsencode(root) + b"/in/names/arrived" + NAMES[title]
        Path(os.fsdecode(folder)).rename(os.fsdecode(into))
    for title in ("link", "pipe", "folder"):
        path = root / "in" / "names" / "replaced" / title / FRAME
        path.parent.mkdir(parents=True)
        path.write_bytes(frames.new(f"replaced by a {title}"))
        path.unlink()
        if title == "link":
            path.symlink_to(root / "outside" / FRAME)
        elif title == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()


@dataclass(frozen=True)
class Watched:
    """What became of it."""

    root: Path
    before: Mapping[bytes, Entry]
    after: Mapping[bytes, Entry]
    events: list[dict[str, Any]]
    exit_status: int
    may_read_all: bool
    found: Counter[str]

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the log events of a name."""
        return [each for each in self.events if each["event"] == event]

    def about(self, kind: str) -> Counter[str]:
        """Return how many ND2 files there are of each frame of a kind."""
        return Counter(
            {
                title.removeprefix(f"{kind}: "): count
                for title, count in self.found.items()
                if title.startswith(f"{kind}: ")
            }
        )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    root = tmp_path_factory.mktemp("names")
    frames = lay_out(root)
    (root / "config.toml").write_text(CONFIG.format(form="json"))
    with odd_entries(root / "in" / "names" / "odd", FRAME, root / "outside") as odd:
        may_read_all = os.access(odd["closed file"], os.R_OK)
        before = listing(root, "out", "state")
        status = Status(root)
        with ServiceProcess(root / "config.toml") as service:
            service.wait_for("started")
            until(lambda: all_are_decided(service), "an end of each sequence")
            assert listing(root, "out", "state") == before
            count = len(service.named("sequence_started")) + len(SHOWN) - 1
            arrive(root, frames)
            before = listing(root, "out", "state")
            until(lambda: len(service.named("sequence_started")) > count, "new sequences")
            until(lambda: all_are_decided(service), "an end of each new sequence")
            until(lambda: status.is_at_rest(not may_read_all), "the end of all work")
            exit_status = service.terminate()
        after = listing(root, "out", "state")
    return Watched(
        root=root,
        before=before,
        after=after,
        events=service.events,
        exit_status=exit_status,
        may_read_all=may_read_all,
        found=Counter(frames.titles[content_of(path)] for path in outputs(root)),
    )


def all_are_decided(service: ServiceProcess) -> bool:
    """Return whether each sequence that was started is converted, or said to be in conflict."""
    started = sequences(service, "sequence_started")
    ends = sequences(service, "published", "conversion_failed", "frame_conflict")
    return ends == started and len(started) > len(NAMES)


def sequences(service: ServiceProcess, *events: str) -> set[tuple[str, str]]:
    """Return the sequences that were logged with some events."""
    return {(told["watch"], told["sequence"]) for name in events for told in service.named(name)}


def outputs(root: Path) -> list[Path]:
    """Return all ND2 files."""
    return sorted((root / "out").rglob("*.nd2"))


def content_of(path: Path) -> str:
    """Return the digest of the pixels of an ND2 file."""
    with nd2.ND2File(path) as file:
        return digest(file.asarray())


def test_the_service_lives(folders: Watched) -> None:
    print(Counter(event["event"] for event in folders.events))
    assert folders.exit_status == 0
    assert folders.named("watch_failed") == []
    assert [event for event in folders.events if "timestamp" not in event] == []


def test_nothing_is_written_outside_the_output_folder(folders: Watched) -> None:
    assert folders.after == folders.before
    inside = {Path(event["output"]) for event in folders.named("published")}
    assert inside == set(outputs(folders.root))
    assert not list(folders.root.rglob("pwned"))


def test_each_folder_becomes_one_file_or_is_said_to_be_in_the_way(folders: Watched) -> None:
    texts = {title: path_parts(Path(os.fsdecode(name)))[-1] for title, name in NAMES.items()}
    failed = {event["sequence"] for event in folders.named("conversion_failed")}
    left = {title for title, text in texts.items() if text in failed}
    assert folders.about("name") == dict.fromkeys(NAMES.keys() - left, 1)
    different = {OutputName().path((("folder", text),), "names") for text in texts.values()}
    assert len(left) == len(NAMES) - len(different) > 0


def test_names_that_arrive_later_are_taken_alike(folders: Watched) -> None:
    assert folders.about("arrived") == dict.fromkeys(SHOWN, 1)


def test_each_channel_becomes_one_file_whatever_its_name(folders: Watched) -> None:
    hidden = {title for title, name in NAMES.items() if name.startswith((b".", b"~"))}
    assert folders.about("label") == dict.fromkeys(NAMES.keys() - hidden, 1)


def test_of_twins_none_hides_the_other(folders: Watched) -> None:
    made = folders.about("twins")
    assert made.pop("composed and decomposed", 0) <= 1  # it may be converted before the other comes
    assert made == {"upper and lower case": 2, "one after cleaning": 1, "alike but at their end": 2}
    rivals = folders.named("frame_conflict") + folders.named("frame_came_late")
    (rival,) = {told["path"] for told in rivals}
    assert Path(rival).parent.name in {"caf\u00e9", "cafe\u0301"}
    failed = folders.named("conversion_failed")
    assert {Path(event["output"]).stem for event in failed} >= {"x_y"}
    assert all("exists and holds something else" in event["reason"] for event in failed)


def test_only_files_are_taken_and_no_link_is_followed(folders: Watched) -> None:
    entries = folders.found["entry that is elsewhere, too"]
    assert entries == (3 if folders.may_read_all else 1)
    assert not [title for title in folders.found if title.startswith("replaced")]
    assert bool(folders.named("folder_unavailable")) is not folders.may_read_all


def test_a_console_shows_what_they_are_and_obeys_none(tmp_path: Path) -> None:
    frames = Frames()
    for title in SHOWN:
        folder = make_folder(tmp_path / "in" / "names", NAMES[title])
        write_bytes(folder + b"/" + FRAME.encode(), frames.new(title))
        write_bytes(folder + b"/" + NAMES[title] + b".txt", b"no frame")
    (tmp_path / "in" / "labels").mkdir()
    (tmp_path / "config.toml").write_text(CONFIG.format(form="console"))
    command = [sys.executable, "-m", "nd2watch", "run", "--once", "--config"]
    ended = subprocess.run([*command, tmp_path / "config.toml"], capture_output=True, check=False)
    assert ended.returncode == 0
    assert len(outputs(tmp_path)) == len(SHOWN)
    shown = ended.stderr.decode()
    assert r"\x1b[31mred\x1b[0m" in shown
    assert [c for c in shown if not c.isprintable() and c != "\n"] == []
    assert all(line[:4].isdecimal() for line in shown.splitlines()), "a name begins a line"
    assert shown.count("file_passed_over") == len(SHOWN)
