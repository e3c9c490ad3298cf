"""What the attributes of a span say of its user, and which of it is written.

Names, e-mail addresses and roles are written only where ``identity.fields`` lists them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.semconv._incubating.attributes import enduser_attributes, user_attributes

from otel_audit.convert import notes
from otel_audit.convert.sorter import Sorted
from otel_audit.convert.spans import Value

__all__ = ["ACTOR_ID", "MAX_IDENTITY", "identity_text", "take_asserted", "withhold_fields", "write_fields"]

MAX_IDENTITY: Final = 256
"""Characters of an identity value; identities are not masked by default, so they hold no prose."""

ACTOR_ID: Final = "audit.actor.id"
ACTOR_TYPE: Final = "audit.actor.type"

_ASSERTED_FIRST: Final = (ACTOR_ID, user_attributes.USER_ID, enduser_attributes.ENDUSER_ID)
_ASSERTED_LAST: Final = (enduser_attributes.ENDUSER_PSEUDO_ID, user_attributes.USER_HASH)

_ANONYMOUS: Final = "anonymous"
_UNKNOWN: Final = "unknown"
"""What the draft audit signal asks for as ``audit.actor.id`` when nobody is known: there was none to know, or
nobody looked. The first is an assertion; the second asserts nothing."""

_FIELDS: Final = (
    ("name", ("audit.actor.name", user_attributes.USER_FULL_NAME, user_attributes.USER_NAME)),
    ("email", ("audit.actor.email", user_attributes.USER_EMAIL)),
    ("roles", ("audit.actor.roles", user_attributes.USER_ROLES, enduser_attributes.ENDUSER_ROLE)),
)

_PERSONAL: Final = ("user.", "enduser.", "audit.actor.")
"""What begins so and is not written is left out of the record."""


def take_asserted(
    found: Sorted, users: Sequence[tuple[str, str]], oddities: list[str]
) -> list[tuple[str, str | None]]:
    """Takes the ids that attributes and dialects name out of ``found.held``; returns ``(origin, id)``, best first.

    Args:
        users: what an inference dialect found, as ``(origin, id)``.
    """
    held, row = found.held, found.row
    asserted: list[tuple[str, str | None]] = []
    actor_type = held.get(ACTOR_TYPE)
    if actor_type is not None and actor_type in ("user", "service", "system"):
        row["user.type"] = held.pop(ACTOR_TYPE)
    for name in _ASSERTED_FIRST:
        if name not in held:
            continue
        user_id = identity_text(held[name], oddities)
        if user_id is None:
            continue
        del held[name]
        if name == ACTOR_ID and user_id.lower() == _UNKNOWN:
            continue
        if name == ACTOR_ID and user_id.lower() == _ANONYMOUS:
            row["user.type"] = _ANONYMOUS
            asserted.append((name, None))
        else:
            asserted.append((name, user_id))
    for origin, value in users:
        user_id = identity_text(value, oddities)
        if user_id is not None:
            asserted.append((origin, user_id))
    for name in _ASSERTED_LAST:
        if name in held:
            user_id = identity_text(held[name], oddities)
            if user_id is not None:
                del held[name]
                asserted.append((name, user_id))
    return asserted


def write_fields(found: Sorted, fields: frozenset[str], oddities: list[str]) -> None:
    """Writes the fields of the user that ``fields`` lists."""
    for field, names in _FIELDS:
        if field in fields and f"user.{field}" not in found.row:
            _read_field(found, field, names, oddities)


def withhold_fields(found: Sorted, oddities: list[str]) -> None:
    """Leaves every other personal attribute out; ids that are no text as well, since nothing says what they hold."""
    held = found.held
    for name in [name for name in held if name.startswith(_PERSONAL)]:
        if held.pop(name) not in (None, ""):
            oddities.append(notes.IDENTITY_WITHHELD)


def _read_field(found: Sorted, field: str, names: tuple[str, ...], oddities: list[str]) -> None:
    for name in names:
        value = found.held.get(name)
        if field == "roles":
            items = value if isinstance(value, list) else [value]
            roles = [role for item in items if (role := identity_text(item, oddities))]
            if roles:
                found.row["user.roles"] = roles
        elif text := identity_text(value, oddities):
            found.row[f"user.{field}"] = text
        if f"user.{field}" in found.row:
            del found.held[name]
            return


def identity_text(value: Value, oddities: list[str]) -> str | None:
    """Returns an id as text, at most :data:`MAX_IDENTITY` characters; numbers are ids as well."""
    if type(value) is int:
        value = str(value) if -(2**63) <= value < 2**63 else None
    if not isinstance(value, str) or not value:
        return None
    if len(value) > MAX_IDENTITY:
        oddities.append(notes.IDENTITY_CUT)
        return value[:MAX_IDENTITY]
    return value
