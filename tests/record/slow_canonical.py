"""The canonical form once more: slow, obvious, a record at a time, on an independent RFC 8785.

It shares the table of fields with the product and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import rfc8785

from otel_audit.record.schema import EXACT_TIMES, FIELDS, JSON_COLUMNS, Group

OWN_NOTES = {"audit.notes", "audit.partitioned_by", "audit.duplicate_of"}


def one_line(text: str) -> str:
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def rfc3339(nanos: int) -> str:
    seconds, rest = divmod(nanos, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def compact(value: Any) -> Any:
    """The value without nulls and empty containers; None if nothing is left. Maps become dicts."""
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        value = dict(value)
    if isinstance(value, dict):
        value = {key: kept for key, child in value.items() if (kept := compact(child)) is not None}
        return value or None
    if isinstance(value, list):
        return [kept for child in value if (kept := compact(child)) is not None] or None
    return value


def members(record: dict[str, Any], *groups: Group) -> dict[str, Any]:
    """Fields of the groups as they are hashed."""
    found: dict[str, Any] = {}
    for field in FIELDS:
        if field.group not in groups:
            continue
        value = record.get(field.name)
        if field.name in EXACT_TIMES:
            nanos = record.get(EXACT_TIMES[field.name])
            value = None if nanos is None else rfc3339(nanos)
        elif field.name in JSON_COLUMNS and value is not None:
            value = one_line(value)
        found[field.name] = value
    return compact(found) or {}


def group_json(record: dict[str, Any], group: Group) -> bytes:
    return rfc8785.dumps(members(record, group))


def digests(record: dict[str, Any], salts: bytes) -> dict[str, str]:
    return {
        "identity": hashlib.sha256(salts[:16] + group_json(record, Group.IDENTITY)).hexdigest(),
        "content": hashlib.sha256(salts[16:] + group_json(record, Group.CONTENT)).hexdigest(),
    }


def meta_json(record: dict[str, Any], salts: bytes) -> bytes:
    return rfc8785.dumps(members(record, Group.META) | {"digests": digests(record, salts)})


def record_hash(record: dict[str, Any], salts: bytes) -> bytes:
    return hashlib.sha256(meta_json(record, salts)).digest()


def without_own_notes(text: str) -> str | None:
    """The object with our members cut out of its text."""
    if json.loads(text) == {}:
        return None
    if not OWN_NOTES & set(json.loads(text)):
        return text
    decoder, place, kept = json.JSONDecoder(), 1, []
    while text[place] != "}":
        start = place
        key, place = decoder.raw_decode(text, place)
        _, place = decoder.raw_decode(text, place + 1)
        if key not in OWN_NOTES:
            kept.append(text[start:place])
        place += text[place] == ","
    return "{" + ",".join(kept) + "}" if kept else None


def content_tag(record: dict[str, Any]) -> bytes:
    tagged = members(record, Group.META, Group.IDENTITY, Group.CONTENT)
    tagged.pop("observedTimestamp", None)
    tagged.pop("sender", None)
    if "attributes" in tagged:
        tagged["attributes"] = without_own_notes(tagged["attributes"])
    return hashlib.sha256(rfc8785.dumps(compact(tagged) or {})).digest()
