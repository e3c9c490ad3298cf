"""Record ids: stable for what was seen, random for what is said.

A span or log event gives the same id each time it is delivered, so that readers fold copies. The id is a
UUIDv8 (RFC 9562, section 5.8) of the first 128 bits of SHA-256 over a JSON array of strings in the form of
RFC 8785: no two different lists of parts have the same bytes.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from typing import Final

import orjson

__all__ = [
    "DOMAIN",
    "given_record_id",
    "hashed_id",
    "log_record_id",
    "random_record_id",
    "span_record_id",
]

DOMAIN: Final = "otel-audit/1"
"""First part of every preimage."""

_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""First digit of the fourth group → the same with the two variant bits of RFC 9562 set."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def hashed_id(parts: Sequence[str]) -> str:
    """Returns the UUIDv8 of ``["otel-audit/1", *parts]``. Lone surrogates count as U+FFFD."""
    preimage = [DOMAIN, *parts]
    try:
        # For strings orjson writes what RFC 8785 asks for: shortest escapes, lower-case \u00xx, raw UTF-8.
        encoded = orjson.dumps(preimage)
    except TypeError:
        encoded = orjson.dumps([part.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                                for part in preimage])  # fmt: skip
    return _uuid8(hashlib.sha256(encoded).hexdigest())


def _uuid8(digits: str) -> str:
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def span_record_id(
    tenant: str, *, trace_id: str, span_id: str, kind: str, start_unix_nano: int, service_name: str
) -> str:
    """Returns the id of a span's record.

    Args:
        tenant: tenant of the record.
        trace_id: lower-case hex.
        span_id: lower-case hex.
        kind: ``server``, ``client`` …
        start_unix_nano: start as the span gave it, 0 where missing.
        service_name: ``service.name`` of its resource, ``""`` where missing.
    """
    return hashed_id((tenant, "span", trace_id, span_id, kind, str(start_unix_nano), service_name))


def log_record_id(
    tenant: str,
    *,
    trace_id: str,
    span_id: str,
    time_unix_nano: int,
    service_name: str,
    event_name: str,
    content: bytes,
) -> str:
    """Returns the id of a log event's record.

    Logs have no kind: that part is empty. ``content`` is the event's body and attributes in any stable
    encoding; two events of one name at one time in one span differ by it.
    """
    digest = hashlib.sha256(content).hexdigest()
    time = str(time_unix_nano)
    return hashed_id((tenant, "log", trace_id, span_id, "", time, service_name, event_name, time, digest))


def given_record_id(tenant: str, given: str, sender: str = "") -> str:
    """Returns the id for a record whose sender named one in ``audit.record.id``.

    A UUID is taken as it is (in lower case); anything else is hashed into one together with tenant and
    sender, so that the ids of two senders do not meet.
    """
    if _UUID.fullmatch(given):
        return given.lower()
    return hashed_id((tenant, "given", sender, given))


def random_record_id() -> str:
    """Returns a UUIDv4, for what the application itself says with ``emit()``."""
    return str(uuid.uuid4())
