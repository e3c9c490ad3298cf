"""Keys, each bound to the algorithms that it is for.

A public key that could be taken for the secret of an HS algorithm lets anybody forge tokens (RFC 8725, 3.1). So
what a key is decides which algorithms it checks, never what a token says of itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from otel_audit.errors import ConfigurationError
from otel_audit.tokens.options import SYMMETRIC, JwtOptions

__all__ = ["Key", "read_key_set", "static_keys"]

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512", "secp256k1": "ES256K"}

_MOST: Final = 256
"""Keys of a set that are read."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        key_id: by which tokens name it, ``None`` where it has no name.
        algorithms: for which it is.
        material: as PyJWT takes it.
    """

    key_id: str | None
    algorithms: frozenset[str]
    material: Any

    def __repr__(self) -> str:
        return f"Key({self.key_id!r})"


def static_keys(options: JwtOptions) -> tuple[Key, ...]:
    """The keys that are given and not fetched.

    Raises:
        ConfigurationError: one is not what it should be.
    """
    keys: list[Key] = []
    if options.secret is not None:
        keys.append(Key(None, SYMMETRIC, options.secret))
    if options.pem is not None:
        keys.append(_read_pem(options.pem))
    if options.jwks is not None:
        try:
            keys += read_key_set(options.jwks)
        except ValueError:
            raise ConfigurationError("identity.jwt.jwks: the file holds no JSON Web Key Set") from None
    return tuple(keys)


def read_key_set(content: bytes) -> list[Key]:
    """The public keys of a JSON Web Key Set (RFC 7517); those of a kind unknown here are left out.

    Raises:
        ValueError: it is none, or has no key that can be used.
    """
    found = json.loads(content)
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no key set")
    keys = [key for entry in entries[:_MOST] for key in _read_entry(entry)]
    if not keys:
        raise ValueError("no usable key")
    return keys


def _read_entry(entry: object) -> Iterator[Key]:
    # A secret has no place in a set that is passed around.
    if not isinstance(entry, Mapping) or entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
        return
    key_id, named = entry.get("kid"), entry.get("alg")
    try:
        # An "alg" of its own decides; the material is read by the first that fits where there is none.
        material = jwt.PyJWK.from_dict(dict(entry)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return
    public = material.public_key() if hasattr(material, "public_key") else material
    fit = _algorithms_of(public)
    if isinstance(named, str):
        fit &= {named}
    if fit:
        yield Key(key_id if isinstance(key_id, str) else None, fit, public)


def _read_pem(content: bytes) -> Key:
    try:
        if b"BEGIN CERTIFICATE" in content:
            public: Any = load_pem_x509_certificate(content).public_key()
        else:
            public = load_pem_public_key(content)
    except ValueError:
        raise ConfigurationError(
            "identity.jwt.pem: the file holds no public key and no certificate"
        ) from None
    fit = _algorithms_of(public)
    if not fit:
        raise ConfigurationError("identity.jwt.pem: a kind of key that no JWT algorithm uses")
    return Key(None, fit, public)


def _algorithms_of(public: object) -> frozenset[str]:
    if isinstance(public, rsa.RSAPublicKey):
        return _RSA
    if isinstance(public, ec.EllipticCurvePublicKey):
        name = _CURVES.get(public.curve.name)
        return frozenset({name}) if name else frozenset()
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return frozenset({"EdDSA"})
    return frozenset()
