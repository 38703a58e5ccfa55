"""What programs write beside their frames warns nobody, and changes nothing."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import pytest

from nd2watch.config import built_in_presets
from nd2watch.layouts import only_layout_of
from nd2watch.simulate import RunRequest
from tests.presets.once import (
    SHORT_PAUSE,
    Converted,
    Watched,
    convert_all,
    frames_in,
    simulate,
    slug,
)
from tests.presets.programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WELL: Final = "B02"
PRESETS: Final = built_in_presets()

BESIDE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("andor-fusion", "export"): (
        "Protocol 1_2026-03-02_09.30.00_F00.ims",
        "Protocol 1_2026-03-02_09.30.00_metadata.txt",
    ),
    ("cellsens", "file"): ("Image.vsi", "_Image_/stack1/frame_t_0.ets"),
    ("incell", "incell"): ("Plate1_1.xdce", "A - 1(fld 1 wv DAPI - DAPI)_thumb.jpg"),
    ("incucyte", "export"): ("VID1630.PlateMap",),
    ("incucyte-archive", "archive"): ("VID1630.PlateMap",),
    ("lasx", "export"): (
        "MetaData/Series001.xml",
        "MetaData/Series001_Properties.xml",
        "Series001_overlay_z00_ch00.tif",
        "Project.lif",
        "Project.lifext",
        "Project.xlef",
        "Project.xlef.lock",
        "Project.xllf",
        "Series001.xlif",
        "Series001/Series001_histo.lof",
        "Series001/MetaData/Series001_histo.xlif",
        "MetaData/IOManagerConfiguation.xlif",
        "MetaData/TileScan 1.xlcf",
    ),
    ("lasx-matrix", "matrix"): (
        "metadata/image--L0000--J08--E00--T0000.ome.xml",
        "AdditionalData/_{ScanningTemplate}plate.xml",
        "AdditionalData/{ScanningTemplate}plate.lrp",
        "Project.lifext",
        "Project.xlef",
        "MetaData/TileScan 1.xlcf",
        "Project.xllf",
        "Image_histo.lof",
    ),
    ("metamorph", "metamorph"): (
        "exp1_w1GFP_thumb_t1.TIF",
        "stage.stg",
        "exp1.scan",
        "exp1.companion.ome",
    ),
    ("micro-manager", "1.4"): ("display_and_comments.txt", "AcqSettings.txt"),
    ("micro-manager", "2.0"): ("comments.txt", "DisplaySettings.json", "positions.pos"),
    ("micro-manager", "stack"): (
        "comments.txt",
        "displaysettings.json",
        "display_settings.txt",
        "NDTiff.index",
    ),
    ("operetta", "phenix"): (
        "FFC_Profile/FFC_Profile_Measurement 1.xml",
        "Assaylayout/Layout.xml",
        "Evaluation1/PlateResults.xml",
        "Evaluation1/Objects_Population - Nuclei.txt",
        "Images/Index.kw.txt",
        "MeasurementIndex.ColumbusIDX.xml",
    ),
    ("pco", "recording"): ("run.rec",),
    ("prairie", "prairie"): (
        "TSeries-03022026-0930-001_Cycle00001_VoltageRecording_001.xml",
        "TSeries-03022026-0930-001_Cycle00001_MarkPoints.xml",
        "TSeries-03022026-0930-001.companion.ome",
        "TSeries-03022026-0930-001.env",
        "TSeries-03022026-0930-001Config.cfg",
        "TSeries-03022026-0930-001_Cycle00001_VoltageRecording_001.csv",
        "TSeries-03022026-0930-001_Cycle00001-botData.csv",
        "TSeries-03022026-0930-001-Cycle00001_Ch1Source.tif",
        "References/TSeries-03022026-0930-001-Cycle00001-Window-Ch1-8bit-Reference.tif",
        "References/TSeries-03022026-0930-001-Cycle00001-Window-Ch1.jpg",
        "CYCLE_000001_RAWDATA_000001",
    ),
    ("scanimage", "acquisition"): ("mouse_Motion_00001.csv", "mouse_00001.pmt.dat"),
    ("scanr", "data"): (
        "experiment_descriptor.xml",
        "experiment_descriptor.dat",
        "AcquisitionLog.dat",
        "data/metadata.ome.xml",
    ),
    ("thorimage", "thorimage"): (
        "ROIs.xaml",
        "BleachROIs.xaml",
        "ROIMask.raw",
        "timing.txt",
        "ChanA_Preview.tif",
        "jpeg/ChanA_0001_0001_0001_0001.jpg",
        "SyncData001/ThorRealTimeDataSettings.xml",
        "SyncData001/Episode001.h5",
    ),
    ("yokogawa-cq1", "cv1000"): (
        "MeasurementResult.xml",
        "MeasurementResult.ome.xml",
        "Plate1.wpi",
        "Plate1.wpp",
    ),
    ("yokogawa-cv8000", "cv7000"): (
        "Plate1.wpi",
        "Plate1.wpp",
        "PostProcess.ppf",
        "SC_BP445-45_20x v2_M01_CH01.tif",
        "DC_sCMOS #1_CAM1.tif",
    ),
    ("zen", "export"): (
        "plate-Image Export-01_info.xml",
        "plate-Image Export-01_meta.xml",
        "plate-Image Export-01_metadata.xml",
    ),
}
"""Files of each program, below the folder of its run."""


def request_of(program: tuple[str, str]) -> RunRequest:
    """Return a run of two frames of each channel, in one well where the program has wells."""
    tells = PROGRAMS[program]
    return RunRequest(
        form=program[1],
        name=tells.name,
        t=2 if "t" in tells.axes else 1,
        sites=1 if "t" in tells.axes else 2,
        wells=(WELL,) if tells.has_wells else (),
        width=32,
        height=24,
    )


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    folder = tmp_path_factory.mktemp("own")
    watches = {}
    for (preset, form), names in BESIDE.items():
        tells, watch = PROGRAMS[preset, form], slug(preset, form)
        within = frames_in(folder, watch)
        simulate(within, preset, request_of((preset, form)))
        run = run_folder(within)
        for path in [place / name for name in names for place in {within, run}]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"of the program\n")
        further = "" if tells.has_plan else SHORT_PAUSE
        watches[watch] = Watched(preset=preset, further=further)
    return convert_all(folder, watches)


def run_folder(within: Path) -> Path:
    """Return the folder that a program made for its run, or that of the run itself."""
    entries = sorted(within.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else within


@pytest.mark.parametrize("program", BESIDE, ids=[slug(*program) for program in BESIDE])
def test_files_of_the_program_itself_warn_nobody(
    converted: dict[str, Converted], program: tuple[str, str]
) -> None:
    watch = slug(*program)
    found = converted[watch]
    assert found.named("file_passed_over") == []
    assert found.complaints == []
    assert set(found.outputs) == {PROGRAMS[program].output.format(folder=watch, well=WELL)}


@pytest.mark.parametrize(
    ("preset", "path"),
    [
        ("scanimage", "mouse_Motion_1_00001.tif"),
        ("prairie", "run.env-001_Cycle00001_Ch1_000001.ome.tif"),
        ("lasx", "MetaData/Series001_z00_ch00.tif"),
        ("thorimage", "jpeg/ChanA_0001_0001_0001_0001.tif"),
        ("zen", "plate_info_t1c1_ORG.tif"),
    ],
)
def test_frames_are_not_taken_for_files_of_the_program_itself(preset: str, path: str) -> None:
    assert only_layout_of(PRESETS[preset]).matches(PurePosixPath(path))


@pytest.mark.parametrize("program", PROGRAMS, ids=[slug(*program) for program in PROGRAMS])
def test_frames_and_sidecars_are_not_passed_over(program: tuple[str, str], tmp_path: Path) -> None:
    simulate(tmp_path, program[0], request_of(program))
    layout = only_layout_of(PRESETS[program[0]])
    names = [file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()]
    assert names
    assert [name for name in names if layout.is_ignored(name)] == []
