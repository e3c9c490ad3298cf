"""The audit record, schema 1: one table from which everything else derives.

Conversion, masking, hashing, encoding, queries and ``docs/record.md`` read this table and hold no list of
fields of their own. The order of the table is the order of columns in every file.

Rules of evolution: within schema 1 only new nullable top-level columns are added, at the end of their
section, with their ``since``; structs are frozen (``modelInfo.extra`` takes what the GenAI conventions add
meanwhile); nothing is renamed.

Times are held twice at the top level: ``timestamp`` in microseconds for table engines that refuse
nanoseconds (Spark, BigQuery) and ``timeUnixNano``, exact. Nested times (``events[].timestamp``,
``oversight.at``, ``erased[].at``) are RFC 3339 strings with nine digits and ``Z``, since a file has no room
for a second column inside a struct.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = "1"
"""Value of ``schemaVersion`` in each record: the major number alone."""

SCHEMA_MINOR_VERSION: Final = "1.0"
"""Written into manifests and file metadata: grows with each added column."""


class Group(Enum):
    """Which hash covers a field; see ``record/canonical.py``."""

    META = "meta"
    IDENTITY = "identity"
    CONTENT = "content"
    OUTSIDE = "outside"
    """Not hashed: salts, digests and the position in the log."""


class Treatment(Enum):
    """What masking does with the text of a field."""

    EXEMPT = "exempt"
    """Never looked at: ids, times and closed vocabularies that conversion itself makes."""
    POLICY = "policy"
    """Identity: written as it is unless a policy says otherwise."""
    TEXT = "text"
    """Every leaf and key is judged as text (URLs and paths are decoded first)."""
    JSON = "json"
    """A JSON text: judged leaf by leaf and key by key, then encoded again."""


@dataclass(frozen=True, slots=True)
class Field:
    """One top-level field of the record.

    Attributes:
        name: column name, lowerCamelCase as published by model platforms' audit logs.
        type: Arrow type in every batch and Parquet file.
        group: which hash covers it.
        treatment: what masking does with its text.
        meaning: one or two sentences for ``docs/record.md``.
        source: where the value comes from, first match wins.
        keeps: entity types that masking leaves in place here, with the reason in ``meaning``.
        since: schema minor version that introduced it.
    """

    name: str
    type: pa.DataType
    group: Group
    treatment: Treatment
    meaning: str
    source: str = ""
    keeps: frozenset[str] = field(default_factory=frozenset)
    since: str = "1.0"


def _struct(**children: pa.DataType) -> pa.DataType:
    return pa.struct([pa.field(name, kind) for name, kind in children.items()])


_S = pa.string()
_I = pa.int64()
_TIME = pa.timestamp("us", tz="UTC")
_STRINGS = pa.list_(_S)
_HEADERS = pa.map_(_S, _STRINGS)

_M, _ID, _C, _OUT = Group.META, Group.IDENTITY, Group.CONTENT, Group.OUTSIDE
_EXEMPT, _POLICY, _TEXT, _JSON = Treatment.EXEMPT, Treatment.POLICY, Treatment.TEXT, Treatment.JSON

MODEL_INFO: Final = _struct(
    modelName=_S, modelVersion=_S, endpointPath=_S, endpointId=_S, stageId=_S, buildId=_S, revisionId=_S,
    provider=_S, operation=_S, responseModel=_S, responseId=_S, conversationId=_S, finishReasons=_STRINGS,
    inputTokens=_I, outputTokens=_I, cacheReadTokens=_I, reasoningTokens=_I, requestParameters=_S,
    streaming=pa.bool_(), tools=_STRINGS, agentId=_S, agentName=_S, toolName=_S, toolCallId=_S,
    outputType=_S, digest=_S, systemId=_S, pii=pa.bool_(), extra=pa.map_(_S, _S),
)  # fmt: skip

FIELDS: Final[tuple[Field, ...]] = (
    Field("recordId", _S, _M, _EXEMPT, "Stable id of the record.",
          "UUIDv8 of what identifies the span or log event; UUIDv4 for emit(); a given audit.record.id wins"),
    Field("schemaVersion", _S, _M, _EXEMPT, "Major number of this schema.", '"1"'),
    Field("stream", _S, _M, _EXEMPT, "platform or model-io.", "model-io for inference, else platform"),
    Field("eventName", _S, _M, _EXEMPT, "What happened, from a closed vocabulary.",
          "http.server, http.client, rpc.server, gen_ai.chat, gen_ai.execute_tool, audit.gap …"),
    Field("spanName", _S, _C, _TEXT, "Name of the span.", "span.name"),
    Field("spanKind", _S, _M, _EXEMPT, "internal, server, client, producer or consumer.", "span.kind"),
    Field("sampled", pa.bool_(), _M, _EXEMPT, "Whether the trace was sampled; null where OTLP does not say.",
          "span context"),
    Field("scope", _struct(name=_S, version=_S), _M, _TEXT, "Instrumentation scope.", "scope"),
    Field("timestamp", _TIME, _M, _EXEMPT, "When it happened, UTC; hashed in its exact form.",
          "span start › log time › observed time"),
    Field("timeUnixNano", _I, _OUT, _EXEMPT, "timestamp, exact, nanoseconds since the epoch. Parquet only."),
    Field("observedTimestamp", _TIME, _M, _EXEMPT, "When it was seen by us, UTC."),
    Field("observedTimeUnixNano", _I, _OUT, _EXEMPT, "observedTimestamp, exact. Parquet only."),
    Field("durationNs", _I, _M, _EXEMPT, "How long it took, nanoseconds.",
          "span end − start; audit.duration_ns for log records"),
    Field("tenant", _S, _M, _EXEMPT, "Tenant.", "the authenticated sender; default"),
    Field("user", _struct(id=_S, type=_S, name=_S, email=_S, roles=_STRINGS, origin=_S, assurance=_S),
          _ID, _POLICY, "Who, by trust: verified, asserted, claimed or none. name and email only if listed "
          "in identity.fields.",
          "set_user, framework session, actor of emit(), checked JWT › audit.actor.id, user.id, enduser.id, LLM user "
          "parameter › headers, baggage (docs/identity.md)"),
    Field("userClaims", pa.list_(_struct(origin=_S, id=_S)), _ID, _POLICY,
          "Claims that lost against user, where they differ.", "as user; captured body"),
    Field("onBehalfOf", _struct(id=_S, type=_S), _ID, _POLICY,
          "Impersonation, delegation or an agent acting for a user; user stays who authenticated.",
          "audit.on_behalf_of.* › acting_as"),
    Field("sender", _struct(id=_S, method=_S, address=_S), _ID, _POLICY,
          "Who delivered it to the sink, from the connection, never from the payload."),
    Field("action", _S, _M, _TEXT, "Upper-case verb.",
          "audit.action › route rule › EXECUTE for inference and tools › HTTP method"),
    Field("outcome", _S, _M, _EXEMPT, "success, failure or unknown.",
          "audit.outcome › exception events › status code › span status"),
    Field("target", _struct(type=_S, id=_S), _C, _TEXT, "What was acted on.",
          "audit.target.* › model › route"),
    Field("source", _struct(type=_S, id=_S), _ID, _POLICY, "Client address: ipv4, ipv6 or hostname.",
          "audit.source.* › client.address › network.peer.address"),
    Field("auth", _struct(method=_S, sessionId=_S, credentialId=_S, mfa=pa.bool_(), decision=_S, policy=_S,
                          reason=_S),
          _ID, _TEXT, "How the caller was authenticated and what was decided; ids as pseudonyms.",
          "audit.auth.* › set_user › framework session › checked JWT"),
    Field("purpose", _S, _M, _TEXT, "Why the access happened.", "audit.purpose"),
    Field("session", _S, _ID, _TEXT, "Session, as a pseudonym; withheld without a masking key.",
          "session.id › association properties › set_user"),
    Field("subjects", _STRINGS, _ID, _TEXT,
          "Pseudonyms of the persons concerned; withheld without a masking key.", "audit.subject.ids"),
    Field("changes", _S, _C, _JSON, "[{path, before, after}] of an update, JSON text.", "audit.changes"),
    Field("oversight", _struct(reviewer=_S, decision=_S, of=_S, reason=_S, at=_S), _ID, _TEXT,
          "Human review: approve, override, reject or stop, of which record.", "audit.oversight.*"),
    Field("protocol", _S, _M, _EXEMPT, "http, grpc, mcp …: says what method and returnCode are."),
    Field("method", _S, _M, _EXEMPT, "HTTP method, or the protocol's method.",
          "http.request.method › http.method › rpc method"),
    Field("scheme", _S, _M, _EXEMPT, "http or https.", "url.scheme › http.scheme › URL"),
    Field("route", _S, _M, _TEXT, "Route template.", "http.route"),
    Field("requestPath", _S, _C, _TEXT, "Path.", "url.path › http.target › URL"),
    Field("requestQuery", _S, _C, _TEXT, "Query, without the question mark.",
          "url.query › http.target › URL"),
    Field("rpc", _struct(service=_S, method=_S), _M, _TEXT, "RPC service and method.", "rpc.*"),
    Field("userAgent", _S, _C, _TEXT, "User agent.", "user_agent.original › http.user_agent"),
    Field("requestBytes", _I, _M, _EXEMPT, "Size of the request body, bytes."),
    Field("responseBytes", _I, _M, _EXEMPT, "Size of the response body, bytes."),
    Field("server", _struct(address=_S, port=_I), _M, _TEXT,
          "Who was called. An IP address stays: it is the callee's, not a person's.",
          "server.address › net.host.name › net.peer.name › URL", keeps=frozenset({"IP_ADDRESS"})),
    Field("requestHeaders", _HEADERS, _C, _TEXT, "Captured request headers, lower case, _ as -.",
          "http.request.header.*"),
    Field("responseHeaders", _HEADERS, _C, _TEXT, "Captured response headers.", "http.response.header.*"),
    Field("request", _S, _C, _JSON,
          "Body, JSON text; for inference {systemInstructions, messages, tools} in the GenAI conventions' "
          "message schema, the same bytes in every dialect. A JSON value in NDJSON."),
    Field("response", _S, _C, _JSON, "Body, JSON text; for inference the output messages."),
    Field("requestBase64", _S, _C, _TEXT, "Body that is not text: withheld unless a policy keeps it."),
    Field("responseBase64", _S, _C, _TEXT, "Body that is not text: withheld unless a policy keeps it."),
    Field("capture", _struct(state=_S, requestTruncatedAt=_I, responseTruncatedAt=_I, continues=_S),
          _M, _EXEMPT, "none, complete or open; where bodies were cut, bytes; which record this continues."),
    Field("returnCode", pa.int32(), _M, _EXEMPT, "HTTP or gRPC status code."),
    Field("errorCode", _S, _M, _TEXT, "Error type.", "error.type › exception.type"),
    Field("errorMessage", _S, _C, _TEXT, "Status message or exception message.",
          "status message › exception.message › audit.error.message"),
    Field("requestId", _S, _M, _TEXT, "Request id.", "x-request-id header › gen_ai.response.id"),
    Field("versionId", _S, _M, _TEXT, "Version of the service.", "service.version"),
    Field("namespace", _S, _M, _TEXT, "Environment or namespace.",
          "deployment.environment.name › service.namespace"),
    Field("service", _struct(name=_S, version=_S, instanceId=_S), _M, _TEXT, "Emitting service.",
          "service.*"),
    Field("modelInfo", MODEL_INFO, _M, _TEXT,
          "The model and its use. pii is null when no registered model matched. requestParameters is a "
          "JSON text; tools holds tool names."),
    Field("traceId", _S, _M, _EXEMPT, "Trace id, hex."),
    Field("spanId", _S, _M, _EXEMPT, "Span id, hex."),
    Field("parentSpanId", _S, _M, _EXEMPT, "Parent span id, hex."),
    Field("joined", _STRINGS, _M, _EXEMPT, "Record ids of log events merged into this record."),
    Field("events", pa.list_(_struct(name=_S, timestamp=_S, attributes=_S)), _C, _TEXT,
          "Span events; attributes as JSON text."),
    Field("links", pa.list_(_struct(traceId=_S, spanId=_S, attributes=_S)), _C, _TEXT,
          "Span links; attributes as JSON text."),
    Field("attributes", _S, _C, _JSON,
          "JSON object: every attribute that is not mapped, types kept, bytes as {\"base64\": …}, and our own "
          "notes under audit.*."),
    Field("resource", _S, _M, _JSON, "JSON object: resource attributes that are not mapped."),
    Field("droppedAttributes", pa.int32(), _M, _EXEMPT, "Attributes that SDK limits had thrown away."),
    Field("droppedEvents", pa.int32(), _M, _EXEMPT, "Events that SDK limits had thrown away."),
    Field("droppedLinks", pa.int32(), _M, _EXEMPT, "Links that SDK limits had thrown away."),
    Field("masking", _struct(policy=_S, fields=_STRINGS, entities=pa.map_(_S, _I),
                             dropped=pa.list_(_struct(path=_S, reason=_S))),
          _M, _EXEMPT, "Policy fingerprint, masked paths, counts by entity type, withheld paths with reason. "
          "Never the matched text."),
    Field("salts", _struct(identity=_S, content=_S), _OUT, _EXEMPT,
          "16 random bytes each, hex: without them nobody can guess what an erased group held."),
    Field("digests", _struct(identity=_S, content=_S), _OUT, _EXEMPT,
          "SHA-256 of salt and canonical group, hex; part of the record hash."),
    Field("erased", pa.list_(_struct(group=_S, at=_S, reason=_S)), _OUT, _EXEMPT,
          "Groups that were erased later, when and why."),
    Field("writer", _S, _OUT, _EXEMPT, "Writer that numbered the record."),
    Field("sequence", _I, _OUT, _EXEMPT, "Gapless position within the writer, from 1."),
)  # fmt: skip

BY_NAME: Final[dict[str, Field]] = {entry.name: entry for entry in FIELDS}

SCHEMA: Final[pa.Schema] = pa.schema([pa.field(entry.name, entry.type) for entry in FIELDS])
"""Arrow schema of every batch and Parquet file, in table order."""

JSON_COLUMNS: Final[tuple[str, ...]] = tuple(f.name for f in FIELDS if f.treatment is Treatment.JSON)
"""Top-level columns that hold a JSON text: raw JSON values in NDJSON, strings in Parquet and in hashes."""

EXACT_TIMES: Final[dict[str, str]] = {
    "timestamp": "timeUnixNano",
    "observedTimestamp": "observedTimeUnixNano",
}
"""Microsecond column → the column that holds the same instant exactly."""

PARQUET_METADATA_KEY: Final = b"otel_audit.schema"
"""Key in Parquet file metadata whose value is :data:`SCHEMA_MINOR_VERSION`."""
