"""One span or log event becomes one row, room by room.

The order decides who wins: what the application says under ``audit.*`` comes first, then what the protocols
say, then what follows from both.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.semconv._incubating.attributes.event_attributes import EVENT_NAME

from otel_audit.convert import notes
from otel_audit.convert.audit import RECORD_ID, complete_audit, is_safe_event_name
from otel_audit.convert.bodies import complete_bodies
from otel_audit.convert.columns import Row
from otel_audit.convert.content import strip_content
from otel_audit.convert.endpoints import RouteTable
from otel_audit.convert.envelope import (
    fill_ids,
    fill_log_time,
    fill_span_parts,
    fill_span_times,
    is_out_of_bounds,
)
from otel_audit.convert.http import complete_http
from otel_audit.convert.identity import complete_identity
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.options import ConvertOptions, ModelEndpoint
from otel_audit.convert.outcome import complete_outcome
from otel_audit.convert.resources import ResourceFields
from otel_audit.convert.rest import MAX_EXACT, encode_value, finish_attributes
from otel_audit.convert.rpc import complete_rpc
from otel_audit.convert.select import PLATFORM, Family, carries_audit, choose_stream, family_of
from otel_audit.convert.sorter import Room, Sorted, sort_attributes
from otel_audit.convert.source import complete_source, parse_networks
from otel_audit.convert.spans import Attributes, LogData, SpanData
from otel_audit.record.ids import given_record_id, log_record_id, span_record_id
from otel_audit.record.schema import SCHEMA_VERSION

__all__ = ["BROKEN_EVENT", "LOG_BODY", "RowBuilder"]

LOG_BODY: Final = "log.body"
"""Attribute that keeps the body of a log event, for which the record has no field."""

_USUAL: Final = frozenset({Family.HTTP, Family.INFERENCE, Family.TOOL, Family.RPC})

_REQUEST_ID: Final = "x-request-id"

_CONTENT: Final = ("request", "response", "requestBase64", "responseBase64")

_UNNAMED_EVENT: Final = "audit.event"
"""``eventName`` of what carries ``audit.*`` and no name that may be shown."""

BROKEN_EVENT: Final = "audit.unreadable"
"""``eventName`` of a span or log event that could not be converted."""


class RowBuilder:
    """Builds rows under one set of options; without state between calls, so threads may share it."""

    def __init__(self, options: ConvertOptions) -> None:
        self._options = options
        self._trusted = parse_networks(options.identity.trusted_proxies)
        self._models: RouteTable[ModelEndpoint] = RouteTable(
            [(endpoint.pattern, endpoint) for endpoint in options.models]
        )
        self._actions = RouteTable([(route, verb.upper()) for route, verb in options.route_actions])

    def span_row(
        self, span: SpanData, call: InferenceCall | None, shared: ResourceFields, observed: int
    ) -> Row | None:
        """Returns the row of a span, ``None`` where it becomes no record.

        Args:
            span: its attributes are used up.
            call: what the inference dialects took out of it.
            shared: what its resource and scope give every record.
            observed: when it was seen, nanoseconds since the epoch.
        """
        family = family_of(span.kind, span.attributes, call)
        if family not in _USUAL and not self._wants(family, span.attributes):
            return None
        oddities = span.oddities
        found = sort_attributes(span.attributes, oddities)
        stream = self._interpret(found, family, span.kind, call, oddities)
        if stream is None:
            return None
        row = found.row
        if self._drops_content(row, stream):
            _drop_content(found, [event.attributes for event in span.events], oddities)
        complete_outcome(row, span)
        fill_span_times(row, span, observed)
        fill_span_parts(row, span)
        ids = (("traceId", span.trace_id), ("spanId", span.span_id), ("parentSpanId", span.parent_span_id))
        fill_ids(row, found.rest, ids, oddities, required=True)
        row["recordId"] = self._given_id(found) or span_record_id(
            self._options.tenant,
            span.trace_id,
            span.span_id,
            span.kind,
            span.start_unix_nano,
            shared.service_name,
        )
        self._finish(found, stream, shared, oddities)
        return row

    def log_row(
        self, log: LogData, call: InferenceCall | None, shared: ResourceFields, observed: int
    ) -> Row | None:
        """Returns the row of a log event that joined no span, ``None`` where it becomes no record.

        Log events are records when they carry ``audit.*`` or when a dialect reads them.
        """
        if call is None and not carries_audit(log.attributes):
            return None
        oddities = log.oddities
        record_id = log_record_id(
            self._options.tenant,
            log.trace_id,
            log.span_id,
            log.time_unix_nano,
            shared.service_name,
            log.name,
            encode_value({"attributes": log.attributes, "body": log.body}, []).encode(),
        )
        if call is None and log.body is not None:
            log.attributes.setdefault(LOG_BODY, log.body)
        family = family_of("", log.attributes, call)
        found = sort_attributes(log.attributes, oddities)
        stream = self._interpret(found, family, "", call, oddities)
        if stream is None:
            return None
        row = found.row
        if call is None:
            if is_safe_event_name(log.name):
                row["eventName"] = log.name
            elif log.name:
                found.rest.setdefault(EVENT_NAME, log.name)
                oddities.append(notes.NAME_UNSAFE)
        if self._drops_content(row, stream):
            _drop_content(found, [], oddities)
        row.setdefault("outcome", "failure" if "errorCode" in row else "unknown")
        fill_log_time(row, log.time_unix_nano, log.observed_unix_nano, observed, oddities)
        fill_ids(
            row, found.rest, (("traceId", log.trace_id), ("spanId", log.span_id)), oddities, required=False
        )
        row["recordId"] = self._given_id(found) or record_id
        if log.dropped_attributes:
            row["droppedAttributes"] = min(max(log.dropped_attributes, 0), 2**31 - 1)
        self._finish(found, stream, shared, oddities)
        return row

    def _wants(self, family: Family, attributes: Attributes) -> bool:
        """Whether a span outside the usual families becomes a record; asked before any work is done on it."""
        return choose_stream(family, self._options, carries_audit=carries_audit(attributes)) is not None

    def _interpret(
        self, found: Sorted, family: Family, kind: str, call: InferenceCall | None, oddities: list[str]
    ) -> str | None:
        """Lets each room fill its leaves. Returns the stream, ``None`` where it becomes no record."""
        row = found.row
        audited = bool(found.rooms & Room.AUDIT)
        if audited:
            complete_audit(found, oddities)
        complete_http(found, kind, oddities)
        if family is Family.RPC or "rpc.method" in row or "rpc.service" in row:
            complete_rpc(found, oddities)
        elif "method" in row or "returnCode" in row or family is Family.HTTP:
            row["protocol"] = "http"
        complete_source(found, kind, self._trusted, oddities)
        complete_identity(found, call.users if call is not None else (), self._options.identity, oddities)
        if found.rooms & Room.BODY:
            complete_bodies(found, oddities)
        endpoint = None
        if self._models and family is Family.HTTP:
            endpoint = self._models.find(
                route=row.get("route"), path=row.get("requestPath"), host=row.get("server.address")
            )
        stream = choose_stream(
            family, self._options, carries_audit=audited, is_model_endpoint=endpoint is not None
        )
        if call is not None:
            _fill_call(row, call, oddities)
        elif endpoint is not None:
            _fill_endpoint(row, endpoint)
        row["eventName"] = _event_name(row, family, kind, call)
        self._fill_action(row, family)
        _fill_target(row, call)
        return stream

    def _fill_action(self, row: Row, family: Family) -> None:
        if "action" in row:
            return
        verb = None
        if self._actions:
            verb = self._actions.find(
                route=row.get("route"), path=row.get("requestPath"), host=row.get("server.address")
            )
        if verb is None:
            if "modelInfo.modelName" in row or "modelInfo.operation" in row:
                verb = "EXECUTE"
            elif family is Family.RPC:
                verb = "CALL"
            else:
                verb = row.get("method")  # type: ignore[assignment]  # a str
        if verb is not None:
            row["action"] = verb

    def _drops_content(self, row: Row, stream: str) -> bool:
        return self._options.content == "off" or (stream == PLATFORM and "modelInfo.operation" in row)

    def _given_id(self, found: Sorted) -> str | None:
        given = found.held.pop(RECORD_ID, None) if found.rooms & Room.AUDIT else None
        if isinstance(given, str) and given:
            return given_record_id(self._options.tenant, given)
        return None

    def _finish(self, found: Sorted, stream: str, shared: ResourceFields, oddities: list[str]) -> None:
        """Fills what every record has, and encodes what no room took."""
        row, rest = found.row, found.rest
        row["schemaVersion"] = SCHEMA_VERSION
        row["tenant"] = self._options.tenant
        row["stream"] = stream
        row["capture.state"] = "complete" if any(leaf in row for leaf in _CONTENT) else "none"
        row.update(shared.row)
        if "requestId" not in row:
            _fill_request_id(row)
        if found.held:
            rest.update(found.held)
        if shared.oddities:
            oddities += shared.oddities
        moved = self._options.bound_event_time and is_out_of_bounds(
            row["timeUnixNano"],  # type: ignore[arg-type]
            row["observedTimeUnixNano"],  # type: ignore[arg-type]
        )
        if rest or oddities or moved:
            row["attributes"] = finish_attributes(rest, oddities, partitioned_by_observed=moved)


def _fill_call(row: Row, call: InferenceCall, oddities: list[str]) -> None:
    for child, value in call.model_info.items():
        if type(value) is int and not -MAX_EXACT <= value <= MAX_EXACT:
            oddities.append(notes.NUMBER_AS_TEXT)
            continue
        row[f"modelInfo.{child}"] = value
    row["modelInfo.operation"] = call.operation
    if call.request is not None:
        row["request"] = call.request
    if call.response is not None:
        row["response"] = call.response
    if call.session:
        row.setdefault("session", call.session)
    if call.protocol:
        row["protocol"] = call.protocol
        if call.method:
            row["method"] = call.method
        if call.return_code is not None:
            row["returnCode"] = call.return_code


def _fill_endpoint(row: Row, endpoint: ModelEndpoint) -> None:
    row["modelInfo.modelName"] = endpoint.name
    row["modelInfo.modelVersion"] = endpoint.version
    row["modelInfo.endpointPath"] = endpoint.pattern
    row["modelInfo.operation"] = "predict"


def _fill_target(row: Row, call: InferenceCall | None) -> None:
    if "target.id" in row or "target.type" in row:
        return
    if call is not None and call.target is not None:
        row["target.type"], row["target.id"] = call.target
    elif model := row.get("modelInfo.modelName"):
        row["target.type"], row["target.id"] = "model", model
    elif route := row.get("route"):
        row["target.type"], row["target.id"] = "route", route
    elif row.get("rpc.service") and row.get("rpc.method"):
        row["target.type"], row["target.id"] = "rpc", f"{row['rpc.service']}/{row['rpc.method']}"


def _event_name(row: Row, family: Family, kind: str, call: InferenceCall | None) -> str:
    if call is not None:
        return f"gen_ai.{call.operation}"
    if family is Family.HTTP or family is Family.RPC:
        return f"{family.value}.{kind}"
    if family is Family.DB or family is Family.MESSAGING:
        return f"{family.value}.{kind}"
    name = f"{row.get('target.type')}.{row.get('action')}".lower()
    return name if "target.type" in row and "action" in row and is_safe_event_name(name) else _UNNAMED_EVENT


def _fill_request_id(row: Row) -> None:
    for leaf in ("requestHeaders", "responseHeaders"):
        headers = row.get(leaf)
        if headers is not None:
            values = headers.get(_REQUEST_ID)  # type: ignore[attr-defined]  # a dict of lists
            if values and values[0]:
                row["requestId"] = values[0]
                return
    if response_id := row.get("modelInfo.responseId"):
        row["requestId"] = response_id


def _drop_content(found: Sorted, others: list[Attributes], oddities: list[str]) -> None:
    """Takes messages and bodies out of the leaves, of what is left, and of events."""
    dropped = [found.row.pop(leaf) for leaf in _CONTENT if leaf in found.row]
    stripped = [strip_content(attributes) for attributes in (found.rest, found.held, *others)]
    if dropped or any(stripped):
        oddities.append(notes.CONTENT_OFF)
