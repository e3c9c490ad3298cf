"""The model PII tag: which records concern a model whose input must not be written.

A record is tagged when any of these resolves to a model with the tag, configured or registered:

1. its request or response model, compared without case, provider prefix and date suffix, globs allowed;
2. its route, path or client URL, compared with the endpoint of a model;
3. the ``model`` of its JSON body;
4. a tagged call above or below it, or one of the same conversation, response or link, in this batch or in one
   that came before (``related.py``).

Where none of these can be decided, it is tagged as well, once any model has the tag: an inference that names no
model, a model of several versions with different tags and no version given, a request to a path that is known
for inference whose body does not say which model, a body that was sent out from a span which is not known yet.
While the registry was never read, whatever carries input is undecidable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import pyarrow as pa

from otel_audit.mask.calls import Call, read_calls
from otel_audit.mask.model_names import named, normal_path, spellings
from otel_audit.mask.related import Relations
from otel_audit.mask.rules import glob_pattern
from otel_audit.mask.tags import ModelTag, RegisteredTags
from otel_audit.mask.traces import read_rows

__all__ = ["ModelTagger", "Tag", "TaggedRows"]


class Tag(Enum):
    """Why a record is tagged."""

    MODEL = "model-pii"
    """Its model has the tag."""
    ENDPOINT = "model-pii-endpoint"
    """Its route or URL is the endpoint of a model that has the tag."""
    RELATED = "model-pii-related"
    """A call above or below it, or of the same conversation or response, is tagged."""
    UNDECIDABLE = "model-undecidable"
    """It cannot be told which model it concerns."""
    UNREAD = "model-registry-unread"
    """It cannot be told whether its model has the tag: the registry was never read."""


_DECIDED: Final = (Tag.MODEL, Tag.ENDPOINT)


@dataclass(frozen=True, slots=True)
class TaggedRows:
    """What the tagger decided.

    Attributes:
        tags: row → why it is tagged; rows without the tag are missing.
        pii: row → whether the model it resolved to has the tag; rows without a known model are missing.
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
        models: as configured.
        registered: what registries say beside it. Without any model, and with the registry read, nothing is
            tagged and nothing is looked at.
        relations: what was tagged before; outlives the tagger.
    """

    def __init__(
        self,
        models: tuple[ModelTag, ...],
        registered: RegisteredTags | None = None,
        relations: Relations | None = None,
    ) -> None:
        registered = registered or RegisteredTags()
        self._layers = (_Models(registered.tags), _Models(models))
        self._is_trusted, self._is_read = registered.is_trusted, registered.is_read
        self._relations = relations or Relations()
        known = (*registered.tags, *models)
        self._is_idle = not known and registered.is_read
        self._strict = any(model.pii for model in known) or not registered.is_read
        self._has_endpoints = any(model.endpoint for model in known)
        self._by_name: dict[tuple[str, str | None], bool | None] = {}

    def tag(self, records: pa.RecordBatch) -> TaggedRows | None:
        """The tags of a batch; None where no model is known.

        Args:
            records: with the columns of the schema.
        """
        if self._is_idle:
            return None
        calls = read_calls(records, with_places=self._strict or self._has_endpoints)
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
            self._relate(records, calls, tags, pii)
        return TaggedRows(tags, pii)

    def _relate(
        self, records: pa.RecordBatch, calls: Sequence[Call], tags: dict[int, Tag], pii: dict[int, bool]
    ) -> None:
        """Tag what stands in relation to tagged calls, and clear what that decides."""
        sending = {row for row, call in enumerate(calls) if call.has_body}
        found = self._relations.relate(
            read_rows(records, [call.inference for call in calls]),
            decided={row for row, tag in tags.items() if tag in _DECIDED},
            undecided={row for row, tag in tags.items() if tag is Tag.UNDECIDABLE},
            clear={row for row in sending if pii.get(row) is False or calls[row].is_named},
            sending=sending,
        )
        for row in found.cleared:
            del tags[row]
        for row in found.related:
            if tags.get(row) not in _DECIDED:
                tags[row] = Tag.RELATED
        for row in found.unknown:
            tags.setdefault(row, Tag.UNDECIDABLE)

    def _verdict(self, call: Call) -> tuple[bool | None, Tag | None]:
        """Whether the model of a call has the tag, None if it is no known one; and its tag."""
        found: list[bool] = []
        for name in (call.model, call.response_model, call.body_model):
            if name and (known := self._of_name(name, call.version)) is not None:
                found.append(known)
        places = call.places()
        by_endpoint = False
        for place in places:
            known = self._settle(layer.of_place(place) for layer in self._layers)
            if known is not None:
                found.append(known)
                by_endpoint = by_endpoint or known
        if any(found):
            return True, Tag.ENDPOINT if by_endpoint else Tag.MODEL
        is_inference_path = not call.inference and any(map(_INFERENCE_PATH.search, places))
        if not self._is_read and (call.inference or call.has_body or is_inference_path):
            return False if found else None, Tag.UNREAD
        if found:
            return False, None
        if call.inference:
            undecidable = not (call.model or call.response_model)
        else:
            undecidable = not call.body_model and is_inference_path
        return None, Tag.UNDECIDABLE if self._strict and undecidable else None

    def _settle(self, verdicts: Iterable[bool | None]) -> bool | None:
        """What holds of what is registered and what is configured, in this order."""
        known = [verdict for verdict in verdicts if verdict is not None]
        if not known:
            return None
        return known[0] if self._is_trusted else any(known)

    def _of_name(self, name: str, version: str | None) -> bool | None:
        known = self._by_name.get((name, version), _UNKNOWN)
        if known is not _UNKNOWN:
            return known  # type: ignore[return-value]  # bool or None, not the sentinel
        result = self._settle(layer.of_name(*named(name, version)) for layer in self._layers)
        if len(self._by_name) >= _MEMORY:
            self._by_name.clear()
        self._by_name[name, version] = result
        return result


_UNKNOWN: Final = object()
_MEMORY: Final = 4096
"""Model names that are remembered; they come from requests, so anybody can make them up."""


class _Models:
    """Models of one source, looked up by what a record says."""

    def __init__(self, models: Sequence[ModelTag]) -> None:
        self._names = [
            (glob_pattern(spelling), model) for model in models for spelling in spellings(model.name)
        ]
        self._endpoints = [
            (glob_pattern(normal_path(model.endpoint)), model.pii) for model in models if model.endpoint
        ]

    def of_name(self, name: str, version: str | None) -> bool | None:
        """Whether a model of this name has the tag; None if there is none."""
        written = spellings(name)
        fitting = [model for pattern, model in self._names if any(map(pattern.fullmatch, written))]
        # Several versions and none given: any of them may be meant.
        exact = [
            model.pii for model in fitting if None in (model.version, version) or model.version == version
        ]
        return any(exact) if exact else None

    def of_place(self, place: str) -> bool | None:
        """Likewise of an endpoint."""
        found = [pii for pattern, pii in self._endpoints if pattern.fullmatch(place)]
        return any(found) if found else None
