"""What the names of a span's attributes alone decide, once for all spans of one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_audit.convert import inference
from otel_audit.convert.bulk_plan import BulkPlan, plan_bulk
from otel_audit.convert.columns import Row
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.call_shapes import PLAIN_OPERATIONS, CallShape, call_shape
from otel_audit.convert.inference.semconv_fields import OPERATION_NAME
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.select import Family, carries_audit, choose_stream, family_of
from otel_audit.convert.sorter import Room, shape_of
from otel_audit.convert.spans import Attributes, SpanData
from otel_audit.record.schema import SCHEMA_VERSION

__all__ = ["UNNAMED_EVENT", "Judge", "Lane", "Verdict"]

UNNAMED_EVENT: Final = "audit.event"
"""``eventName`` of what carries ``audit.*`` and no name that may be shown."""

_BAGGAGE: Final = "baggage"
"""Names a user among other things."""

_MAX_VERDICTS: Final = 1_024
_MAX_NAMES: Final = 16_384
"""What is remembered is bounded, in number and in characters of names: a sender that makes up names must not
fill the memory."""


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


@dataclass(frozen=True, slots=True)
class Lane:
    """Spans that become columns together: of one kind and shape, model calls also of one operation.

    Attributes:
        names: of their attributes, in order.
        verdict: on them; it has a plan.
        call: how the model calls that they are are read; ``None`` for spans that are none.
        operation: of these calls.
    """

    names: tuple[str, ...]
    verdict: Verdict
    call: CallShape | None
    operation: str


class Judge:
    """Gives verdicts under one set of options.

    What it remembers follows from options and names alone, so threads may share it.

    Args:
        options: which streams are on, which spans count.
        claiming: headers that name a user, in whatever form.
    """

    def __init__(self, options: ConvertOptions, claiming: frozenset[str]) -> None:
        self._options, self._claiming = options, claiming
        headers = {header.lower().replace("_", "-") for header in options.identity.user_headers}
        self._named = frozenset(headers) - {_BAGGAGE}
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._lanes: dict[tuple[object, ...], Lane | None] = {}

    def may_be_record(self, verdict: Verdict) -> bool:
        """Whether spans of a verdict can become records at all; a route may still decide it."""
        return verdict.stream is not None or (bool(self._options.models) and verdict.family is Family.HTTP)

    def judge(self, kind: str, attributes: Attributes, call: InferenceCall | None) -> Verdict:
        """Returns the verdict on a span.

        Args:
            kind: span kind, ``""`` for a log event.
            attributes: less those that ``call`` was read from.
            call: what the inference dialects made of it.
        """
        key = (kind, call.operation if call is not None else None, tuple(attributes))
        try:
            return self._verdicts[key]
        except KeyError:
            verdict = self._consider(kind, attributes, call)
        if len(self._verdicts) < _MAX_VERDICTS and sum(map(len, attributes)) <= _MAX_NAMES:
            self._verdicts[key] = verdict
        return verdict

    def lane(self, span: SpanData) -> Lane | None:
        """Returns the lane of a span that no dialect has read yet, ``None`` where it must be read by itself."""
        attributes = span.shown()
        names = tuple(attributes)
        # An operation that is no text may be anything, even what cannot be a key.
        operation = attributes.get(OPERATION_NAME)
        key = (span.kind, names, operation if type(operation) is str else None)
        try:
            return self._lanes[key]
        except KeyError:
            lane = self._consider_lane(span.kind, names, operation)
        if len(self._lanes) < _MAX_VERDICTS and sum(map(len, names)) <= _MAX_NAMES:
            self._lanes[key] = lane
        return lane

    def _consider_lane(self, kind: str, names: tuple[str, ...], operation: object) -> Lane | None:
        attributes: Attributes = dict.fromkeys(names)
        call = None
        if inference.is_marked(attributes):
            call = call_shape(names)
            if call is None or type(operation) is not str or operation not in PLAIN_OPERATIONS:
                return None
            verdict = self.judge(kind, dict.fromkeys(call.rest), InferenceCall(operation))
            return None if verdict.bulk is None else Lane(names, verdict, call, operation)
        verdict = self.judge(kind, attributes, None)
        return None if verdict.bulk is None else Lane(names, verdict, None, "")

    def _consider(self, kind: str, attributes: Attributes, call: InferenceCall | None) -> Verdict:
        family = family_of(kind, attributes, call)
        audited = carries_audit(attributes)
        stream = choose_stream(family, self._options, carries_audit=audited)
        common: Row = {
            "schemaVersion": SCHEMA_VERSION,
            "tenant": self._options.tenant,
            "stream": stream,
            "eventName": f"gen_ai.{call.operation}" if call is not None else f"{family.value}.{kind}",
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
        if stream is not None and not audited:
            bulk = self._plan(attributes, family)
        return Verdict(family, stream, audited, common, bulk)

    def _plan(self, attributes: Attributes, family: Family) -> BulkPlan | None:
        """Returns how spans become columns at once, unless a setting asks for something of each."""
        options = self._options
        # Of an HTTP span a look at its route tells whether the settings say something.
        if options.content == "off" or (options.route_actions and family is not Family.HTTP):
            return None
        shape = shape_of(tuple(attributes))
        if options.identity.trusted_proxies and shape is not None and shape.rooms & Room.ADDRESS:
            return None
        return plan_bulk(shape, family, self._claiming, self._named)
