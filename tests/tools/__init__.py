"""Tests of the interface for programs written for limnd2."""
