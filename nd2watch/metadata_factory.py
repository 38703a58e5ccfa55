"""`MetadataFactory` by the path at which limnd2 has it."""

from nd2watch.tools.metadata_factory import MetadataFactory, PictureMetadata, Plane

__all__ = ["MetadataFactory", "PictureMetadata", "Plane"]
