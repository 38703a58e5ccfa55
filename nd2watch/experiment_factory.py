"""`ExperimentFactory` by the path at which limnd2 has it."""

from nd2watch.tools.experiment_factory import ExperimentFactory, ExperimentLevel

__all__ = ["ExperimentFactory", "ExperimentLevel"]
