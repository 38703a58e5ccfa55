"""OIF and OIB files of Olympus FluoView."""

from nd2watch.sources.olympus.source import OlympusSource

__all__ = ["OlympusSource"]
