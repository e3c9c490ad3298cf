"""Many ordinary spans of one shape at once: columns straight from their attributes, without a row for each.

Ordinary is most traffic: an HTTP span of the conventions in force, or an inference span, without events, of
a known shape, with values of the expected types. What makes a span not ordinary sends it the way of
:mod:`~otel_audit.convert.rows`, which defines the result: both ways give the same record for the same span,
and a test holds them to it. Every check below asks whether the row would need more than a plain copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import sub
from typing import Any, Final, TypeAlias

import pyarrow as pa
from opentelemetry.semconv._incubating.attributes import client_attributes

from otel_audit.convert.arrays import Column, array_of, header_array
from otel_audit.convert.bulk_calls import CallColumns, Irregular
from otel_audit.convert.bulk_plan import BulkPlan
from otel_audit.convert.columns import LEAF_TYPES, Row, repeated
from otel_audit.convert.derive import REQUEST_ID
from otel_audit.convert.http import PLAIN_METHODS
from otel_audit.convert.identity import MAX_IDENTITY
from otel_audit.convert.rest import encode_object
from otel_audit.convert.sorter import Shape
from otel_audit.convert.span_columns import SpanColumns
from otel_audit.convert.url import address_type, split_host
from otel_audit.record.id_columns import span_record_ids

__all__ = ["AttributeColumns", "BulkPart", "convert_bulk"]

_CLIENT: Final = client_attributes.CLIENT_ADDRESS

_SCHEMES: Final = frozenset({"http", "https"})

_INTEGERS: Final = frozenset({int})

_ONE_TEXT: Final = frozenset({str, int, bool, bytes, type(None)})
"""Types of which equal values have equal JSON; 0.0 and -0.0 have not."""

AttributeColumns: TypeAlias = "Mapping[str, Sequence[Any]]"
"""Name of an attribute → its value in each span."""

_Columns: TypeAlias = "dict[str, Any]"
"""Leaf → values, or array."""

_ERROR: Final = 2
_OUTCOMES: Final = {0: None, 1: "success", 2: "failure"}
"""By span status; an unset one says nothing."""

_ARRAYS: Final = frozenset({list, tuple})


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
    columns: _Columns = {}
    common = dict(common)
    _read_direct(plan.shape, attributes, columns)
    _read_headers(plan.shape, attributes, columns)
    if plan.user is not None:
        ids = _texts(attributes[plan.user])
        if max(map(len, ids)) > MAX_IDENTITY:
            raise Irregular
        columns["user.id"] = ids
        common |= {"user.type": "user", "user.origin": plan.user, "user.assurance": "asserted"}
    if plan.source:
        addresses = _texts(attributes[_CLIENT])
        kinds = [address_type(address) for address in addresses]
        if None in kinds:
            raise Irregular
        columns["source.id"], columns["source.type"] = addresses, kinds
    if plan.rest:
        columns["attributes"] = _encode_rest(plan.rest, attributes)
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


def _texts(values: Sequence[Any]) -> Sequence[Any]:
    """Returns values that are all texts and not empty; joining them is the cheapest proof."""
    "".join(values)
    if not all(values):
        raise Irregular
    return values


def _read_direct(shape: Shape, attributes: AttributeColumns, columns: _Columns) -> None:
    limits = dict(shape.limits)
    for position, leaf in enumerate(shape.leaves):
        name = shape.direct[position]
        values = attributes[name]
        if position in limits:
            if set(map(type, values)) != _INTEGERS or min(values) < 0 or max(values) > limits[position]:
                raise Irregular
        else:
            _texts(values)
        columns[leaf] = values
    for leaf, plain in (("method", PLAIN_METHODS), ("scheme", _SCHEMES)):
        if leaf in columns and not plain.issuperset(columns[leaf]):
            raise Irregular
    if ":" in "".join(columns.get("server.address", ())):
        hosts = [split_host(address) for address in columns["server.address"]]
        columns["server.address"] = [host for host, _ in hosts]
        if "server.port" not in columns:
            columns["server.port"] = [port for _, port in hosts]
    if any(query[0] == "?" for query in columns.get("requestQuery", ())):
        raise Irregular


def _read_headers(shape: Shape, attributes: AttributeColumns, columns: _Columns) -> None:
    first = len(shape.leaves)
    for leaf, headers in (
        ("requestHeaders", shape.request_headers),
        ("responseHeaders", shape.response_headers),
    ):
        if not headers:
            continue
        columns_of_headers = []
        for name in shape.direct[first : first + len(headers)]:
            values = attributes[name]
            if not _ARRAYS.issuperset(map(type, values)):
                raise Irregular
            texts = [text for (text,) in values]
            "".join(texts)
            columns_of_headers.append(texts)
        columns[leaf] = header_array(headers, columns_of_headers)
        if REQUEST_ID in headers and "requestId" not in columns:
            columns["requestId"] = _texts(columns_of_headers[headers.index(REQUEST_ID)])
        first += len(headers)


def _encode_rest(names: tuple[str, ...], attributes: AttributeColumns) -> list[str]:
    oddities: list[str] = []
    values = [attributes[name] for name in names]
    rows = list(zip(*values, strict=True))
    if all(len(kind) == 1 and kind <= _ONE_TEXT for kind in (set(map(type, column)) for column in values)):
        texts = {row: encode_object(dict(zip(names, row, strict=True)), oddities) for row in set(rows)}
        encoded = [texts[row] for row in rows]
    else:
        encoded = [encode_object(dict(zip(names, row, strict=True)), oddities) for row in rows]
    if oddities:
        raise Irregular
    return encoded


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
