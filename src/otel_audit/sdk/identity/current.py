"""Who it is now, for whoever records an event."""

from __future__ import annotations

from typing import NamedTuple

from otel_audit.convert.span_notes import Actor
from otel_audit.sdk.notes import acting_for, current_scope

__all__ = ["Present", "who_is_it"]


class Present(NamedTuple):
    """Who acts where the caller runs.

    Attributes:
        user: who made the request, as ``set_user`` or a framework has it; ``None`` where nobody knows.
        on_behalf_of: for whom, as ``acting_as`` says it.
    """

    user: Actor | None
    on_behalf_of: Actor | None


def who_is_it() -> Present:
    """Who it is now. Never asks a framework to find out what it does not know yet; never raises."""
    scope = current_scope()
    if scope is None:
        return Present(None, acting_for.get())
    if scope.reader is not None:
        scope.reader()
    return Present(scope.user, acting_for.get())
