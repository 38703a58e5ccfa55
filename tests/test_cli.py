"""The command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

import nd2
import pytest

from nd2watch.cli import main
from nd2watch.service import load_settings
from nd2watch.simulate import Manner
from tests.frames import PATTERN, acquisition, assert_nd2_equals_sources, write
from tests.waiting import DEADLINE_S, until

ROOT = Path(__file__).parent.parent


class TestConvert:
    """``nd2watch convert``."""

    def test_writes_the_file_and_is_quiet_in_a_pipe(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        what = acquisition()
        sources = write(tmp_path / "in", what)
        output = tmp_path / "out.nd2"
        words = ["convert", str(tmp_path / "in"), "-p", PATTERN, "-o", str(output)]
        words += ["-c", "DAPI,GFP", "--pixel-size-um", "0.2", "--z-step-um", "0.7"]
        assert main(words) == 0
        assert capsys.readouterr() == ("", "")
        assert_nd2_equals_sources(output, what, sources)
        with nd2.ND2File(output) as file:
            assert file.voxel_size() == (0.2, 0.2, 0.7)

    def test_takes_a_regular_expression(self, tmp_path: Path) -> None:
        what = acquisition()
        sources = write(tmp_path / "in", what)
        regex = r"img_t(?P<t>\d+)_xy(?P<p>\d+)_z(?P<z>\d+)_c(?P<c>\w+)\.tif"
        output = tmp_path / "out.nd2"
        words = ["convert", str(tmp_path / "in"), "--regex", regex, "-o", str(output)]
        assert main(words) == 0
        assert_nd2_equals_sources(output, what, sources)

    def test_shows_progress_on_a_terminal(self, tmp_path: Path) -> None:
        pytest.importorskip("pty", reason="needs a pseudo-terminal")
        what = acquisition()
        write(tmp_path / "in", what)
        script = "import pty, sys; sys.exit(pty.spawn([sys.executable, *sys.argv[1:]]))"
        words = ["convert", str(tmp_path / "in"), "-p", PATTERN, "-o", str(tmp_path / "o.nd2")]
        ended = subprocess.run(
            [sys.executable, "-c", script, "-m", "nd2watch", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert ended.returncode == 0
        assert "12/12" in ended.stdout
        assert "T=2 P=2 Z=3 C=2 Y=24 X=32" in ended.stdout

    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            (["-p", "nope_{t}.tif"], 1, "no file below"),
            (["-p", "x.tif"], 1, "names none of the axes"),
            (["-p", PATTERN, "-a", "t=4"], 1, "2 of 4 values of t"),
            (["--regex", "(?P<t>"], 1, "malformed regular expression"),
            (["-p", PATTERN, "-c", "DAPI"], 1, "no file below"),
        ],
    )
    def test_says_on_one_line_what_is_wrong(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        words: list[str],
        status: int,
        message: str,
    ) -> None:
        write(tmp_path / "in", acquisition(channels=("GFP", "Cy5")))
        output = tmp_path / "o.nd2"
        assert main(["convert", str(tmp_path / "in"), "-o", str(output), *words]) == status
        errors = [x for x in capsys.readouterr().err.splitlines() if "error:" in x]
        assert len(errors) == 1
        assert message in errors[0]
        assert not output.exists()

    def test_wrong_words_are_usage_errors(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["convert", "x", "-p", "{t}", "-o", "y", "-a", "q=3"])
        assert ended.value.code == 2
        assert "'q' is no axis" in capsys.readouterr().err

    def test_reports_files_that_it_passes_over(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tmp_path / "in", acquisition())
        for index in range(8):
            (tmp_path / "in" / f"stranger{index}.tif").touch()
        words = ["convert", str(tmp_path / "in"), "-p", PATTERN, "-o", str(tmp_path / "o.nd2")]
        assert main(words) == 0
        lines = capsys.readouterr().err.splitlines()
        assert "stranger0.tif does not match" in lines[0]
        assert lines[-1].endswith("3 more files")


MEANT = """\
[output]
folder = "out"

[[watch]]
name = "plates"
folder = "/data/plates"
preset = "operetta"
output = "{root}/{well}.nd2"
axes = { t = 3, c = ["DAPI", "GFP"] }
incomplete = { action = "trim", deadline_s = 900 }

[[watch]]
name = "films"
folder = "/data/films"
pattern = "{name}_t{t}.tif"
pages = "z"
complete = { rules = ["quiet", "marker"], need = "all", marker = "{name}.done", quiet_s = 30 }

[[watch]]
name = "one"
folder = "/data/one"
regex = '(?P<z>\\d+)\\.tif'
sequence = []
axes = { z = 5 }
incomplete = { action = "fill" }
"""

SAID = """\
plates: /data/plates
  preset     operetta
  names      as phenix
  axes       t=3 c=2 (DAPI, GFP); p, z as sidecars tell, or as found
  sequences  told apart by root, well; a file for each well
  sidecars   operetta: Index.idx.xml, Index.xml, Index.ref.xml
  complete   when all frames are there
  incomplete after 900 s without a frame, its whole time points are converted
  output     /out/{root}/{well}.nd2
films: /data/films
  names      {name}_t{t}.tif
  axes       t as found; pages of a file are planes
  sequences  told apart by folder, name
  complete   when no frame came for 30 s, and the file {name}.done is there
  incomplete reported after 600 s without a frame, and waited for
  output     /out/{folder}_{name}.nd2
one: /data/one
  names      (?P<z>\\d+)\\.tif
  axes       z=5
  sequences  one, of all frames
  complete   when all frames are there
  incomplete after 600 s without a frame, converted with black planes
  output     /out/{watch}.nd2
"""


class TestCheckConfig:
    """``nd2watch check-config``."""

    def test_accepts_the_example(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check-config", str(ROOT / "config.example.toml")]) == 0
        assert "timelapse: /srv/incoming/timelapse" in capsys.readouterr().out

    def test_says_what_a_watch_means(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "c.toml"
        path.write_text(MEANT, encoding="utf-8")
        assert main(["check-config", str(path)]) == 0
        found = capsys.readouterr().out.replace(str(tmp_path), "")
        assert found == SAID

    def test_lists_all_faults_with_their_keys(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "c.toml"
        path.write_text(
            '[output]\nfolder = "out"\ncolour = 1\n[[watch]]\nname = "a"\nfolder = "in"\n'
            "[watch.axes]\nt = 0\n[watch.calibration]\npixel_size_um = -1\n"
        )
        assert main(["check-config", str(path)]) == 78
        message = capsys.readouterr().err
        for key in ("output.colour", "watch[0].axes.t", "watch[0].calibration.pixel_size_um"):
            assert f"\n  {key}: " in message

    def test_takes_words_for_positions_and_a_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "c.toml"
        text = (
            '[output]\nfolder = "out"\n[[watch]]\nname = "a"\nfolder = "in"\n'
            'pattern = "img_xy{p}.tif"\n[watch.axes]\np = ["A1", "B2"]\n'
        )
        path.write_text(text, encoding="utf-8-sig")
        layout = load_settings(path).watches[0].layout
        name = layout.parse(PurePosixPath("img_xyB2.tif"))
        assert name.coordinate == ("", "B2", "", "")


def test_simulated_frames_convert(tmp_path: Path) -> None:
    frames = str(tmp_path / "in")
    words = ["--t", "2", "--z", "2", "-c", "A,B", "--size", "40x30", "--frame-rate", "0"]
    words += ["--rename", "--shuffle", "3", "--compression", "zlib", "--dtype", "uint8"]
    assert main(["simulate", frames, *words]) == 0
    assert len(list((tmp_path / "in").iterdir())) == 8
    output = tmp_path / "o.nd2"
    assert main(["convert", frames, "-p", PATTERN, "-o", str(output)]) == 0
    with nd2.ND2File(output) as file:
        assert dict(file.sizes) == {"T": 2, "Z": 2, "C": 2, "Y": 30, "X": 40}


def test_the_demonstration_runs_and_checks_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--folder", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert str(tmp_path / "nd2" / "demo.nd2") in shown
    assert "{'T': 3, 'P': 2, 'Z': 5, 'C': 2, 'Y': 256, 'X': 256}" in shown
    assert "['DAPI', 'GFP']" in shown
    assert "0.325 um" in shown
    assert "all 60 frames equal their sources, pixel for pixel" in shown


def test_the_demonstration_fails_when_the_service_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nd2watch.demo._CONFIG", "[output]\n")
    monkeypatch.setattr("nd2watch.demo._MANNER", Manner(frames_per_s=0))
    assert main(["demo", "--folder", str(tmp_path)]) == 1
    assert "the service ended too early" in capsys.readouterr().err


def test_the_demonstration_wants_a_folder_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious").touch()
    assert main(["demo", "--folder", str(tmp_path)]) == 1
    assert "choose a new folder" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows kills without a signal")
def test_a_terminated_conversion_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / "in", acquisition(t=40, p=10, width=128, height=128))
    command = [sys.executable, "-m", "nd2watch", "convert", str(tmp_path / "in"), "-p", PATTERN]
    output = tmp_path / "out" / "o.nd2"
    with subprocess.Popen([*command, "-o", str(output)]) as process:
        until(lambda: bool(list(tmp_path.glob("out/*"))), "a temporary file")
        process.terminate()
        status = process.wait(DEADLINE_S)
    assert status == 143
    assert list((tmp_path / "out").iterdir()) == []


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "nd2watch", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("nd2watch 0.")
