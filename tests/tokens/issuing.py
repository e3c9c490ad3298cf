"""Keys and tokens, as an identity provider makes them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SECRET = b"0123456789abcdef0123456789abcdef"

NOW = time.time()


def pem(key: Any) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = None, **claims: Any) -> str:
    """A token of user ``u1`` that holds for an hour; ``claims`` replace, ``None`` leaves one out."""
    content = {"sub": "u1", "iss": "https://idp.example", "aud": "shop", "exp": NOW + 3600, **claims}
    kept = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"kid": kid} if kid else None)


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """Put together by hand, as libraries refuse to."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def key_set(**keys: Any) -> bytes:
    """A JSON Web Key Set of public keys by their ids."""
    makers = {
        rsa.RSAPublicKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePublicKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PublicKey: jwt.algorithms.OKPAlgorithm,
    }
    entries = []
    for kid, key in keys.items():
        public = key.public_key()
        maker = next(maker for kind, maker in makers.items() if isinstance(public, kind))
        entries.append({**maker.to_jwk(public, as_dict=True), "kid": kid, "use": "sig"})
    return json.dumps({"keys": entries}).encode()
