"""The real service, in a process of its own, on a real folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import nd2
import pytest

from nd2watch.sources import encode_frame
from tests.frames import acquisition, assert_nd2_equals_sources, noise, outputs_in, write
from tests.waiting import ServiceProcess, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import VendorSdk

CONFIG = """
[output]
folder = "out"

[service]
settle_s = 0.3
give_up_s = 1.0
scan_interval_s = {scan}
log_format = "json"

[[watch]]
name = "test"
folder = "in"
pattern = "img_t{{t:3}}_xy{{p:2}}_z{{z:3}}_c{{c}}.tif"

[watch.axes]
t = 2
p = 2
z = 3
c = ["DAPI", "GFP"]

[watch.calibration]
pixel_size_um = 0.325
z_step_um = 0.5
period_ms = 1000
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes by signals")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(scan=60))
    (tmp_path / "in").mkdir()
    return path


def test_frames_dropped_into_a_folder_become_an_nd2(
    tmp_path: Path, config: Path, vendor_sdk: VendorSdk
) -> None:
    what = acquisition()
    with ServiceProcess(config) as service:
        service.wait_for("started")
        sources = write(tmp_path / "in" / "cells", what)
        published = service.wait_for("published")
        assert service.terminate() == 0
    output = tmp_path / "out" / "cells.nd2"
    assert published["output"] == str(output)
    assert_nd2_equals_sources(output, what, sources)
    with nd2.ND2File(output) as file:
        assert file.voxel_size() == (0.325, 0.325, 0.5)
    assert vendor_sdk.read(output).loops == [("TimeLoop", 2), ("XYPosLoop", 2), ("ZStackLoop", 3)]
    assert service.named("stopped")[0]["reason"] == "SIGTERM"


def test_frames_found_at_start_are_taken_in(tmp_path: Path, config: Path) -> None:
    what = acquisition()
    sources = {name: write(tmp_path / "in" / name, what) for name in ("a", "b", "c")}
    with ServiceProcess(config) as service:
        until(lambda: len(service.named("published")) == 3, "three files")
        assert service.terminate() == 0
    for name, frames in sources.items():
        assert_nd2_equals_sources(tmp_path / "out" / f"{name}.nd2", what, frames)


def test_a_restart_in_the_middle_makes_one_output(tmp_path: Path, config: Path) -> None:
    what = acquisition()
    sources = write(tmp_path / "all", what)
    (tmp_path / "in" / "a").mkdir()

    def deliver(paths: list[Path]) -> None:
        for path in paths:
            path.rename(tmp_path / "in" / "a" / path.name)

    paths = list(sources.values())
    with ServiceProcess(config) as service:
        service.wait_for("started")
        deliver(paths[:10])
        service.wait_for("sequence_started")
        service.process.kill()
    deliver(paths[10:])
    with ServiceProcess(config) as service:
        service.wait_for("published")
        assert service.terminate() == 0
    with ServiceProcess(config) as service:
        assert service.wait_for("sequences_remembered")["count"] == 1
        assert service.terminate() == 0
    moved = {c: tmp_path / "in" / "a" / path.name for c, path in sources.items()}
    assert [p.name for p in (tmp_path / "out").iterdir() if p.suffix == ".nd2"] == ["a.nd2"]
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", what, moved)


def test_what_a_killed_service_left_unfinished_is_removed(tmp_path: Path, config: Path) -> None:
    (tmp_path / "out").mkdir()
    orphan = tmp_path / "out" / ".nd2watch-0123456789abcdef.tmp"
    orphan.write_bytes(bytes(5000))
    other = tmp_path / "out" / ".nd2watch-notes.tmp"
    other.touch()
    with ServiceProcess(config) as service:
        service.wait_for("unfinished_file_removed")
        assert service.terminate() == 0
    assert not orphan.exists()
    assert other.exists()


def test_bad_input_is_reported_and_the_rest_goes_on(tmp_path: Path, config: Path) -> None:
    what = acquisition()
    good = write(tmp_path / "in" / "good", what)
    bad = write(tmp_path / "in" / "bad", what)
    truncated, text, small = (bad[0, 0, z, 0] for z in range(3))
    whole = {path: path.read_bytes() for path in (truncated, text, small)}
    truncated.write_bytes(whole[truncated][:-700])
    text.write_text("this is not an image")
    small.write_bytes(encode_frame(noise(1, (12, 16))))
    (tmp_path / "in" / "bad" / "stranger.tif").write_bytes(whole[text])
    with ServiceProcess(config) as service:
        service.wait_for("published", lambda e: e["output"].endswith("good.nd2"))
        service.wait_for("frame_refused", lambda e: e["path"] == str(truncated))
        refused = {e["path"]: e["reason"] for e in service.named("frame_refused")}
        assert "pixel data end at" in refused[str(truncated)]
        assert "not a TIFF file" in refused[str(text)]
        differs = service.wait_for("frame_differs")
        assert differs["path"] == str(small)
        assert "16 x 12" in differs["reason"]
        strangers = service.named("file_passed_over")
        assert [e["path"].rsplit("/")[-1] for e in strangers] == ["stranger.tif"]
        for path, data in whole.items():
            path.write_bytes(data)
        service.wait_for("published", lambda e: e["output"].endswith("bad.nd2"))
        assert service.terminate() == 0
    assert_nd2_equals_sources(tmp_path / "out" / "good.nd2", what, good)
    assert_nd2_equals_sources(tmp_path / "out" / "bad.nd2", what, bad)


def test_the_rescan_finds_what_events_did_not_tell(tmp_path: Path, config: Path) -> None:
    config.write_text(CONFIG.format(scan=0.5))
    (tmp_path / "in").rmdir()
    what = acquisition()
    sources = write(tmp_path / "elsewhere" / "in" / "a", what)
    with ServiceProcess(config) as service:
        service.wait_for("folder_unavailable")
        (tmp_path / "elsewhere" / "in").rename(tmp_path / "in")
        service.wait_for("folder_available")
        service.wait_for("published")
        assert service.terminate() == 0
    moved = {c: tmp_path / "in" / "a" / path.name for c, path in sources.items()}
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", what, moved)


def test_a_root_that_is_made_again_is_watched_again(tmp_path: Path, config: Path) -> None:
    config.write_text(CONFIG.format(scan=0.5))
    what = acquisition()
    with ServiceProcess(config) as service:
        service.wait_for("started")
        (tmp_path / "in").rmdir()
        service.wait_for("folder_unavailable")
        write(tmp_path / "in" / "a", what)
        service.wait_for("published")
        assert service.terminate() == 0


def test_an_output_of_other_content_is_never_touched_and_may_be_moved_away(
    tmp_path: Path, config: Path
) -> None:
    config.write_text(CONFIG.format(scan=0.5))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.nd2").write_text("precious")
    write(tmp_path / "in" / "a", acquisition())
    with ServiceProcess(config) as service:
        failed = service.wait_for("conversion_failed")
        assert "move it away" in failed["reason"]
        assert (tmp_path / "out" / "a.nd2").read_text() == "precious"
        (tmp_path / "out" / "a.nd2").rename(tmp_path / "out" / "moved.nd2")
        service.wait_for("published")
        assert service.terminate() == 0
    assert (tmp_path / "out" / "moved.nd2").read_text() == "precious"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stop_in_the_middle_of_a_conversion_is_clean(
    tmp_path: Path, config: Path, name: str
) -> None:
    what = acquisition(width=1024, height=1024)
    write(tmp_path / "in" / "a", what)
    with ServiceProcess(config) as service:
        service.wait_for("sequence_complete")
        service.process.send_signal(getattr(signal, name))
        assert service.wait() == 0
    assert service.named("stopped")[0]["reason"] == name
    left = outputs_in(tmp_path / "out") if (tmp_path / "out").exists() else []
    assert left in ([], [tmp_path / "out" / "a.nd2"])
    assert len(left) == len(service.named("published"))


def test_a_stop_ends_a_conversion_at_its_next_frame(tmp_path: Path, config: Path) -> None:
    what, out = acquisition(), tmp_path / "out"
    sources = write(tmp_path / "in" / "a", what)
    launch = (sys.executable, "-m", "tests.service.held_conversion")
    with ServiceProcess(config, launch=launch) as service:
        until(lambda: bool(list(out.glob(".nd2watch-*.tmp"))), "a file that is being written")
        assert service.terminate() == 0
    (told,) = service.named("conversion_cancelled")
    assert (told["sequence"], "by force" in told["reason"]) == ("a", False)
    assert service.named("published") == []
    assert list(out.glob("*.nd2")) + list(out.glob(".nd2watch-*.tmp")) == []
    with ServiceProcess(config) as service:
        service.wait_for("published")
        assert service.terminate() == 0
    assert_nd2_equals_sources(out / "a.nd2", what, sources)


def test_a_stop_in_the_middle_of_the_start_is_not_lost(config: Path) -> None:
    launch = (sys.executable, "-m", "tests.service.early")
    with ServiceProcess(config, launch=launch) as service:
        assert service.wait() == 0
    assert [event["event"] for event in service.events][-1] == "stopped"


def test_a_reload_takes_up_a_changed_configuration(tmp_path: Path, config: Path) -> None:
    what = acquisition(t=1)
    sources = write(tmp_path / "in" / "a", what)
    with ServiceProcess(config) as service:
        service.wait_for("sequence_started")
        config.write_text("[broken")
        service.process.send_signal(signal.SIGHUP)
        assert "not valid TOML" in service.wait_for("reload_failed")["reason"]
        config.write_text(CONFIG.format(scan=60).replace("t = 2\n", "t = 1\n"))
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("published")
        assert service.terminate() == 0
    assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", what, sources)


class TestOnce:
    """One pass: convert what is complete, and end."""

    def test_converts_what_is_complete_and_reports_what_is_not(
        self, tmp_path: Path, config: Path
    ) -> None:
        what = acquisition()
        whole = write(tmp_path / "in" / "whole", what)
        write(tmp_path / "in" / "part", acquisition(t=1))
        with ServiceProcess(config, "--once") as service:
            assert service.wait() == 0
        assert outputs_in(tmp_path / "out") == [tmp_path / "out" / "whole.nd2"]
        assert_nd2_equals_sources(tmp_path / "out" / "whole.nd2", what, whole)
        (entry,) = service.named("sequence_incomplete")
        assert (entry["sequence"], entry["found"]) == ("part", 12)
        assert entry["missing"] == ["1 of 2 values of t"]

    def test_tells_by_its_exit_status_that_a_frame_was_refused(
        self, tmp_path: Path, config: Path
    ) -> None:
        sources = write(tmp_path / "in", acquisition())
        sources[0, 0, 0, 0].write_bytes(sources[0, 0, 0, 0].read_bytes()[:-10])
        with ServiceProcess(config, "--once") as service:
            assert service.wait() == 1
        assert len(service.named("frame_refused")) == 1

    @pytest.mark.parametrize("fault", ["conflict", "surplus"])
    def test_tells_by_its_exit_status_that_a_sequence_needs_a_person(
        self, tmp_path: Path, config: Path, fault: str
    ) -> None:
        sources = write(tmp_path / "in", acquisition(t=2 if fault == "conflict" else 3))
        if fault == "conflict":
            rival = sources[0, 0, 0, 0].with_suffix(".TIF")
            rival.write_bytes(encode_frame(noise(3)))
        with ServiceProcess(config, "--once") as service:
            assert service.wait() == 1
        (entry,) = service.named("sequence_incomplete")
        assert ("conflicts" in entry) == (fault == "conflict")
        assert ("surplus" in entry) == (fault == "surplus")

    def test_waits_for_its_turn_where_two_sequences_are_of_one_output(
        self, tmp_path: Path, config: Path
    ) -> None:
        for seed, name in enumerate(("x:y", "x;y")):
            write(tmp_path / "in" / name, acquisition(seed=seed))
        with ServiceProcess(config, "--once") as service:
            assert service.wait() == 1
        ends = service.named("published") + service.named("conversion_failed")
        assert {event["sequence"] for event in ends} == {"x:y", "x;y"}

    def test_does_not_read_a_frame_that_is_not_filled_yet(
        self, tmp_path: Path, config: Path
    ) -> None:
        what = acquisition(width=64, height=64)
        sources = write(tmp_path / "in" / "a", what)
        path = sources[0, 0, 0, 0]
        whole = path.read_bytes()
        path.write_bytes(whole[:1000] + bytes(len(whole) - 1000))
        text = config.read_text().replace("settle_s = 0.3", "settle_s = 1")
        config.write_text(text.replace("give_up_s = 1.0", "give_up_s = 30"))
        with ServiceProcess(config, "--once") as service:
            service.wait_for("sequence_started")
            path.write_bytes(whole)
            assert service.wait() == 0
        assert_nd2_equals_sources(tmp_path / "out" / "a.nd2", what, sources)

    def test_two_runs_convert_once_also_without_the_journal(
        self, tmp_path: Path, config: Path
    ) -> None:
        state = tmp_path / "state"
        config.write_text(
            config.read_text().replace("[service]", f"[service]\nstate_folder='{state}'")
        )
        write(tmp_path / "in" / "a", acquisition())
        for event in ("published", "sequences_remembered", "already_converted"):
            if event == "already_converted":
                shutil.rmtree(state)
            with ServiceProcess(config, "--once") as service:
                assert service.wait() == 0
            assert len(service.named(event)) == 1
            assert len(service.named("published")) == (event == "published")


def test_a_fault_in_the_configuration_ends_the_start(config: Path) -> None:
    config.write_text("[output]\nfolder = 1\n")
    command = [sys.executable, "-m", "nd2watch", "run", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert "output.folder" in ended.stderr
    assert "watch: Field required" in ended.stderr


def test_odd_file_names_do_no_harm(tmp_path: Path, config: Path) -> None:
    what = acquisition()
    folder = os.fsencode(tmp_path / "in")
    for name in (b"img_\xff\xfe.tif", b"img\nnew.tif", b"\x1b[31mred.tif", b"x" * 251 + b".tif"):
        with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123 - a name of bytes
            file.write(b"hello")
    sources = write(tmp_path / "in" / "..\nevil", what)
    with ServiceProcess(config) as service:
        published = service.wait_for("published")
        assert len(service.named("file_passed_over")) == 4
        assert service.terminate() == 0
    (output,) = outputs_in(tmp_path / "out")
    assert published["output"] == str(output)
    assert_nd2_equals_sources(output, what, sources)
