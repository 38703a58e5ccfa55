"""Random noise, written frame by frame; loops and channels are told when the frames are there."""

import numpy as np

import nd2watch

WIDTH, HEIGHT = 500, 200
COMPONENTS = 2
BITS = 8
FRAMES = 10

generator = np.random.default_rng(1)
frames = generator.integers(0, 1 << BITS, (FRAMES, HEIGHT, WIDTH, COMPONENTS), np.uint8)

with nd2watch.Nd2Writer("output.nd2") as nd2:
    nd2.imageAttributes = nd2watch.attributes.ImageAttributes.create(
        width=WIDTH,
        height=HEIGHT,
        component_count=COMPONENTS,
        bits=BITS,
        sequence_count=FRAMES,
    )

    for number in range(FRAMES):
        nd2.setImage(number, frames[number])

    loops = nd2watch.experiment_factory.ExperimentFactory()
    loops.t.count = 5
    loops.t.step = 150
    loops.z.count = 2
    loops.z.step = 100
    nd2.experiment = loops.createExperiment()

    metadata = nd2watch.metadata_factory.MetadataFactory(
        zoom_magnification=200.0,
        objective_magnification=1.0,
        pinhole_diameter=50,
        pixel_calibration=10.0,
    )
    metadata.addPlane(name="Blue channel", modality="Confocal, Fluo", color="blue")
    metadata.addPlane(name="Red channel", modality="Confocal, Fluo", color="red")
    nd2.pictureMetadata = metadata.createMetadata()
