"""Inference spans of every dialect, read into one :class:`InferenceCall`.

``reader`` asks each dialect in turn: ``semconv`` (the GenAI conventions, current and older),
``message_events``, ``openinference``, ``openllmetry``, ``mlflow``, ``mcp``, ``vercel``. They fill one
``draft``; ``plain_calls`` reads many ordinary model calls at once without one. ``messages``, ``parts``, ``media`` and
``tools`` hold the normal form that makes the same conversation the same bytes whoever recorded it.
"""

from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.operations import MODEL_OPERATIONS, OPERATIONS
from otel_audit.convert.inference.reader import is_marked, read

__all__ = ["MODEL_OPERATIONS", "OPERATIONS", "InferenceCall", "is_marked", "read"]
