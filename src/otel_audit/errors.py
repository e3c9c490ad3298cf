"""Every error the product raises, in one tree.

::

    AuditError
    ├── ConfigurationError    a setting is unknown, wrong or unsafe; says what is accepted
    ├── InputError            input from outside cannot be read; carries file and place
    │   └── TooLarge          it is larger than what is taken, or would become so
    ├── IntegrityError        stored bytes contradict what was committed; carries the path
    ├── NotDurable            a record that was emitted is not known to be durable; says whether it may follow
    ├── SpoolError            the spool cannot take or give records
    │   ├── SpoolBusy         every slot is held by another process
    │   ├── SpoolCorrupt      a segment cannot be read back as it was written; carries the file
    │   └── SpoolFull         a bound of the spool is reached
    └── StoreError            a destination did not do what was asked
        ├── Conflict          the object exists with other content; never overwritten
        ├── Retry             may go through by itself: time-out, 429, 5xx, reset
        ├── Blocked           goes through once somebody acts: 401, 403, missing bucket, DNS, TLS, quota
        ├── Refused           this one object is not wanted: 400, 413, 422
        └── Missing           the object is not there

A port wraps foreign exceptions into these. No message ever holds a span value, a secret or a third
party's exception text: messages name causes.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "AuditError",
    "Blocked",
    "ConfigurationError",
    "Conflict",
    "InputError",
    "IntegrityError",
    "Missing",
    "NotDurable",
    "Refused",
    "Retry",
    "SpoolBusy",
    "SpoolCorrupt",
    "SpoolError",
    "SpoolFull",
    "StoreError",
    "TooLarge",
    "describe_defect",
]


class AuditError(Exception):
    """Base of every error that the product raises on purpose."""


class ConfigurationError(AuditError):
    """A setting is unknown, wrong or unsafe. The message says which, and what is accepted."""


class InputError(AuditError):
    """Input from outside cannot be read.

    Args:
        reason: what is wrong, without quoting the input.
        source: the file, request or stream it came from.
        place: where in it: ``"line 12"``, ``"byte 4711"``, ``"resourceSpans[0]"``.
    """

    def __init__(self, reason: str, *, source: str = "", place: str = "") -> None:
        super().__init__(": ".join(part for part in (source, place, reason) if part))
        self.reason, self.source, self.place = reason, source, place


class TooLarge(InputError):
    """Input from outside is larger than what is taken, or would become so once it is unpacked."""


class IntegrityError(AuditError):
    """Stored bytes contradict what was committed.

    Args:
        reason: what does not match.
        path: the object, relative to the destination.
    """

    def __init__(self, reason: str, *, path: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason, self.path = reason, path


class NotDurable(AuditError):
    """A record that was emitted is not durable, or not known to be.

    Args:
        cause: why.
        may_follow: whether it is still on its way. Emit the same record id again to be sure: readers fold
            copies of a record.
    """

    def __init__(self, cause: str, *, may_follow: bool) -> None:
        super().__init__(f"the record is not durable: {cause}")
        self.cause, self.may_follow = cause, may_follow


class SpoolError(AuditError):
    """The spool cannot take or give records."""


class SpoolBusy(SpoolError):
    """Every slot is held by another process."""


class SpoolCorrupt(SpoolError):
    """A segment cannot be read back as it was written.

    Args:
        reason: what does not match.
        path: the segment's file.
    """

    def __init__(self, reason: str, *, path: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason, self.path = reason, path


class SpoolFull(SpoolError):
    """A bound of the spool is reached; what was asked has not been written."""


class StoreError(AuditError):
    """A destination did not do what was asked.

    Args:
        cause: a short name from a closed set, such as ``"http-403"`` or ``"timeout"``: safe in logs and
            metric attributes.
        path: the object, relative to the destination; empty when it concerns the destination itself.
    """

    def __init__(self, cause: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {cause}" if path else cause)
        self.cause, self.path = cause, path


class Conflict(StoreError):
    """The object exists with other content. Nothing was overwritten."""


class Retry(StoreError):
    """May go through by itself later: time-out, 429, 5xx, connection reset."""


class Blocked(StoreError):
    """Goes through once somebody acts: 401, 403, missing bucket, DNS, TLS, quota."""


class Refused(StoreError):
    """The destination does not want this one object: 400, 413, 422."""


class Missing(StoreError):
    """The object is not there."""


def describe_defect(error: BaseException) -> str:
    """An unexpected error by kind and place: ``"ValueError at layout.py:41"``; its text may hold data."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "otel_audit" in code.co_filename:
            place = f" at {Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{place}"
