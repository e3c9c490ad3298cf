"""Every text that a text may stand for.

Each *decoding* undoes one kind of disguise everywhere in a text and yields what comes out; :func:`readings`
applies all of them to all that they yield, in any order and as often as it takes. Nothing here is of the
product: it is written from the formats alone, and slowly, so that it can be wrong in other ways.
"""

from __future__ import annotations

import base64
import binascii
import functools
import gzip
import html
import json
import quopri
import re
import unicodedata
import urllib.parse
import zlib
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

import zstandard

_ROUNDS = 12
"""Decodings in a row: JSON within JSON to depth 5, in base64, in a URL."""

_READINGS = 20_000
"""Texts that one text may stand for; more is an error of the oracle, never an end in silence."""


def readings(text: str, known: Container[str] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The text itself and every text that it may stand for, with the decodings on the way.

    Args:
        text: of any kind.
        known: texts that need not be read again, nor what they stand for.
    """
    seen = {text}
    level: list[tuple[str, tuple[str, ...]]] = [(text, ())]
    for _ in range(_ROUNDS):
        below = []
        for reading, way in level:
            yield reading, way
            for name, decoding in DECODINGS.items():
                for decoded in decoding(reading):
                    if decoded not in seen and decoded not in known:
                        seen.add(decoded)
                        below.append((decoded, (*way, name)))
        if len(seen) > _READINGS:
            raise RuntimeError(f"a text of {len(text)} characters stands for more than {_READINGS} others")
        level = below
    yield from level


def plainer(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The text, and what it says with escapes of all kinds undone once, twice and so on: for long texts of which
    the parts are read in every way elsewhere."""
    way: tuple[str, ...] = ()
    while len(way) <= _ROUNDS:
        yield text, way
        before = text
        for decoding in (_escapes, _percent, _html, _folded):
            text = next(decoding(text), text)
        if text == before:
            return
        way = (*way, "plainer")


def texts_of_bytes(content: bytes) -> Iterator[str]:
    """What bytes may stand for: compressed or plain text, in the usual encodings."""
    yield from map(_text, _decompressed(content))
    yield _text(content)
    for zeros, encoding in ((content[1::2], "utf-16-le"), (content[::2], "utf-16-be")):
        if len(content) >= 8 and zeros.count(0) > len(zeros) * 0.8:
            yield content.decode(encoding, "replace")


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _decompressed(content: bytes) -> Iterator[bytes]:
    if content[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
    elif content[:1] == b"\x78":
        try:
            yield zlib.decompress(content)
        except zlib.error:
            return
    elif content[:4] == b"\x28\xb5\x2f\xfd":
        try:
            yield zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(content)
        except zstandard.ZstdError:
            return


# --- JSON ------------------------------------------------------------------------------------------------


def _json(text: str) -> Iterator[str]:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return
    yield from texts_of_value(value)


def texts_of_value(value: Any) -> Iterator[str]:
    """Every key, string and number of a JSON-like value, and what neighbours in a list say together."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield from texts_of_bytes(value)
    elif isinstance(value, float):
        yield repr(value)
        if value.is_integer():
            yield str(int(value))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from texts_of_value(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts_of_value(item)
        if len(value) > 1:
            yield from _joined(value)


def _joined(items: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    yield "".join(item for item in items if isinstance(item, str))
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) > 1:
        for key in dict.fromkeys(key for item in objects for key in item):
            yield "".join(item[key] for item in objects if isinstance(item.get(key), str))


# --- escapes ---------------------------------------------------------------------------------------------

_ESCAPE = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\u\{([0-9a-fA-F]{1,6})\}"
    r"|\\x([0-9a-fA-F]{2})|\\U([0-9a-fA-F]{8})|\\([0-3][0-7]{2}|[0-7]{2})|\\([abfnrtv/\"'\\])"
)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}


def _escapes(text: str) -> Iterator[str]:
    if "\\" in text:
        yield _ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    high, low, *codes, octal, simple = match.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    if simple:
        return _SIMPLE.get(simple, simple)
    if octal:
        return chr(int(octal, 8))
    code = int(next(filter(None, codes)), 16)
    return chr(code) if code < 0x110000 else match[0]


_PERCENT_RUN = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_PERCENT_UNIT = re.compile(r"%[uU]([0-9a-fA-F]{4})")


def _percent(text: str) -> Iterator[str]:
    if "%" not in text:
        return
    text = _PERCENT_UNIT.sub(lambda match: chr(int(match[1], 16)), text)
    for encoding in ("utf-8", "latin-1"):
        yield _PERCENT_RUN.sub(
            lambda match, of=encoding: urllib.parse.unquote_to_bytes(match[0]).decode(of, "replace"), text
        )
    if "+" in text:
        yield _PERCENT_RUN.sub(lambda match: urllib.parse.unquote(match[0]), text.replace("+", " "))


def _html(text: str) -> Iterator[str]:
    if "&" in text:
        yield html.unescape(text)


# --- binary to text --------------------------------------------------------------------------------------


_LONGEST_REMEMBERED = 200


def _remembered(texts_of_run: Callable[[str], Iterator[str]]) -> Callable[[str], Iterable[str]]:
    """The same names, ids and words stand in thousands of texts."""
    remembered = functools.lru_cache(1 << 16)(lambda run: tuple(texts_of_run(run)))
    return lambda run: remembered(run) if len(run) <= _LONGEST_REMEMBERED else texts_of_run(run)


_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_\-]{8,}(?:\r?\n[A-Za-z0-9+/_\-]+)*={0,2}")
_HEX_RUN = re.compile(r"(?:[0-9a-f]{2}){6,}|(?:[0-9A-F]{2}){6,}")
_UNIFORM = str.maketrans("-_", "+/", "\r\n=")


def _base64(text: str) -> Iterator[str]:
    for run in _BASE64_RUN.findall(text):
        yield from _texts_of_base64(run)


@_remembered
def _texts_of_base64(run: str) -> Iterator[str]:
    packed = run.translate(_UNIFORM)
    for start in range(4):
        part = packed[start:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            content = base64.b64decode(part + "=" * (-len(part) % 4), validate=True)
        except binascii.Error:
            continue
        yield from _if_text(content)


def _hex(text: str) -> Iterator[str]:
    for run in _HEX_RUN.findall(text):
        yield from _if_text(bytes.fromhex(run))


_MOSTLY = 0.9
_TEXT_BYTES = bytes([9, 10, 13, *range(32, 127)])


def _if_text(content: bytes) -> Iterator[str]:
    """What decoded bytes may stand for; nothing where they are noise."""
    if len(content) < 6:
        return
    noise = len(content.translate(None, _TEXT_BYTES))
    if noise <= len(content) * (1 - _MOSTLY):
        yield _text(content)
        return
    yield from map(_text, _decompressed(content))
    if content.count(0) >= len(content) // 3:
        yield from texts_of_bytes(content)
    elif noise <= len(content) * 0.75:
        try:
            yield content.decode()
        except UnicodeDecodeError:
            return


# --- Unicode ---------------------------------------------------------------------------------------------


class _Plain(dict[int, str]):
    """Code point → what it is read as, for :meth:`str.translate`."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Nd":
            plain = str(unicodedata.decimal(char))
        elif category in ("Cf", "Mn", "Me") or char == "\u180e":
            plain = ""
        elif category == "Zs":
            plain = " "
        else:
            plain = "-" if category == "Pd" or char == "\u2212" else char
        self[code] = plain
        return plain


_PLAIN = _Plain()


def _folded(text: str) -> Iterator[str]:
    if not text.isascii():
        yield unicodedata.normalize("NFKC", text).translate(_PLAIN)


_NAMED = re.compile(r"\\N\{([A-Za-z0-9 \-]+)\}")


def _named(text: str) -> Iterator[str]:
    if "\\N{" in text:
        yield _NAMED.sub(_by_name, text)


def _by_name(match: re.Match[str]) -> str:
    try:
        return unicodedata.lookup(match[1])
    except KeyError:
        return match[0]


_QUOTED = re.compile(r"=[0-9A-Fa-f]{2}|=\r?\n")


def _quoted(text: str) -> Iterator[str]:
    if _QUOTED.search(text):
        yield quopri.decodestring(text.encode()).decode("utf-8", "replace")


_BASE32_RUN = re.compile(r"[A-Z2-7]{10,}|[a-z2-7]{10,}")


def _base32(text: str) -> Iterator[str]:
    for run in _BASE32_RUN.findall(text):
        yield from _texts_of_base32(run)


@_remembered
def _texts_of_base32(run: str) -> Iterator[str]:
    for start in range(8):
        part = run[start:].upper()
        part = part[: len(part) - (len(part) % 8 in (1, 3, 6))]
        yield from _if_text(base64.b32decode(part + "=" * (-len(part) % 8)))


_SPACED_HEX_RUN = re.compile(r"(?:(?:0x)?[0-9a-fA-F]{2}[ :,]{1,2}){5,}(?:0x)?[0-9a-fA-F]{2}")


def _spaced_hex(text: str) -> Iterator[str]:
    for run in _SPACED_HEX_RUN.findall(text):
        yield from _if_text(bytes.fromhex(re.sub(r"0x|[ :,]", "", run)))


DECODINGS: dict[str, Callable[[str], Iterator[str]]] = {
    "json": _json,
    "escapes": _escapes,
    "percent": _percent,
    "html": _html,
    "base64": _base64,
    "hex": _hex,
    "folding": _folded,
    "named escapes": _named,
    "quoted-printable": _quoted,
    "base32": _base32,
    "spaced hex": _spaced_hex,
}
