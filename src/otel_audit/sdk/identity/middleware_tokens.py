"""Tokens of whatever runs behind OpenTelemetry's own ASGI and WSGI middleware, taken by the span that this starts."""

from __future__ import annotations

from functools import partial
from typing import Any

from otel_audit.sdk.identity.starlette_users import header_of
from otel_audit.sdk.identity.wishes import WISHES
from otel_audit.sdk.notes import incoming

__all__ = ["around_asgi", "around_wsgi"]


def around_asgi(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``OpenTelemetryMiddleware.__call__`` of ``opentelemetry.instrumentation.asgi``."""
    asgi = args[0] if args else kwargs.get("scope")
    if not WISHES.now.tokens or not isinstance(asgi, dict) or "headers" not in asgi:
        return wrapped(*args, **kwargs)
    return _carried(wrapped, args, kwargs, asgi)


async def _carried(wrapped: Any, args: Any, kwargs: Any, asgi: dict[str, Any]) -> Any:
    token = incoming.set([partial(header_of, asgi)])
    try:
        return await wrapped(*args, **kwargs)
    finally:
        incoming.reset(token)


def around_wsgi(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``OpenTelemetryMiddleware.__call__`` of ``opentelemetry.instrumentation.wsgi``."""
    environ = args[0] if args else kwargs.get("environ")
    if not WISHES.now.tokens or not isinstance(environ, dict):
        return wrapped(*args, **kwargs)
    token = incoming.set([partial(_variable, environ)])
    try:
        return wrapped(*args, **kwargs)
    finally:
        incoming.reset(token)


def _variable(environ: dict[str, Any], name: str) -> str:
    return str(environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))
