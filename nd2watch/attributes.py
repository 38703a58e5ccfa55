"""`ImageAttributes` by the path at which limnd2 has them."""

from nd2watch.tools.attributes import ImageAttributes

__all__ = ["ImageAttributes"]
