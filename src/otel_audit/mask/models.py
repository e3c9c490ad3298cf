"""The model PII tag: which records concern a model whose input must not be written.

A record is tagged when any of these resolves to a model with the tag:

1. its request or response model, compared without case, provider prefix and date suffix, globs allowed;
2. its route, path or client URL, compared with the endpoint of a configured model;
3. the ``model`` of its JSON body;
4. a tagged inference span above or below it in the batch, by ``traceId`` and ``parentSpanId``.

Where none of these can be decided, it is tagged as well, once any configured model has the tag: an inference
that names no model, a model of several versions with different tags and no version given, a request to a path
that is known for inference whose body does not say which model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import orjson
import pyarrow as pa

from otel_audit.mask.arrow import children
from otel_audit.mask.model_names import normal_path, spellings
from otel_audit.mask.rules import glob_pattern
from otel_audit.mask.tags import ModelTag

__all__ = ["ModelTagger", "Tag", "TaggedRows"]


class Tag(Enum):
    """Why a record is tagged."""

    MODEL = "model-pii"
    """Its model has the tag."""
    ENDPOINT = "model-pii-endpoint"
    """Its route or URL is the endpoint of a model that has the tag."""
    RELATED = "model-pii-related"
    """An inference above or below it is tagged."""
    UNDECIDABLE = "model-undecidable"
    """It cannot be told which model it concerns."""


@dataclass(frozen=True, slots=True)
class TaggedRows:
    """What the tagger decided.

    Attributes:
        tags: row → why it is tagged; rows without the tag are missing.
        pii: row → whether the model it resolved to has the tag; rows without a configured model are missing.
    """

    tags: dict[int, Tag]
    pii: dict[int, bool]


_INFERENCE_PATH: Final = re.compile(
    r"(?i)(?:/chat/completions|/completions?|/embeddings|/responses|/v\d+/messages|/generate|/invoke(?:-[a-z-]+)?"
    r"|/converse(?:-stream)?|/invocations|/rerank|/infer|/api/chat|/images/[a-z]+|/audio/[a-z]+|/moderations"
    r"|:(?:predict|rawpredict|streamrawpredict|generatecontent|streamgeneratecontent|embedcontent"
    r"|batchembedcontents|counttokens|score))/?$"
)


class ModelTagger:
    """Decides for each record of a batch.

    Args:
        models: as configured; without any, nothing is tagged.
    """

    def __init__(self, models: tuple[ModelTag, ...]) -> None:
        self._models = models
        self._strict = any(model.pii for model in models)
        self._names = [
            (glob_pattern(spelling), model) for model in models for spelling in spellings(model.name)
        ]
        self._endpoints = [
            (glob_pattern(normal_path(model.endpoint)), model) for model in models if model.endpoint
        ]
        self._by_name: dict[tuple[str, str | None], bool | None] = {}

    def tag(self, records: pa.RecordBatch) -> TaggedRows | None:
        """The tags of a batch; None where no model is configured.

        Args:
            records: with the columns of the schema.
        """
        if not self._models:
            return None
        rows = _Rows(records)
        tags: dict[int, Tag] = {}
        pii: dict[int, bool] = {}
        inference: list[int] = []
        for row in range(records.num_rows):
            known, endpoint = self._resolve(rows, row)
            if rows.inference[row]:
                inference.append(row)
            if known is not None:
                pii[row] = known
                if known:
                    tags[row] = Tag.ENDPOINT if endpoint else Tag.MODEL
            elif self._strict and self._undecidable(rows, row):
                tags[row] = Tag.UNDECIDABLE
        if self._strict:
            _spread(rows, tags, inference)
        return TaggedRows(tags, pii)

    def _resolve(self, rows: _Rows, row: int) -> tuple[bool | None, bool]:
        """Whether the model of a record has the tag, None if it is no configured one; and whether its route
        said so."""
        found: list[bool] = []
        version = rows.versions[row]
        for name in (rows.models[row], rows.response_models[row], rows.body_model(row)):
            if name and (known := self._of_name(name, version)) is not None:
                found.append(known)
        by_endpoint = False
        for place in rows.places(row):
            for pattern, model in self._endpoints:
                if pattern.fullmatch(place):
                    found.append(model.pii)
                    by_endpoint = by_endpoint or model.pii
        if not found:
            return None, False
        return any(found), by_endpoint

    def _of_name(self, name: str, version: str | None) -> bool | None:
        known = self._by_name.get((name, version), _UNKNOWN)
        if known is not _UNKNOWN:
            return known  # type: ignore[return-value]  # bool or None, not the sentinel
        fitting = [
            model
            for pattern, model in self._names
            if any(pattern.fullmatch(spelling) for spelling in spellings(name))
        ]
        exact = [
            model for model in fitting if model.version is None or version is None or model.version == version
        ]
        # Several versions and none given: any of them may be meant.
        result = any(model.pii for model in exact) if exact else None
        if len(self._by_name) >= _MEMORY:
            self._by_name.clear()
        self._by_name[name, version] = result
        return result

    def _undecidable(self, rows: _Rows, row: int) -> bool:
        if rows.inference[row]:
            return not (rows.models[row] or rows.response_models[row])
        return any(_INFERENCE_PATH.search(place) for place in rows.places(row)) and not rows.body_model(row)


_UNKNOWN: Final = object()
_MEMORY: Final = 4096
"""Model names that are remembered; they come from requests, so anybody can make them up."""


class _Rows:
    """The columns that the tag depends on, as lists."""

    def __init__(self, records: pa.RecordBatch) -> None:
        def column(name: str) -> list[Any]:
            return list(records.column(name).to_pylist())

        info = children(records.column("modelInfo"))
        self.models: list[str | None] = info["modelName"].to_pylist()
        self.response_models: list[str | None] = info["responseModel"].to_pylist()
        self.versions: list[str | None] = info["modelVersion"].to_pylist()
        self._endpoint_paths: list[str | None] = info["endpointPath"].to_pylist()
        self.inference = [str(name).startswith("gen_ai.") for name in column("eventName")]
        self._routes, self._paths, self._schemes = column("route"), column("requestPath"), column("scheme")
        self._hosts: list[str | None] = children(records.column("server"))["address"].to_pylist()
        self._requests = records.column("request")
        self.traces, self.spans, self.parents = column("traceId"), column("spanId"), column("parentSpanId")

    def places(self, row: int) -> list[str]:
        """Route, path and URL of a record, in the spelling of endpoints."""
        places = []
        for path in (self._routes[row], self._paths[row], self._endpoint_paths[row]):
            if path:
                normal = normal_path(path)
                places.append(normal)
                if self._hosts[row]:
                    places.append(f"{self._hosts[row]}{normal}".casefold())
        return places

    def body_model(self, row: int) -> str | None:
        """The member ``model`` of a JSON body."""
        if self.inference[row] or not self._requests[row].is_valid:
            return None
        text = self._requests[row].as_py()
        if '"model"' not in text:
            return None
        try:
            body = orjson.loads(text)
        except ValueError:
            return None
        model = body.get("model") if isinstance(body, dict) else None
        return model if isinstance(model, str) else None


def _spread(rows: _Rows, tags: dict[int, Tag], inference: list[int]) -> None:
    """Tags what stands above and below a tagged inference, as far as the batch shows it."""
    sources = [row for row in inference if row in tags]
    if not sources:
        return
    by_span: dict[tuple[str, str], int] = {}
    children: dict[tuple[str, str], list[int]] = {}
    traces = {rows.traces[row] for row in sources if rows.traces[row]}
    for row, trace in enumerate(rows.traces):
        if trace in traces:
            by_span[trace, rows.spans[row] or ""] = row
            children.setdefault((trace, rows.parents[row] or ""), []).append(row)
    for source in sources:
        trace = rows.traces[source]
        if not trace:
            continue
        seen = {source}
        above = by_span.get((trace, rows.parents[source] or ""))
        while above is not None and above not in seen:
            seen.add(above)
            above = by_span.get((trace, rows.parents[above] or ""))
        below = list(children.get((trace, rows.spans[source] or "-"), ()))
        while below:
            row = below.pop()
            if row not in seen:
                seen.add(row)
                below += children.get((trace, rows.spans[row] or "-"), ())
        for row in seen - {source}:
            tags.setdefault(row, Tag.RELATED)
