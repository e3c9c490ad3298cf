"""What dialects fill in while they read a span, and how it becomes an :class:`InferenceCall`.

Several dialects may stand on one span (an instrumentation that writes two, a framework above an SDK). They
read one after another; the first that knows a field gives it, and a later one that says the same is mapped
as well. What it says differently stays among the span's attributes, so that nothing is lost.
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert import notes
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.finish_reasons import REASONS, finish_reason
from otel_audit.convert.inference.json_text import dump, plain_json
from otel_audit.convert.inference.messages import Message, has_content, split_system
from otel_audit.convert.inference.operations import MODEL_OPERATIONS
from otel_audit.convert.inference.parameters import canonical_name, parameters_text, plain_parameter
from otel_audit.convert.inference.providers import provider_named
from otel_audit.convert.inference.text_messages import TextMessages
from otel_audit.convert.spans import Attributes, Value

__all__ = ["Draft"]

_COUNTS: Final = frozenset({"inputTokens", "outputTokens", "cacheReadTokens", "reasoningTokens"})

_MAX_COUNT: Final = 2**53 - 1


class Draft:
    """An inference call in the making.

    Attributes:
        rest: attributes that nothing has mapped so far; the reader takes out what it maps.
        oddities: takes notes of what was odd.
        operation: once known.
        info: children of ``modelInfo`` that one attribute gives.
        parameters: request parameters by canonical name.
        extra: further facts, as text.
        finish_reasons: in the conventions' words.
        system: parts of system instructions that the dialect gives apart.
        messages, outputs: messages in normal form; ``None`` while no dialect has given them.
        tools: tool definitions in normal form.
        request_members, response_members: members of a request or response that is not messages.
        text_messages, text_outputs: the same, read by the codec for messages of text alone; see :meth:`open`.
        target: where it is not the model, tool, agent or workflow that ``info`` and ``extra`` name.
        users, session, protocol, method, return_code: as in :class:`InferenceCall`.
    """

    __slots__ = (
        "extra",
        "finish_reasons",
        "info",
        "messages",
        "method",
        "oddities",
        "operation",
        "outputs",
        "parameters",
        "protocol",
        "request_members",
        "response_members",
        "rest",
        "return_code",
        "session",
        "system",
        "target",
        "text_messages",
        "text_outputs",
        "tools",
        "users",
    )

    def __init__(self, rest: Attributes, oddities: list[str]) -> None:
        self.rest = rest
        self.oddities = oddities
        self.operation: str | None = None
        self.info: dict[str, Any] = {}
        self.parameters: dict[str, Value] = {}
        self.extra: dict[str, str] = {}
        self.finish_reasons: list[str] = []
        self.system: list[Message] = []
        self.messages: list[Message] | None = None
        self.outputs: list[Message] | None = None
        self.tools: list[Message] | None = None
        self.request_members: dict[str, Any] = {}
        self.response_members: dict[str, Any] = {}
        self.text_messages: TextMessages | None = None
        self.text_outputs: TextMessages | None = None
        self.target: tuple[str, str] | None = None
        self.users: list[tuple[str, str]] = []
        self.session: str | None = None
        self.protocol: str | None = None
        self.method: str | None = None
        self.return_code: int | None = None

    def open(self) -> None:
        """Turns messages that a codec has read into those that a dialect can look at and change."""
        if self.text_messages is not None:
            self.messages, self.text_messages = self.text_messages.to_messages(), None
        if self.text_outputs is not None:
            self.outputs, self.text_outputs = self.text_outputs.to_messages(), None

    def know(self, name: str, value: object) -> bool:
        """Takes a child of ``modelInfo``.

        Returns:
            Whether the value is in the call now: the child was free and its type right, or it says the same.
        """
        if name in _COUNTS:
            number = whole_number(value)
            if number is None:
                return False
            value = number
        elif name == "streaming":
            if not isinstance(value, bool):
                return False
        elif name == "provider":
            value = provider_named(value) if isinstance(value, str) else None
        if isinstance(value, str):
            if not value:
                return True
        elif value is None or name in _TEXTS:
            return False
        return bool(self.info.setdefault(name, value) == value)

    def take(self, key: str, name: str) -> None:
        """Moves attribute ``key`` into child ``name`` of ``modelInfo``; it stays where it cannot go there."""
        value = self.rest.get(key)
        if value is None:
            return
        if self.know(name, value):
            del self.rest[key]
        elif name not in self.info:
            self.oddities.append(notes.WRONG_TYPE)

    def take_extra(self, key: str, name: str) -> None:
        """Moves attribute ``key`` into ``modelInfo.extra``; lists and objects stay where they are."""
        value = self.rest.get(key)
        if isinstance(value, str | int | float) and self.add_extra(name, value):
            del self.rest[key]

    def add_extra(self, name: str, value: str | int | float) -> bool:
        """Takes a further fact; returns whether it is in the call now."""
        text = value if isinstance(value, str) else dump(plain_json(value, self.oddities))
        if not text:
            return True
        return self.extra.setdefault(name, text) == text

    def add_parameter(self, name: str, value: Value) -> bool:
        """Takes a request parameter under its canonical name; returns whether it is in the call now."""
        name = canonical_name(name)
        plain = plain_parameter(name, plain_json(value, self.oddities))
        return bool(self.parameters.setdefault(name, plain) == plain)

    def add_user(self, origin: str, value: object) -> bool:
        """Takes an asserted user id; returns whether it is one."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            return False
        self.users.append((origin, value))
        return True

    def finish(self, reasons: object) -> bool:
        """Takes finish reasons, one or several; returns whether they are such."""
        if type(reasons) is list and len(reasons) == 1 and not self.finish_reasons:
            only = reasons[0]
            if type(only) is str and only in REASONS:
                self.finish_reasons = reasons
                return True
        given = [reasons] if isinstance(reasons, str) else reasons
        if not isinstance(given, list) or not all(isinstance(reason, str) for reason in given):
            return False
        words = [word for reason in given if (word := finish_reason(reason)) is not None]
        if not self.finish_reasons:
            self.finish_reasons = words
        return self.finish_reasons == words or not words

    def call(self, operation: str) -> InferenceCall:
        """Returns the finished call."""
        info = self.info
        info["operation"] = operation
        if self.finish_reasons:
            info["finishReasons"] = self.finish_reasons
        if (text := parameters_text(self.parameters)) is not None:
            info["requestParameters"] = text
        if self.tools:
            names = [tool["name"] for tool in self.tools if isinstance(tool.get("name"), str)]
            info["tools"] = names or None
        if self.extra:
            info["extra"] = self.extra
        return InferenceCall(
            operation,
            info,
            self._request(operation),
            self._response(),
            self.target or _target(operation, info, self.extra),
            self.users,
            self.session,
            self.protocol,
            self.method,
            self.return_code,
        )

    def _request(self, operation: str) -> str | None:
        members = self.request_members
        if self.text_messages is not None:
            if not (self.system or self.tools or members or operation == "embeddings"):
                return self.text_messages.written
            self.messages = self.text_messages.to_messages()
        if operation == "embeddings" and self.messages:
            members = {"input": _texts(self.messages)} | members
        elif self.messages and has_content(self.messages):
            parts, messages = split_system(self.messages)
            members = {}
            if system := self.system + parts if parts != self.system else parts:
                members["systemInstructions"] = system
            if messages:
                members["messages"] = messages
            members |= {"tools": self.tools} if self.tools else {}
            members |= self.request_members
        else:
            head: dict[str, Any] = {"systemInstructions": self.system} if self.system else {}
            members = head | members | ({"tools": self.tools} if self.tools else {})
        return dump(members) if members else None

    def _response(self) -> str | None:
        if self.text_outputs is not None:
            return self.text_outputs.written
        if self.outputs and has_content(self.outputs):
            return dump(self.outputs)
        return dump(self.response_members) if self.response_members else None


_TEXTS: Final = frozenset(
    {
        "modelName", "modelVersion", "provider", "responseModel", "responseId", "conversationId", "agentId",
        "agentName", "toolName", "toolCallId", "outputType", "systemId", "endpointId",
    }
)  # fmt: skip


def whole_number(value: object) -> int | None:
    """Returns a count as an integer: one that came as ``42``, ``42.0`` or ``"42"``; ``None`` for others."""
    if isinstance(value, bool):
        return None
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17
    if is_digits or (isinstance(value, float) and value.is_integer()):
        value = int(value)  # type: ignore[call-overload]  # one of the two
    return value if isinstance(value, int) and -_MAX_COUNT <= value <= _MAX_COUNT else None


def _texts(messages: list[Message]) -> list[Value]:
    """What an embedding took: each text, and other parts as they are."""
    return [
        part["content"] if part["type"] == "text" and len(part) == 2 else part
        for message in messages
        for part in message["parts"]
    ]


def _target(operation: str, info: dict[str, Any], extra: dict[str, str]) -> tuple[str, str] | None:
    if operation in MODEL_OPERATIONS:
        model = info.get("modelName") or info.get("responseModel")
        return ("model", model) if model else None
    if operation == "execute_tool":
        candidates = [("tool", info.get("toolName"))]
    elif operation in ("invoke_agent", "create_agent", "plan", "handoff"):
        candidates = [("agent", info.get("agentName")), ("agent", info.get("agentId"))]
    elif operation in ("invoke_workflow", "chain"):
        candidates = [("workflow", extra.get("workflowName")), ("task", extra.get("taskName"))]
    elif operation == "retrieval":
        candidates = [("data_source", extra.get("dataSourceId"))]
    elif operation == "mcp":
        candidates = [("prompt", extra.get("promptName")), ("tool", info.get("toolName"))]
    else:
        candidates = []
    models = [("model", info.get("modelName")), ("model", info.get("responseModel"))]
    return next(((kind, name) for kind, name in [*candidates, *models] if name), None)
