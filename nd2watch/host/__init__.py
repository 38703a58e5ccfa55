"""Calls whose behaviour depends on the operating system, each with a plain fallback."""

from nd2watch.host.files import (
    drop_cached,
    folder_identity,
    is_empty_folder,
    link,
    make_folder,
    open_for_reading,
    sync_file,
    sync_folder,
    trusted_group,
)
from nd2watch.host.limits import (
    limit_memory,
    machine_memory,
    open_files_allowed,
    watch_limit_hint,
)
from nd2watch.host.local_sockets import (
    Peer,
    connect_to,
    connect_to_loopback,
    listen_at,
    listen_on_loopback,
    peer_of,
)
from nd2watch.host.locking import FileLock, create_locked, lock_owner, open_locked, remove_unlocked
from nd2watch.host.mounts import file_system_of, free_bytes, is_network
from nd2watch.host.notification import send_datagram
from nd2watch.host.patience import answer_within, ask
from nd2watch.host.processes import (
    become_expendable,
    exit_on_termination,
    group_arguments,
    on_reload_signal,
    on_stop_signal,
    waits_for_disk,
)
from nd2watch.host.publication import publish, remove_claim

__all__ = [
    "FileLock",
    "Peer",
    "answer_within",
    "ask",
    "become_expendable",
    "connect_to",
    "connect_to_loopback",
    "create_locked",
    "drop_cached",
    "exit_on_termination",
    "file_system_of",
    "folder_identity",
    "free_bytes",
    "group_arguments",
    "is_empty_folder",
    "is_network",
    "limit_memory",
    "link",
    "listen_at",
    "listen_on_loopback",
    "lock_owner",
    "machine_memory",
    "make_folder",
    "on_reload_signal",
    "on_stop_signal",
    "open_files_allowed",
    "open_for_reading",
    "open_locked",
    "peer_of",
    "publish",
    "remove_claim",
    "remove_unlocked",
    "send_datagram",
    "sync_file",
    "sync_folder",
    "trusted_group",
    "waits_for_disk",
    "watch_limit_hint",
]
