"""Who may send, by bearer tokens: a file that holds their digests and never a token.

A JSON object::

    {"tokenFileVersion": 1, "tokens": [
      {"sender": "collector-eu", "sha256": "<64 hex digits>", "tenant": "acme", "signals": ["traces", "logs"],
       "createdAt": "2026-11-22T06:00:00Z", "expiresAt": "2027-02-20T06:00:00Z"}]}

Rules:

1. A token is ``oat_`` and 256 random bits in base64url, so one round of SHA-256 is all that it needs at rest.
2. Several tokens may name the same sender: a new one is made, given out, and then the old one is revoked.
3. Without ``tenant`` a sender writes for that of the settings; without ``expiresAt`` a token has no end.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from otel_audit.errors import ConfigurationError

__all__ = ["SIGNALS", "Signal", "Token", "digest_of", "new_token", "read_tokens", "write_tokens"]

Signal = Literal["traces", "logs", "audit"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs", "audit")

_PREFIX: Final = "oat_"
"""So that scanners for leaked secrets, and people, know what it is."""

_VERSION: Final = 1
_RANDOM_BYTES: Final = 32
_ID_DIGITS: Final = 12
_MAX_SENDER: Final = 256


class Token(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What is known of a token.

    Attributes:
        sender: who holds it: the id of the sender in records.
        sha256: hex of the token's SHA-256.
        created_at: when it was made.
        tenant: whose records it writes; ``None`` for that of the settings.
        signals: what may be sent with it.
        expires_at: from when on it is worth nothing; ``None`` for never.
    """

    sender: str
    sha256: str
    created_at: datetime
    tenant: str | None = None
    signals: tuple[Signal, ...] = SIGNALS
    expires_at: datetime | None = None

    @property
    def id(self) -> str:
        """By which people name it: the beginning of its digest."""
        return self.sha256[:_ID_DIGITS]

    def is_valid(self, at: datetime) -> bool:
        """Whether it is worth something at an instant."""
        return self.expires_at is None or at < self.expires_at


class _File(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    token_file_version: int
    tokens: tuple[Token, ...] = ()


def digest_of(token: str) -> str:
    """Hex of the SHA-256 of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token(
    sender: str,
    *,
    tenant: str | None = None,
    signals: tuple[Signal, ...] = SIGNALS,
    expires_at: datetime | None = None,
) -> tuple[str, Token]:
    """Makes a token. What is returned first is given to the sender and stands nowhere else.

    Raises:
        ConfigurationError: the name of the sender is empty or longer than 256 characters.
    """
    if not sender.strip() or len(sender) > _MAX_SENDER:
        raise ConfigurationError("the name of a sender has 1 to 256 characters")
    token = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    now = datetime.now(UTC).replace(microsecond=0)
    return token, Token(sender, digest_of(token), now, tenant, signals, expires_at)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens of a file.

    Raises:
        ConfigurationError: it cannot be read, or is none.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise ConfigurationError(f"the token file {path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError:
        # Its text may quote what stands there: perhaps a token, where a digest belongs.
        raise ConfigurationError(f"{path} is no token file: see otel-audit token --help") from None
    if file.token_file_version != _VERSION:
        raise ConfigurationError(f"{path} has the version {file.token_file_version}, which is not known here")
    for token in file.tokens:
        if len(token.sha256) != 64 or not token.sha256.isalnum() or token.sha256 != token.sha256.lower():
            raise ConfigurationError(f"{path} holds a digest that is none")
        if any(time is not None and time.tzinfo is None for time in (token.created_at, token.expires_at)):
            raise ConfigurationError(f"{path} holds a time without a time zone")
    return file.tokens


def write_tokens(path: Path, tokens: tuple[Token, ...]) -> None:
    """Put these tokens into a file, wholly or not at all; readable by its owner alone.

    Raises:
        ConfigurationError: it cannot be written.
    """
    content = msgspec.json.format(msgspec.json.encode(_File(_VERSION, tokens)), indent=2) + b"\n"
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise ConfigurationError(f"the token file {path} cannot be written: {error.strerror}") from None
