"""TLS in front of the HTTP server, which tells nobody whose certificate a connection came with.

Each connection is taken here, and its bytes go through one of its own to the server behind, on a port of this
machine that nobody else is served on: the port that a connection comes from tells whose it is. So certificates can
change under a server that goes on, and the peer is known before the first byte of a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Final

from otel_audit.receive.addresses import Address
from otel_audit.receive.certificates import Certificates, certified_over_tls
from otel_audit.receive.gate import Peer

__all__ = ["TlsFront"]

_HANDSHAKE_S: Final = 10.0
_GOODBYE_S: Final = 2.0
_RENEW_EVERY_S: Final = 5.0
_PIECE: Final = 1 << 16
_MOST_CONNECTIONS: Final = 4096
_BACKLOG: Final = 1024


class TlsFront:
    """Takes connections for a server, on one event loop.

    Args:
        certificates: renewed here.
        address: where clients connect.
        behind: where the server listens, on this machine.
        shares_port: whether other workers of ours listen on the same port.
    """

    def __init__(
        self, certificates: Certificates, address: Address, behind: Address, *, shares_port: bool = False
    ) -> None:
        self._certificates, self._address, self._behind = certificates, address, behind
        self._shares_port = shares_port
        self._peers: dict[str, Peer] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._renewing: asyncio.Task[None] | None = None

    def peer(self, client: str) -> Peer | None:
        """Whose a connection to the server behind is, by its address and port; ``None`` if it did not come by here."""
        return self._peers.get(client)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: nothing can listen there.
        """
        family = socket.AF_INET6 if ":" in self._address.host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._shares_port:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._listener.bind((self._address.host, self._address.port))
        self._listener.listen(_BACKLOG)
        self._server = await self._serve(self._listener)
        self._renewing = asyncio.create_task(self._renew())

    async def close(self) -> None:
        """Take no connection more, and end those that are left."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._server is not None:
            self._server.close()
        if self._listener is not None:
            self._listener.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, listener: socket.socket) -> asyncio.Server:
        return await asyncio.start_server(
            self._connected,
            # A copy, since the server closes what it is given; connections wait in one queue whoever takes them.
            sock=listener.dup(),
            ssl=self._certificates.context,
            ssl_handshake_timeout=_HANDSHAKE_S,
            ssl_shutdown_timeout=_GOODBYE_S,
            backlog=_BACKLOG,
        )

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            if self._certificates.renew() and self._listener is not None:
                before, self._server = self._server, await self._serve(self._listener)
                if before is not None:
                    before.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            # One of the ends is gone, or we are ending: nobody is there to be told.
            writer.transport.abort()
        finally:
            self._connections.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        address = str(writer.get_extra_info("peername")[0])
        inside, server = await asyncio.open_connection(self._behind.host, self._behind.port)
        host, port = server.get_extra_info("sockname")[:2]
        key = str(Address(host, port))
        # Before the first byte: the server asks when it has read a head.
        self._peers[key] = Peer(address, certified_over_tls(tls))
        try:
            pumps = {
                asyncio.create_task(_pump(reader, server)),
                asyncio.create_task(_pump(inside, writer)),
            }
            # Whoever ends first ends both: HTTP has no use for half a connection.
            _, left = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            for end in (server, writer):
                end.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await server.wait_closed()
            del self._peers[key]


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE):
        target.write(piece)
        await target.drain()
