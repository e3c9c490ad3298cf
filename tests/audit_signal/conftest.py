"""Keys of every kind, and records that they prove."""

from __future__ import annotations

import base64
import datetime
import time
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from otel_audit.audit_signal.algorithms import prove
from otel_audit.audit_signal.canonical import canonical_form
from otel_audit.convert.spans import LogData, ResourceData

SECRET = b"a secret of thirty-two bytes, or more"


@dataclass(frozen=True)
class Owner:
    """Somebody with a key.

    Attributes:
        private: the key.
        certificate: PEM.
        fingerprint: of the certificate.
        der: base64 of the certificate.
    """

    private: Any
    certificate: bytes
    fingerprint: str
    der: str

    @property
    def private_pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def owner(algorithm: str = "EdDSA", *, days: int = 30, ended_days_ago: int = 0) -> Owner:
    """Somebody with a new key for an algorithm, and a certificate that is valid now unless it ended."""
    private: Any = {
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
    }[algorithm]()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
            x509.NameAttribute(NameOID.COMMON_NAME, "shop"),
        ]
    )
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(
        days=1 - ended_days_ago - (ended_days_ago > 0)
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(4711)
        .not_valid_before(ends - datetime.timedelta(days=days))
        .not_valid_after(ends)
        .sign(private, None if algorithm == "EdDSA" else hashes.SHA256())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Owner(
        private,
        certificate.public_bytes(serialization.Encoding.PEM),
        f"sha256:{certificate.fingerprint(hashes.SHA256()).hex()}",
        base64.b64encode(der).decode(),
    )


def record(**changes: Any) -> LogData:
    """A record with all that it must have."""
    now = time.time_ns()
    attributes = {
        "audit.record.id": "0b8f3c1e-7f5d-4d1e-9a39-2f1d4c6c9c11",
        "audit.actor.id": "u8472",
        "audit.actor.type": "user",
        "audit.action": "LOGIN",
        "audit.outcome": "success",
        **changes.pop("attributes", {}),
    }
    whole = LogData(
        "user.login", now - 5, now, "", "", None, attributes, ResourceData({"service.name": "shop"})
    )
    return replace(whole, **changes)


def proven(log: LogData, algorithm: str, private: Any, certificate: str | None = None) -> LogData:
    """The record with a proof."""
    proof = base64.b64encode(prove(algorithm, private, canonical_form(log))).decode()
    named = {} if certificate is None else {"audit.integrity.certificate": certificate}
    resource = ResourceData({**log.resource.attributes, "audit.integrity.algorithm": algorithm, **named})
    return replace(log, attributes={**log.attributes, "audit.integrity.value": proof}, resource=resource)
