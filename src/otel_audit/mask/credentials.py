"""Credentials: what they are called, and what they look like beside their name.

RECORD "Masking": authorization, cookies, API keys, tokens and signatures in queries, passwords in URLs and
values under keys such as ``password`` or ``cvv`` are always withheld; no setting writes them.

A name is judged by its words, so ``accessToken``, ``ACCESS_TOKEN`` and ``x-access-token`` are one, and
``max_tokens`` and ``tokenizer`` are none.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from otel_audit.mask.candidates import Candidate

__all__ = [
    "ADDRESS_HEADERS",
    "BASIC",
    "BEARER",
    "BEARER_TRIGGER",
    "HEADER_LINE",
    "NAMED",
    "NAME_TRIGGER",
    "basic_credentials",
    "bearer_token",
    "is_credential_header",
    "is_credential_name",
    "is_placeholder",
    "named_value",
]  # fmt: skip

ADDRESS_HEADERS: Final = frozenset(
    {"x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "fastly-client-ip",
     "x-cluster-client-ip", "x-original-forwarded-for", "x-envoy-external-address"}
)  # fmt: skip
"""Headers whose whole value is a list of client addresses."""

_CREDENTIAL_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie", "set-cookie2",
     "authentication-info", "proxy-authentication-info", "x-goog-iap-jwt-assertion", "cf-access-jwt-assertion",
     "x-amzn-oidc-data", "x-amzn-oidc-identity", "x-ms-token-aad-id-token", "dpop", "x-session", "x-session-id",
     "x-csrf", "x-xsrf", "sec-websocket-key", "x-hub-signature", "x-hub-signature-256", "signature"}
)  # fmt: skip

# A word that makes a name a credential wherever it stands in it, and those that do so as the last word only.
_ANYWHERE: Final = frozenset(
    {"password", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "credential", "credentials",
     "cvv", "cvv2", "cvc", "cvc2", "csc", "apikey", "jwt", "authorization", "cookie", "passwort", "kennwort",
     "contrasena", "senha", "wachtwoord", "motdepasse"}
)  # fmt: skip
_LAST: Final = frozenset({"token", "pan", "pin", "otp", "totp", "pass", "auth", "sig"})
# Two words that belong together, wherever they stand.
_PAIRS: Final = frozenset(
    {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("account", "key"), ("auth", "key"),
     ("signing", "key"), ("encryption", "key"), ("security", "code"), ("card", "number"), ("master", "key"),
     ("pass", "word"), ("pass", "phrase"), ("shared", "key"), ("amz", "signature"), ("goog", "signature"),
     ("one", "time"), ("session", "key"), ("de", "passe"), ("contrase", "a")}
)  # fmt: skip
# Names with such a word that say nothing secret.
_HARMLESS_LAST: Final = frozenset(
    {"type", "count", "limit", "length", "size", "name", "policy", "expiry", "expires", "ttl", "url", "uri",
     "endpoint", "required", "enabled", "present", "valid", "version", "usage", "budget", "in", "at", "id"}
)  # fmt: skip

_ANYWHERE_STEMS: Final = (
    rb"(?:pass[_-]?w|pass[_-]?phrase|passcode|pwd|secret|api[ _.\-]?key|(?:access|private|account|auth|signing"
    rb"|encryption|master|shared|session)[ _.\-]?key|credential|cvv|cvc|csc|jwt|cookie|authorization"
    rb"|kennwort|contrase(?:\xc3\xb1|n)a|senha|wachtwoord|mot[ _.\-]?de[ _.\-]?passe"
    rb"|security[ _.\-]?code|card[ _.\-]?number|one[ _.\-]?time|(?:amz|goog)[ _.\-]?signature)"
)
_LAST_STEMS: Final = (
    rb"(?:token|pan|pin|t?otp|pass|auth|sig|signature|session|session[ _.\-]?id|sessionid|sid)"
)
# Letters behind the first kind go on with the name; behind the second kind they make another word of it.
_STEMS: Final = rb"(?:" + _ANYWHERE_STEMS + rb"[A-Za-z0-9_.\-]*|" + _LAST_STEMS + rb"[0-9_.\-]*)"

NAME_TRIGGER: Final = (
    rb"(?i:(?:"
    + _ANYWHERE_STEMS
    + rb"""[^"\\:=]*|"""
    + _LAST_STEMS
    + rb"""[^A-Za-z"\\:=]*)\\*" ?:|"""
    + _STEMS
    + rb"""[ \t'"\\)\]]{0,4}(?:[:=]|%3[AaDd]))"""
)
"""RE2: a JSON key, or a name with a colon or equals sign behind it, that could be a credential's."""

MAX_NAME: Final = 64
"""Characters of a name that are looked at; the trigger relies on it."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=8192)
def is_credential_name(name: str) -> bool:
    """Whether a value under this name (JSON key, attribute, query key) is a credential."""
    if len(name) > MAX_NAME:
        return False
    words = [word.lower() for word in _WORD.findall(name)]
    if words and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    if words[-1] in _HARMLESS_LAST:
        return False
    return (
        words[-1] in _LAST
        or not _ANYWHERE.isdisjoint(words)
        or any(pair in _PAIRS for pair in pairwise(words))
    )


@lru_cache(maxsize=8192)
def is_credential_header(name: str) -> bool:
    """Whether a header's value is a credential; ``name`` in lower case, ``-`` between words."""
    return name in _CREDENTIAL_HEADERS or is_credential_name(name)


NAMED: Final = (
    rb"(?i:((?:[A-Za-z0-9_.\-]{0,32}[_.\-])?" + _STEMS + rb""")[ \t'"\\)\]]{0,4}(:|=>|=)[ \t]{0,16})"""
)
"""RE2: a name, and a colon or equals sign. The value behind it is read only where the name is a secret's."""

_VALUE: Final = re.compile(
    rb"""\\*"([^"\\\n]{1,512})\\*"|\\*'([^'\\\n]{1,512})\\*'|["'\\]{0,4}([^ \t\r\n\f"'\\<>,;&(){}\[\]|]+)"""
)
"""A value, quoted or up to the next space or sign."""
_BEHIND_VALUE: Final = re.compile(rb"""[ \t\r\n\f"'\\<>,;&(){}\[\]|]|\Z""")
_LONGEST_WORD: Final = 1_024
"""Bytes of a value that are judged: a longer one is no word of anybody's prose, and reading each to its end would take
a text of nothing but names very long."""

_PLACEHOLDERS: Final = frozenset(
    {"string", "str", "none", "null", "nil", "true", "false", "undefined", "required", "optional", "bool",
     "boolean", "int", "integer", "number", "any", "object", "redacted", "masked", "hidden", "withheld", "the",
     "a", "an", "is", "are", "was", "your", "my", "must", "should", "incorrect", "invalid", "wrong", "expired",
     "missing", "reset", "bearer", "basic", "erforderlich", "falsch", "vergessen", "requis", "obligatoire", "invalide",
     "requerida", "obligatoria", "incorrecta"}
)  # fmt: skip
_STARS: Final = re.compile(r"[*•.x#_=\-]+", re.IGNORECASE)
_DIGIT_NAMES: Final = frozenset({"pan", "pin", "pass", "auth", "sig"})
"""Names that are words, too: behind a colon, what they name has digits."""
_WEAK_NAMES: Final = frozenset(
    {"token", "secret", "pin", "pass", "auth", "session", "cookie", "jwt", "signature"}
)
"""Names whose value, behind a colon, is no plain lower-case word."""


def named_value(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """The value beside a credential's name: ``password=…``, ``"token": "…"``, ``api_key: …``.

    In prose a colon introduces anything (*Token: the unit of text*): there, plain lower-case words are none.
    """
    (start, end), (sign, _) = candidate.groups
    text, behind = candidate.text, candidate.end
    name = text[start:end].decode("latin-1")
    equals = text[sign : sign + 1] == b"="
    if not is_credential_name(name) and not (equals and _is_query_name(name)):
        return
    found = _VALUE.match(text, behind, behind + _LONGEST_WORD)
    if found is None:
        return
    first, last = found.span(found.lastindex or 0)
    is_bare = found.lastindex == _BARE
    if is_bare and last == behind + _LONGEST_WORD:
        ends = _BEHIND_VALUE.search(text, last)
        yield first, ends.start() if ends else len(text)
        return
    value = text[first:last].decode("latin-1")
    if is_placeholder(value):
        return
    if is_bare and not equals and not _may_be_bare(name, value):
        return
    yield first, last


def is_placeholder(value: str) -> bool:
    """Whether a value says what is, or stands in the place of one: ``required``, ``***``."""
    return value.lower() in _PLACEHOLDERS or _STARS.fullmatch(value) is not None


def _may_be_bare(name: str, value: str) -> bool:
    """Whether a value behind a colon, without quotes, may be one of this name."""
    last = _last_word(name)
    if last in _WEAK_NAMES and value.rstrip(".!?").isalpha() and value.islower():
        return False
    return last not in _DIGIT_NAMES or any(map(str.isdigit, value))


@lru_cache(maxsize=8192)
def _last_word(name: str) -> str:
    return str(_WORD.findall(name)[-1]).lower()


_BARE: Final = 3
"""Group of :data:`_VALUE`."""

_QUERY_NAMES: Final = frozenset(
    {"sig", "signature", "session", "sessionid", "sid", "phpsessid", "jsessionid"}
)


@lru_cache(maxsize=8192)
def _is_query_name(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return "".join(words) in _QUERY_NAMES or (
        bool(words) and (words[-1] in ("signature", "sid", "session") or words[-2:] == ["session", "id"])
    )


HEADER_LINE: Final = (
    rb"""(?i:\b(?:proxy-)?authorization["'\\]{0,4}\s?[:=]\s?["'\\]{0,4}((?:[A-Za-z\-]+ )?[^\s"'\\,;]+)"""
    rb"""|\b(?:set-)?cookie["'\\]{0,4}\s?:\s?["'\\]{0,4}([A-Za-z0-9_.\-]+=[^\r\n"'\\<>{}]+))"""
)
"""RE2: an authorization or cookie header as a line of text."""

BEARER: Final = (
    rb"(?i:\bbearer)(?:[ +]+([A-Za-z0-9._~+/\-]{6,}={0,2})|[ \t]*\r?\n[ \t]*([A-Za-z0-9._~+/\-]{16,}={0,2}))"
)
BEARER_TRIGGER: Final = rb"(?i:bearer)(?:[ +]|[ \t]*(?:\\+[tr])*(?:[\r\n]|\\+n))"
BASIC: Final = rb"(?i:\bbasic)[ +]+([A-Za-z0-9+/]{6,}={0,2})"


def bearer_token(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """A token behind the word *Bearer*: not a plain word; in the next line, one of letters and digits."""
    here, below = candidate.groups
    start, end = max(here, below)
    value = candidate.text[start:end].decode()
    if below != (-1, -1) and (value.isalpha() or not any(map(str.isalpha, value))):
        return
    if not (value.isalpha() and value[1:].islower()) or len(value) > 24:
        yield start, end


def basic_credentials(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """Base64 of ``user:password`` behind the word *Basic* (RFC 7617)."""
    start, end = candidate.groups[0]
    value = candidate.text[start:end]
    try:
        decoded = base64.b64decode(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        return
    if b":" in decoded:
        yield start, end
