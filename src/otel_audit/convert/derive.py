"""What follows from what the rooms read: model, target, request id."""

from __future__ import annotations

from typing import Final

from opentelemetry.semconv.attributes import http_attributes

from otel_audit.convert import notes
from otel_audit.convert.columns import Row
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.options import ModelEndpoint
from otel_audit.convert.rest import MAX_EXACT
from otel_audit.convert.rpc import is_safe_name
from otel_audit.convert.sorter import Sorted, header_values
from otel_audit.convert.values import unused_key

__all__ = ["REQUEST_ID", "fill_call", "fill_endpoint", "fill_request_id", "fill_target"]

REQUEST_ID: Final = "x-request-id"

_TRANSPORT: Final = (
    ("method", http_attributes.HTTP_REQUEST_METHOD),
    ("returnCode", http_attributes.HTTP_RESPONSE_STATUS_CODE),
)


def fill_call(found: Sorted, call: InferenceCall, oddities: list[str]) -> None:
    """Fills what an inference dialect read; what a leaf cannot hold safely becomes an attribute.

    Args:
        found: the span's sorted attributes; ``row`` is filled.
        call: what the dialect read.
        oddities: takes notes.
    """
    row = found.row
    for child, value in call.model_info.items():
        if type(value) is int and not -MAX_EXACT <= value <= MAX_EXACT:
            found.rest[unused_key(found.rest, f"modelInfo.{child}", oddities)] = value
        else:
            row[f"modelInfo.{child}"] = value
    row["modelInfo.operation"] = call.operation
    if call.request is not None:
        row["request"] = call.request
    if call.response is not None:
        row["response"] = call.response
    if call.session:
        row.setdefault("session", call.session)
    if call.protocol:
        _fill_protocol(found, call, oddities)


def _fill_protocol(found: Sorted, call: InferenceCall, oddities: list[str]) -> None:
    row, rest = found.row, found.rest
    row["protocol"] = call.protocol
    # What HTTP says on the same span is about the transport.
    for leaf, name in _TRANSPORT:
        if leaf in row:
            rest[unused_key(rest, name, oddities)] = row.pop(leaf)  # type: ignore[assignment]
    if call.method and is_safe_name(call.method):
        row["method"] = call.method
    elif call.method:
        oddities.append(notes.NAME_UNSAFE)
        rest[unused_key(rest, f"{call.protocol}.method", oddities)] = call.method
    code = call.return_code
    if code is not None and -(2**31) <= code < 2**31:
        row["returnCode"] = code
    elif code is not None:
        rest[unused_key(rest, f"{call.protocol}.return_code", oddities)] = code


def fill_endpoint(row: Row, endpoint: ModelEndpoint) -> None:
    """Fills ``modelInfo`` of an HTTP span whose route is a model."""
    row["modelInfo.modelName"] = endpoint.name
    row["modelInfo.modelVersion"] = endpoint.version
    row["modelInfo.endpointPath"] = endpoint.pattern
    row["modelInfo.operation"] = "predict"


def fill_target(row: Row, call: InferenceCall | None) -> None:
    """Fills what was acted on: what the dialect named, else model, route or RPC method."""
    if call is not None and call.target is not None:
        row["target.type"], row["target.id"] = call.target
    elif model := row.get("modelInfo.modelName"):
        row["target.type"], row["target.id"] = "model", model
    elif route := row.get("route"):
        row["target.type"], row["target.id"] = "route", route
    elif row.get("rpc.service") and row.get("rpc.method"):
        row["target.type"], row["target.id"] = "rpc", f"{row['rpc.service']}/{row['rpc.method']}"


def fill_request_id(row: Row) -> None:
    """Fills the request id: from the header of the request, else of the response, else of the model."""
    for leaf in ("requestHeaders", "responseHeaders"):
        headers = row.get(leaf)
        if headers is not None and REQUEST_ID in headers[0]:  # type: ignore[index]
            values = header_values(headers, REQUEST_ID)
            if values and values[0]:
                row["requestId"] = values[0]
                return
    response_id = row.get("modelInfo.responseId")
    if response_id is not None:
        row["requestId"] = response_id
