"""Who did it, by trust and not by the name of an attribute.

``asserted``: the application says so (``audit.actor.id``, ``user.id``, ``enduser.id``, the ``user`` parameter
of a model call). ``claimed``: whoever sent the request says so (a header, baggage). ``none``: nobody says.
``verified`` needs a session or certificate that spans do not carry. The best claim wins; those that differ
from it stand in ``userClaims``. A token is never read for a name here: unchecked, it proves nothing.

Names, e-mail addresses and roles are written only where ``identity.fields`` lists them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from opentelemetry.semconv._incubating.attributes import enduser_attributes, user_attributes

from otel_audit.convert import notes
from otel_audit.convert.options import IdentityOptions
from otel_audit.convert.sorter import Room, Sorted
from otel_audit.convert.spans import Value

__all__ = ["MAX_IDENTITY", "complete_identity"]

MAX_IDENTITY: Final = 256
"""Characters of an identity value; identities are not masked by default, so they hold no prose."""

ACTOR_ID: Final = "audit.actor.id"
ACTOR_TYPE: Final = "audit.actor.type"

_ASSERTED_FIRST: Final = (ACTOR_ID, user_attributes.USER_ID, enduser_attributes.ENDUSER_ID)
_ASSERTED_LAST: Final = (enduser_attributes.ENDUSER_PSEUDO_ID, user_attributes.USER_HASH)

_ACTOR_TYPES: Final = frozenset({"user", "service", "system"})
_NOBODY: Final = frozenset({"anonymous", "unknown"})
"""What the draft audit signal asks for as ``audit.actor.id`` when nobody is known."""

_FIELDS: Final = (
    ("name", ("audit.actor.name", user_attributes.USER_FULL_NAME, user_attributes.USER_NAME)),
    ("email", ("audit.actor.email", user_attributes.USER_EMAIL)),
    ("roles", ("audit.actor.roles", user_attributes.USER_ROLES, enduser_attributes.ENDUSER_ROLE)),
)

_PERSONAL: Final = ("user.", "enduser.", "audit.actor.")
"""What begins so and is not written is left out of the record."""

_BAGGAGE_KEYS: Final = frozenset({"user.id", "enduser.id", "user_id", "userid", "user"})

_MAX_CLAIMS: Final = 16


def complete_identity(
    found: Sorted, users: Sequence[tuple[str, str]], options: IdentityOptions, oddities: list[str]
) -> None:
    """Fills ``user`` and ``userClaims``; takes every identity attribute out of ``found.held``.

    Args:
        found: the sorted attributes with headers in ``row``.
        users: asserted ids that an inference dialect found, as ``(origin, id)``.
        options: which headers count and which fields are written.
        oddities: takes notes.
    """
    row, held = found.row, found.held
    candidates: list[tuple[str, str, str]] = []
    if users or found.rooms & (Room.IDENTITY | Room.AUDIT):
        candidates += (("asserted", *user) for user in _asserted(found, users, oddities))
    if "requestHeaders" in row:
        candidates += (("claimed", *user) for user in _claimed(row["requestHeaders"], options, oddities))  # type: ignore[arg-type]
    if not candidates:
        row["user.assurance"] = "none"
        row.setdefault("user.type", "unknown")
    else:
        assurance, origin, user_id = candidates[0]
        row["user.id"], row["user.origin"], row["user.assurance"] = user_id, origin, assurance
        row.setdefault("user.type", "user")
        if len(candidates) > 1:
            losers = {(other, name): None for _, other, name in candidates[1:] if name != user_id}
            if losers:
                row["userClaims"] = [
                    {"origin": other, "id": name} for other, name in list(losers)[:_MAX_CLAIMS]
                ]
    if found.rooms & (Room.IDENTITY | Room.AUDIT):
        _read_fields(found, options, oddities)
        personal = [name for name in held if name.startswith(_PERSONAL)]
        for name in personal:
            del held[name]
        if personal:
            oddities.append(notes.IDENTITY_WITHHELD)


def _asserted(
    found: Sorted, users: Sequence[tuple[str, str]], oddities: list[str]
) -> Iterator[tuple[str, str]]:
    held, row = found.held, found.row
    actor_type = held.get(ACTOR_TYPE)
    if isinstance(actor_type, str) and actor_type in _ACTOR_TYPES:
        row["user.type"] = held.pop(ACTOR_TYPE)
    for name in _ASSERTED_FIRST:
        user_id = _identity(held.get(name), oddities)
        if user_id is None:
            continue
        del held[name]
        if name == ACTOR_ID and user_id.lower() in _NOBODY:
            row["user.type"] = user_id.lower()
            continue
        yield name, user_id
    for origin, value in users:
        user_id = _identity(value, oddities)
        if user_id is not None:
            yield origin, user_id
    for name in _ASSERTED_LAST:
        user_id = _identity(held.get(name), oddities)
        if user_id is not None:
            del held[name]
            yield name, user_id


def _claimed(
    headers: dict[str, list[str]], options: IdentityOptions, oddities: list[str]
) -> Iterator[tuple[str, str]]:
    for header in options.user_headers:
        for value in headers.get(header.lower(), ()):
            user_id = _identity(value.strip(), oddities)
            if user_id is not None:
                yield f"header:{header.lower()}", user_id
    for line in headers.get("baggage", ()):
        for member in line.split(","):
            key, _, value = member.partition(";")[0].partition("=")
            if key.strip().lower() in _BAGGAGE_KEYS:
                user_id = _identity(unquote(value.strip()), oddities)
                if user_id is not None:
                    yield f"baggage:{key.strip().lower()}", user_id


def _identity(value: Value, oddities: list[str]) -> str | None:
    """Returns an id as text, at most :data:`MAX_IDENTITY` characters; numbers are ids as well."""
    if type(value) is int:
        value = str(value) if -(2**63) <= value < 2**63 else None
    if not isinstance(value, str) or not value:
        return None
    if len(value) > MAX_IDENTITY:
        oddities.append(notes.IDENTITY_CUT)
        return value[:MAX_IDENTITY]
    return value


def _read_fields(found: Sorted, options: IdentityOptions, oddities: list[str]) -> None:
    for field, names in _FIELDS:
        if field not in options.fields:
            continue
        for name in names:
            value = found.held.get(name)
            if field == "roles":
                items = value if isinstance(value, list) else [value]
                roles = [role for item in items if (role := _identity(item, oddities))]
                if roles:
                    found.row["user.roles"] = roles
            elif text := _identity(value, oddities):
                found.row[f"user.{field}"] = text
            if f"user.{field}" in found.row:
                del found.held[name]
                break
