"""Running programs without the right of the administrator to pass over permissions."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from typing import Final

import pytest

_RIGHTS: Final = "-dac_override,-dac_read_search"


@cache
def rights_taken() -> tuple[str, ...]:
    """Return what starts a command without these rights; nothing where that is not to be had."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        return ()
    command = (setpriv, f"--bounding-set={_RIGHTS}", f"--inh-caps={_RIGHTS}")
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if tried.returncode == 0 else ()


def bound_by_permissions(*command: str) -> tuple[str, ...]:
    """Return a command that permissions of files bind, whoever runs it.

    Skips the test where that cannot be had.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has other permissions")
    if os.geteuid() == 0 and not rights_taken():
        pytest.skip("the administrator passes over permissions, and setpriv is not there")
    return (*rights_taken(), *command)
