"""A simulated microscope that writes frames, and what lies beside them, as programs do."""

from nd2watch.simulate.acquisition import (
    DEFAULT_PATTERN,
    Acquisition,
    Coordinates,
    Manner,
    simulate,
)

__all__ = ["DEFAULT_PATTERN", "Acquisition", "Coordinates", "Manner", "simulate"]
