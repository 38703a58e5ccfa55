"""Programs as they are written for limnd2, with the name of this package in their imports."""
