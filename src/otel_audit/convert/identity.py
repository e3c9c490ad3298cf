"""Who did it, by trust and not by the name of an attribute.

``asserted``: the application says so (``audit.actor.id``, ``user.id``, ``enduser.id``, the ``user`` parameter
of a model call). ``claimed``: whoever sent the request says so (a header, baggage). ``none``: nobody says.
``verified`` needs a session or certificate that spans do not carry, or an application that emits the record
itself. The best claim wins; those that differ from it stand in ``userClaims``. A token is never read for a name
here: unchecked, it proves nothing.

Names, e-mail addresses and roles are written only where ``identity.fields`` lists them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from opentelemetry.semconv._incubating.attributes import enduser_attributes, user_attributes

from otel_audit.convert import notes
from otel_audit.convert.options import IdentityOptions
from otel_audit.convert.sorter import Room, Sorted, header_values
from otel_audit.convert.span_notes import SpanNotes
from otel_audit.convert.spans import Value
from otel_audit.convert.values import clean_text

__all__ = ["MAX_IDENTITY", "IdentityReader", "vouch"]

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

_BAGGAGE: Final = "baggage"
_BAGGAGE_KEYS: Final = frozenset({"user.id", "enduser.id", "user_id", "userid", "user"})

_MAX_CLAIMS: Final = 16

_EMITTED: Final = "emit"


class IdentityReader:
    """Answers *who* under one set of options.

    Args:
        options: which headers count and which fields are written.
    """

    def __init__(self, options: IdentityOptions) -> None:
        self._options = options
        self._headers = tuple(header.lower().replace("_", "-") for header in options.user_headers)
        self.claiming = frozenset({*self._headers, _BAGGAGE})

    def complete(
        self,
        found: Sorted,
        users: Sequence[tuple[str, str]],
        oddities: list[str],
        span_notes: SpanNotes | None = None,
    ) -> None:
        """Fills ``user`` and ``userClaims``; takes every identity attribute out of ``found.held``.

        Leaves ``user`` alone where nobody is named: columns then say ``unknown`` and ``none``.

        Args:
            found: the sorted attributes with headers in ``row``.
            users: asserted ids that an inference dialect found, as ``(origin, id)``.
            oddities: takes notes.
            span_notes: who acts as the application itself knows it.
        """
        row = found.row
        asserted = _asserted(found, users, oddities) if users or found.rooms & Room.IDENTITY else []
        headers = row.get("requestHeaders")
        claimed: list[tuple[str, str | None]] = []
        if headers is not None and not self.claiming.isdisjoint(headers[0]):  # type: ignore[index]
            claimed = self._claimed(headers, oddities)
        if asserted or claimed:
            origin, user_id = asserted[0] if asserted else claimed[0]
            row["user.assurance"] = "asserted" if asserted else "claimed"
            row["user.origin"] = origin
            if user_id is not None:
                row["user.id"] = user_id
                if "user.type" not in row:
                    row["user.type"] = "user"
            if len(asserted) + len(claimed) > 1:
                losers = dict.fromkeys(user for user in asserted + claimed if user[1] not in (None, user_id))
                if losers:
                    row["userClaims"] = [
                        {"origin": other, "id": name} for other, name in list(losers)[:_MAX_CLAIMS]
                    ]
        if found.rooms & (Room.PERSONAL | Room.IDENTITY):
            self._read_fields(found, oddities)

    def _claimed(self, headers: object, oddities: list[str]) -> list[tuple[str, str | None]]:
        claims: list[tuple[str, str | None]] = []
        for header in self._headers:
            for value in header_values(headers, header):
                user_id = _identity(value.strip(), oddities)
                if user_id is not None:
                    claims.append((f"header:{header}", user_id))
        for line in header_values(headers, _BAGGAGE):
            for member in line.split(","):
                key, _, value = member.partition(";")[0].partition("=")
                if key.strip().lower() in _BAGGAGE_KEYS:
                    user_id = _identity(clean_text(unquote(value.strip()), oddities), oddities)
                    if user_id is not None:
                        claims.append((f"baggage:{key.strip().lower()}", user_id))
        return claims

    def _read_fields(self, found: Sorted, oddities: list[str]) -> None:
        """Writes the fields that the options list; leaves every other personal attribute out."""
        held = found.held
        if found.rooms & Room.PERSONAL:
            for field, names in _FIELDS:
                if field in self._options.fields:
                    _read_field(found, field, names, oddities)
        # Ids that are no text stay out as well, since nothing says what they hold.
        for name in [name for name in held if name.startswith(_PERSONAL)]:
            if held.pop(name) not in (None, ""):
                oddities.append(notes.IDENTITY_WITHHELD)


def vouch(row: dict[str, object]) -> None:
    """The actor of an emitted record is verified: the application that names it is the one that let it act."""
    if row.get("user.origin") == ACTOR_ID and "user.id" in row:
        row["user.origin"], row["user.assurance"] = _EMITTED, "verified"


def _read_field(found: Sorted, field: str, names: tuple[str, ...], oddities: list[str]) -> None:
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
            return


def _asserted(
    found: Sorted, users: Sequence[tuple[str, str]], oddities: list[str]
) -> list[tuple[str, str | None]]:
    held, row = found.held, found.row
    asserted: list[tuple[str, str | None]] = []
    actor_type = held.get(ACTOR_TYPE)
    if actor_type is not None and actor_type in ("user", "service", "system"):
        row["user.type"] = held.pop(ACTOR_TYPE)
    for name in _ASSERTED_FIRST:
        if name not in held:
            continue
        user_id = _identity(held[name], oddities)
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
        user_id = _identity(value, oddities)
        if user_id is not None:
            asserted.append((origin, user_id))
    for name in _ASSERTED_LAST:
        if name in held:
            user_id = _identity(held[name], oddities)
            if user_id is not None:
                del held[name]
                asserted.append((name, user_id))
    return asserted


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
