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
from otel_audit.convert.captured import CapturedBodies, CapturedHeaders, continue_record, forget_content
from otel_audit.convert.columns import Row
from otel_audit.convert.content import drop_content
from otel_audit.convert.derive import fill_call, fill_endpoint, fill_request_id, fill_target
from otel_audit.convert.endpoints import RouteTable
from otel_audit.convert.envelope import (
    fill_ids,
    fill_log_time,
    fill_span_parts,
    fill_span_times,
    is_out_of_bounds,
)
from otel_audit.convert.http import complete_http
from otel_audit.convert.identity import IdentityReader, vouch
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.options import ConvertOptions, ModelEndpoint
from otel_audit.convert.outcome import complete_outcome
from otel_audit.convert.resources import ResourceFields
from otel_audit.convert.rest import finish_attributes
from otel_audit.convert.rpc import complete_rpc
from otel_audit.convert.select import PLATFORM, Family, carries_audit, choose_stream
from otel_audit.convert.sorter import Room, Sorted, sort_attributes
from otel_audit.convert.source import complete_source, parse_networks
from otel_audit.convert.spans import LogData, SpanData
from otel_audit.convert.verdicts import Judge, Verdict
from otel_audit.record.ids import given_record_id, span_record_id

__all__ = ["LOG_BODY", "RowBuilder"]

LOG_BODY: Final = "log.body"
"""Attribute that keeps the body of a log event, for which the record has no field."""


class RowBuilder:
    """Builds rows under one set of options; threads may share it.

    Attributes:
        judge: decides what the names of attributes alone decide.
        identity: answers who it was.
        bodies: fills in what was captured beside a span.
    """

    def __init__(self, options: ConvertOptions) -> None:
        self._options = options
        self.identity = IdentityReader(options.identity)
        self._headers = CapturedHeaders(options.capture)
        self.bodies = CapturedBodies(options.capture)
        self._trusted = parse_networks(options.identity.trusted_proxies)
        self._models: RouteTable[ModelEndpoint] = RouteTable(
            [(endpoint.pattern, endpoint) for endpoint in options.models]
        )
        self._actions = RouteTable([(route, verb.upper()) for route, verb in options.route_actions])
        self.judge = Judge(options, self.identity.claiming)

    @property
    def names_routes(self) -> bool:
        """Whether the settings say something of any route."""
        return bool(self._models) or bool(self._actions)

    def is_named(self, route: object, path: object, host: object) -> bool:
        """Whether the settings say something of this one."""
        return any(
            table.find(route=route, path=path, host=host) is not None
            for table in (self._models, self._actions)
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
            verdict: what :attr:`judge` made of its names.
            shared: what its resource and scope give every record.
            observed: when it was seen, nanoseconds since the epoch.
        """
        oddities = span.oddities
        found = sort_attributes(span.attributes, oddities)
        row = found.row
        if span.notes is not None:
            self._headers.take_up(row, span.notes)
        stream = self._interpret(found, verdict, span.kind, call, oddities, span=span)
        if stream is None:
            return None
        continues = span.notes is not None and span.notes.continues
        if continues:
            forget_content(row)
        if self._drops_content(row, stream):
            if continues:
                return None
            drop_content(found, span.events, oddities)
        elif span.notes is not None and not self.bodies.take_up(row, span.notes, oddities) and continues:
            return None
        if span.kind == "server" and not continues:
            self.identity.weigh_body(row)
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
        if continues:
            continue_record(row)
            found.rest.clear()
            found.held.clear()
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
        verdict = self.judge.judge("", log.attributes, call)
        found = sort_attributes(log.attributes, oddities)
        row = found.row
        stream = self._interpret(found, verdict, "", call, oddities)
        if stream is None:
            return None
        if log.is_emitted or log.is_own:
            vouch(row)
        if call is None:
            if log.is_own or is_safe_event_name(log.name):
                row["eventName"] = log.name
            elif log.name:
                found.rest.setdefault(EVENT_NAME, log.name)
                oddities.append(notes.NAME_UNSAFE)
        if self._drops_content(row, stream):
            drop_content(found, [], oddities, is_event=call is not None)
        row.setdefault("outcome", "failure" if "errorCode" in row else "unknown")
        fill_log_time(row, log.time_unix_nano, log.observed_unix_nano, observed, oddities)
        if log.trace_id or log.span_id:
            fill_ids(row, found.rest, (log.trace_id, log.span_id, ""), oddities)
        row["recordId"] = self._given_id(found) or record_id
        if log.dropped_attributes:
            row["droppedAttributes"] = min(max(log.dropped_attributes, 0), 2**31 - 1)
        self._finish(found, shared, observed, oddities)
        return row, verdict.common

    def _interpret(
        self,
        found: Sorted,
        verdict: Verdict,
        kind: str,
        call: InferenceCall | None,
        oddities: list[str],
        *,
        span: SpanData | None = None,
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
        users = call.users if call is not None else ()
        if span is None:
            self.identity.complete(found, users, oddities)
        else:
            times = span.start_unix_nano, span.end_unix_nano
            self.identity.complete(found, users, oddities, span.notes, times)
        if found.rooms & Room.BODY:
            complete_bodies(found, oddities)
        stream = verdict.stream
        if call is not None:
            fill_call(found, call, oddities)
        elif self._models and family is Family.HTTP:
            endpoint = self._models.find(
                route=row.get("route"), path=row.get("requestPath"), host=row.get("server.address")
            )
            if endpoint is not None:
                fill_endpoint(row, endpoint)
                stream = choose_stream(
                    family, self._options, carries_audit=verdict.audited, is_model_endpoint=True
                )
                row["stream"] = stream
        self._fill_action(row, family, call)
        if "target.id" not in row and "target.type" not in row:
            fill_target(row, call)
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
            row.setdefault("capture.state", "complete")
        fill_request_id(row)
        if found.held:
            rest.update(found.held)
        if shared.oddities:
            oddities += shared.oddities
        moved = self._options.bound_event_time and is_out_of_bounds(row["timeUnixNano"], observed)  # type: ignore[arg-type]
        if rest or oddities or moved:
            row["attributes"] = finish_attributes(rest, oddities, partitioned_by_observed=moved)
