"""Where a service keeps what is its own."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from nd2watch.config import read_toml, usable_folder
from nd2watch.errors import ConfigError
from nd2watch.service.protocol import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

JOURNAL: Final = "journal.db"

SYSTEM: Final = Path("/var/lib/nd2watch")
"""Folder that systemd gives to ``nd2watch.service``."""


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


def state_folder_seen(config: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Return the state folder of the service of a configuration as a command can find it.

    The command is not told what systemd told the service, which has left its address there. Of
    the configuration only what it says of the folder needs to be valid: a service may be running
    with the one before.

    Parameters
    ----------
    config : Path
        The configuration file.
    environment : mapping, optional
        That of the process when omitted.

    Raises
    ------
    ConfigError
        If the file cannot be read, or is no TOML.
    """
    stated = _stated(config)
    folder = state_folder_of(config, stated, environment)
    if stated is None and not _serves(folder, config) and _serves(SYSTEM, config):
        return SYSTEM
    return folder


def _stated(config: Path) -> Path | None:
    """Return the state folder that a configuration states."""
    service = read_toml(config).get("service")
    told = service.get("state_folder") if isinstance(service, dict) else None
    if not isinstance(told, str):
        return None
    try:
        return config.absolute().parent / usable_folder(Path(told)).expanduser()
    except ValueError as error:
        raise ConfigError(f"{config} cannot be used: service.state_folder: {error}") from error


def _serves(state_folder: Path, config: Path) -> bool:
    """Return whether the last service of a state folder had a configuration."""
    try:
        address = Address.of_folder(state_folder)
    except OSError:  # it may be: opening its journal tells who may read it
        return True
    return address is not None and address.config == str(config.resolve())
