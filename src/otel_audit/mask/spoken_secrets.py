r"""Secrets that somebody tells in prose: *my password is hunter2*, *Passwort lautet …*, *the API key is …*.

Prose says far more about passwords than it tells of them (*the password is required*). So a value counts where it is
quoted, or where no word looks as it does:

=================================  ===================================================================
between name and value             the value
=================================  ===================================================================
*is*, *was*, *set to* …            quoted; or with a digit, a sign or a capital letter among its letters
nothing (*password hunter2*)       letters and digits, behind a name that has no other meaning
any of them, behind *PIN*, *CVV*   three to eight digits
=================================  ===================================================================

Names of algorithms, formats, keys of keyboards and products, code, sizes, versions, dates and placeholders are none.
What stands behind a colon or an equals sign is found by its name alone (``credentials.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from otel_audit.mask.candidates import Candidate
from otel_audit.mask.credentials import is_placeholder
from otel_audit.mask.recognizer import WITH_NUMBERS, Recognizer

__all__ = ["SPOKEN_SECRETS"]

_STRONG: Final = (
    rb"pass[ _\-]?(?:word|wd|phrase|code)|pwd|passwort|kennwort|mot de passe|contrase(?:\xc3\xb1|n)a|senha|wachtwoord"
    rb"|(?:api|access|secret|private|auth|master|encryption)[ _\-](?:key|token)|apikey"
    rb"|api[ \-]?schl(?:\xc3\xbc|ue)ssel|cl(?:\xc3\xa9|ef?) (?:d'|de l')?api|clave (?:de )?api"
)
"""Names that mean nothing else."""
_NUMBERS: Final = (
    rb"pin(?:[ \-]?(?:code|number|nummer))?|cvv2?|cvc2?|geheimzahl|code (?:secret|pin)|c\xc3\xb3digo pin"
)
"""Names of what is a number; codes that are sent once are those of ``vendor_tokens.py``."""
_WEAK: Final = rb"secret|token|credentials|clave|geheimnis"
"""Names that are other words, too."""

_NAME: Final = rb"(?:" + _STRONG + rb"|" + _NUMBERS + rb"|" + _WEAK + rb")"
_OF: Final = (
    rb"(?:[ ](?:here|there)"
    rb"|[ ](?:for|of|to|on|at|in|f\xc3\xbcr|von|zu|pour|du|des|para|del|de)(?:[ ][^\s.,;:!?]{1,24}){1,4}?)?"
)
_VERB: Final = (
    rb"(?:(?:is|was|are|were|will be|has been|ist|war|lautet|lautete|wurde|est|\xc3\xa9tait|sera|es|era|fue"
    rb"|ser\xc3\xa1|\xc3\xa8|\xc3\xa9)(?:[ ](?:now|still|currently|just|simply|always|set to|changed to|reset to|jetzt"
    rb"|noch|weiterhin|auf|maintenant|toujours|ahora|todav\xc3\xada))?|(?:set |changed |reset )?to|ge\xc3\xa4ndert auf)"
)
_TOLD: Final = (
    rb"(?i:(?:^|[^A-Za-z0-9_\-])("
    + _NAME
    + rb")s?("
    + _OF
    + rb"[ ]{1,3}"
    + _VERB
    + rb"[ ]{0,3}[:=]?[ \t\r\n]{1,8}"
    rb"|(?:'|\xe2\x80\x99)s[ ]{1,3}|[ ]{1,3}))"
)
"""RE2: a name, and what leads from it to its value."""

_GAP: Final = rb"(?:[ ]|\xc2\xa0)"
"""A space, which may be one that does not break: the text is then looked at as it reads."""
_TRIGGER: Final = (
    rb"(?i:(?:^|[^A-Za-z0-9_.\-]|\\[bfnrt])" + _NAME
    + rb"(?:s?" + _GAP + rb"|(?:'|\xe2\x80\x99)s" + _GAP + rb"))"
)  # fmt: skip
_LOOKS_SO: Final = (
    rb"""(?:[*_(\[]{0,2}\\*["'`]|\xc2\xab|\xe2\x80[\x98\x9c\x9e]"""
    rb"""|[^\s"]{0,255}?(?:[0-9!@#$%^&*+=~?\x80-\xff]|[a-z][A-Z]))"""
)
_SOON_AS_READ: Final = (
    rb"(?:(?i:" + _OF.replace(rb"[ ]", b"", 2) + rb"[ ]{0,3}" + _VERB + rb"[ ]{0,3}[:=]?)"
    rb"""(?:\\*\"|(?:[ \t\r\n]|\xc2\xa0|\\+[nrt]){1,8}""" + _LOOKS_SO + rb")|[ ]{0,2}" + _LOOKS_SO + rb")"
)
_SOON: Final = _SOON_AS_READ.replace(rb"[ ]", _GAP)
"""What stands behind a name and a space where a value does, in a text or in the JSON text that it is part of."""

_SETS: Final = re.compile(rb"(?:set|chang|updat)[a-z]{0,4} (?:[a-z]{2,8} ){0,2}\Z", re.IGNORECASE)
"""Before a name: *I changed the password to hunter2*, not *I added a password to user1*."""
_SET_BEFORE: Final = 40
_ONLY_TO: Final = re.compile(rb"(?<!set )(?<!changed )(?<!reset )\bto[ :=]*\Z", re.IGNORECASE)

_QUOTED: Final = re.compile(
    rb'"([^"\r\n]{1,128})"|\'([^\'\r\n]{1,128})\'|`([^`\r\n]{1,128})`|\xc2\xab ?([^\r\n]{1,128}?) ?\xc2\xbb'
    rb"|\xe2\x80[\x9c\x9e]([^\r\n]{1,128}?)\xe2\x80[\x9c\x9d]|\xe2\x80\x98([^\r\n]{1,128}?)\xe2\x80\x99"
)
_BARE: Final = re.compile(rb"[*_(\[]{0,2}([^\s\"'<>`]{3,256})")
_ENDS: Final = ".,;:!?)]}*_"
"""Signs that end a sentence rather than a secret."""

_OTHER: Final = re.compile(
    r"""(?xi) [0-9.,\-]+(?:bits?|bytes?|ch(?:ar)?s?|characters?|digits?|letters?|[kmg]i?b?|ms|s|min|h|hrs?|days?|months?
    |years?|px|%|x|st|nd|rd|th)                                          # sizes
    |v?[0-9]+(?:\.[0-9x]+)+ |v[0-9]+                                     # versions
    |[0-9]{4}-[0-9]{2}-[0-9]{2}\S* |[0-9]{1,2}:[0-9]{2}\S* |[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}
    |(?:base|sha|md|utf|aes|rsa|hs|rs|es|ps|pbkdf|argon|ed|oauth|saml|http|tls|ssl|ipv|x|iso|pkcs|ntlmv|rc|h|web
    |u2f|fido|p|hmac|blake|ascii|latin|des|crc|siphash|scrypt|bcrypt|uuid)[\-_.]?[0-9][0-9a-z.\-_/]{0,7}
    |3des |[12]fa |[0-9]password
    |[a-z_.]+[\[(].*                                                      # code
    |k8s |i18n |s3 |n/a |and/or |either/or |q[1-4]
    |(?:ctrl|alt|cmd|shift|win|f[0-9])\+\S* |https?://\S* |/\S* |\S*://\S*
    |\$\{?[A-Z_0-9]+\}? |[<{%$]\S*[>}%)] |\{\{.* |[*x.#•]+
    |javascript |typescript |postgresql |mysql |mongodb |lastpass |keepassx?c? |linkedin |youtube |paypal |onelogin
    |bitwarden |github\S* |gitlab\S* |openai\S* |chatgpt |macos |wordpress |sharepoint |powershell |graphql"""
)
_IDENTIFIER: Final = re.compile(
    r"[A-Za-z]+(?:[_\-.][A-Za-z]+)*(?:Token|Key|Secret|Password|Id|ID|Name|Type|Value)"
)
_INNER_SIGN: Final = re.compile(r"[A-Za-z0-9][!@#$%^&*+=~?][A-Za-z0-9]")
_INNER_CAPITAL: Final = re.compile(r"[a-z][A-Z]")
_UNIT_BEHIND: Final = re.compile(
    rb"[ \-](?:bit|byte|char|digit|letter|symbol|word|second|minute|hour|day|week|month|year|time|attempt|token|percent"
    rb"|zeichen|ziffern|stellen|tage|stunden|minuten|caract|chiffres|lettres|jours|heures|d\xc3\xad)",
    re.IGNORECASE,
)
_SHORTEST_WITH_CAPITAL: Final = 8
_SHORTEST_WITH_DIGIT: Final = 5
_STRONG_NAME: Final = re.compile(_STRONG, re.IGNORECASE)
_NUMBER_NAME: Final = re.compile(_NUMBERS, re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]{3,8}")
_DIGITS: Final = frozenset("0123456789")
_LEAST_DIGITS: Final = 4


def _told(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """The value that is told behind a name."""
    text, at = candidate.text, candidate.end
    (start, end), (low, high) = candidate.groups
    name, leading = text[start:end], text[low:high].strip()
    if _ONLY_TO.search(leading) and not _SETS.search(text, max(0, start - _SET_BEFORE), start):
        return
    if leading and (quoted := _QUOTED.match(text, at)) is not None:
        first, last = quoted.span(quoted.lastindex or 0)
        if not is_placeholder(text[first:last].decode("latin-1")):
            yield first, last
        return
    bare = _BARE.match(text, at)
    if bare is None:
        return
    value = bare[1].decode("latin-1").rstrip(_ENDS)
    first = bare.start(1)
    last = first + len(value)
    if _is_told(name, value, directly=not leading) and not (
        value.isdigit() and _UNIT_BEHIND.match(text, last)
    ):
        yield first, last


def _is_told(name: bytes, value: str, *, directly: bool) -> bool:
    """Whether a value without quotes may be what a name of a secret stands for."""
    if _NUMBER_NAME.fullmatch(name):
        return not directly and _NUMBER.fullmatch(value) is not None
    if is_placeholder(value) or _OTHER.fullmatch(value) or _IDENTIFIER.fullmatch(value):
        return False
    letters = any(sign.isalpha() or not sign.isascii() for sign in value)
    digits = sum(sign in _DIGITS for sign in value)
    strong = _STRONG_NAME.fullmatch(name) is not None
    if directly:
        return strong and letters and digits > 0 and len(value) > _SHORTEST_WITH_DIGIT
    if not letters:
        return strong and digits >= _LEAST_DIGITS
    if digits or _INNER_SIGN.search(value):
        return len(value) >= _SHORTEST_WITH_DIGIT
    return _INNER_CAPITAL.search(value) is not None and len(value) >= _SHORTEST_WITH_CAPITAL


SPOKEN_SECRETS: Final = (
    Recognizer(
        "spoken-secret", "CREDENTIAL", _TOLD,
        ("My password is hunter2", "the api key is 9fK2-xx81-LLq0", "log in with password hunter2 please",
         "the password for the build server is now Tr0ub4dor&3.", "password was 'sunshine'", "my PIN code is 4711",
         "Mein Passwort lautet Sommer2024!", "das Kennwort ist \u201egeheim\u201c", "mon mot de passe est Soleil99",
         "mi contrase\u00f1a es gato1234", "The secret is correctHorseBattery", "our passphrase is p@ssphrase",
         "my password's hunter2", "we changed the password to hunter2", "the wifi password here is Sunshine22",
         "the token is set to `abc`", "a minha senha \u00e9 gato1234"),
        ("the password is required", "password is invalid", "my password is not working", "the password is wrong",
         "The token is expired.", "the password is case-sensitive", "the password is 'required'",
         "password is 8 characters", "the token is 4096 tokens long", "the api key is accessToken",
         "The password is stored as SHA-256", "the password is base64 encoded", "the secret is ${API_KEY}",
         "password reset link", "the password is Invalid.", "the access key is Alt+F4", "the pin is GPIO23",
         "password policy", "add a password to user1", "the password was changed on 2026-11-22", "a secret is a secret",
         "and (token is tlist.tokens[0])", "the token is v2.1.0", "password is 12345678 characters long",
         "gives tokens to `path`"),
        # Apart from the triggers of named secrets, which go on from a name to its sign: a text of nothing but names
        # would be read from each of them to its end.
        triggers=(_TRIGGER,), behind=_SOON, validate=_told, secret=True, begins=True, automaton=WITH_NUMBERS,
    ),
)  # fmt: skip
"""Entries of the table of recognisers."""
