"""Who a dialect says the call was for: user and session ids in association properties and metadata.

What an application sets for the whole span (``user.id``, ``enduser.id``, ``session.id``) is not read here:
it stays among the attributes, where the record's identity looks for it on every kind of span.
"""

from __future__ import annotations

from typing import Final

from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import UNREADABLE, parse
from otel_audit.convert.spans import Value

__all__ = ["read"]

_PREFIXES: Final = (
    "traceloop.association.properties.",
    "ai.telemetry.metadata.",
    "langfuse.trace.metadata.",
    "langfuse.observation.metadata.",
    "langsmith.metadata.",
)

_USERS: Final = frozenset({"user_id", "userid", "user", "user.id", "enduser_id", "end_user_id"})
_SESSIONS: Final = frozenset({"session_id", "sessionid", "session.id"})

_EXACT_USERS: Final = ("langfuse.user.id", "langfuse.trace.userId", "mlflow.trace.user", "mlflow.auth.userId",
                       "langsmith.user_id")  # fmt: skip
_EXACT_SESSIONS: Final = ("langfuse.session.id", "langfuse.trace.sessionId", "mlflow.trace.session",
                          "langsmith.trace.session_id")  # fmt: skip

_METADATA: Final = "metadata"
"""OpenInference's attribute: the JSON text of an object."""


def read(draft: Draft) -> None:
    """Takes user ids and the session out of what is left of the attributes.

    An entry of ``metadata`` is read and stays, since the rest of the object stays too.
    """
    rest = draft.rest
    for key in [key for key in rest if key.startswith(_PREFIXES)]:
        name = next(key.removeprefix(prefix) for prefix in _PREFIXES if key.startswith(prefix))
        if _take(key, name, rest[key], draft):
            del rest[key]
    for key in _EXACT_USERS:
        if key in rest and draft.add_user(key, rest[key]):
            del rest[key]
    for key in _EXACT_SESSIONS:
        if key in rest and _take_session(rest[key], draft):
            del rest[key]
    metadata = rest.get(_METADATA)
    if isinstance(metadata, str) and metadata.startswith("{"):
        tree = parse(metadata, draft.oddities)
        if tree is not UNREADABLE and isinstance(tree, dict):
            for name, value in tree.items():
                _take(f"{_METADATA}.{name}", name, value, draft)


def _take(key: str, name: str, value: Value, draft: Draft) -> bool:
    word = name.lower()
    if word in _USERS:
        return draft.add_user(key, value)
    return word in _SESSIONS and _take_session(value, draft)


def _take_session(value: Value, draft: Draft) -> bool:
    if not isinstance(value, str) or not value:
        return False
    if draft.session is None:
        draft.session = value
    return draft.session == value
