"""What stands in the place of a finding.

A *token* is ``[TYPE]``, ``[TYPE:detail]`` or ``[WITHHELD]``. It holds no character that JSON escapes, so it fits
into JSON texts of any depth; in URLs its brackets are percent-encoded.

A *pseudonym* is ``[TYPE:<key id>:<26 characters>]``: RFC 4648 base32, lower case, without padding, of the first
128 bits of HMAC-SHA-256 (RFC 2104) under the key over the RFC 8785 array of strings
``["otel-audit/1", tenant, type, canonical value]``. The same value has the same pseudonym however it was
written; without the key nobody can make or test one.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import ipaddress
from typing import Final

import orjson
import phonenumbers

from otel_audit.mask.rules import PARTIALS, MaskKey

__all__ = ["WITHHELD", "canonical_value", "partial", "pseudonym", "token"]

WITHHELD: Final = "[WITHHELD]"

_DOMAIN: Final = "otel-audit/1"
_PSEUDONYM_BYTES: Final = 16
_SHOWN: Final = 4


def token(entity: str, detail: str = "") -> str:
    """``[TYPE]`` or ``[TYPE:detail]``."""
    return f"[{entity}:{detail}]" if detail else f"[{entity}]"


def pseudonym(entity: str, value: bytes, *, key: MaskKey, tenant: str) -> str:
    """The token that stands for a value under a key.

    Args:
        entity: its type.
        value: as found, decoded.
        key: makes it.
        tenant: pseudonyms of different tenants cannot be joined.
    """
    message = orjson.dumps([_DOMAIN, tenant, entity, canonical_value(entity, value)])
    digest = hmac.new(key.secret, message, hashlib.sha256).digest()[:_PSEUDONYM_BYTES]
    return token(entity, f"{key.id}:{base64.b32encode(digest).decode().rstrip('=').lower()}")


def partial(entity: str, value: bytes) -> str:
    """``[TYPE:*1234]``: at most 4 last characters, at most a third; ``[TYPE]`` for other types."""
    if entity not in PARTIALS:
        return token(entity)
    canonical = canonical_value(entity, value).lstrip("+")
    shown = min(_SHOWN, len(canonical) // 3)
    return token(entity, f"*{canonical[-shown:]}" if shown else "")


def canonical_value(entity: str, value: bytes) -> str:
    """The one spelling of a value, of which its pseudonym is made.

    E-mail: case-folded, domain in IDNA. Phone: E.164 where the number says its country or has the North
    American form, else digits. Cards and the like: without separators. IP: compressed. Else: as it is.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    match entity:
        case "EMAIL":
            local, _, domain = text.casefold().rpartition("@")
            with contextlib.suppress(UnicodeError):  # what no resolver accepts has no other spelling
                domain = domain.encode("idna").decode()
            return f"{local}@{domain}"
        case "PHONE":
            return _e164(text)
        case "CREDIT_CARD" | "IBAN" | "US_SSN":
            return "".join(filter(str.isalnum, text)).upper()
        case "IP_ADDRESS":
            try:
                return ipaddress.ip_address(text).compressed
            except ValueError:
                return text
    return text


def _e164(text: str) -> str:
    text = text.strip()
    if text.startswith("00"):
        text = f"+{text[2:].lstrip('-. ')}"
    try:
        number = phonenumbers.parse(text, None if text.startswith("+") else "US")
    except phonenumbers.NumberParseException:
        return "".join(filter(str.isdigit, text))
    if text.startswith("+") or phonenumbers.is_valid_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return "".join(filter(str.isdigit, text))
