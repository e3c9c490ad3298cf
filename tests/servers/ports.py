"""Ports for servers that have to be told one, and keep it while they are down.

The kernel gives any other port to whoever asks for none in particular: to a connection, or to a server of a test
that runs meanwhile. It would be taken before the server listens, or while it is started again, and requests would be
answered by somebody else. So these are below the kernel's range, and chosen at random: tests run in several processes.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final

_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST: Final = 10_000


def free_port() -> int:
    """A port that nobody listens on now, at any address of this machine."""
    highest = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    while True:
        port = random.randrange(_LOWEST, highest)
        if _is_free(port):
            return port


def _is_free(port: int) -> bool:
    with ExitStack() as stack:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            probe = stack.enter_context(socket.socket(family))
            # What is left of connections that ended does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
