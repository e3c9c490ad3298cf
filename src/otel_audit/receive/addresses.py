"""Where to listen, and whether anybody but this machine can come there."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from otel_audit.errors import ConfigurationError

__all__ = ["Address", "host_of", "parse_address"]

_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """One numeric address and port."""

    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect to it."""
        return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback

    def claim(self) -> Address:
        """This address with a port that is free now; 0 stands for any.

        Raises:
            ConfigurationError: nothing can listen there.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
                probe.listen()
            except OSError as error:
                raise ConfigurationError(f"cannot listen on {self}: {error.strerror}") from None
            return Address(self.host, probe.getsockname()[1])

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_of(client: str) -> str:
    """The host of ``192.0.2.1:4711`` or ``[::1]:4711``."""
    return client.rpartition(":")[0].strip("[]")


def parse_address(text: str) -> Address:
    """Reads ``HOST:PORT``; a name is looked up, and an IPv4 address of it is preferred.

    Raises:
        ConfigurationError: it is none, or the name is not known.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or not port.isascii() or int(port[:6]) > _MAX_PORT:
        raise ConfigurationError("an address is HOST:PORT, such as localhost:4317 or [::1]:4317")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError:
        raise ConfigurationError(f"the host of {text} is not known here") from None
    best = min(found, key=lambda info: info[0] != socket.AF_INET)
    return Address(str(best[4][0]), int(port))
