"""Time points with a file for each channel; what holds for all channels is stated once."""

import re
from pathlib import Path

import nd2watch
import nd2watch.tools
from nd2watch.experiment_factory import ExperimentFactory
from nd2watch.metadata_factory import MetadataFactory

CHANNELS = ["DAPI", "DAPI - FITC - TRITC", "DIA"]
TIME_STEP = 150


def place(path: Path) -> tuple[int, int]:
    """Return time point and channel of a file."""
    match = re.search(r"_T(\d+)_(.+)\.tif", path.name)
    if match is None:
        raise ValueError(path)
    return int(match[1]), CHANNELS.index(match[2])


files = sorted(Path("images").glob("*.tif"), key=place)
count = len(CHANNELS)
frames = [tuple(files[start : start + count]) for start in range(0, len(files), count)]

of_file = nd2watch.tools.LimImageSource.open(files[0]).nd2_attributes()
attributes = nd2watch.attributes.ImageAttributes.create(
    width=of_file.width,
    height=of_file.height,
    component_count=count,
    bits=of_file.uiBpcInMemory,
    sequence_count=len(frames),
)

loops = ExperimentFactory()
loops.t.count = len(frames)
loops.t.step = TIME_STEP
experiment = loops.createExperiment()

metadata = MetadataFactory(
    zoom_magnification=200.0,
    objective_magnification=1.0,
    objective_numerical_aperture=0.45,
    immersion_refractive_index=0.8,
    pinhole_diameter=50,
    pixel_calibration=10.0,
)
metadata.addPlane(
    name=CHANNELS[0],
    modality="Confocal, Fluo",
    excitation_wavelength=400,
    emission_wavelength=450,
    color="blue",
)
metadata.addPlane(
    name=CHANNELS[1],
    modality="Confocal, Fluo",
    excitation_wavelength=451,
    emission_wavelength=500,
    color="gray",
)
metadata.addPlane(
    name=CHANNELS[2],
    modality="Brightfield",
    excitation_wavelength=501,
    emission_wavelength=550,
    color="#FF0000",
)
picture = metadata.createMetadata()

nd2watch.tools.convert_sequence_to_nd2(frames, "output.nd2", attributes, experiment, picture)
