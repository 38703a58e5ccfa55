"""Time points with a file for each channel; each channel has settings of its own."""

import re
from pathlib import Path

import nd2watch
import nd2watch.tools
from nd2watch.experiment_factory import ExperimentFactory
from nd2watch.metadata_factory import MetadataFactory, Plane

PLANES = [
    Plane(
        name="DAPI",
        modality="Confocal, Fluo",
        excitation_wavelength=400,
        emission_wavelength=450,
        color="blue",
        zoom_magnification=200.0,
        objective_magnification=1.1,
        objective_numerical_aperture=0.4,
        immersion_refractive_index=0.9,
        pinhole_diameter=150,
        camera_name="Camera 1",
        microscope_name="Microscope 1",
    ),
    Plane(
        name="DAPI - FITC - TRITC",
        modality="Spinning Disc",
        excitation_wavelength=451,
        emission_wavelength=500,
        color="gray",
        zoom_magnification=90.0,
        objective_magnification=1.2,
        objective_numerical_aperture=0.48,
        immersion_refractive_index=0.88,
        pinhole_diameter=5000,
        camera_name="Camera 2",
        microscope_name="Microscope 2",
    ),
    Plane(
        name="DIA",
        modality="DIC",
        excitation_wavelength=501,
        emission_wavelength=550,
        color="red",
        zoom_magnification=50.0,
        objective_magnification=1.0,
        objective_numerical_aperture=0.45,
        immersion_refractive_index=0.8,
        pinhole_diameter=50,
        camera_name="Camera 3",
        microscope_name="Microscope 3",
    ),
]
NAMES = [plane.name for plane in PLANES]


def place(path: Path) -> tuple[int, int]:
    """Return time point and channel of a file."""
    match = re.search(r"_T(\d+)_(.+)\.tif", path.name)
    if match is None:
        raise ValueError(path)
    return int(match[1]), NAMES.index(match[2])


files = sorted(Path("images").glob("*.tif"), key=place)
frames = list(zip(*[iter(files)] * len(PLANES), strict=True))

of_file = nd2watch.tools.LimImageSource.open(files[0]).nd2_attributes()
attributes = nd2watch.attributes.ImageAttributes.create(
    width=of_file.width,
    height=of_file.height,
    component_count=len(PLANES),
    bits=of_file.uiBpcInMemory,
    sequence_count=len(frames),
)

loops = ExperimentFactory(t={"count": len(frames), "step": 150})

metadata = MetadataFactory(pixel_calibration=10.0)
for plane in PLANES:
    metadata.addPlane(plane)

nd2watch.tools.convert_sequence_to_nd2(frames, "output.nd2", attributes, loops(), metadata())
