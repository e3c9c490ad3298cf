"""Messages of text alone, the most of all conversations: read and written by a typed codec.

A message that holds nothing but text has few shapes. For those the codec of msgspec reads the text straight
into the types below, which are the normal form: it refuses what they do not allow, leaves nulls out and
writes keys in their order, all without building an object a key. What it refuses goes the general way
(:mod:`~otel_audit.convert.inference.messages`), which gives the same bytes for what it accepts; a property
test holds the two together.

A repeated member would be lost here without a word. Its length betrays it: what was read must be as long as
what is written, give or take the white space and nulls that a writer of such messages puts everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

__all__ = ["TextMessages", "read_text_messages", "write_text_messages"]


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["text", "reasoning"]
    content: Annotated[str, msgspec.Meta(min_length=1)]


class _Message(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    role: Literal["system", "user", "assistant"]
    parts: Annotated[list[_Part], msgspec.Meta(min_length=1)]
    name: None = None
    finish_reason: Literal["stop", "length", "content_filter", "tool_call", "error"] | None = None


class _Request(msgspec.Struct, omit_defaults=True, rename="camel", gc=False):
    system_instructions: list[_Part] = []
    messages: list[_Message] = []


_DECODER: Final = msgspec.json.Decoder(list[_Message])
_ENCODER: Final = msgspec.json.Encoder()

_LINE_SEPARATOR: Final = "\u2028".encode()
_PARAGRAPH_SEPARATOR: Final = "\u2029".encode()

_NULL_NAME: Final = len(',"name":null')
_SPACES_OF_NULL_NAME: Final = 2
_SYSTEM_MESSAGE: Final = len('{"role":"system","parts":[]}')
_REQUEST: Final = len('{"messages":}')
_SYSTEM_INSTRUCTIONS: Final = len('"systemInstructions":[],')


class TextMessages:
    """Messages of text alone.

    Attributes:
        written: the messages as minified JSON text, in normal form.
    """

    __slots__ = ("_messages", "written")

    def __init__(self, messages: list[_Message], written: bytes) -> None:
        self._messages = messages
        self.written = written.decode()

    def to_messages(self) -> list[dict[str, Any]]:
        """Returns the messages as the general way builds them."""
        return msgspec.to_builtins(self._messages)  # type: ignore[no-any-return]  # a list of objects


def read_text_messages(text: str, *, is_request: bool) -> TextMessages | None:
    """Reads messages of text alone.

    Args:
        text: JSON text.
        is_request: whether ``written`` is to be the request ``{systemInstructions, messages}``, system
            messages at the start moved, rather than the array.

    Returns:
        ``None`` for anything else, and for text of which something would be lost.
    """
    try:
        messages = _DECODER.decode(text)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None
    written = _written(text, messages, is_request=is_request)
    return None if written is None else TextMessages(messages, written)


def write_text_messages(texts: Iterable[str], *, is_request: bool) -> list[bytes | None]:
    """Returns messages of text alone as they are written in normal form, UTF-8; ``None`` for anything else.

    Args:
        texts: one conversation each.
        is_request: as for :func:`read_text_messages`.
    """
    decode = _DECODER.decode
    found: list[bytes | None] = []
    for text in texts:
        try:
            found.append(_written(text, decode(text), is_request=is_request))
        except (ValueError, RecursionError):
            found.append(None)
    return found


def _written(text: str, messages: list[_Message], *, is_request: bool) -> bytes | None:
    """Returns what is written of messages that were read from ``text``, ``None`` if that would lose something."""
    if not messages:
        return None
    longer = 0
    if not is_request:
        written = _ENCODER.encode(messages)
    elif messages[0].role != "system" or messages[0].finish_reason is not None:
        written, longer = _ENCODER.encode(_Request(messages=messages)), _REQUEST
    else:
        count = 1
        while count < len(messages) and messages[count].role == "system":
            if messages[count].finish_reason is not None:
                break
            count += 1
        if count == len(messages):
            return None  # nothing but system messages: too rare to be worth a way of their own
        parts = messages[0].parts
        if count > 1:
            parts = [part for message in messages[:count] for part in message.parts]
        written = _ENCODER.encode(_Request(parts, messages[count:]))
        longer = _REQUEST + _SYSTEM_INSTRUCTIONS - count * _SYSTEM_MESSAGE - 1
    is_ascii = written.isascii()
    slack = len(text) - (len(written) if is_ascii else len(written.decode())) + longer
    # As minified JSON, or with a blank after each comma and colon; each without names, or each with a null.
    if slack:
        # Commas and colons, each of which a writer may follow with a blank.
        separators = -1
        for message in messages:
            separators += 4 * len(message.parts) + (3 if message.finish_reason is None else 5)
        nulls = len(messages)
        named = (nulls * _NULL_NAME, separators + nulls * (_NULL_NAME + _SPACES_OF_NULL_NAME))
        if slack != separators and slack not in named:
            return None
    if not is_ascii and (_LINE_SEPARATOR in written or _PARAGRAPH_SEPARATOR in written):
        return None
    return written
