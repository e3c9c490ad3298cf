"""What ``emit()`` is told beyond who did what: checked, and named as the attributes that conversion reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from otel_audit.convert.audit import DURATION, ERROR_MESSAGE, is_instant
from otel_audit.convert.rest import MAX_EXACT
from otel_audit.convert.times import MAX_INT64
from otel_audit.convert.url import address_type
from otel_audit.errors import InputError

__all__ = [
    "ACTORS",
    "OUTCOMES",
    "Auth",
    "Oversight",
    "check_attributes",
    "check_lists",
    "check_numbers",
    "check_texts",
    "ending_attributes",
    "one_of",
]

ACTORS: Final = ("user", "service", "system")
OUTCOMES: Final = ("success", "failure", "unknown")
AUTH_DECISIONS: Final = ("allow", "deny", "unknown")
OVERSIGHT_DECISIONS: Final = ("approve", "override", "reject", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How the actor was authenticated, and what was decided.

    Attributes:
        method: ``password``, ``oidc``, ``mtls``, ``api-key`` …
        session_id: written as a pseudonym; withheld where there is no masking key.
        credential_id: which key, certificate or token; likewise. Never the credential itself.
        mfa: whether more than one factor was asked for.
        decision: ``allow``, ``deny`` or ``unknown``.
        policy: by which rule.
        reason: why.

    Raises:
        InputError: a member is not what it should be.
    """

    method: str | None = None
    session_id: str | None = None
    credential_id: str | None = None
    mfa: bool | None = None
    decision: Literal["allow", "deny", "unknown"] | None = None
    policy: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        for name in ("method", "session_id", "credential_id", "policy", "reason"):
            _text(f"auth.{name}", getattr(self, name))
        if self.mfa is not None and not isinstance(self.mfa, bool):
            raise InputError("auth.mfa is True or False")
        if self.decision is not None:
            one_of("auth.decision", self.decision, AUTH_DECISIONS)

    def attributes(self) -> dict[str, object | None]:
        """As attributes."""
        return {f"audit.auth.{name}": getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversight:
    """That a person looked at what a machine did.

    Attributes:
        reviewer: who.
        decision: ``approve``, ``override``, ``reject`` or ``stop``.
        of: id of the record that was reviewed.
        reason: why.
        at: when: a moment with a time zone, or nanoseconds since the epoch; by default the time of the event.

    Raises:
        InputError: a member is not what it should be.
    """

    reviewer: str
    decision: Literal["approve", "override", "reject", "stop"]
    of: str | None = None
    reason: str | None = None
    at: datetime | int | str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.reviewer, str) or not self.reviewer.strip():
            raise InputError("oversight.reviewer is required: who decided")
        one_of("oversight.decision", self.decision, OVERSIGHT_DECISIONS)
        for name in ("of", "reason"):
            _text(f"oversight.{name}", getattr(self, name))
        if self.at is not None and not is_instant(_moment(self.at)):
            raise InputError("oversight.at is a datetime with a time zone, RFC 3339 text or nanoseconds")

    def attributes(self, at_unix_nano: int) -> dict[str, object | None]:
        """As attributes.

        Args:
            at_unix_nano: of the event.
        """
        return {
            "audit.oversight.reviewer": self.reviewer,
            "audit.oversight.decision": self.decision,
            "audit.oversight.of": self.of,
            "audit.oversight.reason": self.reason,
            "audit.oversight.at": at_unix_nano if self.at is None else _moment(self.at),
        }


def check_texts(**texts: object) -> None:
    """Each is a text or None; ``source_id`` is an address or a host name.

    Raises:
        InputError: one is not.
    """
    for name, value in texts.items():
        _text(name, value)
    source_id = texts.get("source_id")
    if isinstance(source_id, str) and address_type(source_id) is None:
        raise InputError("source_id is an IP address or a host name")


def check_lists(**lists: object) -> None:
    """Each is a list of texts that are not empty.

    Raises:
        InputError: one is not.
    """
    for name, value in lists.items():
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        if not is_list or not all(isinstance(item, str) and item for item in value):  # type: ignore[attr-defined]
            raise InputError(f"{name} is a list of texts")


def check_numbers(*, time_unix_nano: object, duration_ns: object) -> None:
    """When and how long.

    Raises:
        InputError: it is out of range.
    """
    if time_unix_nano is not None and not (type(time_unix_nano) is int and 0 < time_unix_nano <= MAX_INT64):
        raise InputError("time_unix_nano is a whole number of nanoseconds since the epoch")
    if duration_ns is not None and not (type(duration_ns) is int and 0 <= duration_ns <= MAX_EXACT):
        raise InputError("duration_ns is a whole number of nanoseconds, at most 2^53 - 1")


def check_attributes(attributes: object) -> None:
    """Whatever else is to be kept.

    Raises:
        InputError: it is no mapping with texts for keys.
    """
    if attributes is not None and not (
        isinstance(attributes, Mapping) and all(isinstance(key, str) for key in attributes)
    ):
        raise InputError("attributes is a mapping whose keys are texts")


def one_of(name: str, value: object, words: tuple[str, ...]) -> None:
    """Raises InputError if a word is not of a closed set."""
    if value not in words:
        raise InputError(f"{name} is one of {', '.join(words)}")


def ending_attributes(
    error_type: str | None, error_message: str | None, duration_ns: int | None
) -> dict[str, object | None]:
    """How it ended, as attributes."""
    return {ERROR_TYPE: error_type, ERROR_MESSAGE: error_message, DURATION: duration_ns}


def _text(name: str, value: object) -> None:
    if value is not None and not (isinstance(value, str) and value.strip()):
        raise InputError(f"{name} is a text that is not empty")


def _moment(at: object) -> object:
    return at.isoformat() if isinstance(at, datetime) else at
