"""What a user decides about tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from otel_audit.errors import ConfigurationError

__all__ = ["ASYMMETRIC", "SYMMETRIC", "JwtOptions"]

SYMMETRIC: Final = frozenset({"HS256", "HS384", "HS512"})
ASYMMETRIC: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA"}
)
"""Algorithms of RFC 7518 and RFC 8037 that prove something; ``none`` is none of them."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class JwtOptions:
    """How JSON Web Tokens (RFC 7519) are checked. At least one kind of key is given.

    Attributes:
        secret: key of the HS algorithms.
        pem: public key or certificate.
        jwks: JSON Web Key Set (RFC 7517), as its file has it.
        jwks_url: where such a set is fetched; ``https``, on this machine also ``http``.
        algorithms: that are accepted; empty: all that fit the keys. A key is only ever used with its own.
        issuer: ``iss`` that tokens must have; ``None`` accepts any.
        audience: of which ``aud`` must have one; empty accepts only tokens without audience.
        claim: whose value is the user's id.
        header: lower-case name of the request header that brings tokens.
        cookie: name of a cookie that may bring them instead.
        leeway_s: by how much clocks may differ.
        max_age_s: how long a fetched key set is used before it is fetched again.
        reads_unchecked: whether a token that proves nothing is read for a claim.

    Raises:
        ConfigurationError: no key, an unknown or unfit algorithm, a URL that anybody on the way could answer.
    """

    secret: bytes | None = field(default=None, repr=False)
    pem: bytes | None = None
    jwks: bytes | None = None
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ()
    issuer: str | None = None
    audience: tuple[str, ...] = ()
    claim: str = "sub"
    header: str = "authorization"
    cookie: str | None = None
    leeway_s: float = 30.0
    max_age_s: float = 600.0
    reads_unchecked: bool = False

    def __post_init__(self) -> None:
        has_public = self.pem is not None or self.jwks is not None or self.jwks_url is not None
        if self.secret is None and not has_public:
            raise ConfigurationError("identity.jwt: no key; set secret, pem, jwks or jwks_url")
        accepted = (SYMMETRIC if self.secret is not None else frozenset()) | (
            ASYMMETRIC if has_public else frozenset()
        )
        if unfit := set(self.algorithms) - accepted:
            raise ConfigurationError(
                f"identity.jwt.algorithms: {sorted(unfit)} cannot be checked with the keys given; "
                f"accepted are {sorted(accepted)}"
            )
        if self.jwks_url is not None:
            where = urlsplit(self.jwks_url)
            if not where.hostname or (
                where.scheme != "https" and (where.scheme != "http" or where.hostname not in _LOOPBACK)
            ):
                raise ConfigurationError("identity.jwt.jwks_url: keys are fetched from an https:// URL only")

    def accepts(self, algorithm: str) -> bool:
        """Whether tokens of an algorithm are looked at."""
        if self.algorithms:
            return algorithm in self.algorithms
        return algorithm in SYMMETRIC | ASYMMETRIC
