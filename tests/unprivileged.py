"""Running programs without the right of the administrator to pass over permissions."""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

_RIGHTS: Final = "-dac_override,-dac_read_search"


def bound_by_permissions(*command: str) -> tuple[str, ...]:
    """Return a command that permissions of files bind, whoever runs it.

    Skips the test where that cannot be had.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has other permissions")
    if os.geteuid() != 0:
        return command
    if (setpriv := shutil.which("setpriv")) is None:
        pytest.skip("the administrator passes over permissions, and setpriv is not there")
    return (setpriv, f"--bounding-set={_RIGHTS}", f"--inh-caps={_RIGHTS}", *command)
