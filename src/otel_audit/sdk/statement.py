"""What ``emit()`` is told, as attributes of a log event that conversion reads; what is wrong is an error at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Required, TypedDict

from otel_audit.convert.audit import is_safe_event_name
from otel_audit.errors import InputError
from otel_audit.events import Event
from otel_audit.sdk.changes import checked_changes
from otel_audit.sdk.emitted import (
    ACTORS,
    OUTCOMES,
    Auth,
    Oversight,
    check_attributes,
    check_lists,
    check_numbers,
    check_texts,
    ending_attributes,
    one_of,
)
from otel_audit.sdk.identity.current import who_is_it

__all__ = ["ACTION", "Fields", "statement"]

ACTION: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


class Fields(TypedDict, total=False):
    """What a record of the application's own says.

    Attributes:
        actor_id: who did it; ``anonymous`` or ``unknown`` when nobody is known.
        outcome: whether it worked.
        action: an upper-case verb; that of the event, if it is one of ``otel_audit.events``.
        actor_type: what the actor is, by default a user.
        actor_name: written only if ``identity.fields`` lists it; so are ``actor_email`` and ``actor_roles``.
        on_behalf_of: for whom the actor acts; by default whom ``acting_as`` names.
        on_behalf_of_type: what that is, by default a user.
        target_id: what it was done to.
        target_type: what kind of thing that is; that of the event, likewise.
        source_id: address or host name that it came from.
        purpose: why.
        session: session of the actor; written as a pseudonym, or withheld where there is no key.
        subjects: persons concerned; likewise.
        auth: how the actor was authenticated and what was decided.
        changes: of an update: a list of ``{"path": …, "before": …, "after": …}`` with JSON Pointers, or a mapping
            of two states, ``{"before": …, "after": …}``, which are compared.
        oversight: what a person decided about it.
        error_type: kind of the error where it failed; ``error_message`` says more.
        attributes: whatever else is to be kept. Masked like everything; so is ``body``.
        time_unix_nano: when it happened; by default now.
        duration_ns: how long it took.
        record_id: a UUID under which the same event is emitted again after an error; random by default.
    """

    actor_id: Required[str]
    outcome: Required[Literal["success", "failure", "unknown"]]
    action: str | None
    actor_type: Literal["user", "service", "system"]
    actor_name: str | None
    actor_email: str | None
    actor_roles: Sequence[str]
    on_behalf_of: str | None
    on_behalf_of_type: Literal["user", "service", "system"]
    target_id: str | None
    target_type: str | None
    source_id: str | None
    purpose: str | None
    session: str | None
    subjects: Sequence[str]
    auth: Auth | None
    changes: Sequence[Mapping[str, object]] | Mapping[str, object] | None
    oversight: Oversight | None
    error_type: str | None
    error_message: str | None
    attributes: Mapping[str, object] | None
    body: object
    time_unix_nano: int | None
    duration_ns: int | None
    record_id: str | None


def statement(
    event_name: str | Event, fields: Fields, now_unix_nano: int
) -> tuple[str, dict[str, object | None]]:
    """Name and attributes of an event.

    Args:
        event_name: a name, or one of the vocabulary.
        fields: what it says.
        now_unix_nano: when it is said.

    Raises:
        InputError: a field is not known, is missing, or is not what it should be; names it and what is accepted.
    """
    if unknown := fields.keys() - Fields.__annotations__.keys():
        raise InputError(f"emit() has no argument {', '.join(sorted(unknown))}")
    event = event_name if isinstance(event_name, Event) else None
    name = event.name if event is not None else event_name
    if not isinstance(name, str) or not is_safe_event_name(name):
        raise InputError(
            "event_name is one of otel_audit.events, or two or more dotted words in lower case, such as "
            "user.login, and not under audit."
        )
    action = fields.get("action") or (event.action if event is not None else None)
    _check(fields, action)
    behalf, behalf_type = fields.get("on_behalf_of"), fields.get("on_behalf_of_type")
    if behalf is None and (acting := who_is_it().on_behalf_of) is not None:
        behalf, behalf_type = acting.id, acting.type  # type: ignore[assignment]  # one of the three
    at = fields.get("time_unix_nano") or now_unix_nano
    auth, oversight, changes = fields.get("auth"), fields.get("oversight"), fields.get("changes")
    said: dict[str, object | None] = {
        "audit.actor.id": fields["actor_id"],
        "audit.actor.type": fields.get("actor_type", "user"),
        "audit.actor.name": fields.get("actor_name"),
        "audit.actor.email": fields.get("actor_email"),
        "audit.actor.roles": list(fields.get("actor_roles", ())) or None,
        "audit.on_behalf_of.id": behalf,
        "audit.on_behalf_of.type": (behalf_type or "user") if behalf is not None else None,
        "audit.action": action,
        "audit.outcome": fields["outcome"],
        "audit.target.id": fields.get("target_id"),
        "audit.target.type": fields.get("target_type") or (event.target_type if event is not None else None),
        "audit.source.id": fields.get("source_id"),
        "audit.purpose": fields.get("purpose"),
        "audit.session.id": fields.get("session"),
        "audit.subject.ids": list(fields.get("subjects", ())) or None,
        **({} if auth is None else auth.attributes()),
        **({} if oversight is None else oversight.attributes(at)),
        "audit.changes": None if changes is None else checked_changes(changes),
        **ending_attributes(fields.get("error_type"), fields.get("error_message"), fields.get("duration_ns")),
    }
    given = dict(fields.get("attributes") or {})
    return name, given | {key: value for key, value in said.items() if value is not None}


def _check(fields: Fields, action: object) -> None:
    actor_id = fields.get("actor_id")
    if not isinstance(actor_id, str) or not actor_id.strip():
        raise InputError("actor_id is required: who did it, or anonymous, or unknown")
    one_of("actor_type", fields.get("actor_type", "user"), ACTORS)
    one_of("on_behalf_of_type", fields.get("on_behalf_of_type") or "user", ACTORS)
    if not isinstance(action, str) or not ACTION.fullmatch(action):
        raise InputError("action is an upper-case verb, such as DELETE")
    if "outcome" not in fields:
        raise InputError(f"outcome is required: one of {', '.join(OUTCOMES)}")
    one_of("outcome", fields["outcome"], OUTCOMES)
    check_texts(
        **{
            name: fields.get(name)
            for name in ("actor_name", "actor_email", "on_behalf_of", "target_id", "target_type", "source_id",
                         "purpose", "session", "error_type", "error_message", "record_id")
        }
    )  # fmt: skip
    check_lists(actor_roles=fields.get("actor_roles", ()), subjects=fields.get("subjects", ()))
    check_numbers(time_unix_nano=fields.get("time_unix_nano"), duration_ns=fields.get("duration_ns"))
    check_attributes(fields.get("attributes"))
    for name, kind in (("auth", Auth), ("oversight", Oversight)):
        value = fields.get(name)
        if value is not None and not isinstance(value, kind):
            raise InputError(f"{name} is an otel_audit.{kind.__name__}")
