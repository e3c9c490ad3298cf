"""What somebody unknown delivers proves nothing: whoever a sink's peer may be, it can have written any user.

RECORD, ``sender``: where a sender proved nothing (``method`` none), every assurance is ``claimed``.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.schema import SCHEMA

__all__ = ["doubt_unknown_senders"]

_SENDER: Final = SCHEMA.get_field_index("sender")
_USER: Final = SCHEMA.get_field_index("user")
_BETTER: Final = pa.array(["verified", "asserted"])


def doubt_unknown_senders(records: pa.RecordBatch) -> pa.RecordBatch:
    """Makes a claim of what a record says of its user, where its sender proved nothing.

    Args:
        records: of the record's schema, before masking.
    """
    senders = records.column(_SENDER)
    if senders.null_count == len(senders):
        return records
    users = records.column(_USER)
    assurance = pc.struct_field(users, "assurance")
    is_doubted = pc.and_kleene(
        pc.equal(pc.struct_field(senders, "method"), pa.scalar("none")),
        pc.is_in(assurance, value_set=_BETTER),
    )
    doubted = pc.if_else(pc.fill_null(is_doubted, pa.scalar(False)), pa.scalar("claimed"), assurance)
    children = [
        doubted if field.name == "assurance" else pc.struct_field(users, field.name) for field in users.type
    ]
    changed = pa.StructArray.from_arrays(children, fields=list(users.type), mask=users.is_null())
    return records.set_column(_USER, SCHEMA.field(_USER), changed)
