"""The canonical form of a record and the hashes over it.

The rules, as a list:

1. Each field belongs to one group: meta, identity or content (``record/schema.py``). A *group* is the JSON
   object of its fields in canonical form, RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785); an empty one is
   ``{}``.
2. Nulls, empty lists, empty maps and empty structs are left out at every depth. So a field that is added
   later changes no old hash.
3. Times are strings, RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339) with nine digits and ``Z``, made of
   the exact nanoseconds. The int64 columns are a second form of the same and not hashed; where the two
   disagree the time is left out, so that a change of either breaks the hash.
4. There are no floats, and integers are at most 2^53 - 1 in size, so that no JSON reader changes them.
5. ``request``, ``response`` and the other JSON texts enter as strings, byte for byte as they are stored:
   minified, with U+2028 and U+2029 escaped, since an NDJSON file embeds those bytes in one line.
6. ``digests.g`` = hex of SHA-256(salt of g, then group g), for identity and content. A salt is 16 random
   bytes; in the record it is hex. Who erases a group erases its salt too, and guesses confirm nothing.
7. The *record hash* is SHA-256 of the object of the meta fields and ``digests``. Salts, ``erased``,
   ``writer`` and ``sequence`` are outside: erasing a group or numbering a record anew leaves it standing.
8. The *content tag* tells whether two deliveries of one ``recordId`` are the same: SHA-256 of the object of
   the fields of all three groups, without ``observedTimestamp`` and without our own notes in ``attributes``.

Golden vectors are in ``tests/golden/canonical/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array, every_so_many, parts_by_stream
from otel_audit.record.field_texts import FieldTexts
from otel_audit.record.json_texts import as_one_line, without_own_notes
from otel_audit.record.schema import FIELDS, JSON_COLUMNS, Group
from otel_audit.record.text_hashes import HASH_BYTES, hash_array, hashes_of, sha256_each

__all__ = [
    "HASH_BYTES",
    "SALT_BYTES",
    "Digested",
    "content_tags",
    "digest",
    "group_json",
    "recompute",
    "record_hashes",
]

SALT_BYTES: Final = 16

_SALTED: Final = (Group.IDENTITY, Group.CONTENT)
"""Groups that have a salt and a digest, in the order of the salts given to :func:`digest`."""

_NAMES: Final = {group: sorted(f.name for f in FIELDS if f.group is group) for group in Group}
_IN_RECORD_HASH: Final = sorted([*_NAMES[Group.META], "digests"])
_IN_CONTENT_TAG: Final = sorted(
    {name for group in (Group.META, *_SALTED) for name in _NAMES[group]} - {"observedTimestamp", "sender"}
)
"""Without what is of the delivery and not of the record: ADR 0095."""

_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Digested:
    """Records that carry digests, and the hash of each.

    Attributes:
        records: columns of :data:`~otel_audit.record.schema.SCHEMA`.
        record_hashes: fixed_size_binary(32), in the order of the records.
        tags: content tags, likewise; None where nobody asked for them.
    """

    records: pa.RecordBatch
    record_hashes: Array
    tags: Array | None = None


def digest(records: pa.RecordBatch, salts: bytes, *, tags: bool = False) -> Digested:
    """Fills ``salts`` and ``digests``, and hashes each record.

    Args:
        records: columns of the schema, masked. A JSON text that could not stand in one line is put right.
        salts: 32 random bytes a record: 16 for identity, then 16 for content.
        tags: whether to make content tags, too, which cost half of what they do alone.

    Raises:
        ValueError: there are not 32 bytes of salt a record, or a map has the same key twice.
    """
    rows = records.num_rows
    if len(salts) != rows * SALT_BYTES * len(_SALTED):
        raise ValueError(f"{len(salts)} bytes of salt for {rows} records")
    for name in JSON_COLUMNS:
        text: Array = records[name]
        fit = as_one_line(text)
        if fit is not text:
            records = _with_column(records, name, fit)
    by_row = np.frombuffer(salts, np.uint8).reshape(rows, len(_SALTED), SALT_BYTES)
    raw = {group: by_row[:, place].tobytes() for place, group in enumerate(_SALTED)}
    hexadecimal = _by_name({group: _hex(raw[group], SALT_BYTES) for group in _SALTED})
    return _hashed(_with_column(records, "salts", hexadecimal), raw, tags=tags)


def recompute(records: pa.RecordBatch) -> Digested:
    """Digests and hashes as the stored fields and salts give them.

    They equal the stored ones if nothing was changed. The digest of an erased group, whose salt is gone, is
    taken as it is stored.

    Args:
        records: columns of the schema, read back.

    Raises:
        ValueError: a map has the same key twice.
    """
    salts = _by_group(records["salts"])
    raw = {group: _unhex(salts[group]) for group in _SALTED}
    return _hashed(records, raw, tags=False, keep_erased=True)


def record_hashes(records: pa.RecordBatch) -> Array:
    """Record hashes over the meta fields and the digests that the records carry.

    Returns:
        fixed_size_binary(32), one a record.

    Raises:
        ValueError: a map has the same key twice.
    """
    return hashes_of(FieldTexts(part).objects(_IN_RECORD_HASH) for part in parts_by_stream(records))


def content_tags(records: pa.RecordBatch) -> Array:
    """Tags that are equal for two deliveries of the same record, rule 8.

    Returns:
        fixed_size_binary(32), one a record.

    Raises:
        ValueError: a map has the same key twice.
    """
    return hashes_of(_tagged(part, FieldTexts(part)) for part in parts_by_stream(records))


def group_json(records: pa.RecordBatch, group: Group) -> Array:
    """The canonical text of a group, without its salt.

    Returns:
        String array, one object a record, ``{}`` for an empty one.

    Raises:
        ValueError: a map has the same key twice.
    """
    texts: Array = pa.concat_arrays(
        [FieldTexts(part).objects(_NAMES[group]) for part in parts_by_stream(records)]
    )
    return texts


def _hashed(
    records: pa.RecordBatch, salts: dict[Group, bytes], *, tags: bool, keep_erased: bool = False
) -> Digested:
    """Fills ``digests``; part by part, so that the texts of one part only are held.

    Args:
        records: with their salts.
        salts: these as bytes, one behind the other.
        tags: whether to make content tags.
        keep_erased: whether a digest without a salt stays as it is.
    """
    digests: list[Array] = []
    hashes: list[bytes] = []
    tagged: list[bytes] = []
    start = 0
    for part in parts_by_stream(records):
        end, texts = start + part.num_rows, FieldTexts(part)
        found = {}
        for group in _SALTED:
            # Salts are no UTF-8, but they only pass through a join of bytes on their way to the hash.
            before = every_so_many(SALT_BYTES, salts[group][start * SALT_BYTES : end * SALT_BYTES])
            found[group] = _hex(b"".join(sha256_each(texts.objects(_NAMES[group], [before]))), HASH_BYTES)
        if keep_erased:
            given, stored = _by_group(part["salts"]), _by_group(part["digests"])
            found = {group: _unless_erased(given[group], stored[group], found[group]) for group in _SALTED}
        digests.append(_by_name(found))
        hashes += sha256_each(texts.having("digests", digests[-1]).objects(_IN_RECORD_HASH))
        if tags:
            tagged += sha256_each(_tagged(part, texts))
        start = end
    column = digests[0] if len(digests) == 1 else pa.concat_arrays(digests)
    return Digested(
        _with_column(records, "digests", column), hash_array(hashes), hash_array(tagged) if tags else None
    )


def _unless_erased(salts: Array, stored: Array, computed: Array) -> Array:
    settled: Any = pc.if_else(salts.is_null(), stored, computed)
    return cast("Array", settled)


def _tagged(records: pa.RecordBatch, texts: FieldTexts) -> Array:
    """What content tags are made of; ``texts`` are those of the records."""
    attributes: Array = records["attributes"]
    plain = without_own_notes(attributes)
    if plain is not attributes:
        texts = texts.having("attributes", plain)
    return texts.objects(_IN_CONTENT_TAG)


def _hex(raw: bytes, width: int) -> Array:
    """Lower-case hex of every so many bytes."""
    return every_so_many(2 * width, raw.hex().encode())


def _unhex(salts: Array) -> bytes:
    """16 bytes a row. A salt that is no hex was tampered with: zeros, which make another digest."""
    raw: list[bytes] = []
    texts: list[Any] = salts.to_pylist()
    for salt in texts:
        is_salt = salt is not None and len(salt) == 2 * SALT_BYTES and _HEX.issuperset(salt)
        raw.append(bytes.fromhex(salt) if is_salt else bytes(SALT_BYTES))
    return b"".join(raw)


def _by_group(column: Array) -> dict[Group, Array]:
    struct: Any = column
    return {Group(field.name): child for field, child in zip(struct.type, struct.flatten(), strict=True)}


def _by_name(groups: dict[Group, Array]) -> Array:
    struct: Array = pa.StructArray.from_arrays(
        [groups[group] for group in _SALTED], [group.value for group in _SALTED]
    )
    return struct


def _with_column(records: pa.RecordBatch, name: str, column: Array) -> pa.RecordBatch:
    index = records.schema.get_field_index(name)
    return records.set_column(index, records.schema.field(index), column)
