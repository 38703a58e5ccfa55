"""Stacks at several time points; the names of the files have Z before T, an ND2 file T before Z."""

import re
from pathlib import Path

import nd2watch
import nd2watch.tools
from nd2watch.experiment_factory import ExperimentFactory

SIZES = {"z": 3, "t": 4}
TIME_STEP = 150
Z_STEP = 100


def place(path: Path) -> tuple[int, int]:
    """Return time point and plane of a file."""
    match = re.search(r"z(\d+)t(\d+)", path.name)
    if match is None:
        raise ValueError(path)
    return int(match[2]), int(match[1])


files = sorted(Path("images").glob("*.tif"), key=place)

of_file = nd2watch.tools.LimImageSource.open(files[0]).nd2_attributes()
attributes = nd2watch.attributes.ImageAttributes.create(
    width=of_file.width,
    height=of_file.height,
    component_count=1,
    bits=of_file.uiBpcInMemory,
    sequence_count=len(files),
)

loops = ExperimentFactory()
loops.t.count = SIZES["t"]
loops.t.step = TIME_STEP
loops.z.count = SIZES["z"]
loops.z.step = Z_STEP
experiment = loops.createExperiment()

nd2watch.tools.convert_sequence_to_nd2(files, "output.nd2", attributes, experiment)
