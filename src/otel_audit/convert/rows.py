"""One span or log event becomes one row, room by room.

The order decides who wins: what the application says under ``audit.*`` comes first, then what the protocols
say, then what follows from both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opentelemetry.semconv._incubating.attributes.event_attributes import EVENT_NAME

from otel_audit.convert import notes
from otel_audit.convert.audit import RECORD_ID, complete_audit, is_safe_event_name
from otel_audit.convert.bodies import complete_bodies
from otel_audit.convert.bulk import BulkPlan, plan_bulk
from otel_audit.convert.columns import Row
from otel_audit.convert.content import drop_content
from otel_audit.convert.endpoints import RouteTable
from otel_audit.convert.envelope import (
    fill_ids,
    fill_log_time,
    fill_span_parts,
    fill_span_times,
    is_out_of_bounds,
)
from otel_audit.convert.http import complete_http
from otel_audit.convert.identity import IdentityReader
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.options import ConvertOptions, ModelEndpoint
from otel_audit.convert.outcome import complete_outcome
from otel_audit.convert.resources import ResourceFields
from otel_audit.convert.rest import MAX_EXACT, finish_attributes
from otel_audit.convert.rpc import complete_rpc
from otel_audit.convert.select import PLATFORM, Family, carries_audit, choose_stream, family_of
from otel_audit.convert.sorter import Room, Sorted, header_values, shape_of, sort_attributes
from otel_audit.convert.source import complete_source, parse_networks
from otel_audit.convert.spans import Attributes, LogData, SpanData
from otel_audit.record.ids import given_record_id, span_record_id
from otel_audit.record.schema import SCHEMA_VERSION

__all__ = ["BROKEN_EVENT", "LOG_BODY", "UNNAMED_EVENT", "RowBuilder"]

LOG_BODY: Final = "log.body"
"""Attribute that keeps the body of a log event, for which the record has no field."""

_REQUEST_ID: Final = "x-request-id"

UNNAMED_EVENT: Final = "audit.event"
"""``eventName`` of what carries ``audit.*`` and no name that may be shown."""

BROKEN_EVENT: Final = "audit.unreadable"
"""``eventName`` of a span or log event that could not be converted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the names of a span's attributes alone decide; shared by all spans of one shape.

    Attributes:
        family: what kind of span it is.
        stream: where its record goes, ``None`` where it becomes none.
        audited: whether it carries ``audit.*``.
        common: leaves that all its records have.
        bulk: how many of them become columns at once, ``None`` where each needs a row.
    """

    family: Family
    stream: str | None
    audited: bool
    common: Row
    bulk: BulkPlan | None


_MAX_VERDICTS: Final = 2_048
"""Remembered at most: a sender that makes up names must not fill the memory."""


class RowBuilder:
    """Builds rows under one set of options.

    What it remembers between calls follows from options and names alone, so threads may share it.
    """

    def __init__(self, options: ConvertOptions) -> None:
        self._options = options
        self._identity = IdentityReader(options.identity)
        self._trusted = parse_networks(options.identity.trusted_proxies)
        self._models: RouteTable[ModelEndpoint] = RouteTable(
            [(endpoint.pattern, endpoint) for endpoint in options.models]
        )
        self._actions = RouteTable([(route, verb.upper()) for route, verb in options.route_actions])
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._rows_only = bool(
            options.models or options.route_actions or self._trusted or options.content == "off"
        )

    def span_row(
        self,
        span: SpanData,
        call: InferenceCall | None,
        verdict: Verdict,
        shared: ResourceFields,
        observed: int,
    ) -> Row | None:
        """Returns the row of a span, ``None`` where it is no record.

        Args:
            span: its attributes are used up.
            call: what the inference dialects took out of it.
            verdict: from :meth:`judge`.
            shared: what its resource and scope give every record.
            observed: when it was seen, nanoseconds since the epoch.
        """
        oddities = span.oddities
        found = sort_attributes(span.attributes, oddities)
        row = found.row
        stream = self._interpret(found, verdict, span.kind, call, oddities)
        if stream is None:
            return None
        if self._drops_content(row, stream):
            drop_content(found, [event.attributes for event in span.events], oddities)
        complete_outcome(row, span)
        fill_span_times(row, span, observed)
        fill_span_parts(row, span)
        fill_ids(row, found.rest, (span.trace_id, span.span_id, span.parent_span_id), oddities)
        row["recordId"] = (self._given_id(found) if verdict.audited else None) or span_record_id(
            self._options.tenant,
            trace_id=span.trace_id,
            span_id=span.span_id,
            kind=span.kind,
            start_unix_nano=span.start_unix_nano,
            service_name=shared.service_name,
        )
        self._finish(found, shared, observed, oddities)
        return row

    def log_row(
        self, log: LogData, call: InferenceCall | None, record_id: str, shared: ResourceFields, observed: int
    ) -> tuple[Row, Row] | None:
        """Returns likewise for a log event that joined no span.

        Log events are records when they carry ``audit.*`` or when a dialect reads them.

        Args:
            record_id: made before a dialect took anything out of the event.
        """
        if call is None and not carries_audit(log.attributes):
            return None
        oddities = log.oddities
        if log.body is not None:
            log.attributes.setdefault(LOG_BODY, log.body)
        verdict = self.judge("", log.attributes, call)
        found = sort_attributes(log.attributes, oddities)
        row = found.row
        stream = self._interpret(found, verdict, "", call, oddities)
        if stream is None:
            return None
        if call is None:
            if log.is_own or is_safe_event_name(log.name):
                row["eventName"] = log.name
            elif log.name:
                found.rest.setdefault(EVENT_NAME, log.name)
                oddities.append(notes.NAME_UNSAFE)
        if self._drops_content(row, stream):
            drop_content(found, [], oddities)
        row.setdefault("outcome", "failure" if "errorCode" in row else "unknown")
        fill_log_time(row, log.time_unix_nano, log.observed_unix_nano, observed, oddities)
        if log.trace_id or log.span_id:
            fill_ids(row, found.rest, (log.trace_id, log.span_id, ""), oddities)
        row["recordId"] = self._given_id(found) or record_id
        if log.dropped_attributes:
            row["droppedAttributes"] = min(max(log.dropped_attributes, 0), 2**31 - 1)
        self._finish(found, shared, observed, oddities)
        return row, verdict.common

    def may_be_record(self, verdict: Verdict) -> bool:
        """Whether spans of a verdict can become records at all; a route may still decide it."""
        return verdict.stream is not None or (bool(self._models) and verdict.family is Family.HTTP)

    def judge(self, kind: str, attributes: Attributes, call: InferenceCall | None) -> Verdict:
        """Returns what the names of a span's attributes decide, less those that ``call`` was read from."""
        key = (kind, call.operation if call is not None else None, tuple(attributes))
        try:
            return self._verdicts[key]
        except KeyError:
            pass
        family = family_of(kind, attributes, call)
        audited = carries_audit(attributes)
        stream = choose_stream(family, self._options, carries_audit=audited)
        common: Row = {
            "schemaVersion": SCHEMA_VERSION,
            "tenant": self._options.tenant,
            "stream": stream,
            "eventName": f"gen_ai.{call.operation}" if call else f"{family.value}.{kind}",
            "spanKind": kind or None,
            "capture.state": "none",
            "user.type": "unknown",
            "user.assurance": "none",
        }
        if family is Family.HTTP:
            common["protocol"] = "http"
        if family is Family.INTERNAL or family is Family.ASGI:
            common["eventName"] = UNNAMED_EVENT
        bulk = None
        if stream is not None and not (audited or self._rows_only):
            bulk = plan_bulk(shape_of(tuple(attributes)), family, kind, self._identity.claiming)
        verdict = Verdict(family, stream, audited, common, bulk)
        if len(self._verdicts) < _MAX_VERDICTS:
            self._verdicts[key] = verdict
        return verdict

    def _interpret(
        self, found: Sorted, verdict: Verdict, kind: str, call: InferenceCall | None, oddities: list[str]
    ) -> str | None:
        """Lets each room fill its leaves. Returns the stream, ``None`` where it becomes no record."""
        row, family = found.row, verdict.family
        if verdict.audited:
            complete_audit(found, oddities)
        complete_http(found, kind, oddities)
        if family is Family.RPC or "rpc.method" in row or "rpc.service" in row:
            complete_rpc(found, oddities)
        elif family is Family.HTTP or "method" in row or "returnCode" in row:
            row["protocol"] = "http"
        if found.rooms & Room.ADDRESS:
            complete_source(found, kind, self._trusted, oddities)
        self._identity.complete(found, call.users if call is not None else (), oddities)
        if found.rooms & Room.BODY:
            complete_bodies(found, oddities)
        stream = verdict.stream
        if call is not None:
            _fill_call(row, call, oddities)
        elif self._models and family is Family.HTTP:
            endpoint = self._models.find(
                route=row.get("route"), path=row.get("requestPath"), host=row.get("server.address")
            )
            if endpoint is not None:
                _fill_endpoint(row, endpoint)
                stream = choose_stream(
                    family, self._options, carries_audit=verdict.audited, is_model_endpoint=True
                )
                row["stream"] = stream
        self._fill_action(row, family, call)
        if "target.id" not in row and "target.type" not in row:
            _fill_target(row, call)
        if family is Family.INTERNAL and "target.type" in row and "action" in row:
            name = f"{row['target.type']}.{row['action']}".lower()
            if is_safe_event_name(name):
                row["eventName"] = name
        return stream

    def _fill_action(self, row: Row, family: Family, call: InferenceCall | None) -> None:
        if "action" in row:
            return
        verb: object = None
        if self._actions:
            verb = self._actions.find(
                route=row.get("route"), path=row.get("requestPath"), host=row.get("server.address")
            )
        if verb is None:
            if call is not None or "modelInfo.operation" in row:
                verb = "EXECUTE"
            else:
                verb = "CALL" if family is Family.RPC else row.get("method")
        if verb is not None:
            row["action"] = verb

    def _drops_content(self, row: Row, stream: str) -> bool:
        return self._options.content == "off" or (stream == PLATFORM and "modelInfo.operation" in row)

    def _given_id(self, found: Sorted) -> str | None:
        given = found.held.get(RECORD_ID)
        if isinstance(given, str) and given:
            del found.held[RECORD_ID]
            return given_record_id(self._options.tenant, given)
        return None

    def _finish(self, found: Sorted, shared: ResourceFields, observed: int, oddities: list[str]) -> None:
        """Fills what follows from the rest, and encodes what no room took."""
        row, rest = found.row, found.rest
        if "request" in row or "response" in row or "requestBase64" in row or "responseBase64" in row:
            row["capture.state"] = "complete"
        _fill_request_id(row)
        if found.held:
            rest.update(found.held)
        if shared.oddities:
            oddities += shared.oddities
        moved = self._options.bound_event_time and is_out_of_bounds(row["timeUnixNano"], observed)  # type: ignore[arg-type]
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
    if call is not None and call.target is not None:
        row["target.type"], row["target.id"] = call.target
    elif model := row.get("modelInfo.modelName"):
        row["target.type"], row["target.id"] = "model", model
    elif route := row.get("route"):
        row["target.type"], row["target.id"] = "route", route
    elif row.get("rpc.service") and row.get("rpc.method"):
        row["target.type"], row["target.id"] = "rpc", f"{row['rpc.service']}/{row['rpc.method']}"


def _fill_request_id(row: Row) -> None:
    for leaf in ("requestHeaders", "responseHeaders"):
        headers = row.get(leaf)
        if headers is not None and _REQUEST_ID in headers[0]:  # type: ignore[index]
            values = header_values(headers, _REQUEST_ID)
            if values and values[0]:
                row["requestId"] = values[0]
                return
    response_id = row.get("modelInfo.responseId")
    if response_id is not None:
        row["requestId"] = response_id
