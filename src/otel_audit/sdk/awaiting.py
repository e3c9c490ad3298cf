"""``strict`` delivery on an event loop: the request waits, the loop does not.

A span that ends on a thread which runs an event loop must not hold that thread for an fsync: every task of the
application would wait with it. The middleware collects what the spans of a request wait for, and awaits it
before it returns to the server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from otel_audit.sdk.ticket import Ticket

__all__ = ["StrictASGIMiddleware", "await_later"]

_WAIT_S: Final = 5.0

_Message: TypeAlias = MutableMapping[str, Any]
_App: TypeAlias = Callable[
    [_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]
]

_collected: Final[ContextVar[list[Ticket] | None]] = ContextVar("otel_audit_collected", default=None)


def await_later(ticket: Ticket) -> bool:
    """Leave a ticket to the middleware around the current request. Returns False if there is none."""
    tickets = _collected.get()
    if tickets is None:
        return False
    tickets.append(ticket)
    return True


class StrictASGIMiddleware:
    """The outermost ASGI middleware of an application with ``delivery = "strict"``.

    A request is over for the server only when the records of all spans that ended in it are durable, or after
    5 s, when the log's health fails and they stay queued.

    Args:
        app: the application, with OpenTelemetry's own middleware inside.
    """

    def __init__(self, app: _App) -> None:
        self.app = app

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        tickets: list[Ticket] = []
        token = _collected.set(tickets)
        try:
            await self.app(scope, receive, send)
        finally:
            _collected.reset(token)
            if tickets:
                # Not at the top: asyncio imports ssl, and here the application has done so already.
                import asyncio  # noqa: PLC0415

                await asyncio.to_thread(_wait_for_all, tickets)


def _wait_for_all(tickets: list[Ticket]) -> None:
    for ticket in tickets:
        if not ticket.wait(_WAIT_S):
            return
