"""A captured body as JSON, by its media type.

==================================  ================================================================================
media type                          becomes
==================================  ================================================================================
JSON (``application/json``,         the value, minified; where it was cut off, the leaf that was open is left out
``…+json``, or none and it is one)
``x-www-form-urlencoded``           an object: name → list of values; one that was cut off is left out
``multipart/…``                     likewise; a file is ``{"fileName", "mediaType", "size"}``, without its content
text, XML, scripts, event streams   a string
anything else                       nothing here: its bytes go to ``…Base64``, which only a policy lets be written
==================================  ================================================================================

Whatever a body holds, the time for it is bounded by its length, and what had to be left out is noted.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from otel_audit.convert import notes
from otel_audit.convert.cut_json import close_json
from otel_audit.convert.inference import json_text
from otel_audit.convert.multipart import read_multipart
from otel_audit.convert.spans import Value

__all__ = ["MediaType", "read_text"]

_LONGEST_HEADER: Final = 1024

_MOST_FIELDS: Final = 10_000
"""Fields of a form that are read."""

_PARAMETER: Final = re.compile(r';\s*([\w!#$%&*+.^`|~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')

_TEXTS: Final = frozenset(
    {
        "application/xml", "application/javascript", "application/graphql", "application/yaml",
        "application/x-yaml", "application/toml", "application/x-ndjson", "application/ndjson",
        "application/jsonl", "application/jsonlines", "application/json-lines", "application/sql",
    }
)  # fmt: skip

_CHARSETS: Final = re.compile(
    r"(?:us-)?ascii|utf-?(?:8|16|32)(?:-?[bl]e)?|latin-?1|iso-?8859-\d{1,2}|(?:windows-|cp)12\d\d|koi8-[ru]"
    r"|shift[-_]?jis|euc-(?:jp|kr)|gb(?:2312|k|18030)|big5"
)
"""Character sets that are read as what they say: Python knows others, some of which are no character sets."""

_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class MediaType:
    """A ``Content-Type`` header, read without believing it more than it can bear.

    Attributes:
        name: ``type/subtype`` in small letters; ``""`` where there is none.
        parameters: ``charset``, ``boundary`` …; names in small letters.
    """

    __slots__ = ("name", "parameters")

    def __init__(self, header: str) -> None:
        header = header[:_LONGEST_HEADER]
        self.name = header.partition(";")[0].strip().lower()
        self.parameters: dict[str, str] = {}
        for name, text in _PARAMETER.findall(header):
            value = re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text
            self.parameters.setdefault(name.lower(), value)

    @property
    def is_json(self) -> bool:
        return self.name in {"application/json", "text/json"} or self.name.endswith("+json")

    @property
    def is_text(self) -> bool:
        return self.name.startswith("text/") or self.name in _TEXTS or self.name.endswith("+xml")


def read_text(content: bytes, media: MediaType, *, is_cut: bool, oddities: list[str]) -> str | None:
    """Reads a body.

    Args:
        content: decoded from its content encoding.
        media: what it says it is.
        is_cut: whether bytes are missing at its end.
        oddities: takes notes of what was left out or could not be read.

    Returns:
        JSON text, or ``None`` where the body is neither of the above nor text.
    """
    if media.is_json:
        return _json(_decoded(content, media, oddities, is_cut=is_cut), oddities, is_cut=is_cut)
    if media.name == "application/x-www-form-urlencoded":
        return json_text.dump(_form(content, media, oddities, is_cut=is_cut))
    if media.name.startswith("multipart/"):
        boundary = media.parameters.get("boundary", "")
        fields = read_multipart(content, boundary, is_cut=is_cut, oddities=oddities)
        return None if fields is None else json_text.dump(fields)
    if media.is_text:
        return json_text.dump(_decoded(content, media, oddities, is_cut=is_cut))
    if media.name or _BINARY.search(content):
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        if not (is_cut and error.end == len(content) and error.start > len(content) - 4):
            return None
        text = content[: error.start].decode()
    if text.lstrip()[:1] in ("{", "["):
        return _json(text, oddities, is_cut=is_cut)
    return json_text.dump(text)


def _json(text: str, oddities: list[str], *, is_cut: bool) -> str:
    """The value, minified; text that is no JSON, as a string."""
    text = text.removeprefix("\ufeff")
    if is_cut and text.lstrip()[:1] in ("{", "["):
        closed = close_json(text)
        value = json_text.UNREADABLE if closed is None else json_text.parse(closed, oddities)
        # The beginning of a text that cannot be closed may be anything: masking is told that it was cut.
        return json_text.dump(text if isinstance(value, json_text._Unreadable) else value)
    value = json_text.parse(text, oddities)
    if isinstance(value, json_text._Unreadable):
        if text:
            oddities.append(notes.CONTENT_UNREADABLE)
        value = text
    return json_text.dump(value)


def _form(content: bytes, media: MediaType, oddities: list[str], *, is_cut: bool) -> Value:
    pairs = content.split(b"&", _MOST_FIELDS)
    if len(pairs) > _MOST_FIELDS:
        oddities.append(notes.FIELDS_LEFT_OUT)
        pairs.pop()
    fields: dict[str, Value] = {}
    for index, pair in enumerate(pairs):
        if not pair:
            continue
        name, is_named, value = pair.replace(b"+", b" ").partition(b"=")
        is_open = is_cut and index == len(pairs) - 1
        if is_open and not is_named:
            continue
        values = fields.setdefault(_decoded(unquote_to_bytes(name), media, oddities), [])
        if not is_open:
            values.append(_decoded(unquote_to_bytes(value), media, oddities))  # type: ignore[union-attr]  # a list
    return fields


def _decoded(content: bytes, media: MediaType, oddities: list[str], *, is_cut: bool = False) -> str:
    name = media.parameters.get("charset", "").strip().lower()
    charset = name if _CHARSETS.fullmatch(name) else "utf-8"
    if name != charset and name:
        oddities.append(notes.CHARSET)
    try:
        return content.decode(charset)
    except UnicodeDecodeError as error:
        if not is_cut or error.start < len(content) - 4:
            oddities.append(notes.CHARSET)
            return content.decode(charset, "replace")
        return content[: error.start].decode(charset, "replace")
    except LookupError:
        oddities.append(notes.CHARSET)
        return content.decode("utf-8", "replace")
