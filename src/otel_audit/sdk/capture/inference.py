"""Calls that carry what a model is told and says, where instrumentations are told to leave that out.

An explicit off switch of an instrumentation (``sdk/content_switch.py``) always wins: the bodies that its library
sends and gets below its span hold the same content, and are not captured then, whatever is configured. Whether a
span is of inference is known when it starts, by its attributes; what starts below it learns it from its parent.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.sdk.trace import Span
from opentelemetry.trace import SpanContext

from otel_audit.sdk.content_switch import ContentSwitch, read_switch

__all__ = ["follow_switch", "may_keep", "note_start"]

_MARK: Final = "_otel_audit_inference"
"""Member of the ``__dict__`` of a span's context, beside its notes (ADR 0041): it is of inference, or below."""

_NAMES: Final = ("gen_ai.", "openinference.", "traceloop.", "llm.")
"""How attributes of inference begin, in each dialect that has an off switch."""

_ALL: Final = ContentSwitch(inputs=True, outputs=True)


class _State:
    def __init__(self) -> None:
        self.switch = _ALL


_state: Final = _State()


def follow_switch() -> None:
    """Obey what the environment says now."""
    _state.switch = read_switch()


def note_start(span: Span) -> None:
    """See a span start. Where nothing is switched off, it costs a call."""
    if _state.switch == _ALL:
        return
    context: Any = span.get_span_context()
    parent = span.parent
    is_below = parent is not None and parent.__dict__.get(_MARK, False)
    if is_below or any(name.startswith(_NAMES) for name in span.attributes or ()):
        context.__dict__[_MARK] = True


def may_keep(context: SpanContext) -> ContentSwitch:
    """Which bodies of a call may be captured.

    Args:
        context: of the call's span, the object itself.
    """
    return _state.switch if context.__dict__.get(_MARK, False) else _ALL
