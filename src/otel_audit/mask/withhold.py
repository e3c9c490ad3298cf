"""What a record with the model tag loses, before anything else is masked.

It never has: request body, messages, system instructions, query, path parameters, tool arguments and results,
retrieved documents, embeddings, prompt variables, error and exception text, headers off the allow-list.
Outputs that quote their input (chat, completions, embeddings, tools, agents, retrieval) go too; plain
predictions keep theirs, unless the policy decides otherwise. Of attributes that no field takes only those
stay that describe the call; what is unknown may be input.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
import pyarrow as pa

from otel_audit.mask.arrow import Column, children
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.model_names import normal_path
from otel_audit.mask.models import Tag, TaggedRows
from otel_audit.mask.policy import MaskPolicy
from otel_audit.record.schema import BY_NAME, SCHEMA

__all__ = ["withhold_inputs"]

_ALWAYS: Final = ("request", "requestBase64", "requestQuery", "errorMessage", "changes")
_OUTPUTS: Final = ("response", "responseBase64")

_QUOTING_EVENTS: Final = re.compile(
    r"gen_ai\.(?:chat|text_completion|completion|generate_content|embeddings?|retrieval|rerank|execute_tool"
    r"|invoke_agent|create_agent|invoke_workflow|agent|chain|tool|retriever|responses|image_generation).*"
)
_QUOTING_PATH: Final = re.compile(
    r"(?i)/(?:chat|completions?|embeddings|responses|messages|converse|generate|rerank)|:(?:stream)?generatecontent"
)

_SAFE_ATTRIBUTES: Final = re.compile(
    r"(?:http\.(?:method|scheme|flavor|status_code|request\.(?:method|resend_count|size|body\.size)|response\."
    r"(?:status_code|size|body\.size)|request_content_length|response_content_length|host|server_name)"
    r"|(?:network|net|server|client|peer|service|telemetry|thread|process|host|cloud|k8s|container|rpc|deployment)\..*"
    r"|code\.(?:function|function\.name|namespace|lineno|line\.number|filepath|file\.path)"
    r"|url\.(?:scheme|domain|port)|error\.type|exception\.type|user_agent\..*"
    r"|gen_ai\.(?:usage|token)\..*|gen_ai\.(?:system|provider\.name|operation\.name|conversation\.id|output\.type)"
    r"|gen_ai\.request\.(?:model|temperature|top_p|top_k|max_tokens|seed|choice\.count|frequency_penalty"
    r"|presence_penalty|stream|encoding_formats)|gen_ai\.response\.(?:model|id|finish_reasons)"
    r"|gen_ai\.(?:tool|agent)\.(?:name|type|id|call\.id)"
    r"|llm\.(?:token_count|usage)\..*|llm\.(?:model_name|provider|system|is_streaming|request\.type)"
    r"|openinference\.span\.kind|traceloop\.(?:span\.kind|workflow\.name|entity\.name)"
    r"|audit\.(?:notes|partitioned_by|duplicate_of|action|outcome|schema\.version))"
)
"""Attributes that describe a call without its content."""


def withhold_inputs(
    columns: dict[str, Column], tagged: TaggedRows, policy: MaskPolicy, evidence: Evidence
) -> None:
    """Takes out of the columns what tagged records must not have, and fills ``modelInfo.pii``.

    Args:
        columns: of a batch, by name; changed in place.
        tagged: what the tagger decided.
        policy: says which headers and outputs stay.
        evidence: is told each field that went.
    """
    _fill_pii(columns, tagged.pii)
    if not tagged.tags:
        return
    reasons = {row: tag.value for row, tag in tagged.tags.items()}
    for name in _ALWAYS:
        _blank(columns, name, reasons, evidence)
    quoting = {
        row: reason for row, reason in reasons.items() if _withholds_output(columns, row, tagged, policy)
    }
    for name in _OUTPUTS:
        _blank(columns, name, quoting, evidence)
    _replace(columns, "requestPath", reasons, evidence, _without_parameters)
    _replace(columns, "spanName", reasons, evidence, _span_name)
    _replace(columns, "attributes", reasons, evidence, _attributes)
    _replace(columns, "events", reasons, evidence, _events)
    _replace(columns, "links", reasons, evidence, _links)
    _replace(columns, "userClaims", reasons, evidence, _claims)
    for name in ("requestHeaders", "responseHeaders"):
        _headers(columns, name, reasons, policy.headers, evidence)


def _fill_pii(columns: dict[str, Column], pii: dict[int, bool]) -> None:
    if not pii:
        return
    info = columns["modelInfo"]
    children = [info.field(index) for index in range(info.type.num_fields)]
    at = info.type.get_field_index("pii")
    valid = info.is_valid().to_pylist()
    children[at] = pa.array([pii.get(row) if valid[row] else None for row in range(len(info))], pa.bool_())
    columns["modelInfo"] = pa.StructArray.from_arrays(children, fields=list(info.type), mask=info.is_null())


def _withholds_output(columns: dict[str, Column], row: int, tagged: TaggedRows, policy: MaskPolicy) -> bool:
    if policy.pii_outputs is not None:
        return policy.pii_outputs == "withhold"
    if tagged.tags[row] in (Tag.RELATED, Tag.UNDECIDABLE, Tag.UNREAD):
        return True
    event = columns["eventName"][row].as_py() or ""
    if _QUOTING_EVENTS.fullmatch(event):
        return True
    if tagged.tags[row] is Tag.MODEL:
        # Its body names the model: that is how chats and completions are asked for, not plain predictions.
        return True
    places = (columns["route"][row].as_py(), columns["requestPath"][row].as_py())
    return any(place and _QUOTING_PATH.search(place) for place in places)


def _blank(columns: dict[str, Column], name: str, reasons: dict[int, str], evidence: Evidence) -> None:
    array = columns[name]
    gone = [row in reasons and valid for row, valid in enumerate(array.is_valid().to_pylist())]
    for row, is_gone in enumerate(gone):
        if is_gone:
            evidence.withheld(row, name, reasons[row])
    if any(gone):
        columns[name] = pa.array([None if out else value for out, value in zip(gone, array.to_pylist(), strict=True)],
                                 array.type)  # fmt: skip


def _replace(
    columns: dict[str, Column], name: str, reasons: dict[int, str], evidence: Evidence, replace: Any
) -> None:
    values = columns[name].to_pylist()
    changed = False
    for row, reason in reasons.items():
        if values[row] is None:
            continue
        new, gone = replace(values[row], columns, row)
        for path in gone:
            evidence.withheld(row, f"{name}{path}", reason)
        changed = changed or bool(gone)
        values[row] = new
    if changed:
        columns[name] = pa.array(values, SCHEMA.field(name).type)


def _without_parameters(path: str, columns: dict[str, Column], row: int) -> tuple[str | None, list[str]]:
    """The route in the place of a path. Without a route nobody can tell a parameter from a name: only paths that
    APIs of models have in common stay."""
    route = columns["route"][row].as_py()
    if route is None:
        is_known = _API_PATH.fullmatch(path) or _is_endpoint(path, columns, row)
        return (path, []) if is_known else (None, [""])
    route = route if route.startswith("/") else f"/{route}"
    return (path, []) if route.rstrip("/") == path.rstrip("/") else (route, [""])


def _is_endpoint(path: str, columns: dict[str, Column], row: int) -> bool:
    """Whether a path is the endpoint of a model as somebody has written it down: then there is no parameter in it."""
    endpoint = children(columns["modelInfo"])["endpointPath"][row].as_py()
    return endpoint is not None and "*" not in endpoint and normal_path(endpoint).endswith(normal_path(path))


_API_PATH: Final = re.compile(
    r"(?:/openai)?(?:/api)?/v[0-9]+(?:alpha|beta)?[0-9]*/(?:chat/completions|completions|embeddings|responses|messages"
    r"|images/[a-z]+|audio/[a-z]+|moderations|rerank)/?"
)


def _claims(claims: list[dict[str, Any]], columns: dict[str, Column], row: int) -> tuple[Any, list[str]]:
    """What the body said of its user goes with the body."""
    kept = [claim for claim in claims if not (claim["origin"] or "").startswith("body:")]
    return (kept or None, [""]) if len(kept) < len(claims) else (claims, [])


def _span_name(name: str, columns: dict[str, Column], row: int) -> tuple[str, list[str]]:
    """Names of HTTP spans without a route may hold the raw path."""
    route = columns["route"][row].as_py()
    if "/" not in name or (route and name.endswith(route)):
        return name, []
    return columns["method"][row].as_py() or columns["spanKind"][row].as_py() or "", [""]


def _attributes(text: str, columns: dict[str, Column], row: int) -> tuple[str | None, list[str]]:
    try:
        attributes = orjson.loads(text)
    except ValueError:
        return None, [""]
    kept, gone = _sifted(attributes)
    return (orjson.dumps(kept).decode(), gone) if gone else (text, [])


def _sifted(attributes: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kept = {name: value for name, value in attributes.items() if _SAFE_ATTRIBUTES.fullmatch(name)}
    # A name may be anything too, so what went is counted under a name of ours only where it is a convention's.
    gone = [f".{name}" if _CONVENTION.fullmatch(name) else ".*" for name in attributes if name not in kept]
    return kept, sorted(set(gone))


_CONVENTION: Final = re.compile(
    r"(?:gen_ai|llm|input|output|http|url|exception|message|db|messaging|event|retrieval|embedding|tool|traceloop"
    r"|mlflow|mcp|user|session|enduser|document|metadata)(?:\.[a-z_]{1,32}|\.[0-9]{1,4}){0,6}"
)


def _events(events: list[dict[str, Any]], columns: dict[str, Column], row: int) -> tuple[Any, list[str]]:
    return _sift_each(events)


def _links(links: list[dict[str, Any]], columns: dict[str, Column], row: int) -> tuple[Any, list[str]]:
    return _sift_each(links)


def _sift_each(items: list[dict[str, Any]]) -> tuple[Any, list[str]]:
    gone: list[str] = []
    sifted = []
    for index, item in enumerate(items):
        text = item["attributes"]
        new, lost = (None, []) if text is None else _attributes(text, {}, 0)
        gone += [f"[{index}].attributes{path}" for path in lost]
        sifted.append({**item, "attributes": new})
    return sifted, gone


def _headers(
    columns: dict[str, Column],
    name: str,
    reasons: dict[int, str],
    allowed: frozenset[str],
    evidence: Evidence,
) -> None:
    values = columns[name].to_pylist()
    changed = False
    for row, reason in reasons.items():
        if not values[row]:
            continue
        kept = [(key, value) for key, value in values[row] if key in allowed]
        if len(kept) < len(values[row]):
            changed = True
            evidence.withheld(row, f"{name}.*", reason)
            values[row] = kept
    if changed:
        columns[name] = pa.array(values, BY_NAME[name].type)
