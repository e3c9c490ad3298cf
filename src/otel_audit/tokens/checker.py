"""The check of a JSON Web Token, as RFC 7519 and RFC 8725 ask for it.

1. A token longer than :data:`~otel_audit.tokens.place.MAX_TOKEN` is not looked at.
2. Its algorithm must be one that is accepted; the key decides which it may be used with.
3. Signature, issuer and audience are PyJWT's to judge; times are judged here, as of when the token came.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import jwt

from otel_audit.tokens.feed import KeyFeed
from otel_audit.tokens.keys import Key, static_keys
from otel_audit.tokens.options import JwtOptions
from otel_audit.tokens.place import MAX_TOKEN

__all__ = ["TokenChecker", "TokenVerdict"]

_MOST_TRIED: Final = 16
"""Keys that are tried for a token which names none."""

Reason = Literal[
    "", "too-large", "malformed", "algorithm", "unknown-key", "keys-unavailable", "signature", "issuer",
    "audience", "expired", "not-yet-valid", "no-user",
]  # fmt: skip
"""Why a token proves nothing."""

_OPTIONS: Final = {
    # Times are judged as of when the token came; whether ids are texts is not what a token stands or falls by.
    "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_sub": False, "verify_jti": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What a token proves.

    Attributes:
        decision: ``allow`` where it is valid, ``deny`` where it is not, ``unknown`` where nobody could tell.
        reason: why it proves nothing; ``""`` where it does.
        subject: id of the user that it proves; ``""`` where it proves none.
        claim: id that an unproven token names, if it is read at all.
    """

    decision: Literal["allow", "deny", "unknown"]
    reason: Reason = ""
    subject: str = ""
    claim: str = ""


class TokenChecker:
    """Checks tokens under one set of options. For one thread.

    Raises:
        ConfigurationError: a key is not what it should be.
    """

    def __init__(self, options: JwtOptions) -> None:
        self._options = options
        self._static = static_keys(options)
        self._feed = None if options.jwks_url is None else KeyFeed(options.jwks_url, options.max_age_s)

    def check(self, token: str, at_unix_s: float) -> TokenVerdict:
        """Judges a token as of a time. Never raises for what it holds.

        Args:
            token: compact serialisation, without the word ``Bearer``.
            at_unix_s: when it came, seconds since the epoch.
        """
        if len(token) > MAX_TOKEN:
            return TokenVerdict("deny", "too-large")
        try:
            verdict = self._judge(token, at_unix_s)
        except Exception:  # noqa: BLE001  (a parser's own errors: anybody can send a token)
            verdict = TokenVerdict("deny", "malformed")
        if verdict.decision == "allow" or not self._options.reads_unchecked:
            return verdict
        return TokenVerdict(verdict.decision, verdict.reason, claim=self._unchecked(token))

    def _judge(self, token: str, at_unix_s: float) -> TokenVerdict:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or not self._options.accepts(algorithm):
            return TokenVerdict("deny", "algorithm")
        known: Sequence[Key] = (*self._static, *(self._feed.keys() if self._feed else ()))
        keys = _fitting(known, algorithm, key_id)
        if not keys and self._feed is not None:
            known = (*self._static, *self._feed.newer_keys())
            keys = _fitting(known, algorithm, key_id)
        if not known:
            return TokenVerdict("unknown", "keys-unavailable")
        if not keys:
            unnamed = any(key_id in (None, key.key_id) for key in known)
            return TokenVerdict("deny", "algorithm" if unnamed else "unknown-key")
        reason: Reason = "signature"
        for key in keys[:_MOST_TRIED]:
            claims, reason = self._decode(token, algorithm, key)
            if claims is not None:
                return self._accept(claims, at_unix_s)
            if reason != "signature":
                break
        return TokenVerdict("deny", reason)

    def _decode(self, token: str, algorithm: str, key: Key) -> tuple[dict[str, Any] | None, Reason]:
        options = self._options
        try:
            with warnings.catch_warnings():
                # How long the application's secret is was said at start, once.
                warnings.simplefilter("ignore")
                return (
                    jwt.decode(
                        token,
                        key.material,
                        algorithms=[algorithm],
                        audience=list(options.audience) or None,
                        issuer=options.issuer,
                        options=_OPTIONS,  # type: ignore[arg-type]
                    ),
                    "",
                )
        except jwt.InvalidSignatureError:
            return None, "signature"
        except jwt.InvalidIssuerError:
            return None, "issuer"
        except jwt.InvalidAudienceError:
            return None, "audience"
        except jwt.MissingRequiredClaimError as error:
            return None, "issuer" if error.claim == "iss" else "audience"
        except jwt.PyJWTError:
            return None, "malformed"

    def _accept(self, claims: dict[str, Any], at_unix_s: float) -> TokenVerdict:
        leeway = self._options.leeway_s
        ends, begins = claims.get("exp"), claims.get("nbf")
        if not all(when is None or _is_number(when) for when in (ends, begins)):
            return TokenVerdict("deny", "malformed")
        if ends is not None and at_unix_s >= ends + leeway:
            return TokenVerdict("deny", "expired")
        if begins is not None and at_unix_s < begins - leeway:
            return TokenVerdict("deny", "not-yet-valid")
        subject = _as_id(claims.get(self._options.claim))
        return TokenVerdict("allow", "" if subject else "no-user", subject)

    def _unchecked(self, token: str) -> str:
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except Exception:  # noqa: BLE001  (likewise)
            return ""
        return _as_id(claims.get(self._options.claim))


def _fitting(keys: Sequence[Key], algorithm: str, key_id: object) -> list[Key]:
    """Keys that a token may be checked with: those that it names, or that have no name."""
    fit = [key for key in keys if algorithm in key.algorithms]
    return [key for key in fit if key_id is None or key.key_id in (None, key_id)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_id(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
