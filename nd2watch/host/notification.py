"""Messages to the service manager."""

from __future__ import annotations

import socket


def send_datagram(address: str, message: bytes) -> bool:
    """Send one datagram to a Unix socket (a leading ``@`` names an abstract one).

    Returns
    -------
    bool
        False where Unix sockets are missing or nobody listens.
    """
    if not hasattr(socket, "AF_UNIX"):
        return False
    target = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(target)
            channel.sendall(message)
    except OSError:
        return False
    return True
