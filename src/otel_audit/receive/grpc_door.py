"""OTLP/gRPC: ``TraceService/Export`` and ``LogsService/Export``, without generated services.

gRPC's own core would unpack a compressed message whole, however large it becomes. So it is told not to, and the
bytes tell how they are packed: a request begins with field 1 (0x0A), gzip with 0x1F, zlib with 0x78, and neither of
those begins a message of OTLP.

Each method takes a stream, of which a client of OTLP sends one message: so who may not send is told so before the
message is read, and who sends it byte by byte waits for nothing. On the wire the two are the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Literal
from urllib.parse import unquote

import grpc
from grpc import aio

from otel_audit.convert.spans import Sender
from otel_audit.receive.answers import Answer, Verdict
from otel_audit.receive.certificates import certified_over_grpc
from otel_audit.receive.desk import Desk
from otel_audit.receive.gate import Gate, Peer
from otel_audit.receive.request import Request

__all__ = ["make_server"]

_SERVICES: Final[dict[str, Literal["traces", "logs"]]] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
"""opentelemetry-proto 1.x: ``trace_service.proto``, ``logs_service.proto``."""

_PACKED: Final = {b"\x1f": "gzip", b"\x78": "deflate"}

_STATUS_DETAILS: Final = "grpc-status-details-bin"
"""Where clients look for ``google.rpc.Status``."""

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

_FRAMING_BYTES: Final = 1 << 10


def make_server(desk: Desk, gate: Gate, *, shares_port: bool = False) -> aio.Server:
    """A server that listens nowhere yet.

    Args:
        desk: takes what arrives.
        gate: says who may send it.
        shares_port: whether other workers of ours listen on the same port.
    """
    options = [
        ("grpc.max_receive_message_length", desk.options.max_body_bytes),
        ("grpc.per_message_decompression", 0),
        # A second server on the same port that nobody meant would take half of the connections, unnoticed.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_concurrent_streams", 128),
        # Until TLS and the first frame are there; the core's own is two minutes.
        ("grpc.server_handshake_timeout_ms", int(1000 * desk.options.head_timeout_s)),
        ("grpc.max_metadata_size", 16 * _FRAMING_BYTES),
        # A connection whose other end is gone is noticed, and takes nothing any more.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
    server = aio.server(options=options)
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                service, {"Export": grpc.stream_unary_rpc_method_handler(_handler(desk, gate, signal))}
            )
            for service, signal in _SERVICES.items()
        )
    )
    return server


def _handler(
    desk: Desk, gate: Gate, signal: Literal["traces", "logs"]
) -> Callable[[AsyncIterator[bytes], aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]:
    async def export(messages: AsyncIterator[bytes], context: aio.ServicerContext[bytes, bytes]) -> bytes:
        began = time.monotonic()
        sender = gate.admit(_peer(context), _authorization(context), signal)
        body = b""
        if isinstance(sender, Answer):
            answer = sender
        else:
            body, answer = await _take(desk, signal, messages, sender)
        desk.figures.count("grpc", signal, answer.verdict, len(body), time.monotonic() - began)
        if answer.verdict is not Verdict.TAKEN:
            details = ((_STATUS_DETAILS, answer.status()),)
            await context.abort(_CODES[answer.grpc_code], answer.reason, trailing_metadata=details)
        # An empty ExportTraceServiceResponse or ExportLogsServiceResponse: everything was taken.
        return b""

    return export


async def _take(
    desk: Desk, signal: Literal["traces", "logs"], messages: AsyncIterator[bytes], sender: Sender
) -> tuple[bytes, Answer]:
    """The message of a call, as far as it was read, and the answer to it."""
    refusal = desk.refusal()
    if refusal is not None:
        return b"", refusal
    try:
        async with asyncio.timeout(desk.options.body_timeout_s):
            body = await anext(messages)
            async for _ in messages:
                return b"", Answer(Verdict.MALFORMED, "a call with more than one message")
    except TimeoutError:
        return b"", Answer(Verdict.SLOW, "the message did not arrive in time")
    except StopAsyncIteration:
        return b"", Answer(Verdict.MALFORMED, "a call without a message")
    if not desk.room.hold(len(body)):
        return body, desk.overloaded
    encoding = _PACKED.get(body[:1], "identity")
    return body, await desk.deliver(Request(signal, "protobuf", encoding, body, sender))


def _peer(context: aio.ServicerContext[bytes, bytes]) -> Peer:
    return Peer(address_of(context.peer()), certified_over_grpc(context.auth_context()))


def _authorization(context: aio.ServicerContext[bytes, bytes]) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            return value
    return None


def address_of(peer: str) -> str:
    """The address of gRPC's name of a peer: ``ipv4:192.0.2.1:4711``, ``ipv6:%5B::1%5D:4711`` or ``unix:``."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return kind
    return unquote(rest).rpartition(":")[0].strip("[]")
