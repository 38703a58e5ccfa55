"""What a converted file tells of its sources."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import nd2
import pytest
import tifffile

from nd2watch.convert import collect_folder, convert_folder, holds_sequence, plan_conversion
from nd2watch.convert.verify import pixel_digest
from nd2watch.errors import VerificationFailed
from nd2watch.nd2 import Nd2Reader, Provenance, SourceRecord
from nd2watch.version import __version__
from tests.convert.damage import data_of, flip
from tests.frames import acquisition, layout_of, write

if TYPE_CHECKING:
    from pathlib import Path

WHAT = acquisition(t=2, p=1, z=2)


def sources_of(provenance: Provenance) -> list[SourceRecord]:
    """Return the sources of all frames, none of which is missing."""
    sources = [source for frame in provenance.frames for source in frame.sources]
    assert None not in sources
    return [source for source in sources if source is not None]


def provenance_of(path: Path) -> Provenance:
    with Nd2Reader(path) as reader:
        assert reader.provenance is not None
        return reader.provenance


def test_every_source_is_recorded_with_the_digest_of_its_frame(tmp_path: Path) -> None:
    sources = write(tmp_path / "in", WHAT)
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(WHAT))
    provenance = provenance_of(tmp_path / "o.nd2")
    assert provenance.software == f"nd2watch {__version__}"
    assert provenance.layout == WHAT.pattern
    assert provenance.folder == (tmp_path / "in").as_posix()
    order = [sources[t, 0, z, c] for t in range(2) for z in range(2) for c in range(2)]
    recorded = sources_of(provenance)
    status = [path.stat() for path in order]
    assert [source.name for source in recorded] == [path.name for path in order]
    assert [source.size for source in recorded] == [known.st_size for known in status]
    assert [source.mtime_ns for source in recorded] == [known.st_mtime_ns for known in status]
    with Nd2Reader(tmp_path / "o.nd2") as reader:
        digests = [pixel_digest(reader.read_frame(index)).hex() for index in range(4)]
    assert [frame.digest for frame in provenance.frames] == digests


def test_the_description_tells_it_in_words(tmp_path: Path) -> None:
    write(tmp_path / "in", WHAT)
    result = convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(WHAT))
    with nd2.ND2File(tmp_path / "o.nd2") as file:
        lines = file.text_info["description"].splitlines()
    start = lines.index(f"Written by nd2watch {__version__} from 8 files of {tmp_path / 'in'}")
    assert lines[start + 1 :] == [
        f"Layout: {WHAT.pattern}",
        "Sequence: (all)",
        *result.assumptions,
    ]


@pytest.mark.parametrize("given", ["in", "../lab/in", "./in/../in"])
def test_the_folder_is_absolute_however_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    lab = (tmp_path / "lab").resolve()
    write(lab / "in", WHAT)
    monkeypatch.chdir(lab)
    convert_folder(given, "o.nd2", layout_of(WHAT))
    provenance = provenance_of(lab / "o.nd2")
    assert provenance.folder == (lab / "in").as_posix()
    assert sources_of(provenance)[0].name == "img_t001_xy01_z001_cDAPI.tif"


def test_names_tell_the_folders_below_the_common_one(tmp_path: Path) -> None:
    what = acquisition(t=1, p=2, z=1, pattern="plate/xy{p}/img_c{c}.tif")
    write(tmp_path / "in", what)
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    provenance = provenance_of(tmp_path / "o.nd2")
    assert provenance.folder == (tmp_path / "in" / "plate").as_posix()
    assert [source.name for source in sources_of(provenance)] == [
        "xy1/img_cDAPI.tif",
        "xy1/img_cGFP.tif",
        "xy2/img_cDAPI.tif",
        "xy2/img_cGFP.tif",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names to be text")
def test_a_sequence_whose_name_is_no_text_converts(tmp_path: Path) -> None:
    what = replace(WHAT, pattern="{prefix}_t{t}_z{z}_c{c}.tif", fields={"prefix": "caf\udce9\n1"})
    write(tmp_path / "in", what)
    convert_folder(tmp_path / "in", tmp_path / "o.nd2", layout_of(what))
    first = sources_of(provenance_of(tmp_path / "o.nd2"))[0]
    assert first.name.startswith("caf\udce9\n1_t")
    with Nd2Reader(tmp_path / "o.nd2") as reader:
        description = reader.text_info.description
    assert "Sequence: caf\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}1" in description


def test_a_file_is_known_by_the_digest_of_its_sources_alone(tmp_path: Path) -> None:
    sources = write(tmp_path / "in", WHAT)
    output = tmp_path / "o.nd2"
    convert_folder(tmp_path / "in", output, layout_of(WHAT))
    plan = plan_conversion(collect_folder(tmp_path / "in", layout_of(WHAT))[0])
    start, _ = data_of(output, "CustomData|Nd2WatchSourcesZJSON!")
    flip(output, start + 20)
    for path in sources.values():
        path.unlink()
    assert holds_sequence(output, plan)


def test_a_file_that_tells_other_sources_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", WHAT)
    monkeypatch.setattr("nd2watch.nd2.Nd2Writer.set_provenance", lambda writer, provenance: None)
    with pytest.raises(VerificationFailed, match="does not tell where it comes from"):
        convert_folder(tmp_path / "in", tmp_path / "out" / "o.nd2", layout_of(WHAT))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_with_damaged_metadata_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", WHAT)
    (tmp_path / "out").mkdir()

    def damage(file: object) -> None:
        (path,) = (tmp_path / "out").iterdir()
        start, _ = data_of(path, "ImageTextInfoLV!")
        flip(path, start + 200)

    monkeypatch.setattr("nd2watch.pending.os.fsync", damage)
    with pytest.raises(VerificationFailed, match="ImageTextInfoLV! is not as it was written"):
        convert_folder(tmp_path / "in", tmp_path / "out" / "o.nd2", layout_of(WHAT))
    assert list((tmp_path / "out").iterdir()) == []


def test_the_digest_of_a_frame_does_not_depend_on_its_layout_in_memory(tmp_path: Path) -> None:
    pixels = tifffile.imread(next(iter(write(tmp_path, WHAT).values())))[:, :, None]
    assert pixel_digest(pixels) == pixel_digest(pixels.astype(">u2"))
    assert pixel_digest(pixels) == pixel_digest(pixels.copy(order="F"))
    assert pixel_digest(pixels) == pixel_digest(pixels[:5], pixels[5:])
