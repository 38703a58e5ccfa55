"""The examples in the documentation work as printed."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

import nd2
import numpy as np
import pytest
import tifffile
from PIL import Image

from nd2watch.cli import main
from nd2watch.config import built_in_presets
from nd2watch.tools import (
    convert_file_to_nd2_cli,
    convert_sequence_to_nd2_cli,
    get_image_dimensions_cli,
    plan_sequence_cli,
)
from nd2watch.tools.file import add_file_arguments
from nd2watch.tools.options import add_sequence_arguments
from tests.frames import noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCS = Path(__file__).parent.parent / "docs"
SEQUENCES = (DOCS / "sequences.md").read_text(encoding="utf-8")

COMMANDS: Final[dict[str, Callable[[list[str]], int]]] = {
    "nd2watch": main,
    "convert-sequence-to-nd2": convert_sequence_to_nd2_cli,
    "plan-sequence": plan_sequence_cli,
    "convert-file-to-nd2": convert_file_to_nd2_cli,
    "get-image-dimensions": get_image_dimensions_cli,
}
WRITTEN: Final = {
    "cells/first.nd2": {"T": 3, "Z": 2, "C": 2},
    "cells/simple.nd2": {"T": 3, "Z": 2, "C": 2},
    "cells/stated.nd2": {"T": 3, "Z": 2, "C": 2},
    "cells/named.nd2": {"T": 3, "Z": 2, "C": 2},
    "cells/python.nd2": {"T": 3, "Z": 2, "C": 2},
    "results/cells.nd2": {"T": 3, "Z": 2, "C": 2},
    "gaps/all.nd2": {"T": 3, "Z": 2, "C": 2},
    "mixed/png.nd2": {"Z": 2},
    "days/days.nd2": {"T": 2, "P": 2},
    "days/light.nd2": {"T": 2, "P": 2},
    "tiles/tiles.nd2": {"P": 6},
    "tiles/logged.nd2": {"P": 6},
    "plate/sites.nd2": {"P": 4},
    "plate/wells.nd2": {"P": 2},
    "plate/plate7.nd2": {"P": 2},
    "plate/plain.nd2": {"P": 2},
    "pages/stacks.nd2": {"T": 2, "Z": 4},
    "pages/movie.nd2": {"T": 8},
    "pages/t1.nd2": {"Z": 4},
}
"""What the examples on numbered files write, and the loops and channels that it has."""


def test_the_examples_of_the_writer_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "writer.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "writer.md", "exec"), names)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {
        "density.nd2",
        "histology.nd2",
        "mosaic.nd2",
        "timelapse.nd2",
        "cells.nd2",
        "two-scopes.nd2",
        "segmented.nd2",
        "run7.nd2",
        "series.nd2",
    }
    sizes = {}
    for name in written:
        with nd2.ND2File(tmp_path / name) as file:
            sizes[name] = dict(file.sizes)
    assert sizes["timelapse.nd2"] == {"T": 4, "P": 2, "Z": 3, "Y": 48, "X": 64}
    assert sizes["series.nd2"] == {"T": 6, "Y": 48, "X": 64}
    assert sizes["cells.nd2"] == {"C": 2, "Y": 48, "X": 64}
    with nd2.ND2File(tmp_path / "segmented.nd2") as file:
        assert file.binary_data is not None
        np.testing.assert_array_equal(file.binary_data[0].data[0], np.asarray(names["labels"]))


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_point_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (DOCS / target).exists(), target


LAYOUTS: Final = (DOCS / "layouts.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("preset", built_in_presets())
def test_every_preset_is_listed(preset: str) -> None:
    assert re.search(rf"^\| .*`{preset}`.* \|", LAYOUTS, re.MULTILINE)


@pytest.mark.parametrize(
    "block", re.findall(r"<!-- config -->\n```toml\n(.*?)```", LAYOUTS, re.DOTALL)
)
def test_configurations_of_layouts_are_accepted(tmp_path: Path, block: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(block, encoding="utf-8")
    assert main(["check-config", str(path)]) == 0


def test_sections_of_layouts_are_accepted(tmp_path: Path) -> None:
    sections = re.findall(r"(?<!-->\n)```toml\n(.*?)```", LAYOUTS, re.DOTALL)
    head = """
        output = { folder = "nd2" }
        [[watch]]
        name = "w"
        folder = "in"
        pattern = "{name}_t{t}_s{p}.tif"
    """
    path = tmp_path / "config.toml"
    path.write_text(head + "".join(sections), encoding="utf-8")
    assert len(sections) == 3
    assert main(["check-config", str(path)]) == 0


def write_numbered_files() -> None:
    """Write the files of the examples on numbered files."""
    cells = list(product((1, 2, 3), (1, 2), ("dapi", "gfp")))
    names = [f"cells/t{t:03}_z{z}_{c}.tif" for t, z, c in cells]
    names += [f"gaps/t{t:03}_z{z}_{c}.tif" for t, z, c in cells if (t, z) != (3, 1)]
    names.remove("gaps/t002_z1_gfp.tif")
    names += [f"tiles/x{x}_y{y}.tif" for x, y in product((1, 2, 3), (1, 2))]
    names += [f"plate/{well}_{site}.tif" for well, site in product(("A01", "B06"), (1, 2))]
    names += [f"days/day{day}/pos{pos}.tif" for day, pos in product((1, 2), (1, 2))]
    names += ["mixed/z1.png", "mixed/z2.png", "mixed/z1.jpg", "mixed/z2.jpg", "mixed/z3.jpg"]
    for seed, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".tif"):
            tifffile.imwrite(name, noise(seed))
        else:
            Image.fromarray(noise(seed).astype(np.uint8)).save(name)
    Path("pages").mkdir()
    for t in (1, 2):
        pages = np.stack([noise(10 * t + page) for page in range(4)])
        tifffile.imwrite(f"pages/t{t}.tif", pages, metadata=None, photometric="minisblack")


def console_examples(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command in a text, and what it is to print."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = example.replace("\\\n>", "").partition("\n")
            yield command, printed


def run(command: str) -> str:
    """Run a command, and return what it prints."""
    name, *words = shlex.split(command)
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        COMMANDS[name](words)
    return printed.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows shows paths with backslashes")
def test_the_examples_of_numbered_files_print_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_numbered_files()
    for command, expected in console_examples(SEQUENCES):
        shown = r"(?:.*\n)*".join(
            map(re.escape, re.split(r"^\.\.\.\n", expected, flags=re.MULTILINE))
        )
        assert re.fullmatch(shown, printed := run(command)), f"{command} prints\n{printed}"
    for block in re.findall(r"```python\n(.*?)```", SEQUENCES, re.DOTALL):
        exec(compile(block, "sequences.md", "exec"), {})
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.nd2")}
    assert written == WRITTEN.keys()
    for name, sizes in WRITTEN.items():
        with nd2.ND2File(name) as file:
            assert {axis: n for axis, n in file.sizes.items() if axis not in "YX"} == sizes, name
    assert (tmp_path / "cells" / "about.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell of Unix")
def test_the_examples_of_one_shot_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    for command, expected in console_examples(readme.partition("## One shot")[2].split("## ")[0]):
        if command.startswith("cp "):
            subprocess.run(command, shell=True, check=True)
        elif command.startswith("nd2watch"):
            assert run(command) == "".join(re.findall("nd2watch: error: .*\n", expected))
        else:
            assert run(command) == expected
    assert {path.name for path in tmp_path.glob("*.nd2")} == {
        "cells.nd2",
        "numbered.nd2",
        "B02.nd2",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="Windows shows paths with backslashes")
@pytest.mark.parametrize("command", ["convert-sequence-to-nd2", "nd2watch convert-sequence"])
def test_the_examples_in_the_help_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_numbered_files()
    name, *words = command.split()
    monkeypatch.setattr("sys.argv", [name])
    with pytest.raises(SystemExit) as ended:
        COMMANDS[name]([*words, "--help"])
    assert ended.value.code == 0
    examples = re.findall(rf"^  ({command} .*)", capsys.readouterr().out, re.MULTILINE)
    assert [run(example).splitlines()[-1] for example in examples] == [
        "cells/cells.nd2 is written",
        "results/cells.nd2 is written",
    ]


@pytest.mark.parametrize("add", [add_sequence_arguments, add_file_arguments])
def test_every_option_is_documented_has_a_help_text_and_an_example(
    add: Callable[[argparse.ArgumentParser], None],
) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add(parser)
    used = {word for command, _ in console_examples(SEQUENCES) for word in shlex.split(command)}
    shown = parser.format_help()
    for action in parser._actions:
        assert action.help
        for name in action.option_strings:
            assert re.search(rf"`{name}\b", SEQUENCES), name
            assert re.search(rf"(?<!\S){name}\b", shown), name
        if action.option_strings:
            assert used & set(action.option_strings), action.option_strings
        else:
            assert f"**{action.metavar}**" in SEQUENCES or f" {action.metavar}" in SEQUENCES
