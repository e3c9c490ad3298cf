"""Making and checking proofs, by the name of an algorithm.

Asymmetric ones have the names and forms of RFC 7518 and RFC 8037: a signature of ES256 is the two numbers, 32 bytes
each; its ASN.1 form, which some signers write, is accepted as well.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

__all__ = ["ALGORITHMS", "MACS", "fitting", "is_proof", "prove"]

MACS: Final = {"HMAC-SHA256": "sha256", "HMAC-SHA512": "sha512"}

_CURVES: Final = {"ES256": ("secp256r1", 32, hashes.SHA256()), "ES384": ("secp384r1", 48, hashes.SHA384())}
_PKCS1: Final = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}

ALGORITHMS: Final = (*MACS, "EdDSA", *_CURVES, *_PKCS1, "PS256")


def fitting(key: object) -> frozenset[str]:
    """Algorithms that a key is for: what a key is decides, never what a record says of it.

    Args:
        key: private or public, of ``cryptography``; or the bytes of a secret.
    """
    match key:
        case bytes():
            return frozenset(MACS)
        case (
            ed25519.Ed25519PublicKey()
            | ed25519.Ed25519PrivateKey()
            | ed448.Ed448PublicKey()
            | ed448.Ed448PrivateKey()
        ):
            return frozenset({"EdDSA"})
        case ec.EllipticCurvePublicKey() | ec.EllipticCurvePrivateKey():
            return frozenset(name for name, (curve, _, _) in _CURVES.items() if curve == key.curve.name)
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey():
            return frozenset({*_PKCS1, "PS256"})
    return frozenset()


def prove(algorithm: str, key: Any, payload: bytes) -> bytes:
    """Returns the proof of a payload.

    Args:
        algorithm: one that the key is for.
        key: private key, or secret.
        payload: canonical bytes.
    """
    if algorithm in MACS:
        return hmac.digest(key, payload, MACS[algorithm])
    if algorithm == "EdDSA":
        return bytes(key.sign(payload))
    if algorithm in _CURVES:
        _, size, digest = _CURVES[algorithm]
        r, s = decode_dss_signature(key.sign(payload, ec.ECDSA(digest)))
        return r.to_bytes(size) + s.to_bytes(size)
    return bytes(key.sign(payload, *_rsa(algorithm)))


def is_proof(algorithm: str, key: Any, payload: bytes, proof: bytes) -> bool:
    """Whether a proof is that of a payload.

    Args:
        algorithm: one that the key is for.
        key: public key, or secret.
        payload: canonical bytes.
        proof: as it came, without its base64.
    """
    if algorithm in MACS:
        return hmac.compare_digest(hmac.digest(key, payload, MACS[algorithm]), proof)
    try:
        if algorithm == "EdDSA":
            key.verify(proof, payload)
        elif algorithm in _CURVES:
            _, size, digest = _CURVES[algorithm]
            if len(proof) == 2 * size:
                proof = encode_dss_signature(int.from_bytes(proof[:size]), int.from_bytes(proof[size:]))
            key.verify(proof, payload, ec.ECDSA(digest))
        else:
            key.verify(proof, payload, *_rsa(algorithm))
    except (InvalidSignature, ValueError):
        return False
    return True


def _rsa(algorithm: str) -> tuple[Any, hashes.HashAlgorithm]:
    if algorithm == "PS256":
        return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH), hashes.SHA256()
    return padding.PKCS1v15(), _PKCS1[algorithm]
