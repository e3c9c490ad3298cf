"""Both servers on one event loop, from their first connection to an orderly end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server as HttpServer

from otel_audit.errors import AuditError, ConfigurationError
from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.addresses import Address
from otel_audit.receive.desk import Desk
from otel_audit.receive.grpc_door import make_server
from otel_audit.receive.http_door import HttpDoor
from otel_audit.receive.options import ReceiveOptions

__all__ = ["serve"]

_BACKLOG: Final = 1024

_MOST_SLOW: Final = 8192
"""Requests that may be arriving at a time; their time is bounded, and so are their bytes."""

_LOOK_EVERY_S: Final = 0.02
_START_TIMEOUT_S: Final = 10.0

_LAST_ANSWERS_S: Final = 1.0
"""What answers that are given have to reach their clients, before connections are closed."""


def serve(
    pipeline: Pipeline,
    *,
    grpc_address: Address,
    http_address: Address,
    options: ReceiveOptions,
    on_listening: Callable[[Address, Address], None],
    stop_timeout_s: float,
) -> bool:
    """Receives until SIGTERM or SIGINT, then ends in order. Runs an event loop of its own, on the main thread.

    Args:
        pipeline: open; closed on return.
        grpc_address: where OTLP/gRPC is taken; port 0 stands for any.
        http_address: where OTLP/HTTP is taken, likewise.
        options: bounds.
        on_listening: called with both addresses once requests are taken.
        stop_timeout_s: within which what was taken becomes durable and reaches its destinations.

    Returns:
        Whether it did. Otherwise what was answered OK is durable in the spool all the same.

    Raises:
        ConfigurationError: an address cannot be listened on.
        AuditError: a server ended by itself.
    """
    return asyncio.run(_serve(pipeline, grpc_address, http_address, options, on_listening, stop_timeout_s))


async def _serve(  # noqa: PLR0917  (serve() with names)
    pipeline: Pipeline,
    grpc_address: Address,
    http_address: Address,
    options: ReceiveOptions,
    on_listening: Callable[[Address, Address], None],
    stop_timeout_s: float,
) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    grpc_address, http_address = grpc_address.claim(), http_address.claim()
    desk = Desk(pipeline, options)
    grpc_server = make_server(desk)
    try:
        grpc_server.add_insecure_port(str(grpc_address))
    except RuntimeError:
        raise ConfigurationError(f"cannot listen on {grpc_address}") from None
    await grpc_server.start()
    http_server = _http_server(desk, http_address)
    serving: asyncio.Task[Any] = asyncio.create_task(http_server.serve())
    await _until_it_listens(http_address, serving)
    on_listening(grpc_address, http_address)
    await asyncio.wait([asyncio.create_task(stop.wait()), serving], return_when=asyncio.FIRST_COMPLETED)

    ended_by_itself = serving.done()
    deadline_s = time.monotonic() + stop_timeout_s
    answered = await desk.close(max(0.1, stop_timeout_s / 2))
    await grpc_server.stop(_LAST_ANSWERS_S)
    http_server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait([serving], timeout=_LAST_ANSWERS_S)
    delivered = await asyncio.to_thread(pipeline.close, max(0.5, deadline_s - time.monotonic()))
    if ended_by_itself:
        raise AuditError("the HTTP server ended by itself; what was answered OK is durable")
    return answered and delivered


def _http_server(desk: Desk, address: Address) -> HttpServer:
    return HttpServer(
        HttpDoor(desk),
        address=address.host,
        port=address.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.auto,
        websockets=False,
        backlog=_BACKLOG,
        # Beyond what may wait, so that whoever finds no room is told so, and slow ones hold nobody up.
        backpressure=desk.options.max_waiting_requests + _MOST_SLOW,
        # What is said is said here: a server's own lines may hold what was sent to it.
        log_enabled=False,
    )


async def _until_it_listens(address: Address, serving: asyncio.Task[Any]) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not serving.done() and time.monotonic() < deadline_s:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(_LOOK_EVERY_S)
        else:
            writer.close()
            return
    raise ConfigurationError(f"cannot listen on {address}")
