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
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute

from otel_audit.mask.arrow import Column, children
from otel_audit.mask.model_names import normal_path, spellings
from otel_audit.mask.related import related
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
        calls = _calls(records, with_places=self._strict or bool(self._endpoints))
        verdicts = {call: self._verdict(call) for call in dict.fromkeys(calls)}
        tags: dict[int, Tag] = {}
        pii: dict[int, bool] = {}
        for row, call in enumerate(calls):
            known, tag = verdicts[call]
            if known is not None:
                pii[row] = known
            if tag is not None:
                tags[row] = tag
        if self._strict:
            sources = [row for row in tags if calls[row].inference]
            tags.update(dict.fromkeys(related(records, sources) - tags.keys(), Tag.RELATED))
        return TaggedRows(tags, pii)

    def _verdict(self, call: _Call) -> tuple[bool | None, Tag | None]:
        """Whether the model of a call has the tag, None if it is no configured one; and its tag."""
        found: list[bool] = []
        for name in (call.model, call.response_model, call.body_model):
            if name and (known := self._of_name(name, call.version)) is not None:
                found.append(known)
        places = call.places()
        by_endpoint = False
        for place in places:
            for pattern, model in self._endpoints:
                if pattern.fullmatch(place):
                    found.append(model.pii)
                    by_endpoint = by_endpoint or model.pii
        if any(found):
            return True, Tag.ENDPOINT if by_endpoint else Tag.MODEL
        if found:
            return False, None
        if call.inference:
            undecidable = not (call.model or call.response_model)
        else:
            undecidable = not call.body_model and any(map(_INFERENCE_PATH.search, places))
        return None, Tag.UNDECIDABLE if self._strict and undecidable else None

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


_UNKNOWN: Final = object()
_MEMORY: Final = 4096
"""Model names that are remembered; they come from requests, so anybody can make them up."""


class _Call(NamedTuple):
    """What the tag of a record depends on, but for the records around it."""

    inference: bool
    model: str | None
    response_model: str | None
    version: str | None
    body_model: str | None
    route: str | None
    path: str | None
    endpoint_path: str | None
    host: str | None

    def places(self) -> list[str]:
        """Route, path and URL, in the spelling of endpoints."""
        places = []
        for path in (self.route, self.path, self.endpoint_path):
            if path:
                normal = normal_path(path)
                places.append(normal)
                if self.host:
                    places.append(f"{self.host}{normal}".casefold())
        return places


def _calls(records: pa.RecordBatch, *, with_places: bool) -> list[_Call]:
    """The calls of a batch, a record each."""
    info = children(records.column("modelInfo"))
    inference = [str(name).startswith("gen_ai.") for name in records.column("eventName").to_pylist()]
    nothing: list[None] = [None] * records.num_rows
    columns: list[list[Any]] = [
        inference,
        *(info[name].to_pylist() for name in ("modelName", "responseModel", "modelVersion")),
        _body_models(records.column("request"), inference),
    ]
    if with_places:
        columns += [records.column(name).to_pylist() for name in ("route", "requestPath")]
        columns += [
            info["endpointPath"].to_pylist(),
            children(records.column("server"))["address"].to_pylist(),
        ]
    else:
        columns += [nothing] * 4
    return [_Call(*values) for values in zip(*columns, strict=True)]


def _body_models(requests: Column, inference: list[bool]) -> list[str | None]:
    """The member ``model`` of each JSON body that is not of an inference span."""
    models: list[str | None] = [None] * len(requests)
    kernels: Any = pyarrow.compute
    bodies = np.flatnonzero(
        requests.is_valid().to_numpy(zero_copy_only=False) & ~np.array(inference, np.bool_)
    )
    if not len(bodies):
        return models
    named = kernels.match_substring(requests.take(bodies), '"model"').to_numpy(zero_copy_only=False)
    for row in bodies[named].tolist():
        try:
            body = orjson.loads(requests[row].as_py())
        except ValueError:
            continue
        model = body.get("model") if isinstance(body, dict) else None
        models[row] = model if isinstance(model, str) else None
    return models
