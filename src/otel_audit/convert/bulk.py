"""Many ordinary spans of one shape at once: columns straight from their attributes, without a row for each.

Ordinary is most traffic: an HTTP span of the conventions in force, or an inference span, without events, of
a known shape, with values of the expected types. What makes a span not ordinary sends it the way of
:mod:`~otel_audit.convert.rows`, which defines the result: both ways give the same record for the same span,
and a test holds them to it. Every check below asks whether the row would need more than a plain copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeAlias

import pyarrow as pa
from opentelemetry.semconv._incubating.attributes import client_attributes

from otel_audit.convert.bulk_plan import BulkPlan
from otel_audit.convert.columns import Column, Row, array_of
from otel_audit.convert.derive import REQUEST_ID
from otel_audit.convert.http import PLAIN_METHODS
from otel_audit.convert.identity import MAX_IDENTITY
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.rest import MAX_EXACT, encode_object
from otel_audit.convert.sorter import Shape
from otel_audit.convert.spans import SpanData
from otel_audit.convert.url import address_type, split_host
from otel_audit.record.ids import span_record_ids

__all__ = ["BulkPart", "convert_bulk"]

_CLIENT: Final = client_attributes.CLIENT_ADDRESS

_SCHEMES: Final = frozenset({"http", "https"})

_INTEGERS: Final = frozenset({int})

_ONE_TEXT: Final = frozenset({str, int, bool, bytes, type(None)})
"""Types of which equal values have equal JSON; 0.0 and -0.0 have not."""

_Columns: TypeAlias = "dict[str, Any]"
"""Leaf → list of values, or array."""

_ERROR: Final = 2
_OUTCOMES: Final = {0: None, 1: "success", 2: "failure"}
"""By span status; an unset one says nothing."""

_COUNTS: Final = frozenset({"inputTokens", "outputTokens", "cacheReadTokens", "reasoningTokens"})


class Irregular(Exception):
    """The spans hold something that needs rows."""


class BulkPart:
    """Records given as columns.

    Args:
        columns: leaf → one value a record, or an array.
        common: leaves that all of them have.
        count: how many there are.
    """

    def __init__(self, columns: _Columns, common: Row, count: int) -> None:
        self._columns, self._common, self._count = columns, common, count

    def __len__(self) -> int:
        return self._count

    def has(self, leaf: str) -> bool:
        return leaf in self._columns or leaf in self._common

    def column(self, leaf: str, kind: Any) -> Column:
        values = self._columns.get(leaf)
        if values is None:
            return pa.repeat(pa.scalar(self._common[leaf], kind), self._count)
        return array_of(values, kind) if isinstance(values, list) else values


def convert_bulk(
    plan: BulkPlan,
    spans: Sequence[SpanData],
    calls: Sequence[InferenceCall] | None,
    common: Row,
    tenant: str,
) -> BulkPart:
    """Converts ordinary spans of one shape and one resource.

    Args:
        plan: of their shape.
        spans: their attributes are read and left as they are.
        calls: what the inference dialects made of each; ``None`` for HTTP spans.
        common: leaves that all of them have, among them ``service.name``.
        tenant: for record ids.

    Raises:
        Irregular: a value needs a row.
        Exception: whatever a value of an unexpected type leads to; the caller then makes rows.
    """
    attributes = [span.attributes for span in spans]
    columns: _Columns = {}
    common = dict(common)
    _read_direct(plan.shape, attributes, columns)
    _read_headers(plan.shape, attributes, columns, common)
    if plan.user is not None:
        ids = _texts([one[plan.user] for one in attributes])
        if max(map(len, ids)) > MAX_IDENTITY:
            raise Irregular
        columns["user.id"] = ids
        common |= {"user.type": "user", "user.origin": plan.user, "user.assurance": "asserted"}
    if plan.source:
        addresses = [one[_CLIENT] for one in attributes]
        kinds = [address_type(address) for address in addresses]  # type: ignore[arg-type]
        if None in kinds:
            raise Irregular
        columns["source.id"], columns["source.type"] = addresses, kinds
    if plan.rest:
        columns["attributes"] = _encode_rest(plan.rest, attributes)
    if calls is None:
        _judge_http(spans, columns, common)
    else:
        _read_calls(calls, columns, common)
        _judge_calls(spans, columns)
    _read_spans(spans, columns, tenant, str(common.get("service.name") or ""))
    return BulkPart(columns, common, len(spans))


def _texts(values: list[Any]) -> list[Any]:
    """Returns values that are all texts and not empty; joining them is the cheapest proof."""
    "".join(values)
    if not all(values):
        raise Irregular
    return values


def _read_direct(shape: Shape, attributes: list[Any], columns: _Columns) -> None:
    limits = dict(shape.limits)
    for position, leaf in enumerate(shape.leaves):
        name = shape.direct[position]
        values = [one[name] for one in attributes]
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


def _read_headers(shape: Shape, attributes: list[Any], columns: _Columns, common: Row) -> None:
    first = len(shape.leaves)
    for leaf, headers in (
        ("requestHeaders", shape.request_headers),
        ("responseHeaders", shape.response_headers),
    ):
        if not headers:
            continue
        columns_of_headers = []
        for name in shape.direct[first : first + len(headers)]:
            values = [one[name] for one in attributes]
            texts = [value[0] for value in values]
            if sum(map(len, values)) != len(values):
                raise Irregular
            "".join(texts)
            columns_of_headers.append(texts)
        columns[leaf] = _map_array(headers, columns_of_headers, len(attributes))
        if REQUEST_ID in headers and "requestId" not in columns:
            columns["requestId"] = _texts(columns_of_headers[headers.index(REQUEST_ID)])
        first += len(headers)


def _map_array(names: tuple[str, ...], texts: list[list[str]], count: int) -> Column:
    width = len(names)
    capacity = 1 << (count - 1).bit_length()
    frame = _map_frame if width * capacity <= _READY_ITEMS else _map_frame.__wrapped__
    keys, row_offsets, item_offsets = frame(names, capacity)
    values = pa.array(list(chain.from_iterable(zip(*texts, strict=True))), pa.string())
    return pa.MapArray.from_arrays(
        row_offsets[: count + 1],
        keys[: count * width],
        pa.ListArray.from_arrays(item_offsets[: count * width + 1], values),
    )


_READY_ITEMS: Final = 32_768
"""Headers of a batch for which keys and offsets are kept ready: less than a megabyte for a shape."""


@lru_cache(maxsize=16)
def _map_frame(names: tuple[str, ...], capacity: int) -> tuple[Any, Any, Any]:
    """Returns keys and offsets of a map column whose rows have these keys, with one value each."""
    width = len(names)
    return (
        pa.array(list(names) * capacity, pa.string()),
        pa.array(range(0, capacity * width + 1, width), pa.int32()),
        pa.array(range(capacity * width + 1), pa.int32()),
    )


def _encode_rest(names: tuple[str, ...], attributes: list[Any]) -> list[str]:
    oddities: list[str] = []
    values = [[one[name] for one in attributes] for name in names]
    kinds = [set(map(type, column)) for column in values]
    if all(len(kind) == 1 and kind <= _ONE_TEXT for kind in kinds):
        rows = list(zip(*values, strict=True))
        texts = {row: encode_object(dict(zip(names, row, strict=True)), oddities) for row in set(rows)}
        encoded = [texts[row] for row in rows]
    else:
        encoded = [encode_object({name: one[name] for name in names}, oddities) for one in attributes]
    if oddities:
        raise Irregular
    return encoded


def _judge_http(spans: Sequence[SpanData], columns: _Columns, common: Row) -> None:
    codes: Any = columns["returnCode"]
    columns["outcome"] = [
        "success" if 100 <= code < 400 and span.status != _ERROR else "failure"
        for code, span in zip(codes, spans, strict=True)
    ]
    if min(codes) < 100:
        raise Irregular
    if "method" in columns:
        columns["action"] = columns["method"]
    if "route" in columns:
        columns["target.id"] = columns["route"]
        common["target.type"] = "route"


def _read_calls(calls: Sequence[InferenceCall], columns: _Columns, common: Row) -> None:
    infos: list[dict[str, Any]] = [call.model_info for call in calls]
    for child in set().union(*infos):
        values = [info.get(child) for info in infos]
        columns[f"modelInfo.{child}"] = values
        if child in _COUNTS and any(
            value is not None and not -MAX_EXACT <= value <= MAX_EXACT for value in values
        ):
            raise Irregular
    for call in calls:
        if call.users or call.session or call.protocol or call.target is None:
            raise Irregular
    columns["target.type"] = [call.target[0] for call in calls]  # type: ignore[index]  # checked above
    columns["target.id"] = [call.target[1] for call in calls]  # type: ignore[index]
    requests, responses = [call.request for call in calls], [call.response for call in calls]
    columns["request"], columns["response"] = requests, responses
    columns["capture.state"] = [
        "none" if request is None and response is None else "complete"
        for request, response in zip(requests, responses, strict=True)
    ]
    if "requestId" not in columns and "modelInfo.responseId" in columns:
        columns["requestId"] = columns["modelInfo.responseId"]
    common["modelInfo.operation"] = calls[0].operation
    common["action"] = "EXECUTE"


def _judge_calls(spans: Sequence[SpanData], columns: _Columns) -> None:
    unset = "failure" if "errorCode" in columns else "success"
    outcomes = [_OUTCOMES[span.status] or unset for span in spans]
    reasons = columns.get("modelInfo.finishReasons")
    if reasons is not None and ["error"] in reasons:
        raise Irregular
    columns["outcome"] = outcomes


def _read_spans(spans: Sequence[SpanData], columns: _Columns, tenant: str, service_name: str) -> None:
    columns["spanName"] = [span.name or None for span in spans]
    columns["sampled"] = [span.sampled for span in spans]
    columns["timeUnixNano"] = [span.start_unix_nano for span in spans]
    columns["durationNs"] = [span.end_unix_nano - span.start_unix_nano for span in spans]
    columns["traceId"] = [span.trace_id for span in spans]
    columns["spanId"] = [span.span_id for span in spans]
    columns["parentSpanId"] = [span.parent_span_id or None for span in spans]
    columns["errorMessage"] = [span.status_message or None for span in spans]
    columns["recordId"] = span_record_ids(
        tenant,
        [(span.trace_id, span.span_id, span.kind, span.start_unix_nano) for span in spans],
        service_name,
    )
