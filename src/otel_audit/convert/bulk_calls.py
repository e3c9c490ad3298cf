"""What the inference dialects made of many spans, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_audit.convert.bulk_columns import Irregular
from otel_audit.convert.columns import Row
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.plain_calls import PlainCalls
from otel_audit.convert.rest import MAX_EXACT

__all__ = ["CallColumns", "of_calls", "of_plain_calls"]

_COUNTS: Final = frozenset({"inputTokens", "outputTokens", "cacheReadTokens", "reasoningTokens"})


@dataclass(frozen=True, slots=True)
class CallColumns:
    """Calls of one operation.

    Attributes:
        columns: leaf of the record → its value in each call.
        common: leaves that all of them have.
    """

    columns: dict[str, Sequence[Any]]
    common: Row


def of_calls(calls: Sequence[InferenceCall]) -> CallColumns:
    """Returns the columns of calls that were read one by one.

    Raises:
        Irregular: one says something that needs a row.
    """
    infos: list[dict[str, Any]] = [call.model_info for call in calls]
    columns: dict[str, Sequence[Any]] = {}
    for child in set().union(*infos):
        values = [info.get(child) for info in infos]
        columns[f"modelInfo.{child}"] = values
        if child in _COUNTS and any(
            value is not None and not -MAX_EXACT <= value <= MAX_EXACT for value in values
        ):
            raise Irregular
    targets = [call.target for call in calls if call.target is not None]
    if len(targets) < len(calls) or any(call.users or call.session or call.protocol for call in calls):
        raise Irregular
    columns["target.type"], columns["target.id"] = zip(*targets, strict=True)
    columns["request"] = requests = [call.request for call in calls]
    columns["response"] = responses = [call.response for call in calls]
    columns["capture.state"] = [
        "none" if request is None and response is None else "complete"
        for request, response in zip(requests, responses, strict=True)
    ]
    return CallColumns(columns, {"modelInfo.operation": calls[0].operation, "action": "EXECUTE"})


def of_plain_calls(calls: PlainCalls, operation: str) -> CallColumns:
    """Returns the columns of ordinary model calls."""
    columns = {f"modelInfo.{child}": values for child, values in calls.info.items()}
    columns["target.id"] = calls.models
    common: Row = {"modelInfo.operation": operation, "action": "EXECUTE", "target.type": "model"}
    for leaf, texts in (("request", calls.requests), ("response", calls.responses)):
        if texts is not None:
            columns[leaf] = texts
            common["capture.state"] = "complete"
    return CallColumns(columns, common)
