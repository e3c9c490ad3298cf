"""OTLP/HTTP: ``POST /v1/traces``, ``/v1/logs`` and ``/v1/audit``, protobuf and JSON; health, readiness and metrics.

The server is granian, whose own part of a request costs a third of what others' do; it speaks RSGI
(https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md). It bounds and times the head of a
request, this module its body.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]  # re-exported

from otel_audit.audit_signal.names import PATH as AUDIT_PATH
from otel_audit.convert.spans import Sender
from otel_audit.receive.answers import Answer, Verdict
from otel_audit.receive.audit_answers import audit_body
from otel_audit.receive.desk import Desk
from otel_audit.receive.figures import CONTENT_TYPE as METRICS_TYPE
from otel_audit.receive.gate import Gate, Peer
from otel_audit.receive.request import Request
from otel_audit.receive.token_file import Signal
from otel_audit.receive.unpacking import ENCODINGS

__all__ = ["HttpDoor"]

_EXPORTS: Final[dict[str, Signal]] = {"/v1/traces": "traces", "/v1/logs": "logs", AUDIT_PATH: "audit"}
_PAGES: Final = frozenset({"/healthz", "/readyz", "/metrics"})

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_FORMATS: Final[dict[str, Literal["protobuf", "json"]]] = {_PROTOBUF: "protobuf", _JSON: "json"}


@dataclass(slots=True)
class _Arrived:
    """How many bytes of a body have come, and how many of them the room holds for this door."""

    size: int = 0
    held: int = 0


class HttpDoor:
    """Answers requests.

    Args:
        desk: takes what arrives.
        gate: says who may send it.
        peer: whose a connection is, by its address and port; ``None`` for one that must not be.
    """

    def __init__(self, desk: Desk, gate: Gate, peer: Callable[[str], Peer | None]) -> None:
        self._desk, self._gate, self._peer = desk, gate, peer

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """One request."""
        if scope.proto != "http":
            return
        if scope.path in _PAGES and scope.method in ("GET", "HEAD"):
            self._page(scope, protocol)
            return
        began, arrived = time.monotonic(), _Arrived()
        signal = _EXPORTS.get(scope.path)
        try:
            answer = await self._export(signal, scope, protocol, arrived)
        except ProtocolClosed:
            # Whoever sent it is gone: there is nobody to answer, and nothing was taken.
            return
        self._desk.figures.count(
            "http", signal or "none", answer.verdict, arrived.size, time.monotonic() - began
        )
        _send(answer, scope, protocol)

    async def _export(
        self,
        signal: Signal | None,
        scope: Scope,
        protocol: HTTPProtocol,
        arrived: _Arrived,
    ) -> Answer:
        desk = self._desk
        sender = self._sender(signal, scope)
        refusal = sender if isinstance(sender, Answer) else _refusal(signal, scope)
        if refusal is None and _length(scope) > desk.options.max_body_bytes:
            # So much is not even read to throw it away.
            return _too_large()
        refusal = refusal or desk.refusal()
        try:
            async with asyncio.timeout(desk.options.body_timeout_s):
                body = await self._body(protocol, arrived, refusal)
            if isinstance(body, Answer):
                return body
            if signal is None or isinstance(sender, Answer):
                return Answer(Verdict.NO_SUCH_PATH)
            request = Request(
                # Audit records are log records on an endpoint of their own.
                "logs" if signal == "audit" else signal,
                _FORMATS[_media_type(scope)],
                _encoding(scope),
                body,
                sender,
                is_audit=signal == "audit",
            )
            # From here on the desk answers for what the room holds of it.
            arrived.held = 0
            return await desk.deliver(request)
        except TimeoutError:
            return Answer(Verdict.SLOW, "the body did not arrive in time")
        finally:
            desk.room.release(arrived.held)

    async def _body(
        self, protocol: HTTPProtocol, arrived: _Arrived, refusal: Answer | None
    ) -> bytes | Answer:
        """The body, or why it is refused.

        Of a refused one what comes is thrown away: a client that still sends would find its connection closed
        instead of an answer.
        """
        desk, parts, limit = self._desk, [], self._desk.options.max_body_bytes
        async for part in protocol:
            arrived.size += len(part)
            if refusal is None and arrived.size > limit:
                refusal = _too_large()
            if refusal is None and not desk.room.hold(len(part), held=arrived.held):
                refusal = desk.overloaded
            if refusal is None:
                arrived.held += len(part)
                parts.append(part)
                continue
            parts.clear()
            if arrived.size > 2 * limit:
                break
        return refusal or b"".join(parts)

    def _sender(self, signal: Signal | None, scope: Scope) -> Sender | Answer:
        peer = self._peer(scope.client)
        if peer is None:
            return Answer(Verdict.FORBIDDEN, "connections come in by TLS")
        return self._gate.admit(peer, scope.headers.get("authorization"), signal)

    def _page(self, scope: Scope, protocol: HTTPProtocol) -> None:
        path = scope.path
        if path == "/metrics":
            # How much is sent by whom is nobody's business who may send nothing.
            sender = self._sender(None, scope)
            if isinstance(sender, Answer):
                _send(sender, scope, protocol)
                return
            protocol.response_bytes(200, [("content-type", METRICS_TYPE)], self._desk.metrics())
            return
        trouble = self._desk.trouble() if path == "/readyz" else None
        status, text = (200, "ok\n") if trouble is None else (503, f"{trouble}\n")
        protocol.response_str(status, [("content-type", "text/plain; charset=utf-8")], text)


def _refusal(signal: str | None, scope: Scope) -> Answer | None:
    """What can be said of a request without its body."""
    if scope.path in _PAGES:
        return Answer(Verdict.NO_SUCH_METHOD, "this path takes GET")
    if signal is None:
        return Answer(Verdict.NO_SUCH_PATH, "exports go to /v1/traces, /v1/logs and /v1/audit")
    if scope.method != "POST":
        return Answer(Verdict.NO_SUCH_METHOD, "this path takes POST")
    if _media_type(scope) not in _FORMATS:
        return Answer(Verdict.UNSUPPORTED, f"the content type is {_PROTOBUF} or {_JSON}")
    if _encoding(scope) not in ENCODINGS:
        return Answer(Verdict.UNSUPPORTED, "the content encoding is gzip, zstd, deflate or none")
    return None


def _length(scope: Scope) -> int:
    """Bytes of the body as far as its head says; 0 where it does not."""
    length = scope.headers.get("content-length") or ""
    return int(length[:19]) if length.isdecimal() else 0


def _too_large() -> Answer:
    return Answer(Verdict.TOO_LARGE, "the body is larger than what is taken")


def _media_type(scope: Scope) -> str:
    return (scope.headers.get("content-type") or "").partition(";")[0].strip().lower()


def _encoding(scope: Scope) -> str:
    return (scope.headers.get("content-encoding") or "identity").strip().lower()


def _send(answer: Answer, scope: Scope, protocol: Any) -> None:
    is_protobuf = _media_type(scope) == _PROTOBUF
    headers = [("content-type", _PROTOBUF if is_protobuf else _JSON)]
    if answer.retry_after_s is not None:
        headers.append(("retry-after", str(answer.retry_after_s)))
    if answer.verdict is Verdict.UNAUTHENTICATED:
        headers.append(("www-authenticate", "Bearer"))
    if answer.verdict is Verdict.NO_SUCH_METHOD:
        headers.append(("allow", "GET, HEAD" if scope.path in _PAGES else "POST"))
    if scope.path == AUDIT_PATH:
        headers[0] = ("content-type", _JSON)
        body = audit_body(answer)
    elif answer.verdict is Verdict.TAKEN:
        body = b"" if is_protobuf else b"{}"
    else:
        body = answer.status() if is_protobuf else answer.status_json()
    protocol.response_bytes(answer.http_status, headers, body)
