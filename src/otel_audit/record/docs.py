"""``docs/record.md``, made of the schema's table: ``python -m otel_audit.record.docs > docs/record.md``."""

from __future__ import annotations

import sys
from typing import Any, Final

import pyarrow as pa

from otel_audit.record.schema import FIELDS, JSON_COLUMNS, SCHEMA_MINOR_VERSION, Field

__all__ = ["record_page"]

_INTRODUCTION: Final = f"""\
# The audit record

<!-- Made of src/otel_audit/record/schema.py by `make docs`; edit that. -->

One record says who did what, to which model or endpoint, with which input, what came back, and whether it
worked. NDJSON and Parquet hold the same fields in the same order. This is schema {SCHEMA_MINOR_VERSION}.

- **Times** are UTC. In NDJSON they are RFC 3339 with nine digits and `Z`. In Parquet `timestamp` and
  `observedTimestamp` are microseconds, for engines that refuse nanoseconds, and the `…UnixNano` columns
  beside them are exact; NDJSON does not have those.
- **JSON texts** are strings in Parquet and JSON values in NDJSON:
  {", ".join(f"`{name}`" for name in JSON_COLUMNS)}.
- **Nulls** and empty lists, maps and structs are left out of NDJSON and of every hash.
- **Group** says which hash covers a field: *meta* the record hash itself; *identity* and *content* a salted
  digest each, so that they can be erased and every proof still stands; *outside* none. [format.md](format.md)
  has the rules.
- **Masking** says what is done with the text of a field: *exempt* is never looked at, since conversion makes
  it of ids, times and closed vocabularies; *policy* is written as it is unless a policy says otherwise;
  *text* is judged leaf by leaf and key by key; *json* likewise, decoded first and encoded again.
- **Source** names where a value comes from; the first that is there wins.

Within schema 1 only new columns are added, and only nullable ones. Structs are frozen, nothing is renamed:
`modelInfo.extra` takes what the GenAI conventions add meanwhile.

"""


def record_page() -> str:
    """The whole page, Markdown."""
    rows = [
        "| field | type | group | masking | meaning | source | since |",
        "|---|---|---|---|---|---|---|",
        *map(_row, FIELDS),
    ]
    nested = [part for field in FIELDS if (part := _members(field))]
    return (
        _INTRODUCTION + "\n".join(["## Fields", "", *rows, "", "## Members of structs", "", *nested]) + "\n"
    )


def _row(field: Field) -> str:
    cells = [
        f"`{field.name}`",
        _type_name(field.type),
        field.group.value,
        field.treatment.value,
        field.meaning,
        field.source,
        field.since,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"


def _members(field: Field) -> str:
    kind: Any = field.type.value_type if isinstance(field.type, pa.ListType) else field.type
    if not isinstance(kind, pa.StructType):
        return ""
    return f"- `{field.name}`: " + ", ".join(f"`{child.name}` {_type_name(child.type)}" for child in kind)


def _type_name(kind: Any) -> str:
    if isinstance(kind, pa.StructType):
        return "struct"
    if isinstance(kind, pa.MapType):
        return f"map of {_type_name(kind.key_type)} to {_type_name(kind.item_type)}"
    if isinstance(kind, pa.ListType):
        return f"list of {_type_name(kind.value_type)}"
    return "timestamp" if pa.types.is_timestamp(kind) else str(kind)


if __name__ == "__main__":
    sys.stdout.write(record_page())
