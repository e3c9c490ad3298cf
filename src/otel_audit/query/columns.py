"""Columns of the record by name, children of structs by dotted name, and the schema that they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa

from otel_audit.record.schema import SCHEMA

EVERY_COLUMN: Final[tuple[str, ...]] = tuple(SCHEMA.names)


def projection(columns: Iterable[str]) -> pa.Schema:
    """The part of the record's schema that holds these columns, in table order.

    Args:
        columns: ``action``, or ``user.id`` for one child of a struct.

    Raises:
        KeyError: there is no such column.
    """
    wanted: dict[str, set[str] | None] = {}
    for column in columns:
        name, _, child = column.partition(".")
        children = wanted.setdefault(name, set())
        if not child:
            wanted[name] = None
        elif children is not None:
            children.add(child)
    for name, children in wanted.items():
        kind = SCHEMA.field(name).type
        if children and (unknown := children - {field.name for field in kind}):
            raise KeyError(f"{name} has no {', '.join(sorted(unknown))}")
    return pa.schema([_part(field, wanted[field.name]) for field in SCHEMA if field.name in wanted])


def _part(field: pa.Field[Any], children: set[str] | None) -> pa.Field[Any]:
    if children is None:
        return field
    return pa.field(field.name, pa.struct([child for child in field.type if child.name in children]))
