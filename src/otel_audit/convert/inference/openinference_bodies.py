"""OpenInference's ``input.value`` and ``output.value``: bodies of a model's call, else what goes in and out.

A body says what the attributes beside it leave out: finish reasons of each choice, the response's id. What
the call holds then is taken out of it; the members that are left stay, as an object under the same name.
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert import notes
from otel_audit.convert.inference.api_body import ApiRequest, ApiResponse, read_request, read_response
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import UNREADABLE, container, dump, parse
from otel_audit.convert.inference.langchain import read_tool_message
from otel_audit.convert.inference.media import is_nothing
from otel_audit.convert.inference.messages import Message, input_messages, message, split_system
from otel_audit.convert.inference.parameters import canonical_name
from otel_audit.convert.spans import Value

__all__ = ["bodies", "read_values", "take_request"]

REDACTED: Final = "__REDACTED__"

_MODEL_CALLS: Final = frozenset({"chat", "text_completion", "embeddings"})


_REQUEST_MEMBERS: Final = ("messages", "input", "contents", "prompt")
_RESPONSE_MEMBERS: Final = (
    "choices",
    "output",
    "candidates",
    "generations",
    "data",
    "stop_reason",
    "content",
)


def bodies(draft: Draft) -> tuple[ApiRequest | None, ApiResponse | None]:
    """The raw request and response, where ``input.value`` and ``output.value`` hold such.

    Some instrumentations write the request's messages alone, as a list.
    """
    request = response = None
    tree = _json(draft, "input.value")
    if isinstance(tree, dict) and any(name in tree for name in _REQUEST_MEMBERS):
        request = read_request(tree, draft.oddities)
    elif isinstance(tree, list) and all(isinstance(item, dict) for item in tree):
        request = ApiRequest(messages=input_messages(tree, draft.oddities))
    tree = _json(draft, "output.value")
    if isinstance(tree, dict) and any(name in tree for name in _RESPONSE_MEMBERS):
        response = read_response(tree, draft.oddities)
    return request, response


def _json(draft: Draft, key: str) -> Value:
    text = draft.rest.get(key)
    if not isinstance(text, str) or not text.startswith(("{", "[")):
        return None
    tree = parse(text, [])
    return None if tree is UNREADABLE else tree  # type: ignore[return-value]  # the sentinel is ruled out


def take_request(draft: Draft, request: ApiRequest, *, origin: str) -> dict[str, Any]:
    """Takes what is not messages out of a request; returns the parameters that the call has otherwise."""
    if request.model is not None:
        draft.know("modelName", request.model)
    if request.stream is not None:
        draft.know("streaming", request.stream)
    if request.user is not None and all(value != request.user for _, value in draft.users):
        draft.add_user(f"{origin}.{request.user_member}", request.user)
    if request.conversation is not None:
        draft.know("conversationId", request.conversation)
    return {name: value for name, value in request.parameters.items() if not draft.add_parameter(name, value)}


def read_values(
    draft: Draft, operation: str | None, request: ApiRequest | None, response: ApiResponse | None
) -> None:
    """``input.value`` and ``output.value``: raw bodies of a model's call, else what goes in and out."""
    if request is not None and operation in _MODEL_CALLS:
        _take_input(draft, operation, request)
    elif operation != "embeddings" and not draft.messages and "query" not in draft.request_members:
        name = {"execute_tool": "arguments", "retrieval": "query"}.get(operation or "", "input")
        _take_value(draft, "input", name, draft.request_members)
        if operation == "execute_tool" and "arguments" not in draft.request_members:
            _take_value(draft, "tool.parameters", "arguments", draft.request_members)
    else:
        _drop_repeated_text(draft, "input.value", draft.messages)
    if response is not None and operation in _MODEL_CALLS:
        _take_output(draft, response)
    elif operation == "text_completion" and not draft.outputs and _is_plain(draft.rest.get("output.value")):
        draft.outputs = [message(draft.rest.pop("output.value"), "assistant", draft.oddities)]
    elif operation != "embeddings" and not draft.outputs and not draft.response_members:
        name = "result" if operation == "execute_tool" else "output"
        _take_value(draft, "output", name, draft.response_members)
        if operation == "execute_tool":
            read_tool_message(draft)
    else:
        _drop_repeated_text(draft, "output.value", draft.outputs)
    _finish_outputs(draft)
    for side in ("input", "output"):
        if f"{side}.value" not in draft.rest:
            draft.rest.pop(f"{side}.mime_type", None)


def _is_plain(value: Value) -> bool:
    return isinstance(value, str) and value not in ("", REDACTED) and not value.startswith("{")


def _take_value(draft: Draft, side: str, name: str, members: dict[str, Any]) -> None:
    key = side if "." in side else f"{side}.value"
    value = draft.rest.get(key)
    if is_nothing(value) or value == REDACTED or name in members:
        return
    if isinstance(value, str):
        is_text = draft.rest.get(f"{side}.mime_type") == "text/plain"
        value = value if is_text else container(value, draft.oddities)
    members[name] = value
    del draft.rest[key]


def _drop_repeated_text(draft: Draft, key: str, messages: list[Message] | None) -> None:
    """A plain text that is the only message says nothing new."""
    text = draft.rest.get(key)
    if messages and isinstance(text, str):
        contents = [part.get("content") for part in messages[-1]["parts"]]
        if contents == [text]:
            del draft.rest[key]


def _take_input(draft: Draft, operation: str | None, request: ApiRequest) -> None:
    left = take_request(draft, request, origin="input.value")
    if request.tools is not None and draft.tools is None:
        draft.tools = request.tools
    if request.tools is not None and request.tools != draft.tools:
        return
    if operation == "embeddings":
        texts = request.texts if isinstance(request.texts, list) else [request.texts]
        if draft.request_members.setdefault("input", texts) != texts:
            return
    else:
        whole = [{"role": "system", "parts": request.system}] if request.system else []
        whole += request.messages or []
        if not draft.messages or notes.CONTENT_INCOMPLETE in draft.oddities:
            draft.messages = whole
        elif whole not in (draft.messages, split_system(draft.messages)[1]):
            return
    left = {canonical_name(name): value for name, value in left.items()} | request.rest
    _leave(draft, "input.value", left)


def _take_output(draft: Draft, response: ApiResponse) -> None:
    if response.id is not None:
        draft.know("responseId", response.id)
    for extra, fact in response.extra.items():
        draft.add_extra(extra, fact)
    for name, count in response.counts.items():
        if not draft.know(name, count):
            response.keep_count(name)
    if response.embeddings is not None and draft.response_members.get("embeddings") is None:
        draft.response_members["embeddings"] = response.embeddings
    if response.outputs is not None:
        bare = [{key: item[key] for key in item if key != "finish_reason"} for item in response.outputs]
        if draft.outputs and draft.outputs != bare:
            return
        if not draft.outputs or response.finish_reasons:
            draft.outputs = response.outputs
        if response.finish_reasons:
            draft.finish_reasons = response.finish_reasons
    told = response.rest.get("response_metadata")  # LangChain's, of an error
    if isinstance(told, dict) and type(told.get("status_code")) is int and draft.protocol is None:
        draft.protocol, draft.return_code = "http", told.pop("status_code")
    if response.id is None or draft.info.get("responseId") == response.id:
        _leave(draft, "output.value", response.rest)


def _finish_outputs(draft: Draft) -> None:
    """Gives the answer the one finish reason that the span tells."""
    if draft.outputs and len(draft.outputs) == 1 and len(draft.finish_reasons) == 1:
        draft.outputs[0].setdefault("finish_reason", draft.finish_reasons[0])


def _leave(draft: Draft, key: str, left: dict[str, Any]) -> None:
    """Keeps of a raw body what the call does not hold."""
    if left:
        draft.rest[key] = dump(left)
    else:
        del draft.rest[key]
