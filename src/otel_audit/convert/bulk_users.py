"""Whom the application knows, for many spans at once.

:mod:`~otel_audit.convert.known` does so for one span, and defines the result: what it would change or note sends
a span its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from otel_audit.convert.arrays import Column, array_of
from otel_audit.convert.asserted import MAX_IDENTITY
from otel_audit.convert.bulk import BulkPart
from otel_audit.convert.bulk_columns import Irregular
from otel_audit.convert.columns import LEAF_TYPES
from otel_audit.convert.identity import IdentityReader
from otel_audit.convert.span_notes import Actor
from otel_audit.convert.spans import SpanData
from otel_audit.convert.verdicts import Verdict

__all__ = ["add_users", "is_user_alone", "takes_users"]

_UNKNOWN: Final = "unknown"
_TEXTS: Final = ("name", "email")


def is_user_alone(span: SpanData) -> bool:
    """Whether all that is known beside a span is who made the request, or a token that proves it."""
    return span.notes is not None and not span.notes.tells_more


def takes_users(verdict: Verdict) -> bool:
    """Whether attributes of such spans name nobody else, so that there is nothing to weigh."""
    plan = verdict.bulk
    return plan is not None and plan.asserted is None and plan.claimed is None


def add_users(
    parts: Sequence[tuple[BulkPart, Sequence[int]]], spans: Sequence[SpanData], identity: IdentityReader
) -> list[tuple[BulkPart, Sequence[int]]]:
    """Adds whom the application knows to records; never raises for what spans hold.

    Args:
        parts: records with the positions of their spans.
        spans: with notes.
        identity: says who is known.

    Returns:
        Those that could be completed. Spans that are in none need a way of their own.
    """
    done: list[tuple[BulkPart, Sequence[int]]] = []
    for part, positions in parts:
        try:
            users = [_only_user(spans[position], identity) for position in positions]
            done.append((_with_users(part, users, identity.fields), positions))
        except Exception:  # noqa: BLE001, S112 - rows say exactly what it is
            continue
    return done


def _with_users(part: BulkPart, users: Sequence[Actor | None], fields: frozenset[str]) -> BulkPart:
    known = [user for user in users if user is not None]
    columns: dict[str, Sequence[Any]] = {
        "user.id": [user and user.id for user in users],
        "user.type": [user.type if user else _UNKNOWN for user in users],
        "user.origin": [user and user.origin for user in users],
        "user.assurance": ["verified" if user else "none" for user in users],
    }
    _check_texts(columns["user.id"])
    for field in _TEXTS:
        values = [user and getattr(user, field) for user in users]
        if any(values):
            if field not in fields:
                raise Irregular
            _check_texts(values)
            columns[f"user.{field}"] = [value or None for value in values]
    if any(user.roles for user in known):
        raise Irregular
    for member in set().union(*(user.auth for user in known)):
        values = [user.auth.get(member) if user else None for user in users]
        if member != "mfa":
            _check_texts(values)
        columns[f"auth.{member}"] = values
    if "auth.sessionId" in columns:
        if part.has("session"):
            raise Irregular
        columns["session"] = columns["auth.sessionId"]
    arrays: dict[str, Column] = {leaf: array_of(values, LEAF_TYPES[leaf]) for leaf, values in columns.items()}
    return part.with_columns(arrays)


def _only_user(span: SpanData, identity: IdentityReader) -> Actor | None:
    times = span.start_unix_nano, span.end_unix_nano
    users = identity.users_alone(span.notes, times) if span.notes is not None else []
    if users is None or len(users) > 1:
        raise Irregular
    return users[0] if users else None


def _check_texts(values: Sequence[Any]) -> None:
    """Texts that would be written as they are.

    Raises:
        Irregular: one would be cut or cleaned.
    """
    for value in values:
        if value is not None and (
            type(value) is not str or not value or not value.isascii() or len(value) > MAX_IDENTITY
        ):
            raise Irregular
