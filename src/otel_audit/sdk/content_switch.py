"""What the environment tells instrumentations about content: what is explicitly off stays off, and which hook
they hand it to.

===================================================== =============================================
variable                                              off
===================================================== =============================================
``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT``  anything but ``true``, ``SPAN_ONLY``, ``EVENT_ONLY``
                                                      and ``SPAN_AND_EVENT`` (opentelemetry-util-genai;
                                                      ``true`` is that of older instrumentations)
``TRACELOOP_TRACE_CONTENT``                           anything but ``true`` (OpenLLMetry)
``OPENINFERENCE_HIDE_*``                              ``true``, for inputs or outputs, by the name
===================================================== =============================================

One that is not set, or blank, says nothing. Each instrumentation obeys its own by itself; what is collected
beside spans obeys them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["CONFIGURED", "OURS", "ContentSwitch", "read_switch", "select_hook"]

_CAPTURE_MODE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

HOOK: Final = "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK"
"""Names the hook that instrumentations load."""

CONFIGURED: Final = "_OTEL_AUDIT_COMPLETION_HOOK"
"""Names the hook that ``HOOK`` named before: child processes inherit both."""

OURS: Final = "otel_audit"
"""Name of our entry point."""

_CAPTURING: Final = frozenset({"true", "span_only", "event_only", "span_and_event"})
_HIDE: Final = "OPENINFERENCE_HIDE_"
_OF_INPUTS: Final = ("INPUT", "PROMPT", "TOOLS")
_OF_OUTPUTS: Final = ("OUTPUT", "CHOICES", "COMPLETION")


@dataclass(frozen=True, slots=True)
class ContentSwitch:
    """Whether inputs (messages, instructions, tools) and outputs of models may be collected."""

    inputs: bool
    outputs: bool

    def __bool__(self) -> bool:
        return self.inputs or self.outputs


def read_switch(environment: Mapping[str, str] | None = None) -> ContentSwitch:
    """What the environment says.

    Args:
        environment: by default that of the process.
    """
    environment = os.environ if environment is None else environment
    mode = environment.get(_CAPTURE_MODE, "").strip().lower()
    traced = environment.get("TRACELOOP_TRACE_CONTENT", "").strip().lower()
    if (mode and mode not in _CAPTURING) or (traced and traced != "true"):
        return ContentSwitch(inputs=False, outputs=False)
    hidden = [
        name
        for name, value in environment.items()
        if name.startswith(_HIDE) and value.strip().lower() in ("true", "1")
    ]
    return ContentSwitch(
        inputs=not any(word in name for name in hidden for word in _OF_INPUTS),
        outputs=not any(word in name for name in hidden for word in _OF_OUTPUTS),
    )


def select_hook() -> Callable[[], None]:
    """Have instrumentations that are set up from now on load our hook; not where content is explicitly off.

    Returns:
        What puts back the one that was configured.
    """
    configured = os.environ.get(HOOK, "")
    if configured == OURS or not read_switch():
        return lambda: None
    os.environ[HOOK] = OURS
    os.environ[CONFIGURED] = configured

    def put_back() -> None:
        os.environ.pop(CONFIGURED, None)
        if os.environ.get(HOOK) == OURS:
            if configured:
                os.environ[HOOK] = configured
            else:
                del os.environ[HOOK]

    return put_back
