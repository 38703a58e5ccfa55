"""Where a service keeps what is its own."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Mapping


def state_folder_of(
    config: Path, stated: Path | None, environment: Mapping[str, str] | None = None
) -> Path:
    """Return the folder for the journal of the service of a configuration.

    It is the stated one, else that which systemd gives in ``STATE_DIRECTORY``, else one of the
    user's, which differs from configuration to configuration.

    Parameters
    ----------
    config : Path
        The configuration file.
    stated : Path, optional
        What the configuration says.
    environment : mapping, optional
        That of the process when omitted.
    """
    environment = os.environ if environment is None else environment
    given = environment.get("STATE_DIRECTORY", "").split(":")[0]
    if stated is not None:
        return stated
    if given:
        return Path(given)
    return _user_folder(config)


def _user_folder(config: Path) -> Path:
    """Return the folder of the user for the service of a configuration."""
    digest = hashlib.sha256(os.fsencode(config.resolve())).hexdigest()[:12]
    return Path(platformdirs.user_state_path("nd2watch", appauthor=False)) / digest


def socket_folder_of(state_folder: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder for the control socket of a service.

    It is that which systemd gives in ``RUNTIME_DIRECTORY``, else the state folder.

    Parameters
    ----------
    state_folder : Path
        Where its journal is.
    environment : mapping, optional
        That of the process when omitted.
    """
    environment = os.environ if environment is None else environment
    given = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else state_folder
