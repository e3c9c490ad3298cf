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

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array, data, every_so_many, is_valid, offsets, parts_by_stream
from otel_audit.record.json_columns import json_object, json_text, json_time
from otel_audit.record.json_pieces import JsonText, Piece, joined
from otel_audit.record.json_texts import as_one_line, without_own_notes
from otel_audit.record.schema import EXACT_TIMES, FIELDS, JSON_COLUMNS, Group

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
HASH_BYTES: Final = 32

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
    """

    records: pa.RecordBatch
    record_hashes: Array


def digest(records: pa.RecordBatch, salts: bytes) -> Digested:
    """Fills ``salts`` and ``digests``, and hashes each record.

    Args:
        records: columns of the schema, masked. A JSON text that could not stand in one line is put right.
        salts: 32 random bytes a record: 16 for identity, then 16 for content.

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
    return _hashed(
        records,
        salts={group: _hex(raw[group], SALT_BYTES) for group in _SALTED},
        digests={group: _hex(_group_hashes(records, group, raw[group]), HASH_BYTES) for group in _SALTED},
    )


def recompute(records: pa.RecordBatch) -> Digested:
    """Digests and hashes as the stored fields and salts give them.

    They equal the stored ones if nothing was changed. The digest of an erased group, whose salt is gone, is
    taken as it is stored.

    Args:
        records: columns of the schema, read back.

    Raises:
        ValueError: a map has the same key twice.
    """
    salts, digests = _by_group(records["salts"]), _by_group(records["digests"])
    for group in _SALTED:
        computed = _hex(_group_hashes(records, group, _unhex(salts[group])), HASH_BYTES)
        erased: Any = pc.if_else(salts[group].is_null(), digests[group], computed)
        digests[group] = erased
    return _hashed(records, salts, digests)


def record_hashes(records: pa.RecordBatch) -> Array:
    """Record hashes over the meta fields and the digests that the records carry.

    Returns:
        fixed_size_binary(32), one a record.

    Raises:
        ValueError: a map has the same key twice.
    """
    return _hashes(_objects(part, _IN_RECORD_HASH) for part in parts_by_stream(records))


def content_tags(records: pa.RecordBatch) -> Array:
    """Tags that are equal for two deliveries of the same record, rule 8.

    Returns:
        fixed_size_binary(32), one a record.

    Raises:
        ValueError: a map has the same key twice.
    """
    plain = _with_column(records, "attributes", without_own_notes(records["attributes"]))
    return _hashes(_objects(part, _IN_CONTENT_TAG) for part in parts_by_stream(plain))


def group_json(records: pa.RecordBatch, group: Group) -> Array:
    """The canonical text of a group, without its salt.

    Returns:
        String array, one object a record, ``{}`` for an empty one.

    Raises:
        ValueError: a map has the same key twice.
    """
    texts: Array = pa.concat_arrays([_objects(part, _NAMES[group]) for part in parts_by_stream(records)])
    return texts


def _hashed(records: pa.RecordBatch, salts: dict[Group, Array], digests: dict[Group, Array]) -> Digested:
    names = [group.value for group in _SALTED]
    for column, children in (("salts", salts), ("digests", digests)):
        struct = pa.StructArray.from_arrays([children[group] for group in _SALTED], names)
        records = _with_column(records, column, struct)
    return Digested(records, record_hashes(records))


def _group_hashes(records: pa.RecordBatch, group: Group, salts: bytes) -> bytes:
    """SHA-256 of salt and canonical group, 32 bytes a record; a salt has 16."""
    hashes: list[bytes] = []
    start = 0
    for part in parts_by_stream(records):
        end = start + part.num_rows * SALT_BYTES
        # Salts are no UTF-8, but they only pass through a join of bytes on their way to the hash.
        before = every_so_many(SALT_BYTES, salts[start:end])
        hashes += _sha256(_objects(part, _NAMES[group], before=[before]))
        start = end
    return b"".join(hashes)


def _objects(records: pa.RecordBatch, names: Iterable[str], before: Sequence[Piece] = ()) -> Array:
    """One object a record, of the fields named, in the order given; ``{}`` where it is empty."""
    rows = records.num_rows
    text = json_object((name, _field_text(records, name)) for name in names)
    if text is None:
        text = JsonText(["{}"])
    elif text.validity is not None:
        text = JsonText([joined(text, rows).fill_null("{}")])
    return joined(text, rows, before=before)


def _field_text(records: pa.RecordBatch, name: str) -> JsonText | None:
    if name in EXACT_TIMES:
        return json_time(_agreed_time(records[name], records[EXACT_TIMES[name]]))
    return json_text(records[name])


def _agreed_time(micros: Array, nanos: Array) -> Array:
    """The nanoseconds; null where they are not the instant that the microseconds tell."""
    coarse = micros.cast(pa.int64()).fill_null(0).to_numpy()
    agreed = nanos.fill_null(0).to_numpy() // 1000 == coarse
    if not micros.null_count and not nanos.null_count and agreed.all():
        return nanos
    no_time: Any = pa.scalar(None, pa.int64())
    return cast("Array", pc.if_else(pa.array(agreed & is_valid(micros)), nanos, no_time))


def _sha256(texts: Array) -> list[bytes]:
    if not len(texts):
        return []
    sha256, text, bounds = hashlib.sha256, data(texts), offsets(texts)
    return [sha256(text[start:end]).digest() for start, end in pairwise((bounds - bounds[0]).tolist())]


def _hashes(texts: Iterable[Array]) -> Array:
    """SHA-256 of each text, fixed_size_binary(32)."""
    hashes = [each for part in texts for each in _sha256(part)]
    buffers = [None, pa.py_buffer(b"".join(hashes))]
    array: Array = pa.Array.from_buffers(pa.binary(HASH_BYTES), len(hashes), buffers)
    return array


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


def _with_column(records: pa.RecordBatch, name: str, column: Array) -> pa.RecordBatch:
    index = records.schema.get_field_index(name)
    return records.set_column(index, records.schema.field(index), column)
