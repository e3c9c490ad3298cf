"""What is known about a span and is not on it: bodies, headers, who, log events.

The SDK door collects these while a span is open (``sdk/notes.py``) and hands them over with it. They are never
attributes of the span, so no other exporter sees them. Conversion reads them and changes nothing in them: the
same notes may be read for several logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from otel_audit.convert.spans import LogData, Value

__all__ = ["NOTES_KEY", "Actor", "BearerToken", "Body", "BodySource", "Scope", "SpanNotes"]

NOTES_KEY: Final = "_otel_audit_notes"
"""Member of a span context's ``__dict__`` that holds the notes of its span (ADR 0041)."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, known to the application itself.

    Attributes:
        id: stable, unique in the application; ``None`` for somebody known to be unauthenticated.
        type: ``user``, ``service``, ``system`` or ``anonymous``.
        origin: who says so: ``set_user``, ``django``, ``flask-login``, ``starlette`` …
        auth: how they were authenticated, as members of the record's ``auth``: ``method``, ``sessionId`` …
    """

    id: str | None
    type: str = "user"
    name: str | None = None
    email: str | None = None
    roles: tuple[str, ...] = ()
    origin: str = "set_user"
    auth: Mapping[str, Value] = field(default_factory=dict, hash=False)


class BearerToken:
    """A token that came with a request and is still to be checked; it never shows itself.

    Args:
        text: the token alone, without the word ``Bearer``.
        at_unix_nano: when it came: it is valid or not as of then, however long the check waits.
        checkers: how many will check it; after the last one the text is gone.
    """

    __slots__ = ("_left", "_text", "at_unix_nano", "verdicts")

    def __init__(self, text: str, at_unix_nano: int, checkers: int = 1) -> None:
        self._text, self._left = text, checkers
        self.at_unix_nano = at_unix_nano
        self.verdicts: dict[object, object] = {}

    def take(self) -> str:
        """The text, for one check; empty once all checks are done."""
        text = self._text
        self._left -= 1
        if self._left <= 0:
            self._text = ""
        return text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> tuple[object, ...]:
        return type(None), ()


_MOST_USERS: Final = 1_024
"""Users of one scope that are remembered: a worker may serve one after another below a single span."""


@dataclass(slots=True)
class Scope:
    """What holds for a request as a whole: shared by the span that a request opened and all below it here.

    Attributes:
        trace_id: of the request.
        users: who made it, each with the time from which on that holds, nanoseconds since the epoch. So what a
            record says does not hang on when it was made.
        claims: ``(origin, id)`` of whoever else somebody says it was, as in ``userClaims``.
        on_behalf_of: for whom the user acted, as the record of the span that opened the request says it.
        token: what the request brought to prove who makes it.
        reader: looks whether somebody is known by now; for the application's own threads only.
    """

    trace_id: int
    users: list[tuple[int, Actor]] = field(default_factory=list)
    claims: tuple[tuple[str, str], ...] = ()
    on_behalf_of: Actor | None = None
    token: BearerToken | None = None
    reader: Callable[[], None] | None = None

    @property
    def user(self) -> Actor | None:
        """Who it is now."""
        users = self.users
        return users[-1][1] if users else None

    def identify(self, user: Actor, since_unix_nano: int) -> None:
        """From now on it is this one."""
        users = self.users
        if not users or users[-1][1] != user:
            users.append((since_unix_nano, user))
            if len(users) > _MOST_USERS:
                del users[: _MOST_USERS // 2]


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

    def read(self) -> Body:
        """The body: it is its own source."""
        return self


class BodySource(Protocol):
    """Where conversion has a body from. Nothing is decoded before it asks, and it may ask twice."""

    def read(self) -> Body:
        """The body, as far as it is known by now."""


@dataclass(slots=True)
class SpanNotes:
    """Notes on one span.

    Attributes:
        scope: the request that it belongs to.
        opens: whether this is the span that opened it.
        request: captured body, ``None`` where nothing was captured.
        response: likewise.
        request_headers: lower-case name → values, in order.
        response_headers: likewise.
        on_behalf_of: for whom this span's work was done.
        logs: log events of the span that arrived before its end.
        content: what a model was sent and answered, as attributes of the GenAI conventions with structured
            values; only what the span does not carry, and only for logs with ``content = "full"``.
        is_bound: whether a wrapper keeps what it sees here already.
        continues: whether these are notes on the rest of a record that went with a body still open.
    """

    scope: Scope
    opens: bool = False
    request: BodySource | None = None
    response: BodySource | None = None
    request_headers: Mapping[str, Sequence[str]] | None = None
    response_headers: Mapping[str, Sequence[str]] | None = None
    on_behalf_of: Actor | None = None
    logs: list[LogData] = field(default_factory=list)
    content: Mapping[str, Value] | None = None
    is_bound: bool = False
    continues: bool = False

    def __bool__(self) -> bool:
        """Whether conversion has anything to read here."""
        return bool(self.scope.users or self.scope.token) or self.tells_more

    @property
    def tells_more(self) -> bool:
        """Whether there is anything to read but who made the request, or a token that proves it."""
        return self.has_bodies or self.tells_more_than_bodies

    @property
    def has_bodies(self) -> bool:
        """Whether a body was captured."""
        return self.request is not None or self.response is not None

    @property
    def tells_more_than_bodies(self) -> bool:
        """Whether there is anything else to read but who made the request, or a token that proves it."""
        scope = self.scope
        return bool(
            self.continues
            or scope.claims
            or (self.opens and scope.on_behalf_of)
            or self.request_headers
            or self.response_headers
            or self.on_behalf_of
            or self.content
        )

    def users_at(self, end_unix_nano: int) -> list[Actor]:
        """Who made the request, as far as it was known when this span ended; then who others say it is.

        The span that opened the request has the first to be known even where that was late.
        """
        users = tuple(self.scope.users)
        count = len(users)
        if count == 1 and (self.opens or users[0][0] <= end_unix_nano):
            return [users[0][1]]
        while count and users[count - 1][0] > end_unix_nano:
            count -= 1
        if self.opens:
            return [user for _, user in reversed(users[: max(count, min(len(users), 1))])]
        found: dict[str, Actor] = {}
        for _, user in reversed(users[:count]):
            found.setdefault(user.origin, user)  # one origin says one thing at a time
        return list(found.values())

    def __reduce__(self) -> tuple[object, ...]:
        # A span context that carries notes may be pickled or copied by others; notes never leave the process.
        return type(None), ()
