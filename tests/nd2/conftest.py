"""Fixtures for the tests of the format."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def without_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing wait for the disk, in tests that write hundreds of files."""

    def keep_in_memory(_: int) -> None:
        pass

    monkeypatch.setattr(os, "fsync", keep_in_memory)
