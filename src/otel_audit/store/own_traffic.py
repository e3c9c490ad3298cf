"""Keeps our own requests out of the application's telemetry, and so out of the audit log.

Without it, an application whose HTTP clients are instrumented would record each upload, and each record of
an upload would be uploaded. The keys are those that every instrumentation asks for; they live in the API
package until the specification settles them:
https://github.com/open-telemetry/opentelemetry-python/blob/v1.41.0/opentelemetry-api/src/opentelemetry/context/__init__.py
The plain one is what instrumentations before 0.37b0 look for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    attach,
    detach,
    get_current,
    set_value,
)

_KEYS = (_SUPPRESS_INSTRUMENTATION_KEY, _SUPPRESS_HTTP_INSTRUMENTATION_KEY, "suppress_instrumentation")


@contextmanager
def own_traffic() -> Iterator[None]:
    """What is called within makes no spans.

    The mark is on this thread's context. It follows into what asyncio schedules from here, also on another
    thread's loop, which copies the context; it does not follow into threads.
    """
    context = get_current()
    for key in _KEYS:
        context = set_value(key, True, context)
    token = attach(context)
    try:
        yield
    finally:
        detach(token)
