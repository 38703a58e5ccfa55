"""The commands for finished files."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nd2watch.cli import main
from nd2watch.cli.terminal import say
from nd2watch.convert import convert_folder
from nd2watch.nd2 import (
    Channel,
    Experiment,
    FrameMetadata,
    ImageAttributes,
    MaskLayer,
    Modality,
    Nd2Reader,
    Nd2Writer,
    NETimeLoop,
    Optics,
    Picture,
    RecordedColumn,
    Rectangle,
    Roi,
    StagePosition,
    TextInfo,
    TimeLoop,
    Well,
    WellPlate,
    XYPosLoop,
    ZStackLoop,
)
from tests.convert.damage import data_of, flip
from tests.frames import acquisition, layout_of, noise, write

if TYPE_CHECKING:
    from pathlib import Path

WHAT = acquisition(t=2, p=1, z=2, width=8, height=4)


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """Return a file that was converted from ``in``: 4 frames of 2 channels."""
    write(tmp_path / "in", WHAT)
    convert_folder(tmp_path / "in", tmp_path / "cells.nd2", layout_of(WHAT, pixel_size_um=0.5))
    return tmp_path / "cells.nd2"


def write_rich(path: Path) -> Path:
    """Write a file that tells as much as a file can: 12 frames, of which the last is missing."""
    gfp = Channel(
        name="GFP",
        color=0x00FF00,
        excitation_nm=488,
        emission_nm=520.5,
        modality=Modality.FLUORESCENCE | Modality.SPINNING_DISK,
        exposure_ms=50,
        pinhole_um=25,
        camera="Zyla",
    )
    phases = (TimeLoop(count=2, period_ms=1000, name="fast"), TimeLoop(count=1))
    places = (
        StagePosition(name="A01", x_um=1000.5, y_um=-2, z_um=3, pfs_offset=120.5),
        StagePosition(name="B02", x_um=9000, y_um=8998),
    )
    stack = ZStackLoop(count=2, step_um=0.25, device="Piezo")
    loops = (NETimeLoop(phases=phases), XYPosLoop(positions=places), stack)
    columns = (
        RecordedColumn(name="Heat", unit="°C"),
        RecordedColumn(name="Laser", kind="integer"),
        RecordedColumn(name="State", kind="text"),
    )
    attributes = ImageAttributes(
        width=32, height=24, component_count=2, bits_significant=16, frame_count=12, zlib_level=1
    )
    light = Channel(
        name="Light",
        modality=Modality.TRANSMITTED_LIGHT,
        microscope="Ti2",
        optics=Optics(objective_name="Plan 10x", magnification=10, zoom=1.5),
    )
    picture = Picture(
        channels=(gfp, light),
        optics=Optics(objective_name="Plan 60x", magnification=60, numerical_aperture=1.4),
        pixel_size_um=0.108,
        started=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    )
    with Nd2Writer(
        path,
        attributes,
        experiment=Experiment(loops=loops),
        picture=picture,
        text_info=TextInfo(description="Mouse liver\nslide 3", author="Ada"),
        recorded=columns,
        well_plate=WellPlate.standard(24, "Plate 7"),
        rois=[Roi(shape=Rectangle(x=1, y=2, width=8, height=4), label="Nucleus", position=1)],
        mask_layers=[
            MaskLayer(name="Cells", color=0x0000FF, channel="GFP"),
            MaskLayer(name="Dust"),
        ],
    ) as writer:
        for index in range(12):
            recorded: dict[str, float | int | str] = {"Laser": index, "State": "on"}
            metadata = FrameMetadata(
                time_ms=500.0 * index,
                recorded=recorded | ({"Heat": 36.5} if index else {}),
                well=Well.parse(("A01", "B02")[index // 2 % 2]),
            )
            if index == 11:
                writer.skip_frame(metadata)
            else:
                writer.write_frame(np.stack([noise(index)] * 2, axis=2), metadata)
        writer.write_mask("Cells", 3, noise(1) >> 15)
    return path


NO_PERIOD = {"period_min_ms": 0.0, "period_mean_ms": 0.0, "period_max_ms": 0.0}
RICH: dict[str, Any] = {
    "sizes": {"T": 3, "P": 2, "Z": 2, "C": 2, "Y": 24, "X": 32},
    "samples": {"dtype": "uint16", "bits_significant": 16, "compression": "zlib"},
    "frames": {"count": 12, "missing": [11]},
    "loops": [
        {
            "axis": "T",
            "count": 3,
            "phases": [
                {
                    "count": 2,
                    "period_ms": 1000.0,
                    "duration_ms": 2000.0,
                    "period_min_ms": 2000.0,
                    "period_mean_ms": 2000.0,
                    "period_max_ms": 2000.0,
                    "start_ms": 0.0,
                    "name": "fast",
                },
                {
                    "count": 1,
                    "period_ms": 0.0,
                    "duration_ms": 0.0,
                    **NO_PERIOD,
                    "start_ms": 4000.0,
                    "name": "",
                },
            ],
        },
        {
            "axis": "P",
            "count": 2,
            "positions": [
                {"name": "A01", "x_um": 1000.5, "y_um": -2.0, "z_um": 3.0, "pfs_offset": 120.5},
                {"name": "B02", "x_um": 9000.0, "y_um": 8998.0, "z_um": 0.0, "pfs_offset": None},
            ],
        },
        {
            "axis": "Z",
            "count": 2,
            "step_um": 0.25,
            "home_index": 0,
            "bottom_to_top": True,
            "device": "Piezo",
        },
    ],
    "channels": [
        {
            "name": "GFP",
            "component_count": 1,
            "color": "#00FF00",
            "excitation_nm": 488.0,
            "emission_nm": 520.5,
            "modality": ["fluorescence", "spinning_disk"],
            "exposure_ms": 50.0,
            "pinhole_um": 25.0,
            "camera": "Zyla",
            "microscope": "",
            "optics": None,
        },
        {
            "name": "Light",
            "component_count": 1,
            "color": "#FFFFFF",
            "excitation_nm": None,
            "emission_nm": None,
            "modality": ["brightfield", "camera"],
            "exposure_ms": None,
            "pinhole_um": None,
            "camera": "",
            "microscope": "Ti2",
            "optics": {
                "objective_name": "Plan 10x",
                "magnification": 10.0,
                "numerical_aperture": None,
                "immersion_index": None,
                "zoom": 1.5,
            },
        },
    ],
    "optics": {
        "objective_name": "Plan 60x",
        "magnification": 60.0,
        "numerical_aperture": 1.4,
        "immersion_index": None,
        "zoom": None,
    },
    "calibration": {"pixel_size_um": 0.108, "z_step_um": 0.25},
    "time": {
        "started": "2026-01-02T03:04:05.678000+00:00",
        "first_ms": 0.0,
        "last_ms": 5500.0,
        "steps_ms": {"min": 500.0, "mean": 500.0, "max": 500.0},
    },
    "columns": [
        {"name": "Heat", "unit": "°C", "kind": "number", "known": 11, "min": 36.5, "max": 36.5},
        {"name": "Laser", "unit": "", "kind": "integer", "known": 12, "min": 0, "max": 11},
        {"name": "State", "unit": "", "kind": "text", "known": 12, "min": "on", "max": "on"},
    ],
    "text": {"description": "Mouse liver\nslide 3", "author": "Ada", "optics": "Plan 60x"},
    "wells": {"name": "Plate 7", "rows": 4, "columns": 6, "visited": ["A01", "B02"]},
    "rois": [
        {
            "label": "Nucleus",
            "color": "#FF0000",
            "role": "standard",
            "position": 1,
            "shape": "rectangle",
            "x": 1.0,
            "y": 2.0,
            "width": 8.0,
            "height": 4.0,
            "rotation_deg": 0.0,
        }
    ],
    "masks": [
        {"name": "Cells", "color": "#0000FF", "channel": "GFP"},
        {"name": "Dust", "color": "#FF0000", "channel": None},
    ],
    "pyramid": [],
    "provenance": None,
}
"""All that ``info --json`` tells of the file that `write_rich` writes, beside the file itself."""

LINES = """\
  file         {size:.1f} MB, 12 frames in {chunks} chunks
  sizes        T=3 P=2 Z=2 C=2 Y=24 X=32
  samples      uint16, 16 significant bits, zlib
  missing      1 frame: 11
  loop T       3 time points in 2 phases
               fast: 2 time points, every 1 s, measured 2 s, lasting 2 s
               1 time point
  loop P       2 positions
               0  A01  x 1000.5  y -2    z 3  um  PFS 120.5
               1  B02  x 9000    y 8998  z 0  um
  loop Z       2 planes, 0.25 um apart, bottom to top, home index 0, Piezo
  channels     GFP    #00FF00  488/520.5 nm  fluorescence, spinning disk; exposure 50 ms;\
 pinhole 25 um; Zyla
               Light  #FFFFFF                brightfield, camera; Ti2; Plan 10x, 10x, zoom 1.5
  optics       Plan 60x, 60x, NA 1.4
  pixel size   0.108 um
  time         started 2026-01-02 03:04:05.678+00:00
               frames from 0 ms to 5.5 s, steps of 500 ms
  columns      Heat   36.5 °C (11 of 12 frames)
               Laser  0 to 11
               State  on
  description  Mouse liver
               slide 3
  author       Ada
  wells        Plate 7, 4 x 6 wells: A01, B02
  ROIs         Nucleus  #FF0000  rectangle  standard  at position 2
  masks        Cells  #0000FF  on GFP
               Dust   #FF0000
"""


class TestInfo:
    """``nd2watch info``."""

    def test_tells_everything_as_json(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write_rich(tmp_path / "rich.nd2")
        assert main(["info", str(path), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        with Nd2Reader(path) as reader:
            chunks = len(reader.chunks)
        size = path.stat().st_size
        assert told.pop("file") == {"path": str(path), "bytes": size, "chunks": chunks}
        assert told == RICH

    def test_tells_the_same_in_aligned_lines(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write_rich(tmp_path / "rich.nd2")
        assert main(["info", str(path)]) == 0
        with Nd2Reader(path) as reader:
            chunks = len(reader.chunks)
        lines = LINES.format(size=path.stat().st_size / 1e6, chunks=chunks)
        assert capsys.readouterr().out == f"{path}\n{lines}"

    def test_tells_where_a_converted_file_comes_from(
        self, converted: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["info", str(converted), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["provenance"].pop("sources_digest")
        assert told["provenance"].pop("software").startswith("nd2watch 0.")
        assert told["provenance"] == {
            "layout": WHAT.pattern,
            "folder": (converted.parent / "in").as_posix(),
            "frames": 4,
            "sources": 8,
        }
        description = told["text"]["description"].splitlines()
        assert description[0].endswith(f" from 8 files of {converted.parent / 'in'}")
        assert description[1:3] == [f"Layout: {WHAT.pattern}", "Sequence: (all)"]
        assert "stage positions" not in description[3]
        assert main(["info", str(converted)]) == 0
        assert f"from 8 files of {(converted.parent / 'in').as_posix()}\n" in (
            capsys.readouterr().out
        )

    def test_a_single_frame_without_anything_has_few_lines(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "a.nd2"
        with Nd2Writer(path, ImageAttributes(width=32, height=24)) as writer:
            writer.write_frame(noise(1))
        assert main(["info", str(path)]) == 0
        labels = [line[:15].strip() for line in capsys.readouterr().out.splitlines()[1:]]
        assert labels == ["file", "sizes", "samples", "channels", "pixel size", "time"]

    def test_long_lists_are_cut_for_people(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "a.nd2"
        text = TextInfo(description="\n".join(f"line {n}" for n in range(30)))
        with Nd2Writer(path, ImageAttributes(width=32, height=24), text_info=text) as writer:
            writer.write_frame(noise(1))
        assert main(["info", str(path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[-2:] == [" " * 15 + "line 7", " " * 15 + "... 22 more, see --json"]

    def test_texts_of_a_file_do_not_command_the_terminal(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        say("a\x1b[2Jb\tc\x9bd\u202ee\u2028\udce9")
        assert capsys.readouterr().out == "a\ufffd[2Jb\ufffdc\ufffdd\ufffde\ufffd\\udce9\n"

    def test_damaged_metadata_end_it(
        self, converted: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        start, _ = data_of(converted, "ImageTextInfoLV!")
        flip(converted, start, bit=6)
        assert main(["info", str(converted)]) == 1
        assert f"error: {converted}: damaged metadata" in capsys.readouterr().err


class TestVerify:
    """``nd2watch verify``."""

    def test_a_sound_file_has_one_line(
        self, converted: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["verify", str(converted)]) == 0
        assert capsys.readouterr() == (f"{converted}: sound, 4 frames, 4 as written\n", "")
        assert main(["verify", str(converted), "--sources"]) == 0
        assert capsys.readouterr() == (
            f"{converted}: sound, 4 frames, 4 as written, 4 equal to their sources\n",
            "",
        )

    def test_every_problem_has_a_line_and_every_file_is_checked(
        self, converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for frame in (1, 2):
            start, _ = data_of(converted, f"ImageDataSeq|{frame}!")
            flip(converted, start + 8)
        missing, other = tmp_path / "missing.nd2", tmp_path / "other.nd2"
        with Nd2Writer(other, ImageAttributes(width=32, height=24)) as writer:
            writer.write_frame(noise(1))
        assert main(["verify", str(missing), str(converted), str(other)]) == 1
        out, err = capsys.readouterr()
        assert out.splitlines() == [
            f"{missing}: 1 problem",
            f"{converted}: 2 problems in 4 frames",
            f"{other}: sound, 1 frame",
            f"{other}: note: no digests of its pixels are recorded; they were decoded only",
        ]
        first, *rest = err.splitlines()
        assert first.startswith(f"{missing}: ")
        assert "No such file" in first
        assert rest == [
            f"{converted}: the pixels of frame 1 are not as they were written",
            f"{converted}: the pixels of frame 2 are not as they were written",
        ]

    def test_a_missing_source_is_told(
        self, converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source = tmp_path / "in" / "img_t002_xy01_z001_cGFP.tif"
        source.unlink()
        assert main(["verify", str(converted)]) == 0
        assert main(["verify", str(converted), "--sources"]) == 1
        assert capsys.readouterr().err == f"{converted}: source {source} is missing\n"

    def test_moved_sources_are_looked_for_in_the_folder_that_is_given(
        self, converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.move(tmp_path / "in", tmp_path / "archive")
        assert main(["verify", str(converted), "--sources"]) == 1
        assert "is not there; name the one where they are" in capsys.readouterr().err
        assert main(["verify", str(converted), "--sources", str(tmp_path / "archive")]) == 0
        assert main(["verify", str(converted), "--sources", str(tmp_path)]) == 1
        assert "none of its 8 sources is in" in capsys.readouterr().err

    def test_files_after_the_sources_are_a_usage_error(
        self, converted: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["verify", "--sources", str(converted)])
        assert ended.value.code == 2
        assert "is no folder; give files to check before --sources" in capsys.readouterr().err

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems want names to be text")
    def test_names_that_are_no_text_are_followed_and_shown(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / os.fsdecode(b"caf\xe9")
        write(folder, WHAT)
        path = tmp_path / "cells.nd2"
        convert_folder(folder, path, layout_of(WHAT))
        assert main(["verify", str(path), "--sources"]) == 0
        (folder / "img_t002_xy01_z001_cGFP.tif").unlink()
        assert main(["verify", str(path), "--sources"]) == 1
        assert "caf\\udce9/img_t002_xy01_z001_cGFP.tif is missing" in capsys.readouterr().err
        assert main(["info", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["provenance"]["folder"] == str(folder)
        assert main(["info", str(path)]) == 0
        shown = capsys.readouterr().out
        assert "caf\N{REPLACEMENT CHARACTER}\n" in shown
        assert "caf\\udce9\n" in shown


class TestRecover:
    """``nd2watch recover``."""

    def test_saves_the_frames_of_a_cut_file(
        self, converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        start, size = data_of(converted, "ImageDataSeq|2!")
        converted.write_bytes(converted.read_bytes()[: start + size + 4096])
        assert main(["recover", str(converted)]) == 0
        output = tmp_path / "cells-recovered.nd2"
        first, *notes = capsys.readouterr().out.splitlines()
        assert first == f"{output}: 3 of 4 frames saved"
        assert notes
        assert all(note.startswith("note: ") for note in notes)
        assert main(["verify", str(output)]) == 0

    def test_writes_where_it_is_told_and_replaces_only_when_told(
        self, converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        converted.write_bytes(converted.read_bytes()[:-40])
        output = tmp_path / "saved.nd2"
        assert main(["recover", str(converted), "-o", str(output)]) == 0
        assert main(["recover", str(converted), "-o", str(output)]) == 1
        assert "saved.nd2 exists already" in capsys.readouterr().err
        assert main(["recover", str(converted), "-o", str(output), "-f"]) == 0

    def test_a_complete_file_needs_no_recovery(
        self, converted: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["recover", str(converted)]) == 1
        assert "`nd2watch verify` tells whether it is sound" in capsys.readouterr().err
