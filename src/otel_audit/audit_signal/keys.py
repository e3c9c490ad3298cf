"""Keys that proofs are made and checked with, and what a record may call them.

``audit.integrity.certificate`` of the resource names the key: the certificate itself (base64 of its DER), its
fingerprint (``sha256:<hex>`` or ``sha1:<hex>`` of its DER), a key id, its subject key identifier (hex), or issuer and
serial number (``CN=CA,O=Acme/12345``, RFC 4514). A secret is never named there.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from otel_audit.errors import ConfigurationError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    from otel_audit.audit_signal.algorithms import fitting
except ModuleNotFoundError as error:
    raise ConfigurationError("proofs need cryptography: pip install 'otel-audit[signing]'") from error

__all__ = ["MIN_SECRET", "SigningKey", "TrustedKey", "read_certificate", "trusted_keys", "trusted_secret"]

MIN_SECRET: Final = 32
"""Bytes of a secret: as many as its hash has (RFC 2104, section 3)."""

_SECOND: Final = 1_000_000_000

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key whose proofs are believed.

    Attributes:
        material: public key, or secret.
        names: by which a record may name it.
        algorithms: that it is for.
        valid: from when to when, nanoseconds since the epoch; ``None`` where it has no end.
    """

    material: Any = field(repr=False)
    names: frozenset[str]
    algorithms: frozenset[str]
    valid: tuple[int, int] | None = None

    def holds_at(self, unix_nano: int) -> bool:
        """Whether it is valid at a time."""
        return self.valid is None or self.valid[0] <= unix_nano <= self.valid[1]


def trusted_keys(content: bytes, *, key_id: str | None = None) -> list[TrustedKey]:
    """Reads a PEM file: certificates, or one public key.

    Args:
        content: of the file.
        key_id: a further name for what is in it.

    Raises:
        ConfigurationError: there is nothing in it that a proof can be checked with.
    """
    names = frozenset({key_id} if key_id else ())
    try:
        if _CERTIFICATE in content:
            return [read_certificate(one, names) for one in x509.load_pem_x509_certificates(content)]
        public = serialization.load_pem_public_key(content)
    except ValueError:
        raise ConfigurationError("proofs.keys: the file holds no certificate and no public key") from None
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return [_key(public, names | _fingerprints(spki))]


def trusted_secret(secret: bytes) -> TrustedKey:
    """A secret that is shared with whoever proves.

    Raises:
        ConfigurationError: it is too short to prove anything.
    """
    _check_secret(secret)
    return _key(secret, frozenset())


def read_certificate(certificate: x509.Certificate, names: frozenset[str] = frozenset()) -> TrustedKey:
    """The key of a certificate, with every name that the draft has for it.

    Raises:
        ConfigurationError: it is of a kind that no algorithm here uses.
    """
    der = certificate.public_bytes(serialization.Encoding.DER)
    found = {base64.b64encode(der).decode(), *_fingerprints(der), *names}
    found.add(f"{certificate.issuer.rfc4514_string()}/{certificate.serial_number}")
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        found.add(extension.value.digest.hex())
    except x509.ExtensionNotFound:
        found.add(x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest.hex())
    valid = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    begins, ends = (int(when.timestamp()) * _SECOND for when in valid)
    return _key(certificate.public_key(), frozenset(found), (begins, ends))


def _key(material: Any, names: frozenset[str], valid: tuple[int, int] | None = None) -> TrustedKey:
    algorithms = fitting(material)
    if not algorithms:
        raise ConfigurationError("proofs.keys: a kind of key that no algorithm here uses")
    return TrustedKey(material, names, algorithms, valid)


def _fingerprints(der: bytes) -> frozenset[str]:
    sha1 = hashlib.sha1(der, usedforsecurity=False)
    return frozenset({f"sha256:{hashlib.sha256(der).hexdigest()}", f"sha1:{sha1.hexdigest()}"})


def _check_secret(secret: bytes) -> None:
    if len(secret) < MIN_SECRET:
        raise ConfigurationError(f"a secret for proofs has at least {MIN_SECRET} bytes")


class SigningKey:
    """A key that proves what is emitted, and what records call it.

    Args:
        private: PEM of a private key without a password, a private key of ``cryptography``, or the bytes of a
            secret of at least 32 bytes.
        algorithm: by default ``EdDSA``, ``ES256``, ``RS256`` or ``HMAC-SHA256``, by the kind of key.
        certificate: PEM of its certificate, by whose fingerprint records name it …
        key_id: … or a name that whoever checks knows it by.

    Raises:
        ConfigurationError: the key cannot be read, or does not fit the algorithm or the certificate.

    Attributes:
        algorithm: that proofs are made by.
        reference: what records name it by; empty for a secret.
    """

    def __init__(
        self,
        private: Any,
        *,
        algorithm: str | None = None,
        certificate: bytes | None = None,
        key_id: str = "",
    ) -> None:
        self.material = _read_private(private)
        fit = fitting(self.material)
        self.algorithm = algorithm or _default(fit)
        if self.algorithm not in fit:
            raise ConfigurationError(f"the key is for {', '.join(sorted(fit)) or 'no algorithm known here'}")
        self.reference = key_id
        if isinstance(self.material, bytes):
            _check_secret(self.material)
            if certificate is not None or key_id:
                raise ConfigurationError("a secret has no certificate, and its name is not told")
        elif certificate is not None:
            self.reference = _reference(certificate, self.material)

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm!r})"


_PREFERRED: Final[Sequence[str]] = ("EdDSA", "ES256", "ES384", "RS256", "HMAC-SHA256")


def _default(fit: frozenset[str]) -> str:
    return next((name for name in _PREFERRED if name in fit), "")


def _read_private(private: Any) -> Any:
    if not isinstance(private, bytes) or not private.lstrip().startswith(b"-----BEGIN "):
        return private
    try:
        return serialization.load_pem_private_key(private, password=None)
    except (ValueError, TypeError):
        raise ConfigurationError("the key is no PEM of a private key without a password") from None


def _reference(content: bytes, private: Any) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(content)
    except ValueError:
        raise ConfigurationError("the certificate is no PEM") from None
    if certificate.public_key() != private.public_key():
        raise ConfigurationError("the certificate is that of another key")
    return f"sha256:{hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()}"
