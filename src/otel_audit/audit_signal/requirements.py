"""What a record must say to be one; both ends ask for it.

The draft's ``data-model.md``, "LogRecord Field Usage" and "Mandatory Attributes". What is wrong is named, and never
quoted.
"""

from __future__ import annotations

from typing import Final

from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData
from otel_audit.convert.times import MAX_INT64
from otel_audit.errors import InputError

__all__ = ["ACTORS", "MAX_ID", "OUTCOMES", "check_record"]

ACTORS: Final = ("user", "service", "system")
OUTCOMES: Final = ("success", "failure", "unknown")

MAX_ID: Final = 256
"""Characters of a record's id."""

_TEXTS: Final = (RECORD_ID, "audit.actor.id", "audit.action")
_WORDS: Final = {"audit.actor.type": ACTORS, "audit.outcome": OUTCOMES}


def check_record(log: LogData) -> None:
    """Judges a record with its id.

    Raises:
        InputError: something that every audit record has is missing, or is not what it should be.
    """
    if not 0 < log.time_unix_nano <= MAX_INT64:
        raise InputError("timeUnixNano is required: when it happened, nanoseconds since the epoch")
    if log.observed_unix_nano and not log.time_unix_nano <= log.observed_unix_nano <= MAX_INT64:
        raise InputError("observedTimeUnixNano is not before timeUnixNano")
    if not log.name.strip():
        raise InputError("eventName is required: a stable, dotted name")
    for name in _TEXTS:
        value = log.attributes.get(name)
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{name} is required: a text that is not empty")
    if len(str(log.attributes[RECORD_ID])) > MAX_ID:
        raise InputError(f"{RECORD_ID} has at most {MAX_ID} characters")
    for name, words in _WORDS.items():
        if log.attributes.get(name) not in words:
            raise InputError(f"{name} is required: one of {', '.join(words)}")
