"""Pages of Prairie View are what its list of frames says, whatever the files say of themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import nd2
import numpy as np
import pytest
import tifffile

from nd2watch.cli import main
from tests.presets.once import Watched, convert_all, frames_in, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RNG: Final = np.random.default_rng(11)
STACK: Final = "TSeries ZSeries Element"
TIMED: Final = "TSeries Timed Element"
OME: Final = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the OME document of each file says.

    Attributes
    ----------
    sizes : str
        Attributes of the image.
    data : str
        Where its planes are.
    files : str
        The same for each file of the run, where the document lists them; ``{name}`` is its name.
    text : str
        Instead of an image, what the document holds.
    """

    sizes: str = ""
    data: str = "<TiffData/>"
    files: str = ""
    text: str = ""


def claims_of(t: int = 1, z: int = 1, c: int = 1, order: str = "XYCZT") -> str:
    """Return sizes as an OME document has them."""
    return f'DimensionOrder="{order}" SizeT="{t}" SizeZ="{z}" SizeC="{c}"'


def document(claim: Claim, names: list[str]) -> str:
    """Return an OME document."""
    data = "".join(claim.files.format(n=n, name=name) for n, name in enumerate(names))
    image = (
        f'<Image ID="Image:1"><Pixels ID="Pixels:1" Type="uint16" SizeX="20" SizeY="16"'
        f" {claim.sizes}>{data or claim.data}</Pixels></Image>"
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}">{claim.text or image}</OME>'


@dataclass(frozen=True, kw_only=True)
class PrairieRun:
    """A run of a file for each cycle and channel.

    Attributes
    ----------
    kind : str
        Type of its cycles.
    pixels : array (cycle, page, channel, Y, X)
        Its planes.
    claim : Claim
        What its files say of themselves.
    tells_pages : bool
        The list of frames has the page of each of them.
    fewer : dict from int to int
        Pages of cycles that have fewer.
    """

    kind: str
    claim: Claim
    cycles: int = 2
    count: int = 3
    channels: int = 1
    tells_pages: bool = True
    fewer: dict[int, int] = field(default_factory=dict)
    pixels: NDArray[np.uint16] = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.cycles, self.count, self.channels, 16, 20)
        object.__setattr__(self, "pixels", RNG.integers(0, 4096, shape, dtype=np.uint16))

    def name(self, folder: Path, cycle: int, channel: int) -> str:
        return f"{folder.name}_Cycle{cycle + 1:05}_Ch{channel + 1}_000001.ome.tif"

    def count_of(self, cycle: int) -> int:
        return self.fewer.get(cycle, self.count)

    def write(self, folder: Path) -> None:
        """Write files and list."""
        folder.mkdir(parents=True)
        places = [(cycle, c) for cycle in range(self.cycles) for c in range(self.channels)]
        text = document(self.claim, [self.name(folder, *place) for place in places])
        for cycle, channel in places:
            tifffile.imwrite(
                folder / self.name(folder, cycle, channel),
                self.pixels[cycle, : self.count_of(cycle), channel],
                photometric="minisblack",
                description=text.encode(),
                metadata=None,
            )
        listed = "".join(self._cycle(folder, cycle) for cycle in range(self.cycles))
        (folder / f"{folder.name}.xml").write_text(
            '<?xml version="1.0"?><PVScan version="5.8.64.800" date="9/8/2023 5:40:34 PM">'
            f"{listed}</PVScan>",
            encoding="utf-8",
        )

    def _cycle(self, folder: Path, cycle: int) -> str:
        """Return a cycle of the list."""
        frames = ""
        for number in range(self.count_of(cycle) if self.tells_pages else 1):
            page = f' page="{number + 1}"' if self.tells_pages else ""
            files = "".join(
                f'<File channel="{c + 1}" channelName="Ch{c + 1}"{page}'
                f' filename="{self.name(folder, cycle, c)}" />'
                for c in range(self.channels)
            )
            seconds = cycle * 10 + number
            frames += (
                f'<Frame relativeTime="{number}" absoluteTime="{seconds}" index="{number + 1}">'
                f"{files}</Frame>"
            )
        return f'<Sequence type="{self.kind}" cycle="{cycle + 1}">{frames}</Sequence>'


def planes_of(path: Path) -> tuple[dict[str, int], NDArray[Any]]:
    """Return the sizes of an ND2 file, and all of its planes."""
    with nd2.ND2File(path) as file:
        return dict(file.sizes), file.asarray()


FILES: Final = (
    '<TiffData FirstT="{n}" PlaneCount="3" IFD="0"><UUID FileName="{name}">'
    "urn:uuid:0000000{n}-0000-4000-8000-000000000000</UUID></TiffData>"
)
"""The whole run, of which each file is told to hold another part."""

RUNS: Final = {
    "planes that are said to be times": PrairieRun(kind=STACK, claim=Claim(sizes=claims_of(t=3))),
    "times that are said to be planes": PrairieRun(kind=TIMED, claim=Claim(sizes=claims_of(z=3))),
    "fewer times than pages": PrairieRun(
        kind=TIMED,
        claim=Claim(sizes=claims_of(t=2), data='<TiffData IFD="0" PlaneCount="2"/>'),
    ),
    "more times than pages": PrairieRun(kind=STACK, claim=Claim(sizes=claims_of(t=50))),
    "times over all files": PrairieRun(
        kind=TIMED,
        claim=Claim(
            sizes=claims_of(t=6),
            files=FILES.replace('FirstT="{n}"', 'FirstT="0"'),
        ),
    ),
    "planes over all files": PrairieRun(
        kind=STACK, claim=Claim(sizes=claims_of(t=2, z=3, order="XYZCT"), files=FILES)
    ),
    "times and planes the other way round": PrairieRun(
        kind=STACK, claim=Claim(sizes=claims_of(t=3, z=2, order="XYTCZ"), files=FILES)
    ),
    "channels inside, which are files": PrairieRun(
        kind=TIMED, claim=Claim(sizes=claims_of(t=2, c=2)), count=4, channels=2
    ),
    "pages in another order": PrairieRun(
        kind=STACK,
        claim=Claim(
            sizes=claims_of(z=3),
            data="".join(
                f'<TiffData FirstZ="{z}" IFD="{2 - z}" PlaneCount="1"/>' for z in range(3)
            ),
        ),
    ),
    "positions": PrairieRun(
        kind=STACK,
        claim=Claim(
            sizes=claims_of(z=2),
            data='<TiffData IFD="0" PlaneCount="2"/></Pixels></Image><Image ID="Image:2">'
            f'<Pixels ID="Pixels:2" Type="uint16" SizeX="20" SizeY="16" {claims_of()}>'
            '<TiffData IFD="2" PlaneCount="1"/>',
        ),
    ),
    "no page that the list tells": PrairieRun(
        kind=TIMED, claim=Claim(sizes=claims_of(z=3)), tells_pages=False
    ),
    "metadata in another file": PrairieRun(
        kind=STACK,
        claim=Claim(text='<BinaryOnly MetadataFile="Run-001.companion.ome" UUID="urn:uuid:1"/>'),
    ),
}
"""What files say of themselves, which is wrong."""


def expected(run: PrairieRun) -> dict[str, int]:
    """Return the sizes that the ND2 file of a run is to have."""
    if run.kind == STACK:
        sizes = {"T": run.cycles, "Z": run.count}
    else:
        sizes = {"T": run.cycles * run.count}
    return {**sizes, **({"C": run.channels} if run.channels > 1 else {}), "Y": 16, "X": 20}


@pytest.mark.parametrize("title", RUNS)
def test_the_list_says_what_pages_are(tmp_path: Path, title: str) -> None:
    run, folder, output = RUNS[title], tmp_path / "Run-001", tmp_path / "out.nd2"
    run.write(folder)
    assert main(["convert", str(folder), "--preset", "prairie", "-o", str(output)]) == 0
    sizes, pixels = planes_of(output)
    assert sizes == expected(run)
    np.testing.assert_array_equal(pixels.reshape(run.pixels.shape), run.pixels)
    assert main(["verify", str(output), "--sources"]) == 0


def test_the_service_finds_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watches, folders = {}, {}
    for number, run in enumerate(RUNS.values()):
        name = f"run{number}"
        folders[name] = frames_in(tmp_path, name)
        run.write(folders[name])
        watches[name] = Watched(preset="prairie")
    config = write_config(tmp_path, watches)
    assert main(["plan", "-c", str(config)]) == 0
    told = capsys.readouterr().out
    converted = convert_all(tmp_path, watches)
    for name, run in zip(watches, RUNS.values(), strict=True):
        assert converted[name].complaints == [], name
        (output,) = converted[name].outputs.values()
        sizes, pixels = planes_of(output)
        assert sizes == expected(run), name
        np.testing.assert_array_equal(pixels.reshape(run.pixels.shape), run.pixels, name)
    assert all(f"  {name}: complete, " in told for name in watches)


def test_a_file_with_fewer_pages_than_the_list_says_is_waited_for(tmp_path: Path) -> None:
    run = PrairieRun(kind=TIMED, claim=Claim(sizes=claims_of(t=3)))
    folder = frames_in(tmp_path, "short")
    run.write(folder)
    last = folder / run.name(folder, 1, 0)
    tifffile.imwrite(last, run.pixels[1, :2, 0], photometric="minisblack", metadata=None)
    found = convert_all(tmp_path, {"short": Watched(preset="prairie")})["short"]
    assert found.outputs == {}
    (left,) = found.named("sequence_incomplete")
    assert "2 of 3 pages" in str(left)


@pytest.mark.parametrize("short", [0, 1])
def test_cycles_of_different_numbers_of_pages_follow_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], short: int
) -> None:
    run = PrairieRun(kind=TIMED, claim=Claim(sizes=claims_of(t=8)), count=5, fewer={short: 3})
    run.write(frames_in(tmp_path, "cycles"))
    watches = {"cycles": Watched(preset="prairie")}
    assert main(["plan", "-c", str(write_config(tmp_path, watches))]) == 0
    assert "  cycles: complete, 2 of 2 frames" in capsys.readouterr().out
    (output,) = convert_all(tmp_path, watches)["cycles"].outputs.values()
    sizes, pixels = planes_of(output)
    assert sizes == {"T": 8, "Y": 16, "X": 20}
    cycles = [run.pixels[cycle, : run.count_of(cycle), 0] for cycle in (0, 1)]
    np.testing.assert_array_equal(pixels, np.concatenate(cycles))


def test_what_the_user_says_of_pages_counts_where_the_list_says_nothing(tmp_path: Path) -> None:
    run = PrairieRun(kind=STACK, claim=Claim(sizes=claims_of(t=3)), tells_pages=False)
    folder, output = tmp_path / "Run-001", tmp_path / "out.nd2"
    run.write(folder)
    (folder / "Run-001.xml").unlink()
    words = ["convert", str(folder), "--preset", "prairie", "--pages", "z", "-o", str(output)]
    assert main(words) == 0
    sizes, pixels = planes_of(output)
    assert sizes == expected(run)
    np.testing.assert_array_equal(pixels.reshape(run.pixels.shape), run.pixels)


def test_without_a_list_pages_are_times(tmp_path: Path) -> None:
    run = PrairieRun(kind=TIMED, claim=Claim(sizes=claims_of(z=3)))
    folder, output = tmp_path / "Run-001", tmp_path / "out.nd2"
    run.write(folder)
    (folder / "Run-001.xml").unlink()
    assert main(["convert", str(folder), "--preset", "prairie", "-o", str(output)]) == 0
    sizes, pixels = planes_of(output)
    assert sizes == expected(run)
    np.testing.assert_array_equal(pixels.reshape(run.pixels.shape), run.pixels)
