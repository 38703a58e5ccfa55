"""The interface for programs written for limnd2, on the engine and the values of nd2watch."""
