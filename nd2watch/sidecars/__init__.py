"""Sidecars: what acquisition programs write beside the frames, read as far as it is written."""

from nd2watch.sidecars.base import Sidecar, joined
from nd2watch.sidecars.registry import KINDS, read_sidecar

__all__ = ["KINDS", "Sidecar", "joined", "read_sidecar"]
