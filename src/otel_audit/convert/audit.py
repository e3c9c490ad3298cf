"""Attributes under ``audit.``: what an application says about its own act.

The names of OpenTelemetry's draft audit signal (``audit.actor.*``, ``audit.action``, ``audit.outcome``,
``audit.target.*``, ``audit.source.*``, ``audit.record.id``) and, in the same manner, names for the fields of
the record that the draft has none for. What is not known here, such as ``audit.sequence.*`` and
``audit.integrity.*``, stays an attribute.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.asserted import identity_text
from otel_audit.convert.inference import json_text
from otel_audit.convert.rest import MAX_EXACT
from otel_audit.convert.sorter import Sorted
from otel_audit.convert.spans import Value
from otel_audit.convert.times import rfc3339
from otel_audit.convert.url import address_type

__all__ = [
    "DURATION",
    "ERROR_MESSAGE",
    "RECORD_ID",
    "complete_audit",
    "is_instant",
    "is_safe_event_name",
]

RECORD_ID: Final = "audit.record.id"

ERROR_MESSAGE: Final = "audit.error.message"

DURATION: Final = "audit.duration_ns"
"""How long an event took, nanoseconds: log records have a time and no end."""

_TEXT: Final = {
    "audit.target.id": "target.id",
    "audit.target.type": "target.type",
    "audit.purpose": "purpose",
    "audit.session.id": "session",
    "audit.auth.method": "auth.method",
    "audit.auth.session.id": "auth.sessionId",
    "audit.auth.session_id": "auth.sessionId",
    "audit.auth.credential.id": "auth.credentialId",
    "audit.auth.credential_id": "auth.credentialId",
    "audit.auth.policy": "auth.policy",
    "audit.auth.reason": "auth.reason",
    "audit.oversight.reviewer": "oversight.reviewer",
    "audit.oversight.of": "oversight.of",
    "audit.oversight.reason": "oversight.reason",
    ERROR_MESSAGE: "errorMessage",
}

_WORDS: Final = {
    "audit.outcome": ("outcome", frozenset({"success", "failure", "unknown"})),
    "audit.auth.decision": ("auth.decision", frozenset({"allow", "deny", "unknown"})),
    "audit.oversight.decision": ("oversight.decision", frozenset({"approve", "override", "reject", "stop"})),
    "audit.on_behalf_of.type": ("onBehalfOf.type", frozenset({"user", "service", "system"})),
}

_VERB: Final = re.compile(r"(?=.{1,40}\Z)[A-Za-z][A-Za-z_. ]*(?:-[A-Za-z_. ]+)?")
"""At most one hyphen: keys have more."""

_EVENT_NAME: Final = re.compile(r"[a-z][a-z_-]{0,31}\d{0,2}(?:\.[a-z][a-z_-]{0,31}\d{0,2}){1,5}")

_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)

_OURS: Final = "audit."


def is_safe_event_name(name: str) -> bool:
    """Whether a name from outside may stand in ``eventName``, which masking does not look at.

    Dotted lower-case words; never one of ours (``audit.gap`` …), which nobody else may record.
    """
    return not name.startswith(_OURS) and _EVENT_NAME.fullmatch(name) is not None


def complete_audit(found: Sorted, oddities: list[str]) -> None:
    """Fills the leaves that ``audit.*`` attributes name; ``audit.actor.*`` is left to identity.

    A value that its leaf cannot take stays an attribute and is noted.
    """
    for name in [name for name in found.held if name.startswith("audit.")]:
        value = found.held[name]
        taken = _take(found.row, name, value, oddities)
        if taken:
            del found.held[name]
        elif taken is False:
            oddities.append(notes.WRONG_TYPE)


def _take(row: dict[str, object], name: str, value: Value, oddities: list[str]) -> bool | None:
    """Returns whether the value was taken; ``None`` for a name that is not known here."""
    if leaf := _TEXT.get(name):
        if not isinstance(value, str):
            return False
        row[leaf] = value or None
        return True
    if word := _WORDS.get(name):
        leaf, words = word
        if not isinstance(value, str) or value.lower() not in words:
            return False
        row[leaf] = value.lower()
        return True
    match name:
        case "audit.action":
            if not isinstance(value, str) or not value.strip():
                return False
            verb = value.strip()
            # Only a word is put into capitals: a key that stands here by mistake must stay what masking knows.
            row["action"] = verb.upper() if _VERB.fullmatch(verb) else verb
        case "audit.on_behalf_of.id":
            # As every identity value: as short as ids are, since masking leaves it as it is.
            behalf = identity_text(value, oddities)
            if behalf is None:
                return False
            row["onBehalfOf.id"] = behalf
        case "audit.duration_ns":
            if type(value) is not int or not 0 <= value <= MAX_EXACT:
                return False
            row["durationNs"] = value
        case "audit.auth.mfa":
            if not isinstance(value, bool):
                return False
            row["auth.mfa"] = value
        case "audit.source.id":
            kind = address_type(value) if isinstance(value, str) else None
            if kind is None:
                return False
            row["source.id"], row["source.type"] = value, kind
        case "audit.source.type":
            # Judged from the address itself; a type that says so as well adds nothing.
            return value in ("ipv4", "ipv6", "hostname")
        case "audit.subject.ids" | "audit.subject.id":
            items = value if isinstance(value, list) else [value]
            if not items or not all(isinstance(item, str) for item in items):
                return False
            row["subjects"] = [*row.get("subjects", ()), *items]  # type: ignore[misc]
        case "audit.changes":
            tree = json_text.parse(value, oddities) if isinstance(value, str) else value
            if tree is json_text.UNREADABLE or not isinstance(tree, list | dict):
                return False
            row["changes"] = json_text.dump(tree)
        case "audit.oversight.at":
            at = _instant(value)
            if at is None:
                return False
            row["oversight.at"] = at
        case _:
            return None
    return True


def is_instant(value: object) -> bool:
    """Whether a value can be read as an instant: RFC 3339 with an offset, or nanoseconds since the epoch."""
    return isinstance(value, str | int) and _instant(value) is not None


def _instant(value: Value) -> str | None:
    """Returns an instant as RFC 3339 with nine digits; integers are nanoseconds since the epoch."""
    if type(value) is int:
        return rfc3339(value) if 0 < value < 2**63 else None
    if not isinstance(value, str):
        return None
    found = _RFC3339.fullmatch(value)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1] + found[3]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{(found[2] or '').ljust(9, '0')}Z"
