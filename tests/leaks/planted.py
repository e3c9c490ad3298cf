"""The values that are planted in the corpus and in the tests, and must never be in anything written.

What counts as a leak of one:

- a *number*: any six consecutive digits of it, whatever stands between them;
- an *address*: its local part;
- a *secret*: any eight characters in a row; the whole of a shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

_DIGITS = 6
_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Planted:
    """One value.

    Attributes:
        name: for messages; they never quote the value.
        kind: decides what counts as a leak.
        text: as it stands in the corpus.
    """

    name: str
    kind: Literal["number", "address", "secret"]
    text: str = field(repr=False)

    @property
    def needles(self) -> frozenset[str]:
        """What is looked for: of a number within digits alone, else within case-folded text."""
        if self.kind == "address":
            return frozenset({self.text.partition("@")[0].casefold()})
        if self.kind == "secret":
            return _windows(self.text.casefold(), _CHARACTERS)
        return _windows("".join(filter(str.isdecimal, self.text)), _DIGITS)


def _windows(text: str, length: int) -> frozenset[str]:
    return frozenset(text[at : at + length] for at in range(max(1, len(text) - length + 1)))


EMAIL = Planted("e-mail", "address", "jane.doe@example.com")
CARD = Planted("card", "number", "4111 1111 1111 1111")
PHONE = Planted("phone", "number", "+1 415 555 0100")
SSN = Planted("ssn", "number", "123-45-6789")
IBAN = Planted("iban", "number", "DE89370400440532013000")
PASSWORD = Planted("password", "secret", "hunter2")
TOKEN = Planted("token", "secret", "s3cr3t")
SESSION = Planted("session", "secret", "abc123")
API_KEY = Planted("x-api-key", "secret", "key-123")
JWT = Planted("bearer", "secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.sig")
BASIC = Planted("basic", "secret", "Ym9iOmh1bnRlcjI=")
OPENAI_KEY = Planted("openai-key", "secret", "sk-proj-FAKESECRETKEYqWx7zvLpd")
OPAQUE = Planted("opaque", "secret", "plainly-Qx7vW")

PLANTED = (EMAIL, CARD, PHONE, SSN, IBAN, PASSWORD, TOKEN, SESSION, API_KEY, JWT, BASIC, OPENAI_KEY, OPAQUE)
