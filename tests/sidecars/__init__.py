"""Tests of what acquisition programs write beside the frames."""
