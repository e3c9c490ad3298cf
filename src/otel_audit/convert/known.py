"""Who is known for certain: the application itself says so beside the span, or a token proves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_audit.convert import notes
from otel_audit.convert.asserted import identity_text
from otel_audit.convert.span_notes import Actor, SpanNotes
from otel_audit.convert.values import clean_text

if TYPE_CHECKING:
    from otel_audit.tokens.checker import TokenVerdict

__all__ = ["Named", "read_known", "read_on_behalf_of"]

Named = list[tuple[str, str | None]]
"""``(origin, id)``, best first; no id for somebody known to be unauthenticated."""

_JWT: Final = "jwt"


def read_known(
    row: dict[str, object],
    users: list[Actor],
    verdict: TokenVerdict | None,
    fields: frozenset[str],
    oddities: list[str],
) -> Named:
    """Returns whoever is known; fills ``auth`` and what only the best of them decides of ``user``.

    Args:
        row: of the record.
        users: whom the application knows, best first.
        verdict: on the token of the request.
        fields: of ``name``, ``email`` and ``roles``, those that are written.
        oddities: takes notes.
    """
    proven = _text(verdict.subject, oddities) if verdict is not None else None
    known = users[0] if users else None
    named: Named = []
    if known is not None and (known.id or not proven):
        row["user.type"] = known.type
        _write_fields(row, known, fields, oddities)
        for member, value in known.auth.items():
            row.setdefault(f"auth.{member}", _text(value, oddities) if isinstance(value, str) else value)
        if session := known.auth.get("sessionId"):
            row.setdefault("session", _text(str(session), oddities))
        named += [(user.origin, _text(user.id, oddities)) for user in users]
    elif proven:
        row["user.type"] = "user"
    if verdict is not None and "auth.method" not in row:
        row["auth.method"] = _JWT
        row.setdefault("auth.decision", verdict.decision)
        if verdict.reason:
            row.setdefault("auth.reason", verdict.reason)
    if proven:
        named.append((_JWT, proven))
    return named


def read_on_behalf_of(row: dict[str, object], span_notes: SpanNotes, oddities: list[str]) -> None:
    """Fills ``onBehalfOf``, unless the span itself says it."""
    actor = span_notes.on_behalf_of or (span_notes.scope.on_behalf_of if span_notes.opens else None)
    if actor is not None and actor.id and "onBehalfOf.id" not in row:
        row["onBehalfOf.id"] = _text(actor.id, oddities)
        row["onBehalfOf.type"] = actor.type


def _write_fields(row: dict[str, object], user: Actor, fields: frozenset[str], oddities: list[str]) -> None:
    for field, value in (("name", user.name), ("email", user.email)):
        if value and field in fields:
            row[f"user.{field}"] = _text(value, oddities)
        elif value:
            oddities.append(notes.IDENTITY_WITHHELD)
    if user.roles and "roles" in fields:
        row["user.roles"] = [role for item in user.roles if (role := _text(item, oddities))]
    elif user.roles:
        oddities.append(notes.IDENTITY_WITHHELD)


def _text(value: str | None, oddities: list[str]) -> str | None:
    return identity_text(clean_text(value, oddities), oddities) if value else None
