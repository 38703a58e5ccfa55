"""Sidecars: what acquisition programs write beside the frames, read as far as it is written."""

from nd2watch.sidecars.base import Sidecar, joined
from nd2watch.sidecars.registry import KINDS, TELLING_PAGES, read_sidecar

__all__ = ["KINDS", "TELLING_PAGES", "Sidecar", "joined", "read_sidecar"]
