"""Folders are recognized, and what is proposed for them converts them."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import nd2
import pytest

from nd2watch.cli import main
from nd2watch.config import load_config
from nd2watch.guide.guess import guess
from nd2watch.guide.proposal import proposal_lines
from nd2watch.guide.survey import list_names
from tests.guide.runs import KNOWN, PRESETS, write_small_run
from tests.presets.once import SHORT_PAUSE
from tests.presets.test_presets import FORMS, large_request
from tests.sources.tiff_files import pixels, write

if TYPE_CHECKING:
    from pathlib import Path

    from nd2watch.guide.guess import Guess

GENERAL = [name for name, preset in PRESETS.items() if preset.is_general]
NAMES_ONLY = {"cellsens"}
"""Presets whose names are those of another general preset, too."""

SERVICE = '[output]\nfolder = "nd2"\n[service]\nsettle_s = 0.05\nlog_level = "error"\n'


def guessed(folder: Path, **limit: int) -> Guess:
    return guess(list_names(folder, **limit), list(KNOWN.values()))


def proposed(found: Guess, folder: Path) -> str:
    assert found.best is not None
    return "\n".join(proposal_lines(found.best, PRESETS[found.best.known.name], folder))


def watch_of(text: str) -> dict[str, Any]:
    (watch,) = tomllib.loads(text)["watch"]
    return dict(watch)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_files_of_every_program_are_recognized_and_converted(
    name: str, form: str, tmp_path: Path
) -> None:
    folder = tmp_path / "my run, 1"
    asked = replace(large_request(PRESETS[name], form), height=12, width=16)
    request = replace(asked, z=min(asked.z, 3))
    write_small_run(folder, name, **{f: getattr(request, f) for f in request.__slots__})
    found = guessed(folder)
    assert found.best is not None
    candidates = {found.best.known.name, *(fit.known.name for fit in found.close)}
    assert name in candidates
    assert found.best.known.name == name or name in NAMES_ONLY
    assert found.nearest is None or name in GENERAL
    assert found.best.matched == found.best.images
    further = SHORT_PAUSE if PRESETS[name].joined == ["t"] else ""  # its end is not told
    config = tmp_path / "config.toml"
    config.write_text(f"{SERVICE}{proposed(found, folder)}\n{further}", encoding="utf-8")
    assert load_config(config).watch[0].folder == folder
    assert main(["run", "--config", str(config), "--once"]) == 0
    written = list((tmp_path / "nd2").rglob("*.nd2"))
    assert len(written) == (len(request.wells) if PRESETS[name].file_per == "well" else 1)


def test_a_sidecar_counts_more_than_names(tmp_path: Path) -> None:
    write_small_run(tmp_path, "metamorph", t=2, sites=2)
    with_sidecar = guessed(tmp_path)
    assert with_sidecar.best is not None
    assert [path.name for path in with_sidecar.best.sidecars] == ["exp1.nd"]
    assert with_sidecar.close == ()
    text = proposed(with_sidecar, tmp_path)
    assert "# Told by exp1.nd: t=2, p=2, c=1." in text
    assert "axes" in watch_of(text)
    assert watch_of(text)["axes"] == {}


def test_a_sidecar_that_cannot_be_understood_does_not_count(tmp_path: Path) -> None:
    write_small_run(tmp_path, "metamorph", t=2, sites=2)
    (tmp_path / "exp1.nd").write_bytes(b"\x00\xff" * 40)
    best = guessed(tmp_path).best
    assert best is not None
    assert best.known.name == "metamorph"
    assert best.sidecars == ()


def test_presets_that_names_do_not_tell_apart_are_close(tmp_path: Path) -> None:
    write_small_run(tmp_path, "nis-elements", t=2, z=2, channels=("A", "B"))
    found = guessed(tmp_path)
    assert found.best is not None
    names = {found.best.known.name, *(fit.known.name for fit in found.close)}
    assert names == {"zen", "nis-elements"}


def test_sizes_are_stated_where_every_sequence_has_them(tmp_path: Path) -> None:
    for run in ("a", "b"):
        write_small_run(
            tmp_path, "nis-elements", form="channel names", name=run, t=3, channels=("DAPI", "GFP")
        )
    axes = watch_of(proposed(guessed(tmp_path), tmp_path))["axes"]
    assert axes == {"t": 3, "p": 1, "c": ["DAPI", "GFP"]}


def test_sizes_that_differ_are_left_to_the_user(tmp_path: Path) -> None:
    for run, count in (("a", 2), ("b", 3)):
        write_small_run(tmp_path, "nis-elements", name=run, t=count, z=2)
    text = proposed(guessed(tmp_path), tmp_path)
    assert "# t = 3 # sequences have 2 to 3" in text
    assert watch_of(text)["axes"] == {"p": 1, "z": 2, "c": 1}


def test_sizes_of_a_run_with_gaps_are_not_stated(tmp_path: Path) -> None:
    write_small_run(tmp_path, "nis-elements", t=3, z=2, channels=("A", "B"))
    (tmp_path / "run_t002z01c1.tif").unlink()
    found = guessed(tmp_path)
    assert found.best is not None
    assert (found.best.gaps, found.best.sequences) == (1, 1)
    text = proposed(found, tmp_path)
    assert watch_of(text)["axes"] == {}
    assert "# t = 3" in text


def test_channels_of_a_number_and_a_name_are_stated_with_both(tmp_path: Path) -> None:
    write_small_run(tmp_path, "metamorph", t=2, channels=("GFP", "DAPI"))
    (tmp_path / "exp1.nd").unlink()
    axes = watch_of(proposed(guessed(tmp_path), tmp_path))["axes"]
    assert axes["c"] == [{"name": "GFP", "label": "1"}, {"name": "DAPI", "label": "2"}]


def test_files_that_are_passed_over_speak_for_a_preset(tmp_path: Path) -> None:
    write_small_run(tmp_path, "imagexpress", sites=2, wells=("B02",))
    for path in list(tmp_path.rglob("*.TIF")):
        path.with_stem(f"{path.stem}_thumb").write_bytes(path.read_bytes())
    best = guessed(tmp_path).best
    assert best is not None
    assert (best.known.name, best.matched, best.ignored, best.share) == ("imagexpress", 2, 2, 1.0)


def test_a_preset_that_reads_few_of_the_names_is_not_proposed(tmp_path: Path) -> None:
    write_small_run(tmp_path, "zen", t=1)
    for number in range(9):
        (tmp_path / f"x{'y' * number}.png").touch()
    found = guessed(tmp_path)
    assert found.best is None
    assert found.fits[0].known.name == "zen"


def test_names_of_no_program_have_a_nearest_one(tmp_path: Path) -> None:
    for well in ("A", "B"):
        (tmp_path / f"r01c0{well}f01p01-ch1sk1fk1fl1.png").touch()
    found = guessed(tmp_path)
    assert found.best is None
    assert found.fits == ()
    assert found.nearest is not None
    assert found.nearest.layout == "operetta"


def test_an_empty_folder_fits_nothing(tmp_path: Path) -> None:
    found = guessed(tmp_path)
    assert (found.best, found.fits, found.nearest) == (None, (), None)


def test_only_so_many_names_are_looked_at(tmp_path: Path) -> None:
    write_small_run(tmp_path, "nis-elements", t=9)
    found = guessed(tmp_path, most=5)
    assert found.names.is_cut
    assert found.best is not None
    assert found.best.images == 5
    assert "# As found in some of the files." in proposed(found, tmp_path)


def test_files_that_cannot_be_opened_are_told_of(tmp_path: Path) -> None:
    for t in range(1, 4):
        (tmp_path / f"run_t00{t}z01c1.tif").write_text("no image")
    found = guessed(tmp_path)
    assert found.best is not None
    assert "is not a TIFF file" in found.best.sampled.trouble
    assert "axes" in watch_of(proposed(found, tmp_path))


def test_pages_that_say_nothing_get_an_axis_to_choose(tmp_path: Path) -> None:
    write_small_run(tmp_path, "scanimage", t=3)
    for path in tmp_path.iterdir():
        path.rename(tmp_path / "2026-03-02_Protocol_2026-03-02_09.30.00_F01.tif")
    found = guessed(tmp_path)
    assert found.best is not None
    assert found.best.known.name == "andor-fusion"
    text = proposed(found, tmp_path)
    assert watch_of(text)["pages"] == "z"
    assert 'the files hold 3 pages and do not say what they are; or "t"' in text


def test_every_sequence_gets_a_name_of_its_own(tmp_path: Path) -> None:
    for folder in ("day 1", "day 2"):
        write_small_run(tmp_path / folder, "micro-manager", form="1.4", t=2)
    found = guessed(tmp_path)
    config = tmp_path.parent / "config.toml"
    config.write_text(f"{SERVICE}{proposed(found, tmp_path)}\n", encoding="utf-8")
    assert main(["run", "--config", str(config), "--once"]) == 0
    written = sorted(config.parent.glob("nd2/**/*.nd2"))
    assert len(written) == 2
    for path in written:
        with nd2.ND2File(path) as file:
            assert file.sizes["T"] == 2


def test_numbers_of_any_width_are_one_sequence(tmp_path: Path) -> None:
    for number in range(1, 13):
        write(tmp_path / f"image{number}.tif", pixels(12, 16, seed=number))
    best = guessed(tmp_path).best
    assert best is not None
    assert (best.known.name, best.matched, best.sequences) == ("numbered", 12, 1)
    assert best.axes[0].labels == tuple(map(str, range(1, 13)))


def test_names_of_tokens_alone_are_one_sequence(tmp_path: Path) -> None:
    for t in (1, 2):
        for c in (1, 2):
            write(tmp_path / f"t{t:03}_c{c}.tif", pixels(12, 16, seed=2 * t + c))
    fits = {fit.known.name: fit for fit in guessed(tmp_path).fits}
    assert [(axis.axis, axis.most) for axis in fits["generic"].axes if axis.most > 1] == [
        ("t", 2),
        ("c", 2),
    ]
    assert fits["generic"].sequences == 1
