"""Where requests come in, and what whoever brings them has to prove."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as HttpServer

from otel_audit.errors import ConfigurationError
from otel_audit.receive.addresses import Address, host_of
from otel_audit.receive.certificates import Certificates, TlsFiles
from otel_audit.receive.desk import Desk
from otel_audit.receive.gate import Gate, Peer
from otel_audit.receive.grpc_door import make_server
from otel_audit.receive.http_door import HttpDoor
from otel_audit.receive.tls_front import TlsFront
from otel_audit.receive.tokens import Tokens

__all__ = ["DoorOptions", "Doors"]

_BACKLOG: Final = 1024

_MOST_SLOW: Final = 8192
"""Requests that may be arriving at a time; their time is bounded, and so are their bytes."""

_LOOK_EVERY_S: Final = 0.02
_START_TIMEOUT_S: Final = 10.0

_LAST_ANSWERS_S: Final = 1.0
"""What answers that are given have to reach their clients, before connections are closed."""

_INSIDE: Final = Address("127.0.0.1", 0)


@dataclass(frozen=True, slots=True)
class DoorOptions:
    """Where to listen, and for whom.

    Attributes:
        grpc: where OTLP/gRPC is taken.
        http: where OTLP/HTTP is taken.
        tls: certificates of both; ``None`` for connections without TLS.
        tokens: file with those that requests have to bring; ``None`` if they need none.
        shares_ports: whether other workers of ours listen on the same ports.
    """

    grpc: Address
    http: Address
    tls: TlsFiles | None = None
    tokens: Path | None = None
    shares_ports: bool = False


class Doors:
    """Both servers, on one event loop.

    Args:
        desk: takes what arrives.
        options: where and for whom; ports that are free.

    Raises:
        ConfigurationError: certificates or tokens cannot be read.
    """

    def __init__(self, desk: Desk, options: DoorOptions) -> None:
        self._options = options
        gate = Gate(None if options.tokens is None else Tokens(options.tokens))
        self._certificates = None if options.tls is None else Certificates(options.tls)
        self._grpc = make_server(desk, gate, shares_port=options.shares_ports)
        self._front: TlsFront | None = None
        self._behind = options.http
        if self._certificates is not None:
            self._behind = _INSIDE.claim()
            self._front = TlsFront(
                self._certificates, options.http, self._behind, shares_port=options.shares_ports
            )
        self._http = _http_server(HttpDoor(desk, gate, self._peer), desk, self._behind)
        self.serving: asyncio.Task[Any] | None = None
        """Ends if the HTTP server ends by itself."""

    async def open(self) -> None:
        """Take requests.

        Raises:
            ConfigurationError: an address cannot be listened on.
        """
        where = self._options.grpc
        try:
            if self._certificates is None:
                self._grpc.add_insecure_port(str(where))
            else:
                self._grpc.add_secure_port(str(where), self._certificates.grpc_credentials())
        except RuntimeError:
            raise ConfigurationError(f"cannot listen on {where}") from None
        await self._grpc.start()
        self.serving = asyncio.create_task(self._http.serve())
        await _until_it_listens(self._behind, self.serving)
        if self._front is not None:
            try:
                await self._front.start()
            except OSError as error:
                raise ConfigurationError(f"cannot listen on {self._options.http}: {error.strerror}") from None

    async def close(self) -> None:
        """Take nothing more; answers that are given still go out."""
        await self._grpc.stop(_LAST_ANSWERS_S)
        self._http.stop()  # type: ignore[no-untyped-call]
        if self.serving is not None:
            await asyncio.wait([self.serving], timeout=_LAST_ANSWERS_S)
        if self._front is not None:
            await self._front.close()

    def _peer(self, client: str) -> Peer | None:
        return Peer(host_of(client)) if self._front is None else self._front.peer(client)


def _http_server(door: HttpDoor, desk: Desk, address: Address) -> HttpServer:
    return HttpServer(
        door,
        address=address.host,
        port=address.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(desk.options.head_timeout_s * 1000)),
        websockets=False,
        backlog=_BACKLOG,
        # Beyond what may wait, so that whoever finds no room is told so, and slow ones hold nobody up.
        backpressure=desk.options.max_waiting_requests + _MOST_SLOW,
        # What is said is said here: a server's own lines may hold what was sent to it.
        log_enabled=False,
    )


async def _until_it_listens(address: Address, serving: asyncio.Task[Any]) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _START_TIMEOUT_S
    while not serving.done() and loop.time() < deadline_s:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(_LOOK_EVERY_S)
        else:
            writer.close()
            return
    raise ConfigurationError(f"cannot listen on {address}")
