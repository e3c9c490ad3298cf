"""What is known about a span and is not on it: bodies, headers, who, log events.

The SDK door collects these while a span is open (``sdk/notes.py``) and hands them over with it. They are never
attributes of the span, so no other exporter sees them. Conversion reads them and changes nothing in them: the
same notes may be read for several logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from otel_audit.convert.spans import LogData, Value

__all__ = ["NOTES_KEY", "Actor", "Body", "Scope", "SpanNotes"]

NOTES_KEY: Final = "_otel_audit_notes"
"""Member of a span context's ``__dict__`` that holds the notes of its span (ADR 0041)."""

Assurance = Literal["verified", "asserted", "claimed"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts.

    Attributes:
        id: stable, unique in the application; ``None`` for somebody known to be unauthenticated.
        type: ``user``, ``service``, ``system`` or ``anonymous``.
        origin: who says so: ``django``, ``flask-login``, ``starlette``, ``set_user``, ``jwt`` …
        assurance: how far it can be trusted, as in ``docs/record.md``.
    """

    id: str | None
    type: str = "user"
    name: str | None = None
    email: str | None = None
    roles: tuple[str, ...] = ()
    origin: str = "set_user"
    assurance: Assurance = "verified"


@dataclass(slots=True)
class Scope:
    """What holds for a request as a whole: shared by the span that a request opened and all below it here.

    Attributes:
        trace_id: of the request.
        user: who made it, as soon as that is known.
        claims: ``(origin, id)`` of whoever else somebody says it was, as in ``userClaims``.
        on_behalf_of: for whom the user acts.
        auth: members of the record's ``auth``: ``method``, ``sessionId``, ``decision`` …
    """

    trace_id: int
    user: Actor | None = None
    claims: tuple[tuple[str, str], ...] = ()
    on_behalf_of: Actor | None = None
    auth: Mapping[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Body:
    """A body as a capturing wrapper saw it go by.

    Attributes:
        content: its first bytes, decoded from the content encoding.
        media_type: the ``Content-Type`` as sent, with its parameters; ``""`` where none was.
        cut_at: how many bytes were kept of a body that was longer; ``None`` where all of it is here.
        is_open: whether the stream had not ended when this was read.
        withheld: why there is no content, from a closed vocabulary; ``""`` where there is.
    """

    content: bytes = b""
    media_type: str = ""
    cut_at: int | None = None
    is_open: bool = False
    withheld: str = ""


@dataclass(slots=True)
class SpanNotes:
    """Notes on one span.

    Attributes:
        scope: the request that it belongs to.
        request: captured body, ``None`` where nothing was captured.
        response: likewise.
        request_headers: lower-case name → values, in order.
        response_headers: likewise.
        on_behalf_of: for whom this span's work was done, where that differs from the request's.
        logs: log events of the span that arrived before its end.
    """

    scope: Scope
    request: Body | None = None
    response: Body | None = None
    request_headers: Mapping[str, Sequence[str]] | None = None
    response_headers: Mapping[str, Sequence[str]] | None = None
    on_behalf_of: Actor | None = None
    logs: list[LogData] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether conversion has anything to read here."""
        scope = self.scope
        return bool(
            scope.user
            or scope.claims
            or scope.on_behalf_of
            or scope.auth
            or self.request
            or self.response
            or self.request_headers
            or self.response_headers
            or self.on_behalf_of
        )

    def __reduce__(self) -> tuple[object, ...]:
        # A span context that carries notes may be pickled or copied by others; notes never leave the process.
        return type(None), ()
