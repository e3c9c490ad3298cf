"""Who did it, by trust and not by the name of an attribute.

``verified``: the application knows it (a framework's session, ``set_user``, a record that it emits itself), or a
token proves it by a configured key. ``asserted``: a span says so (``audit.actor.id``, ``user.id``, ``enduser.id``,
the ``user`` parameter of a model call). ``claimed``: whoever sent the request says so (a header, baggage).
``none``: nobody says. The best claim wins; those that differ from it stand in ``userClaims``. Somebody known to be
unauthenticated is verified to be nobody: only a token that proves more says otherwise.

Names, e-mail addresses and roles are written only where ``identity.fields`` lists them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from otel_audit.convert.asserted import (
    ACTOR_ID,
    MAX_IDENTITY,
    identity_text,
    take_asserted,
    withhold_fields,
    write_fields,
)
from otel_audit.convert.claims import baggage_claims, body_claims
from otel_audit.convert.known import Named, read_known, read_on_behalf_of
from otel_audit.convert.options import IdentityOptions
from otel_audit.convert.sorter import Room, Sorted, header_values
from otel_audit.convert.span_notes import Actor, SpanNotes
from otel_audit.convert.values import clean_text

if TYPE_CHECKING:
    from otel_audit.tokens.reader import TokenReader, TokenVerdict

__all__ = ["MAX_IDENTITY", "IdentityReader", "vouch"]

_BAGGAGE: Final = "baggage"

_JWT: Final = "jwt"

_MAX_CLAIMS: Final = 16

_EMITTED: Final = "emit"


class IdentityReader:
    """Answers *who* under one set of options.

    Args:
        options: which headers count and which fields are written.

    Attributes:
        claiming: headers that name a user, in whatever form.
        fields: of ``name``, ``email`` and ``roles``, those that are written.
    """

    def __init__(self, options: IdentityOptions) -> None:
        self._options = options
        self.fields = options.fields
        self._headers = tuple(header.lower().replace("_", "-") for header in options.user_headers)
        self.claiming = frozenset({*self._headers, _BAGGAGE})
        self._tokens: TokenReader | None = None
        if options.jwt is not None:
            # Not at the top: the library that checks tokens is an extra.
            from otel_audit.tokens.reader import TokenReader  # noqa: PLC0415

            self._tokens = TokenReader(options.jwt)
            self.claiming |= self._tokens.headers

    def complete(
        self,
        found: Sorted,
        users: Sequence[tuple[str, str]],
        oddities: list[str],
        span_notes: SpanNotes | None = None,
        times: tuple[int, int] = (0, 0),
    ) -> None:
        """Fills ``user``, ``userClaims``, ``onBehalfOf`` and ``auth``; takes identity out of ``found.held``.

        Leaves ``user`` alone where nobody is named: columns then say ``unknown`` and ``none``.

        Args:
            found: the sorted attributes with headers in ``row``.
            users: asserted ids that an inference dialect found, as ``(origin, id)``.
            oddities: takes notes.
            span_notes: who acts as the application itself knows it.
            times: start and end of the span, nanoseconds since the epoch: its token is valid or not as of the
                start, and who is known after the end is not known to it.
        """
        row = found.row
        headers = row.get("requestHeaders")
        asserted = take_asserted(found, users, oddities) if users or found.rooms & Room.IDENTITY else []
        verified: Named = []
        verdict = None
        if self._tokens is not None:
            token = span_notes.scope.token if span_notes is not None else None
            verdict = self._tokens.judge(token, headers, times[0])  # type: ignore[arg-type]  # Headers
        if span_notes is not None or verdict is not None:
            known = span_notes.users_at(times[1]) if span_notes is not None else []
            verified = read_known(row, known, verdict, self._options.fields, oddities)
        if span_notes is not None:
            read_on_behalf_of(row, span_notes, oddities)
        claimed = self._claimed(headers, span_notes, verdict, oddities)
        everybody = verified + asserted + claimed
        if everybody:
            origin, user_id = everybody[0]
            row["user.assurance"] = "verified" if verified else "asserted" if asserted else "claimed"
            row["user.origin"] = origin
            if user_id is not None:
                row["user.id"] = user_id
                if "user.type" not in row:
                    row["user.type"] = "user"
            if len(everybody) > 1:
                losers = dict.fromkeys(user for user in everybody if user[1] not in (None, user_id))
                if losers:
                    row["userClaims"] = [
                        {"origin": other, "id": name} for other, name in list(losers)[:_MAX_CLAIMS]
                    ]
        if found.rooms & (Room.PERSONAL | Room.IDENTITY):
            # What a span says of somebody else than who it was must not stand beside them.
            if found.rooms & Room.PERSONAL and (
                not verified or row.get("user.id") in dict(asserted).values()
            ):
                write_fields(found, self._options.fields, oddities)
            withhold_fields(found, oddities)

    def users_alone(self, span_notes: SpanNotes, times: tuple[int, int]) -> list[Actor] | None:
        """Returns who is known of a span that names nobody itself, ``None`` where there is more to say of it.

        Args:
            span_notes: tell nothing else.
            times: as for :meth:`complete`.
        """
        users = span_notes.users_at(times[1])
        token = span_notes.scope.token
        if token is None or self._tokens is None:
            return users
        verdict = self._tokens.judge(token, None, times[0])
        if users or verdict is None or not verdict.subject:
            return None
        return [Actor(verdict.subject, origin=_JWT, auth={"method": _JWT, "decision": verdict.decision})]

    def weigh_body(self, row: dict[str, object]) -> None:
        """What a request's body says of its user stands beside whoever it was; alone it says nothing of that.

        Args:
            row: of a server's span, with its body.
        """
        body = row.get("request")
        if row.get("user.assurance") == "verified" and isinstance(body, str):
            said = [{"origin": origin, "id": name} for origin, name in body_claims(body)]
            lost = [claim for claim in said if claim["id"] != row.get("user.id")]
            if lost:
                row["userClaims"] = [*row.get("userClaims", ()), *lost][:_MAX_CLAIMS]  # type: ignore[misc]

    def _claimed(
        self,
        headers: object,
        span_notes: SpanNotes | None,
        verdict: TokenVerdict | None,
        oddities: list[str],
    ) -> Named:
        claims: list[tuple[str, str]] = []
        if headers is not None and not self.claiming.isdisjoint(headers[0]):  # type: ignore[index]
            for header in self._headers:
                claims += [(f"header:{header}", value.strip()) for value in header_values(headers, header)]
            for line in header_values(headers, _BAGGAGE):
                members = [member.partition(";")[0].partition("=") for member in line.split(",")]
                claims += baggage_claims([(key, unquote(value.strip())) for key, _, value in members])
        if span_notes is not None:
            claims += span_notes.scope.claims
        if verdict is not None and verdict.claim:
            claims.append((_JWT, verdict.claim))
        named: Named = []
        for origin, value in claims:
            user_id = identity_text(clean_text(value, oddities), oddities)
            if user_id is not None:
                named.append((origin, user_id))
        return named


def vouch(row: dict[str, object]) -> None:
    """The actor of an emitted record is verified: the application that names it is the one that let it act."""
    if row.get("user.origin") == ACTOR_ID and "user.id" in row:
        row["user.origin"], row["user.assurance"] = _EMITTED, "verified"
