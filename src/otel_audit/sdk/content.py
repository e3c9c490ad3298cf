"""``content = "full"``: what instrumentations leave off their spans and events is collected for our logs alone.

The instrumentations of OpenTelemetry hand the content of a call to a completion hook, whether or not it goes on
the span (``Uploading content to external storage`` in the GenAI conventions 1.37; package
``opentelemetry-util-genai``). The hook is chosen by name, in an environment variable, from an entry-point group.
Ours takes the place of the one that was chosen, and calls it. What it collects hangs in the notes of the span, so
no exporter sees it (ADR 0041).
"""

from __future__ import annotations

import dataclasses
import logging
import os
from base64 import b64encode
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai

from otel_audit.convert.spans import Value
from otel_audit.convert.values import MAX_DEPTH, TOO_DEEP, plain
from otel_audit.errors import describe_defect
from otel_audit.sdk import sharing
from otel_audit.sdk.content_switch import CONFIGURED, OURS, read_switch
from otel_audit.sdk.notes import notes_of_context

__all__ = ["AuditCompletionHook"]

_log = logging.getLogger(__name__)

_GROUP: Final = "opentelemetry_genai_completion_hook"


class AuditCompletionHook:
    """The hook that the entry point names; instrumentations make it without arguments.

    It can also be handed to an instrumentor: ``OpenAIInstrumentor().instrument(completion_hook=…)``.

    Args:
        beside: a hook that is called as well; by default the one that was configured before ours.
    """

    def __init__(self, beside: Any = None) -> None:
        self._switch = read_switch()
        self._beside = _load(os.environ.get(CONFIGURED, "")) if beside is None else beside

    def on_completion(
        self,
        *,
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        system_instruction: Sequence[Any] = (),
        tool_definitions: Sequence[Any] | None = None,
        span: Any = None,
        log_record: Any = None,
        **more: Any,
    ) -> None:
        """Collect what the span and its event will not carry. Raises only what the hook beside ours raises."""
        try:
            content = {}
            if self._switch.inputs:
                content[gen_ai.GEN_AI_SYSTEM_INSTRUCTIONS] = system_instruction
                content[gen_ai.GEN_AI_INPUT_MESSAGES] = inputs
                content[gen_ai.GEN_AI_TOOL_DEFINITIONS] = tool_definitions or ()
            if self._switch.outputs:
                content[gen_ai.GEN_AI_OUTPUT_MESSAGES] = outputs
            _collect(content, span, log_record)
        except Exception as error:  # noqa: BLE001  (nothing of ours reaches the application)
            _log.error("a defect in collecting content: %s", describe_defect(error))
        if self._beside is not None:
            self._beside.on_completion(
                inputs=inputs,
                outputs=outputs,
                system_instruction=system_instruction,
                tool_definitions=tool_definitions,
                span=span,
                log_record=log_record,
                **more,
            )


def _collect(content: dict[str, Sequence[Any]], span: Any, log_record: Any) -> None:
    if span is None or not sharing.collects_content():
        return
    notes = notes_of_context(span.get_span_context())
    if notes is None:
        return  # a span that is not recorded, or not here: there is no record that could take it
    carried = {*(getattr(span, "attributes", None) or ()), *(getattr(log_record, "attributes", None) or ())}
    known = notes.content or {}
    left_out = {
        name: [_plain(item) for item in items]
        for name, items in content.items()
        if items and name not in carried and name not in known
    }
    if left_out:
        notes.content = {**known, **left_out}


def _plain(value: Any, depth: int = 0) -> Value:
    """Messages and their parts are data classes; binary parts are in base64, as on events."""
    if depth >= MAX_DEPTH:
        return TOO_DEEP
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(plain(key, [])): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    return plain(value, [], depth)


def _load(name: str) -> Any:
    """The hook of that name, made as instrumentations make it; ``None`` where there is none."""
    if not name or name == OURS:
        return None
    for entry in entry_points(group=_GROUP, name=name):
        try:
            hook = entry.load()()
        except Exception as error:  # noqa: BLE001  (a hook of others that fails must not cost ours)
            _log.error("the completion hook %s cannot be made: %s", name, type(error).__name__)
            return None
        if callable(getattr(hook, "on_completion", None)):
            return hook
    _log.warning("%s is no completion hook; the audit log's own collects content all the same", name)
    return None
