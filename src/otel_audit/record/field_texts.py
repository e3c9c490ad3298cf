"""Fields of records as canonical JSON, each made once however many objects it is part of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array, is_valid
from otel_audit.record.json_columns import json_object, json_text, json_time
from otel_audit.record.json_pieces import JsonText, Piece, joined
from otel_audit.record.schema import EXACT_TIMES

__all__ = ["FieldTexts"]


class FieldTexts:
    """Texts of some records. Holds what it has made.

    Args:
        records: columns of the schema; their texts together are less than 2 GiB.
    """

    def __init__(self, records: pa.RecordBatch) -> None:
        self._rows = records.num_rows
        # Asking a batch for a column by its name costs more than most texts.
        self._columns: dict[str, Array] = dict(zip(records.schema.names, records.columns, strict=True))
        self._texts: dict[str, JsonText | None] = {}

    def objects(self, names: Iterable[str], before: Sequence[Piece] = ()) -> Array:
        """One object a record, of the fields named, in the order given; ``{}`` where it is empty.

        Args:
            names: of the fields.
            before: pieces to put in front of each object.

        Raises:
            ValueError: a map has the same key twice.
        """
        rows = self._rows
        text = json_object((name, self._text(name)) for name in names)
        if text is None:
            text = JsonText(["{}"])
        elif text.validity is not None:
            text = JsonText([joined(text, rows).fill_null("{}")])
        return joined(text, rows, before=before)

    def having(self, name: str, column: Array) -> FieldTexts:
        """The same records with another column; what was made of the others is made no more."""
        other = copy(self)
        other._columns = self._columns | {name: column}
        other._texts = {made: text for made, text in self._texts.items() if made != name}
        return other

    def _text(self, name: str) -> JsonText | None:
        if name not in self._texts:
            column = self._columns[name]
            if name in EXACT_TIMES:
                self._texts[name] = json_time(_agreed_time(column, self._columns[EXACT_TIMES[name]]))
            else:
                self._texts[name] = json_text(column)
        return self._texts[name]


def _agreed_time(micros: Array, nanos: Array) -> Array:
    """The nanoseconds; null where they are not the instant that the microseconds tell."""
    coarse = micros.cast(pa.int64()).fill_null(0).to_numpy()
    agreed = nanos.fill_null(0).to_numpy() // 1000 == coarse
    if not micros.null_count and not nanos.null_count and agreed.all():
        return nanos
    no_time: Any = pa.scalar(None, pa.int64())
    return cast("Array", pc.if_else(pa.array(agreed & is_valid(micros)), nanos, no_time))
