"""Many ordinary spans of one shape at once: columns straight from their attributes, without a row for each.

Ordinary is most traffic: an HTTP span of either conventions, or an inference span, without events, of a known
shape, with values of the expected types. What makes a span not ordinary sends it the way of
:mod:`~otel_audit.convert.rows`, which defines the result: both ways give the same record for the same span,
and a test holds them to it. Every check below asks whether the row would need more than a plain copy.
"""

from __future__ import annotations

from operator import sub
from typing import Any, Final, TypeAlias

import pyarrow as pa

from otel_audit.convert.arrays import Column, array_of
from otel_audit.convert.bulk_attributes import encode_rest, read_user, sort_columns
from otel_audit.convert.bulk_calls import CallColumns
from otel_audit.convert.bulk_columns import AttributeColumns, Irregular
from otel_audit.convert.bulk_http import complete_http_columns
from otel_audit.convert.bulk_plan import BulkPlan
from otel_audit.convert.bulk_source import complete_source_columns
from otel_audit.convert.columns import LEAF_TYPES, Row, repeated
from otel_audit.convert.span_columns import SpanColumns
from otel_audit.record.id_columns import span_record_ids

__all__ = ["BulkPart", "convert_bulk"]

_Columns: TypeAlias = "dict[str, Any]"
"""Leaf → values, or array."""

_ERROR: Final = 2
_OUTCOMES: Final = {0: None, 1: "success", 2: "failure"}
"""By span status; an unset one says nothing."""


class BulkPart:
    """Records given as columns.

    Args:
        columns: leaf → an array, with one value a record.
        common: leaves that all of them have.
        count: how many there are.
    """

    def __init__(self, columns: dict[str, Column], common: Row, count: int) -> None:
        self._columns, self._common, self._count = columns, common, count

    def __len__(self) -> int:
        return self._count

    def has(self, leaf: str) -> bool:
        return leaf in self._columns or leaf in self._common

    def constant(self, leaf: str) -> object:
        return None if leaf in self._columns else self._common.get(leaf)

    def column(self, leaf: str, kind: Any) -> Column:
        values = self._columns.get(leaf)
        return repeated(self._common[leaf], kind, self._count) if values is None else values

    def with_columns(self, columns: dict[str, Column]) -> BulkPart:
        """Returns the same records with other leaves as well, or others instead."""
        return BulkPart({**self._columns, **columns}, self._common, self._count)


def convert_bulk(
    plan: BulkPlan,
    spans: SpanColumns,
    attributes: AttributeColumns,
    calls: CallColumns | None,
    common: Row,
) -> BulkPart:
    """Converts ordinary spans of one shape and one resource.

    Args:
        plan: of their shape.
        spans: their fields.
        attributes: their attributes by name, each with one value a span.
        calls: what the inference dialects made of each; ``None`` for HTTP spans.
        common: leaves that all of them have, among them ``tenant`` and ``service.name``.

    Raises:
        Irregular: a value needs a row.
        Exception: whatever a value of an unexpected type leads to; the caller then makes rows.
    """
    common = dict(common)
    found = sort_columns(plan, attributes)
    columns = found.columns
    kind = spans.kind[0]
    complete_http_columns(found, kind)
    complete_source_columns(found, kind)
    read_user(plan, attributes, columns, common)
    rest = {**found.rest, **found.held}
    if rest:
        columns["attributes"] = encode_rest(rest)
    if calls is None:
        _judge_http(spans, columns, common)
    else:
        columns |= calls.columns
        common |= calls.common
        if "requestId" not in columns and "modelInfo.responseId" in columns:
            columns["requestId"] = columns["modelInfo.responseId"]
        _judge_calls(spans, columns)
    _read_spans(spans, columns, str(common["tenant"]), str(common.get("service.name") or ""))
    arrays = {
        leaf: values if isinstance(values, pa.Array) else array_of(values, LEAF_TYPES[leaf])
        for leaf, values in columns.items()
    }
    return BulkPart(arrays, common, len(spans.name))


def _judge_http(spans: SpanColumns, columns: _Columns, common: Row) -> None:
    codes: Any = columns["returnCode"]
    columns["outcome"] = [
        "success" if 100 <= code < 400 and status != _ERROR else "failure"
        for code, status in zip(codes, spans.status, strict=True)
    ]
    if min(codes) < 100:
        raise Irregular
    if "method" in columns:
        columns["action"] = columns["method"]
    if "route" in columns:
        columns["target.id"] = columns["route"]
        common["target.type"] = "route"


def _judge_calls(spans: SpanColumns, columns: _Columns) -> None:
    unset = "failure" if "errorCode" in columns else "success"
    reasons = columns.get("modelInfo.finishReasons")
    if reasons is not None and ["error"] in reasons:
        raise Irregular
    columns["outcome"] = [_OUTCOMES[status] or unset for status in spans.status]


def _read_spans(spans: SpanColumns, columns: _Columns, tenant: str, service_name: str) -> None:
    for leaf, values in (
        ("spanName", spans.name),
        ("parentSpanId", spans.parent_span_id),
        ("errorMessage", spans.status_message),
    ):
        if all(values):
            columns[leaf] = values
        elif any(values):
            columns[leaf] = [value or None for value in values]
    columns["sampled"] = spans.sampled
    columns["timeUnixNano"] = spans.start_unix_nano
    columns["durationNs"] = [*map(sub, spans.end_unix_nano, spans.start_unix_nano)]
    columns["traceId"] = spans.trace_id
    columns["spanId"] = spans.span_id
    columns["recordId"] = span_record_ids(
        tenant,
        zip(spans.trace_id, spans.span_id, spans.kind, spans.start_unix_nano, strict=True),
        service_name,
    )
