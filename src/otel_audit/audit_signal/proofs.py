"""Judging the proof that a record carries, by keys that are trusted.

1. A record without a proof is not judged: ``deferred``; ``failed`` where proofs are required.
2. The resource names the algorithm; the record's canonicalisation, where it names one, is ``jcs``.
3. A trusted key must fit what the resource calls it and the algorithm, and be valid when the record says it happened.
4. A certificate that comes with the record and is not trusted proves only that nothing was changed since: a proof
   that does not fit it has failed. Where no key is trusted at all, one that fits is ``deferred``, else ``failed``.
5. Of several proofs each must hold.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from otel_audit.audit_signal.algorithms import ALGORITHMS, MACS, is_proof
from otel_audit.audit_signal.canonical import canonical_form
from otel_audit.audit_signal.keys import TrustedKey, read_certificate
from otel_audit.audit_signal.names import ALGORITHM, CANONICALIZATION, CERTIFICATE, JCS, PROOF, VerifyStatus
from otel_audit.convert.spans import LogData, Value
from otel_audit.errors import ConfigurationError, InputError

__all__ = ["ProofChecker", "ProofVerdict"]


@dataclass(frozen=True, slots=True)
class ProofVerdict:
    """What a proof is worth.

    Attributes:
        status: in the draft's words.
        reason: a sentence where it failed.
    """

    status: VerifyStatus
    reason: str = ""


_NONE: Final = ProofVerdict("deferred")
_PASSED: Final = ProofVerdict("passed")


class ProofChecker:
    """Checks proofs. Thread-safe.

    Args:
        keys: that are trusted.
        is_required: whether a record must carry a proof that holds.
    """

    def __init__(self, keys: Sequence[TrustedKey] = (), *, is_required: bool = False) -> None:
        self._keys, self._is_required = tuple(keys), is_required

    def check(self, log: LogData) -> ProofVerdict:
        """Judges a record. Never raises for what it holds."""
        try:
            verdict = self._judge(log)
        except InputError as error:
            verdict = ProofVerdict("failed", error.reason)
        if verdict.status == "deferred" and self._is_required:
            return ProofVerdict("failed", "the record carries no proof by a trusted key, and one is required")
        return verdict

    def _judge(self, log: LogData) -> ProofVerdict:
        proofs = _proofs(log.attributes.get(PROOF))
        if not proofs:
            return _NONE
        algorithm, certificate = (
            log.resource.attributes.get(ALGORITHM),
            log.resource.attributes.get(CERTIFICATE),
        )
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise InputError(f"{ALGORITHM} of the resource is one of {', '.join(ALGORITHMS)}")
        if certificate is not None and (algorithm in MACS or not isinstance(certificate, str)):
            raise InputError(f"{CERTIFICATE} of the resource names a key, and a secret is never named")
        how = log.attributes.get(CANONICALIZATION, JCS)
        if how != JCS:
            raise InputError(f"{CANONICALIZATION} is {JCS}")
        payload = canonical_form(log)
        name = certificate or ""
        keys = [
            key
            for key in self._keys
            if algorithm in key.algorithms
            and (not name or name in key.names)
            and key.holds_at(log.time_unix_nano)
        ]
        if keys:
            if all(any(is_proof(algorithm, key.material, payload, one) for key in keys) for one in proofs):
                return _PASSED
            raise InputError("the proof is not that of this record")
        enclosed = _enclosed(name)
        if enclosed is not None and not (
            algorithm in enclosed.algorithms
            and all(is_proof(algorithm, enclosed.material, payload, one) for one in proofs)
        ):
            raise InputError("the proof is not that of this record")
        if self._keys:
            raise InputError("the proof is by no key that is trusted at that time")
        return _NONE


def _proofs(value: Value) -> list[bytes]:
    """One or several proofs without their base64."""
    texts = value if isinstance(value, list) else [] if value is None else [value]
    try:
        return [base64.b64decode(text, validate=True) for text in texts]  # type: ignore[arg-type]  # it says so
    except (binascii.Error, TypeError, ValueError):
        raise InputError(f"{PROOF} is base64") from None


def _enclosed(name: str) -> TrustedKey | None:
    """The key of a certificate that stands where its name is expected."""
    try:
        return read_certificate(x509.load_der_x509_certificate(base64.b64decode(name, validate=True)))
    except (ValueError, ConfigurationError):
        return None
