"""Ways to hide a value that a reader of the record would still undo."""

from __future__ import annotations

import base64
import gzip
import html
import json
import quopri
import unicodedata
import zlib
from collections.abc import Callable
from urllib.parse import quote

ZERO_WIDTH, NBSP = "\u200b", "\u00a0"


def _every_fourth(text: str, sign: str) -> str:
    return sign.join(text[at : at + 4] for at in range(0, len(text), 4))


def _digits_as(text: str, zero: int) -> str:
    return "".join(chr(zero + int(char)) if char.isascii() and char.isdigit() else char for char in text)


def _wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "after an escaped line feed": lambda text: "\\n" + text,
    "unicode escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "hex escapes": lambda text: "".join(f"\\x{ord(char):02x}" for char in text),
    "percent": lambda text: quote(text, safe=""),
    "percent, every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "html decimal": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "html hexadecimal": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "html names": lambda text: (
        html.escape(text).replace("@", "&commat;").replace(" ", "&nbsp;").replace(".", "&period;")
    ),
    "JSON": lambda text: json.dumps({"deep": [text]}),
    "JSON in JSON": lambda text: json.dumps({"deep": json.dumps([text])}),
    "JSON in JSON in JSON": lambda text: json.dumps({"deep": json.dumps({"er": json.dumps([text])})}),
    "base64": lambda text: _base64(text.encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"xy" + text.encode()).decode().rstrip("="),
    "data URL": lambda text: "data:text/plain;base64," + _base64(text.encode()),
    "full width": _wide,
    "zero width": lambda text: _every_fourth(text, ZERO_WIDTH),
    "soft hyphens": lambda text: _every_fourth(text, "\u00ad"),
}
"""For any value."""

RARE_DISGUISES: dict[str, Callable[[str], str]] = {
    "html decimal, zeros in front": lambda text: "".join(f"&#{ord(char):09d};" for char in text),
    "html hexadecimal, zeros in front": lambda text: "".join(f"&#X{ord(char):08X};" for char in text),
    "html without semicolons": lambda text: "".join(f"&#{ord(char)}" for char in text),
    "long unicode escapes": lambda text: "".join(f"\\U{ord(char):08x}" for char in text),
    "octal escapes": lambda text: "".join(f"\\{ord(char):03o}" for char in text),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: "0x" + text.encode().hex().upper(),
    "hexadecimal of base64": lambda text: _base64(text.encode()).encode().hex(),
    "named escapes": lambda text: "".join(
        f"\\N{{{unicodedata.name(char)}}}" if char.isprintable() else char for char in text
    ),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode().replace("@", "=40"),
    "quoted-printable, every byte": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "quoted-printable, a soft line break in every word": lambda text: "=\r\n".join(
        text[at : at + 7] for at in range(0, len(text), 7)
    ),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base32, lower case, without padding": lambda text: (
        base64.b32encode(text.encode()).decode().rstrip("=").lower()
    ),
    "hexadecimal, spaced": lambda text: text.encode().hex(" "),
    "hexadecimal, with colons, upper case": lambda text: text.encode().hex(":").upper(),
    "hexadecimal, as in C": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "base64 of base64": lambda text: _base64(_base64(text.encode()).encode()),
    "base64 of hexadecimal": lambda text: _base64(text.encode().hex().encode()),
    "base64 of UTF-16": lambda text: _base64(text.encode("utf-16")),
    "base64 of UTF-16, big end first": lambda text: _base64(text.encode("utf-16-be")),
    "base64 of gzip": lambda text: _base64(gzip.compress(text.encode(), mtime=0)),
    "base64 of zlib": lambda text: _base64(zlib.compress(text.encode())),
    "base64 of JSON": lambda text: _base64(json.dumps({"deep": json.dumps([text])}).encode()),
}
"""For any value, at a few places."""

NUMBER_DISGUISES: dict[str, Callable[[str], str]] = {
    "no-break spaces": lambda text: text.replace(" ", NBSP).replace("-", NBSP),
    "thin spaces": lambda text: text.replace(" ", "\u2009").replace("-", "\u2009"),
    "non-breaking hyphens": lambda text: text.replace(" ", "\u2011").replace("-", "\u2011"),
    "full-width digits": lambda text: _digits_as(text, 0xFF10),
    "Arabic-Indic digits": lambda text: _digits_as(text, 0x660),
    "mathematical digits": lambda text: _digits_as(text, 0x1D7CE),
    "raised digits": lambda text: text.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    "digits in circles": lambda text: text.translate(str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")),
    "percent, no-break spaces": lambda text: text.replace(" ", "%C2%A0").replace("-", "%C2%A0"),
    "percent, no-break spaces of Latin-1": lambda text: text.replace(" ", "%A0").replace("-", "%A0"),
}
"""For values with digits."""

CARD_SEPARATORS = (*":·|*_/,+~;=#•'\"\\<>", " - ", " | ", " / ", "---", "   ", "\\", "—")
"""Signs between the groups of a card number."""
