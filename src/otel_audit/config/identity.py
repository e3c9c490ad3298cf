"""From the settings under ``[identity]`` to the options of the rooms that ask who it is."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from otel_audit.config.settings import Identity, Jwt
from otel_audit.convert.options import IdentityOptions
from otel_audit.errors import ConfigurationError
from otel_audit.tokens.options import JwtOptions

__all__ = ["identity_options", "wants_tokens"]

_log = logging.getLogger(__name__)

_SAFE_SECRET: Final = 32
"""Bytes that an HS256 key has at least (RFC 7518, 3.2)."""


def identity_options(settings: Identity) -> IdentityOptions:
    """How conversion answers the question *who*.

    Raises:
        ConfigurationError: a key file cannot be read, or what checks tokens is not installed.
    """
    return IdentityOptions(
        user_headers=tuple(header.lower() for header in settings.user_headers),
        fields=frozenset(settings.fields),
        trusted_proxies=settings.trusted_proxies,
        jwt=_jwt_options(settings.jwt),
    )


def wants_tokens(jwt: Jwt) -> bool:
    """Whether tokens are checked."""
    return any(key is not None for key in (jwt.secret, jwt.pem, jwt.jwks, jwt.jwks_url))


def _jwt_options(jwt: Jwt) -> JwtOptions | None:
    if not wants_tokens(jwt):
        if jwt != Jwt():
            raise ConfigurationError("identity.jwt: no key; set secret, pem, jwks or jwks_url")
        return None
    if find_spec("jwt") is None or find_spec("cryptography") is None:
        raise ConfigurationError(
            'identity.jwt needs a library that is not installed: pip install "otel-audit[jwt]"'
        )
    secret = None if jwt.secret is None else jwt.secret.reveal()
    if secret is not None and len(secret) < _SAFE_SECRET:
        _log.warning(
            "identity.jwt.secret has fewer than %d bytes: tokens can be forged by guessing it", _SAFE_SECRET
        )
    return JwtOptions(
        secret=secret,
        pem=_read("pem", jwt.pem),
        jwks=_read("jwks", jwt.jwks),
        jwks_url=jwt.jwks_url,
        algorithms=jwt.algorithms,
        issuer=jwt.issuer,
        audience=jwt.audience,
        claim=jwt.claim,
        header=jwt.header.lower().replace("_", "-"),
        cookie=jwt.cookie,
        leeway_s=jwt.leeway,
        max_age_s=jwt.jwks_max_age,
        reads_unchecked=jwt.read_unchecked,
    )


def _read(name: str, path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"identity.jwt.{name}: the file cannot be read: {path}") from error
