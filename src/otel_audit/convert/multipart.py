"""Multipart bodies (RFC 7578, RFC 2046): fields with their values, files without their contents."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from otel_audit.convert import notes
from otel_audit.convert.spans import Value
from otel_audit.convert.values import clean_text

__all__ = ["read_multipart"]

_MOST_PARTS: Final = 1_000

_MOST_HEAD: Final = 8 << 10
"""Bytes of a part's headers that are read."""

_MAX_BOUNDARY: Final = 200
"""RFC 2046 allows 70."""

_PARAMETER: Final = re.compile(r';\s*(name|filename\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)', re.IGNORECASE)


def read_multipart(
    content: bytes, boundary: str, *, is_cut: bool, oddities: list[str]
) -> dict[str, Value] | None:
    """Reads the parts.

    Args:
        content: the body.
        boundary: as its ``Content-Type`` says.
        is_cut: whether bytes are missing at its end: the last part is not whole then.
        oddities: takes a note where parts were left out.

    Returns:
        Name → list of values: texts of fields, ``{"fileName", "mediaType", "size"}`` of files; a text that was
        cut is left out, and so is the size of a file that was. Parts without a name are under ``""``.
        ``None`` without a boundary.
    """
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        return None
    try:
        delimiter = b"--" + boundary.encode("latin-1")
    except UnicodeEncodeError:
        return None
    parts = content.split(b"\n" + delimiter, _MOST_PARTS)
    if len(parts) > _MOST_PARTS:
        oddities.append(notes.FIELDS_LEFT_OUT)
        parts.pop()
    if parts[0].startswith(delimiter):
        parts[0] = parts[0][len(delimiter) :]
    else:
        parts.pop(0)  # a preamble, which nobody reads
    fields: dict[str, Value] = {}
    for index, part in enumerate(parts):
        if part.startswith(b"--"):
            break
        is_open = is_cut and index == len(parts) - 1
        head, found, value = part.removeprefix(b"\r").removeprefix(b"\n").partition(b"\r\n\r\n")
        if not found:
            head, found, value = part.removeprefix(b"\r").removeprefix(b"\n").partition(b"\n\n")
        if not found:
            continue
        name, said = _read(head[:_MOST_HEAD], value.removesuffix(b"\r"), oddities, is_open=is_open)
        values = fields.setdefault(name, [])
        if said is not None:
            values.append(said)  # type: ignore[union-attr]  # a list
    return fields


def _read(head: bytes, value: bytes, oddities: list[str], *, is_open: bool) -> tuple[str, Value]:
    name, file_name, media_type = "", None, ""
    for line in head.decode("utf-8", "replace").splitlines():
        key, _, said = line.partition(":")
        match key.strip().lower():
            case "content-disposition":
                for parameter, text in _PARAMETER.findall(said):
                    if parameter.lower() == "name":
                        name = _unquoted(text)
                    elif parameter.endswith("*"):
                        file_name = unquote(text.rpartition("'")[2])
                    elif file_name is None:
                        file_name = _unquoted(text)
            case "content-type":
                media_type = said.strip()
    if file_name is None and (not media_type or media_type.lower().startswith("text/")):
        return clean_text(name, oddities), None if is_open else _text(value, oddities)
    file: dict[str, Value] = {"fileName": clean_text(file_name or "", oddities)}
    if media_type:
        file["mediaType"] = clean_text(media_type, oddities)
    if not is_open:
        file["size"] = len(value)
    return clean_text(name, oddities), file


def _text(value: bytes, oddities: list[str]) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        oddities.append(notes.CHARSET)
        return value.decode("utf-8", "replace")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text
