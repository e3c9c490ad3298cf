"""Ways to hide a value that a reader of the record would still undo."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

ZERO_WIDTH, NBSP = "\u200b", "\u00a0"


def _every_fourth(text: str, sign: str) -> str:
    return sign.join(text[at : at + 4] for at in range(0, len(text), 4))


def _digits_as(text: str, zero: int) -> str:
    return "".join(chr(zero + int(char)) if char.isascii() and char.isdigit() else char for char in text)


def _wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


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
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"xy" + text.encode()).decode().rstrip("="),
    "data URL": lambda text: "data:text/plain;base64," + base64.b64encode(text.encode()).decode(),
    "full width": _wide,
    "zero width": lambda text: _every_fourth(text, ZERO_WIDTH),
    "soft hyphens": lambda text: _every_fourth(text, "\u00ad"),
}
"""For any value."""

NUMBER_DISGUISES: dict[str, Callable[[str], str]] = {
    "no-break spaces": lambda text: text.replace(" ", NBSP).replace("-", NBSP),
    "thin spaces": lambda text: text.replace(" ", "\u2009").replace("-", "\u2009"),
    "non-breaking hyphens": lambda text: text.replace(" ", "\u2011").replace("-", "\u2011"),
    "full-width digits": lambda text: _digits_as(text, 0xFF10),
    "Arabic-Indic digits": lambda text: _digits_as(text, 0x660),
    "mathematical digits": lambda text: _digits_as(text, 0x1D7CE),
}
"""For values with digits."""
